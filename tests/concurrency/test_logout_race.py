"""A code that is redeemed while its session ends: either it gives nothing, or its service is told."""

import threading

import pytest

from idp.sessions import service as sessions
from tests.support.http import ScriptedHttp
from tests.support.signed_in import NOW, Installation

PATIENCE = 10.0


@pytest.fixture
def place(settings, database, vault, tmp_path, key_ring):
    key_ring.copy_to(database)
    return Installation(settings, database, vault, tmp_path / "services")


def test_a_session_ends_only_after_those_who_hold_it_so_that_what_they_gave_is_told(place):
    with ScriptedHttp() as shop:
        place.add_services(shop=shop.url)
        row_id = place.open_session()
        ending = threading.Thread(target=place.end, args=(row_id,))

        with place.database.transaction() as redeeming:
            assert sessions.by_row(redeeming, row_id, now=NOW, hold=True) is not None
            ending.start()
            ending.join(0.3)
            assert ending.is_alive(), "the session must not end under a redemption"
            place.grant(redeeming, row_id, "shop")
        ending.join(PATIENCE)
        place.courier().deliver_once()

        assert len(shop.received) == 1


def test_a_session_that_has_ended_cannot_be_held(place):
    row_id = place.open_session()
    place.end(row_id)

    with place.database.transaction() as session:
        assert sessions.by_row(session, row_id, now=NOW, hold=True) is None


# SQLite has one writer at a time.
@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_two_who_hold_one_session_do_not_wait_for_each_other(place):
    row_id = place.open_session()

    with place.database.transaction() as first, place.database.transaction() as second:
        assert sessions.by_row(first, row_id, now=NOW, hold=True)
        assert sessions.by_row(second, row_id, now=NOW, hold=True)
