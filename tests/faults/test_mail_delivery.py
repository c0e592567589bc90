"""R6 and R14: after commit at least once, never for a cause rolled back, no storm; the queue outlives everything."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.clock import ManualClock

from idp.core import outbox
from idp.core.db import Base, Database
from idp.core.mailer import mailer_from_url
from idp.core.outbox import DeliveryStatus, OutboxMessage
from idp.core.secrets import Vault
from idp.core.spaces import Spaces
from idp.core.worker import Worker
from tests.support.smtp import Fault, ScriptedSmtp, free_port

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 12, 13, 0, tzinfo=UTC)
MEMBER = "camille.martin@example.org"
FIRST_WAIT = outbox.BACK_OFF[0]
PATIENCE = 20.0


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def spaces():
    return Spaces.read(ROOT / "config/spaces")


@pytest.fixture
def server():
    with ScriptedSmtp() as running:
        yield running


@pytest.fixture
def new_worker(database, vault, settings, spaces, clock):
    def make(url, *, on=database, chores=()):
        return Worker(
            database=on,
            vault=vault,
            mailer=mailer_from_url(url, exchange=timedelta(seconds=0.5)),
            spaces=spaces,
            clock=clock,
            settings=settings,
            housekeeping=chores,
            poll=timedelta(milliseconds=10),
        )

    return make


@pytest.fixture
def worker(new_worker, server):
    return new_worker(server.url)


@pytest.fixture
def put(database, vault, clock):
    def enqueue(
        cause="sign-in:1:code:1", *, recipient=MEMBER, on=database, expires_at=None, space="adherent"
    ):
        with on.transaction() as session:
            return outbox.enqueue(
                session,
                vault=vault,
                now=clock.now(),
                kind="one-time-code",
                recipient=recipient,
                context={"code": "123456"},
                cause=cause,
                space=space,
                locale="fr",
                expires_at=expires_at,
            )

    return enqueue


@pytest.fixture
def look(database):
    def row(number) -> OutboxMessage:
        with database.reading() as session:
            return session.execute(select(OutboxMessage).where(OutboxMessage.id == number)).scalar_one()

    return row


@pytest.fixture
def status(database):
    def ask(number) -> DeliveryStatus:
        with database.reading() as session:
            return outbox.status(session, number)

    return ask


class Running:
    """A worker at work in a thread of its own."""

    def __init__(self, *workers):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=worker.run, args=(self._stop,)) for worker in workers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)


def wait_for(condition):
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        waiting.wait(0.02)
    pytest.fail("it did not happen in time")


def test_a_mail_is_delivered_once_and_scrubbed(worker, server, put, look, status):
    number = put()

    worker.deliver_once()
    worker.deliver_once()

    (received,) = server.received
    assert received.to == (MEMBER,)
    assert "123456" in received.text.splitlines()
    assert status(number) is DeliveryStatus.ACCEPTED
    assert look(number).sealed == b""
    assert look(number).sent_at == NOW


def test_a_cause_that_is_rolled_back_is_never_mailed(worker, server, database, vault):
    with database.open() as session:
        outbox.enqueue(
            session,
            vault=vault,
            now=NOW,
            kind="new-sign-in",
            recipient=MEMBER,
            context={},
            cause="sign-in:1",
            space="adherent",
            locale="fr",
        )
        session.rollback()

    worker.deliver_once()

    assert server.received == []


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MAIL"])
def test_a_temporary_refusal_is_tried_again_after_a_wait_and_makes_one_mail(
    step, worker, server, put, clock, status
):
    number = put()
    server.script(step, "451 4.7.1 come back later")

    worker.deliver_once()
    clock.advance(FIRST_WAIT - timedelta(seconds=1))
    worker.deliver_once()
    assert server.received == []
    assert status(number) is DeliveryStatus.QUEUED
    clock.advance(timedelta(seconds=1))
    worker.deliver_once()

    assert len(server.received) == 1
    assert status(number) is DeliveryStatus.ACCEPTED


def test_a_permanent_refusal_is_final_scrubbed_and_told(worker, server, put, clock, look, status):
    number = put()
    server.script("RCPT", f"550 5.1.1 <{MEMBER}> unknown")

    worker.deliver_once()
    clock.advance(timedelta(days=1))
    worker.deliver_once()

    assert server.received == []
    assert status(number) is DeliveryStatus.REFUSED
    assert look(number).sealed == b""
    assert look(number).last_error == "recipient-550"


def test_a_server_that_hangs_costs_one_try_and_no_mail(worker, server, put, clock, status):
    numbers = [put(f"cause:{each}") for each in range(3)]
    server.script("DATA", Fault.HANG)

    assert worker.deliver_once().outage
    assert server.received == []
    worker.deliver_once()
    clock.advance(FIRST_WAIT)
    worker.deliver_once()

    assert len(server.received) == 3
    assert {status(number) for number in numbers} == {DeliveryStatus.ACCEPTED}


def test_a_cut_after_the_mail_was_kept_sends_it_again_under_the_same_message_id(worker, server, put, clock):
    put()
    server.script("KEPT", Fault.CUT)

    worker.deliver_once()
    clock.advance(FIRST_WAIT)
    worker.deliver_once()
    clock.advance(timedelta(hours=1))
    worker.deliver_once()

    first, second = server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Date"] == second.message["Date"]
    assert MEMBER not in first.message["Message-ID"]


def test_two_causes_have_two_message_ids(worker, server, put):
    put("cause:1")
    put("cause:2")

    worker.deliver_once()

    assert len({received.message["Message-ID"] for received in server.received}) == 2


def test_a_server_that_is_down_is_no_storm_and_loses_nothing(new_worker, put, clock, look, database):
    port = free_port()
    numbers = [put(f"cause:{each}") for each in range(30)]
    down = new_worker(f"smtp://127.0.0.1:{port}")

    assert down.deliver_once().outage
    assert sum(look(number).attempts for number in numbers) == 1
    with database.reading() as session:
        assert outbox.queue_depth(session) == 30

    with ScriptedSmtp() as server:
        clock.advance(FIRST_WAIT)
        up = new_worker(server.url)
        for _ in range(3):
            up.deliver_once()
        assert len(server.received) == 30


def test_a_code_that_expired_while_waiting_is_not_sent(worker, server, put, clock, look, status):
    number = put(expires_at=NOW + timedelta(minutes=10))
    server.script("RCPT", *["451 later"] * 4)
    for _ in range(4):
        worker.deliver_once()
        clock.advance(timedelta(minutes=5))

    worker.deliver_once()

    assert server.received == []
    assert status(number) is DeliveryStatus.EXPIRED
    assert look(number).sealed == b""


def test_a_code_that_expires_in_the_worker_s_hands_is_not_sent(worker, server, put, database, clock, status):
    number = put(expires_at=NOW + timedelta(seconds=1))
    with database.transaction() as session:
        (claim,) = outbox.claim_due(session, now=NOW, limit=1)
    clock.advance(timedelta(seconds=1))

    worker._settle(claim, worker._attempt(claim))

    assert server.received == []
    assert status(number) is DeliveryStatus.EXPIRED


@pytest.mark.parametrize("recipient", ["a@b.fr\r\nBcc: evil@example.org", "a@b.fr, c@d.fr", "", "\x00@b.fr"])
def test_a_hostile_address_is_refused_and_holds_up_nobody(recipient, worker, server, put, look, status):
    hostile = put("cause:1", recipient=recipient)
    put("cause:2")

    worker.deliver_once()

    assert status(hostile) is DeliveryStatus.REFUSED
    assert look(hostile).last_error == "address"
    assert [received.to for received in server.received] == [(MEMBER,)]


def test_a_mail_that_cannot_be_written_waits_for_a_better_version_and_holds_up_nobody(
    worker, server, put, look, status
):
    lost = put("cause:1", space="closed-last-year")
    put("cause:2")

    worker.deliver_once()

    assert status(lost) is DeliveryStatus.QUEUED
    assert look(lost).sealed != b""
    assert len(server.received) == 1


def test_a_worker_with_another_root_secret_destroys_nothing(
    new_worker, server, put, database, settings, spaces, clock, status
):
    number = put()
    stranger = Worker(
        database=database,
        vault=Vault.from_root("another root secret of 32 letters"),
        mailer=mailer_from_url(server.url),
        spaces=spaces,
        clock=clock,
        settings=settings,
    )

    stranger.deliver_once()
    assert status(number) is DeliveryStatus.QUEUED
    clock.advance(FIRST_WAIT)
    new_worker(server.url).deliver_once()

    assert len(server.received) == 1


def test_two_workers_at_once_send_each_mail_once(new_worker, server, put, database):
    causes = [put(f"cause:{each}", recipient=f"member{each}@example.org") for each in range(60)]
    others = [Database(database.engine.url.render_as_string(hide_password=False)) for _ in range(2)]

    with Running(*(new_worker(server.url, on=other) for other in others)):
        wait_for(lambda: len(server.received) >= len(causes))

    for other in others:
        other.dispose()
    assert set(Counter(received.to for received in server.received).values()) == {1}
    assert len(server.received) == 60


KILLED_WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from idp.core.db import Database
from idp.core.mailer import mailer_from_url
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.core.worker import Worker

class Frozen:
    def now(self):
        return datetime.fromisoformat(sys.argv[3])

vault = Vault.from_root(sys.stdin.readline().strip())
settings = Settings(secret_key="k" * 32, pepper="p" * 32)
spaces = Spaces.read(Path("config/spaces"))
Worker(
    database=Database(sys.argv[1]), vault=vault, mailer=mailer_from_url(sys.argv[2]), spaces=spaces,
    clock=Frozen(), settings=settings,
).deliver_once()
"""


@pytest.mark.parametrize(("step", "copies"), [("RCPT", 1), ("KEPT", 2)])
def test_a_mail_outlives_a_worker_that_is_killed_before_it_could_say_so(
    step, copies, new_worker, server, put, database, clock
):
    root = "the root secret of a worker that dies"
    vault = Vault.from_root(root)
    with database.transaction() as session:
        outbox.enqueue(
            session,
            vault=vault,
            now=NOW,
            kind="one-time-code",
            recipient=MEMBER,
            context={"code": "123456"},
            cause="sign-in:1:code:1",
            space="adherent",
            locale="fr",
        )
    server.script(step, Fault.HANG)
    url = database.engine.url.render_as_string(hide_password=False)

    dying = subprocess.Popen(
        [sys.executable, "-c", KILLED_WORKER, url, server.url, NOW.isoformat()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
    )
    dying.stdin.write(root + "\n")
    dying.stdin.close()
    assert server.reached.wait(PATIENCE)
    os.kill(dying.pid, signal.SIGKILL)
    dying.wait()
    survivor = new_worker(server.url)
    survivor._vault = vault
    survivor.deliver_once()
    assert len(server.received) == copies - 1
    clock.advance(outbox.LEASE)
    survivor.deliver_once()

    assert len(server.received) == copies
    assert len({received.message["Message-ID"] for received in server.received}) == 1


def test_a_mail_that_was_sent_while_the_database_went_away_is_not_sent_again(
    worker, server, put, database, monkeypatch, status
):
    number = put()
    real = database.transaction
    monkeypatch.setattr(server, "handle_DATA", cutting(server, database, monkeypatch))

    with pytest.raises(ConnectionError):
        worker.deliver_once()
    assert status(number) is DeliveryStatus.QUEUED
    monkeypatch.setattr(database, "transaction", real)
    worker.deliver_once()

    assert len(server.received) == 1
    assert status(number) is DeliveryStatus.ACCEPTED


def cutting(server, database, monkeypatch):
    """The server takes the mail, and in the same moment the database is gone."""
    keep = server.handle_DATA

    async def handle_DATA(*arguments):  # noqa: N802 (aiosmtpd's name)
        def gone():
            raise ConnectionError

        monkeypatch.setattr(database, "transaction", gone)
        return await keep(*arguments)

    return handle_DATA


def test_a_worker_waits_for_its_database_and_goes_on_by_itself(new_worker, server, put, vault, tmp_path):
    late = Database(f"sqlite:///{tmp_path}/later/parvis.db")

    with Running(new_worker(server.url, on=late)):
        threading.Event().wait(0.1)
        (tmp_path / "later").mkdir()
        Base.metadata.create_all(late.engine)
        put(on=late)
        wait_for(lambda: server.received)

    late.dispose()
    assert len(server.received) == 1


def test_a_worker_that_is_told_to_stop_finishes_its_mail_and_gives_the_others_back(
    new_worker, server, put, database, look
):
    numbers = [put(f"cause:{each}") for each in range(5)]
    stop = threading.Event()
    keep = server.handle_DATA

    async def stop_at_the_first(*arguments):
        stop.set()
        return await keep(*arguments)

    server.handle_DATA = stop_at_the_first
    new_worker(server.url).run(stop)

    assert len(server.received) == 1
    assert [look(number).claimed_until for number in numbers] == [None] * 5
    with database.reading() as session:
        assert outbox.queue_depth(session) == 4


def test_a_slow_batch_gives_the_rest_back_before_its_lease_ends(new_worker, server, put, clock, look):
    numbers = [put(f"cause:{each}") for each in range(3)]
    keep = server.handle_DATA

    async def slowly(*arguments):
        clock.advance(timedelta(seconds=25))
        return await keep(*arguments)

    server.handle_DATA = slowly
    worker = new_worker(server.url)
    worker.deliver_once()

    assert len(server.received) == 1
    assert [look(number).claimed_until for number in numbers] == [None] * 3


def test_no_address_and_no_code_can_be_read_in_the_files_of_the_database(
    worker, server, vault, put, database
):
    if database.engine.dialect.name != "sqlite":
        pytest.skip("one file to look into")
    put("cause:1")
    worker.deliver_once()
    put("cause:2", expires_at=NOW)
    put("cause:3")

    file = Path(database.engine.url.database)
    content = b"".join(path.read_bytes() for path in file.parent.glob(file.name + "*"))

    assert b"one-time-code" in content
    assert MEMBER.encode() not in content
    assert b"123456" not in content


def test_housekeeping_goes_on_when_one_chore_fails(new_worker, server, database):
    done = []

    def broken(session, *, now):
        raise RuntimeError

    worker = new_worker(
        server.url, chores=[broken, lambda session, *, now: done.append((session.is_active, now))]
    )

    worker.keep_house()

    assert done == [(True, NOW)]
