"""The worker of an installation keeps its signing keys, whatever else goes wrong."""

from datetime import timedelta

import pytest
import structlog

from idp.housekeeping import make_worker
from idp.oidc import key_rows
from idp.oidc.keys import Algorithm
from tests.support.rows import events

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def worker(settings, clock):
    worker = make_worker(settings, clock=clock)
    yield worker
    worker._database.dispose()


def states(database):
    with database.reading() as session:
        records = key_rows.records(session)
    return sorted(record.state for record in records if record.algorithm is Algorithm.ES256)


def test_the_worker_makes_rotates_and_drops_keys_as_the_settings_say(worker, clock, database, settings):
    lives = []
    for wait in (
        timedelta(0),
        timedelta(days=89),
        timedelta(days=1),
        timedelta(hours=24),
        timedelta(hours=2),
    ):
        clock.advance(wait)
        worker.keep_house()
        lives.append(states(database))

    young, rotated = ["active", "next"], ["active", "next", "retired"]
    assert lives == [young, young, rotated, rotated, young]
    for event, count in (("key.made", 9), ("key.rotated", 3), ("key.retired", 3), ("key.dropped", 3)):
        assert len(events(database, event)) == count
    assert (settings.keys_dir / "ring.sealed").exists()


def test_keeping_house_again_changes_nothing(worker, clock, database):
    worker.keep_house()
    with database.reading() as session:
        before = key_rows.read(session)

    worker.keep_house()

    with database.reading() as session:
        assert key_rows.read(session) == before


def test_an_errand_that_fails_stops_no_other(worker, clock):
    done = []

    def broken(*, now):
        raise OSError("no space left")

    def sound(*, now):
        done.append(now)

    worker._errands = (broken, sound)
    with structlog.testing.capture_logs() as logs:
        worker.keep_house()

    assert done == [clock.now()]
    assert [(line["event"], line["chore"].rpartition(".")[2]) for line in logs] == [
        ("worker.chore_failed", "broken")
    ]
