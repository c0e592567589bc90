"""R25, R30: a relying party that is dead, slow or wrong delays nobody, and nobody is told twice of one logout."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from idp.core import outbox
from idp.core.db import Database
from idp.core.outbox import OutboxMessage
from idp.core.secrets import Vault
from idp.oidc import backchannel
from idp.sessions import service as sessions
from idp.sessions.service import SessionRow
from tests.support.http import Fault, ScriptedHttp
from tests.support.signed_in import NOW, Installation
from tests.support.smtp import ScriptedSmtp, free_port, silent_server
from tests.support.working import PATIENCE, Running, wait_for

ROOT = Path(__file__).parents[2]
FIRST_WAIT = outbox.BACK_OFF[0]


@pytest.fixture
def shop():
    with ScriptedHttp() as server:
        yield server


@pytest.fixture
def place(settings, database, vault, tmp_path, key_ring):
    key_ring.copy_to(database)
    return Installation(settings, database, vault, tmp_path / "services")


def sids(server):
    tokens = [call.form["logout_token"][0] for call in server.received]
    return [jwt.decode(token, options={"verify_signature": False})["sid"] for token in tokens]


def ids(server):
    tokens = [call.form["logout_token"][0] for call in server.received]
    return [jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens]


def test_a_dead_service_costs_one_try_and_loses_nothing(place, shop):
    place.add_services(dead=f"http://127.0.0.1:{free_port()}/", shop=shop.url)
    place.sign_out("dead", times=5)
    place.sign_out("shop", times=5)

    assert place.courier().deliver_once().outage

    assert sum(row.attempts for row in place.rows() if row.lane == "dead") == 1
    assert {row.state for row in place.rows() if row.lane == "dead"} == {"queued"}
    assert {row.last_error for row in place.rows() if row.attempts and row.lane == "dead"} == {"connection"}
    assert len(shop.received) == 5


def test_a_service_that_hangs_delays_neither_another_service_nor_a_mail(place, shop):
    with ScriptedHttp() as hanging, ScriptedSmtp() as smtp:
        hanging.script(*[Fault.HANG] * 20)
        place.add_services(hanging=hanging.url, shop=shop.url)
        place.sign_out("hanging", times=12)

        with Running(place.worker(smtp.url)):
            assert hanging.reached.wait(PATIENCE)
            started = time.monotonic()
            place.sign_out("shop", "hanging", times=3)
            mail(place)
            wait_for(lambda: len(shop.received) == 3 and smtp.received)
            assert time.monotonic() - started < backchannel.outbound.DEADLINE.total_seconds() / 2
            assert hanging.received == []
            hanging.let_go.set()


def test_a_mail_server_that_hangs_delays_no_logout(place, shop):
    place.add_services(shop=shop.url)
    number = mail(place)
    with silent_server() as url, Running(place.worker(url)):
        wait_for(lambda: look(place, number).claimed_until)
        place.sign_out("shop")
        wait_for(lambda: shop.received)

        assert look(place, number).attempts == 0, "the mail is still on its way"


def look(place, number):
    with place.database.reading() as session:
        return session.execute(select(OutboxMessage).where(OutboxMessage.id == number)).scalar_one()


def mail(place):
    with place.database.transaction() as session:
        return outbox.enqueue(
            session,
            vault=place.vault,
            now=place.clock.now(),
            kind="one-time-code",
            recipient="camille.martin@example.org",
            context={"code": "123456"},
            cause="sign-in:1:code:1",
            space="adherent",
            locale="fr",
        )


def test_a_service_is_told_within_a_poll(place, shop):
    place.add_services(shop=shop.url)
    courier = place.courier()
    courier._poll = backchannel.POLL

    with Running(courier):
        threading.Event().wait(0.05)
        started = time.monotonic()
        place.sign_out("shop")
        wait_for(lambda: shop.received)

    assert time.monotonic() - started < 2 * backchannel.POLL.total_seconds() + 1


def test_a_service_that_fails_and_recovers_is_told(place, shop):
    place.add_services(shop=shop.url)
    place.sign_out("shop")
    shop.script(500, Fault.CUT)
    courier = place.courier()

    for wait in (timedelta(0), FIRST_WAIT, outbox.BACK_OFF[1], timedelta(hours=1)):
        place.clock.advance(wait)
        courier.deliver_once()

    assert len(shop.received) == 3
    assert len(set(sids(shop))) == 1
    assert len(set(ids(shop))) == 3
    (row,) = place.rows()
    assert (row.state, row.attempts, row.sealed) == ("sent", 3, b"")


def test_a_service_that_never_answers_is_given_up_after_a_day(place):
    place.add_services(dead=f"http://127.0.0.1:{free_port()}/")
    place.sign_out("dead")
    courier = place.courier()
    courier.deliver_once()
    place.clock.advance(timedelta(days=1))

    with structlog.testing.capture_logs() as entries:
        courier.deliver_once()

    (row,) = place.rows()
    assert (row.state, row.sealed, row.last_error) == ("expired", b"", "connection")
    assert {"event": "worker.given_up", "channel": "logout", "count": 1, "log_level": "warning"} in entries


def test_a_logout_that_is_rolled_back_is_never_told(place, shop):
    place.add_services(shop=shop.url)
    row_id = place.open_session("shop")

    with place.database.open() as session:
        sessions.end(session, row_id, now=NOW)
        session.rollback()
    place.courier().deliver_once()

    assert shop.received == []


def test_what_is_to_be_told_is_queued_whole_or_not_at_all(place, shop):
    place.add_services(shop=shop.url)
    place.sign_out("shop", times=3)
    courier = place.courier()
    execute(place.database, "ALTER TABLE outbox RENAME TO outbox_away")

    with pytest.raises(DBAPIError):
        courier.deliver_once()
    execute(place.database, "ALTER TABLE outbox_away RENAME TO outbox")
    with place.database.reading() as session:
        assert set(session.execute(select(SessionRow.told_at)).scalars()) == {None}
    courier.deliver_once()

    assert len(set(sids(shop))) == len(shop.received) == 3


def execute(database, statement):
    with database.transaction() as session:
        session.execute(text(statement))


def test_a_logout_that_was_told_while_the_database_failed_is_not_told_again(place, shop, monkeypatch):
    place.add_services(shop=shop.url)
    place.sign_out("shop")
    courier = place.courier()
    post = backchannel.outbound.post_form

    def fail_meanwhile(*args, **more):
        execute(place.database, "ALTER TABLE outbox RENAME TO outbox_away")
        return post(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(backchannel.outbound, "post_form", fail_meanwhile)
        with pytest.raises(DBAPIError):
            courier.deliver_once()
    execute(place.database, "ALTER TABLE outbox_away RENAME TO outbox")
    courier.deliver_once()

    assert len(shop.received) == 1
    assert [row.state for row in place.rows()] == ["sent"]


@pytest.mark.slow
def test_two_workers_at_once_tell_each_logout_once(place, shop):
    place.add_services(shop=shop.url, other=f"{shop.url}/other")
    others = [Database(place.settings.database_url.get_secret_value()) for _ in range(2)]

    with Running(*(place.courier(on=other) for other in others)):
        place.sign_out("shop", "other", times=30)
        wait_for(lambda: len(shop.received) >= 60)

    for other in others:
        other.dispose()
    assert Counter(call.path for call in shop.received) == {"/": 30, "/other": 30}
    assert set(Counter(sids(shop)).values()) == {2}


KILLED_WORKER = """
import sys
from datetime import datetime
from idp.core.db import Database
from idp.core.outbox import OutboxMessage
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.oidc.backchannel import logout_courier
from idp.oidc.provider import Provider

class Frozen:
    def now(self):
        return datetime.fromisoformat(sys.argv[2])

root = sys.stdin.readline().strip()
settings = Settings(secret_key=root, pepper="p" * 32, keys_dir=sys.argv[3])
database = Database(sys.argv[1])
provider = Provider(
    settings=settings, vault=Vault.from_root(root), database=database, spaces=Spaces.read(settings.spaces_dir)
)
logout_courier(provider, database=database, clock=Frozen()).deliver_once()
"""


@pytest.mark.slow
def test_a_logout_outlives_a_worker_that_is_killed_on_its_way(place, shop, tmp_path):
    root = place.settings.secret_key.get_secret_value()
    place.add_services(shop=shop.url)
    place.sign_out("shop")
    shop.script(Fault.HANG)
    url = place.settings.database_url.get_secret_value()

    dying = subprocess.Popen(
        [sys.executable, "-c", KILLED_WORKER, url, NOW.isoformat(), str(tmp_path / "keys-of-the-worker")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
    )
    dying.stdin.write(root + "\n")
    dying.stdin.close()
    assert shop.reached.wait(PATIENCE)
    os.kill(dying.pid, signal.SIGKILL)
    dying.wait()
    survivor = place.courier()
    survivor.deliver_once()
    assert shop.received == [], "the lease of the dead one still holds"
    place.clock.advance(outbox.LEASE)
    survivor.deliver_once()
    survivor.deliver_once()

    assert len(shop.received) == 1
    assert [row.state for row in place.rows()] == ["sent"]


def test_a_worker_with_another_root_secret_destroys_nothing(place, shop):
    place.add_services(shop=shop.url)
    place.sign_out("shop")
    right = place.vault
    with place.database.transaction() as session:
        backchannel.queue(session, provider=place.provider, now=NOW)
    place.vault = Vault.from_root("another root secret of 32 letters")

    place.courier().deliver_once()
    assert [row.state for row in place.rows()] == ["queued"]
    place.vault = right
    place.clock.advance(FIRST_WAIT)
    place.courier().deliver_once()

    assert len(shop.received) == 1


def test_no_token_and_no_subject_is_kept_or_logged(place, shop):
    place.add_services(shop=shop.url)
    place.sign_out("shop", times=2)
    shop.script(400)

    with structlog.testing.capture_logs() as entries:
        place.courier().deliver_once()

    tokens = [call.form["logout_token"][0] for call in shop.received]
    subject = jwt.decode(tokens[0], options={"verify_signature": False})["sub"]
    assert {entry["outcome"] for entry in entries} == {"refused status-400", "accepted"}
    assert not [secret for secret in (*tokens, subject, "eyJ") if secret in str(entries)]
    assert {row.sealed for row in place.rows()} == {b""}
