"""R6, R14: after commit at least once, never for a cause rolled back, no storm; the queue is kept."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from idp.core import outbox
from idp.core.db import Base, Database
from idp.core.mail_courier import mail_courier
from idp.core.mailer import mailer_from_url
from idp.core.outbox import Channel, DeliveryStatus, OutboxMessage
from idp.core.secrets import Vault
from idp.core.spaces import Spaces
from idp.core.worker import Worker
from tests.support.clock import ManualClock
from tests.support.smtp import Fault, ScriptedSmtp, free_port
from tests.support.working import PATIENCE, Running, wait_for

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 12, 13, 0, tzinfo=UTC)
MEMBER = "camille.martin@example.org"
FIRST_WAIT = outbox.BACK_OFF[0]


class Post:
    """The outbox of a test: its database, clock and mail server, and the workers between them."""

    def __init__(self, database, vault, settings, server):
        self.database = database
        self.vault = vault
        self.settings = settings
        self.server = server
        self.clock = ManualClock(NOW)
        self.spaces = Spaces.read(ROOT / "config/spaces")
        self.courier = self.new_courier()

    def new_courier(self, *, url=None, on=None, vault=None, exchange=0.5):
        return mail_courier(
            database=on or self.database,
            vault=vault or self.vault,
            mailer=mailer_from_url(url or self.server.url, exchange=timedelta(seconds=exchange)),
            spaces=self.spaces,
            clock=self.clock,
            settings=self.settings,
            poll=timedelta(milliseconds=10),
        )

    def put(self, cause="sign-in:1:code:1", *, on=None, **changes):
        with (on or self.database).transaction() as session:
            return self.enqueue(session, cause=cause, **changes)

    def enqueue(self, session, **changes):
        mail = {
            "vault": self.vault,
            "now": self.clock.now(),
            "kind": "one-time-code",
            "recipient": MEMBER,
            "context": {"code": "123456"},
            "space": "adherent",
            "locale": "fr",
        }
        return outbox.enqueue(session, **mail | changes)

    def look(self, number) -> OutboxMessage:
        with self.database.reading() as session:
            return session.execute(select(OutboxMessage).where(OutboxMessage.id == number)).scalar_one()

    def status(self, number) -> DeliveryStatus:
        with self.database.reading() as session:
            return outbox.status(session, number)

    def depth(self) -> int:
        with self.database.reading() as session:
            return outbox.queue_depth(session)


@pytest.fixture
def post(database, vault, settings):
    with ScriptedSmtp() as server:
        yield Post(database, vault, settings, server)


def test_a_mail_is_delivered_once_and_scrubbed(post):
    number = post.put()

    post.courier.deliver_once()
    post.courier.deliver_once()

    (received,) = post.server.received
    assert received.to == (MEMBER,)
    assert "123456" in received.text.splitlines()
    assert post.status(number) is DeliveryStatus.ACCEPTED
    assert post.look(number).sealed == b""
    assert post.look(number).sent_at == NOW


def test_a_cause_that_is_rolled_back_is_never_mailed(post):
    with post.database.open() as session:
        post.enqueue(session, cause="sign-in:1:code:1")
        session.rollback()

    post.courier.deliver_once()

    assert post.server.received == []


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MAIL"])
def test_a_temporary_refusal_is_tried_again_after_a_wait_and_makes_one_mail(post, step):
    number = post.put()
    post.server.script(step, "451 4.7.1 come back later")

    post.courier.deliver_once()
    post.clock.advance(FIRST_WAIT - timedelta(seconds=1))
    post.courier.deliver_once()
    assert post.server.received == []
    assert post.status(number) is DeliveryStatus.QUEUED
    post.clock.advance(timedelta(seconds=1))
    post.courier.deliver_once()

    assert len(post.server.received) == 1
    assert post.status(number) is DeliveryStatus.ACCEPTED


def test_a_permanent_refusal_is_final_scrubbed_and_told(post):
    number = post.put()
    post.server.script("RCPT", f"550 5.1.1 <{MEMBER}> unknown")

    post.courier.deliver_once()
    post.clock.advance(timedelta(days=1))
    post.courier.deliver_once()

    assert post.server.received == []
    assert post.status(number) is DeliveryStatus.REFUSED
    assert post.look(number).sealed == b""
    assert post.look(number).last_error == "recipient-550"


def test_a_server_that_hangs_costs_one_try_and_no_mail(post):
    numbers = [post.put(f"cause:{each}") for each in range(3)]
    post.server.script("DATA", Fault.HANG)

    assert post.courier.deliver_once().outage
    assert post.server.received == []
    post.courier.deliver_once()
    post.clock.advance(FIRST_WAIT)
    post.courier.deliver_once()

    assert len(post.server.received) == 3
    assert {post.status(number) for number in numbers} == {DeliveryStatus.ACCEPTED}


def test_a_cut_after_the_mail_was_kept_sends_it_again_under_the_same_message_id(post):
    post.put()
    post.server.script("KEPT", Fault.CUT)

    post.courier.deliver_once()
    post.clock.advance(FIRST_WAIT)
    post.courier.deliver_once()
    post.clock.advance(timedelta(hours=1))
    post.courier.deliver_once()

    first, second = post.server.received
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.message["Date"] == second.message["Date"]
    assert MEMBER not in first.message["Message-ID"]


def test_two_causes_have_two_message_ids(post):
    post.put("cause:1")
    post.put("cause:2")

    post.courier.deliver_once()

    assert len({received.message["Message-ID"] for received in post.server.received}) == 2


def test_a_server_that_is_down_is_no_storm_and_loses_nothing(post):
    port = free_port()
    numbers = [post.put(f"cause:{each}") for each in range(30)]
    down = post.new_courier(url=f"smtp://127.0.0.1:{port}")

    assert down.deliver_once().outage
    assert sum(post.look(number).attempts for number in numbers) == 1
    assert post.depth() == 30

    with ScriptedSmtp() as server:
        post.clock.advance(FIRST_WAIT)
        up = post.new_courier(url=server.url)
        for _ in range(3):
            up.deliver_once()
        assert len(server.received) == 30


def test_a_code_that_expired_while_waiting_is_not_sent(post):
    number = post.put(expires_at=NOW + timedelta(minutes=10))
    post.server.script("RCPT", *["451 later"] * 4)
    for _ in range(4):
        post.courier.deliver_once()
        post.clock.advance(timedelta(minutes=5))

    post.courier.deliver_once()

    assert post.server.received == []
    assert post.status(number) is DeliveryStatus.EXPIRED
    assert post.look(number).sealed == b""


def test_a_code_that_expires_in_the_worker_s_hands_is_not_sent(post):
    number = post.put(expires_at=NOW + timedelta(seconds=1))
    with post.database.transaction() as session:
        (claim,) = outbox.claim_due(session, now=NOW, limit=1, channel=Channel.MAIL)
    post.clock.advance(timedelta(seconds=1))

    post.courier._settle(claim, post.courier._attempt(claim))

    assert post.server.received == []
    assert post.status(number) is DeliveryStatus.EXPIRED


@pytest.mark.parametrize("recipient", ["a@b.fr\r\nBcc: evil@example.org", "a@b.fr, c@d.fr", "", "\x00@b.fr"])
def test_a_hostile_address_is_refused_and_holds_up_nobody(post, recipient):
    hostile = post.put("cause:1", recipient=recipient)
    post.put("cause:2")

    post.courier.deliver_once()

    assert post.status(hostile) is DeliveryStatus.REFUSED
    assert post.look(hostile).last_error == "address"
    assert [received.to for received in post.server.received] == [(MEMBER,)]


def test_a_mail_that_cannot_be_written_waits_for_a_better_version_and_holds_up_nobody(post):
    lost = post.put("cause:1", space="closed-last-year")
    post.put("cause:2")

    post.courier.deliver_once()

    assert post.status(lost) is DeliveryStatus.QUEUED
    assert post.look(lost).sealed != b""
    assert len(post.server.received) == 1


def test_a_worker_with_another_root_secret_destroys_nothing(post):
    number = post.put()
    stranger = post.new_courier(vault=Vault.from_root("another root secret of 32 letters"))

    stranger.deliver_once()
    assert post.status(number) is DeliveryStatus.QUEUED
    post.clock.advance(FIRST_WAIT)
    post.new_courier().deliver_once()

    assert len(post.server.received) == 1


@pytest.mark.slow
def test_two_workers_at_once_send_each_mail_once(post):
    causes = [post.put(f"cause:{each}", recipient=f"member{each}@example.org") for each in range(60)]
    others = [Database(post.database.engine.url.render_as_string(hide_password=False)) for _ in range(2)]

    # Nothing hangs here: a busy machine must not look like a server that does, for the clock stands still.
    with Running(*(post.new_courier(on=other, exchange=10) for other in others)):
        wait_for(lambda: len(post.server.received) >= len(causes))

    for other in others:
        other.dispose()
    assert set(Counter(received.to for received in post.server.received).values()) == {1}
    assert len(post.server.received) == 60


KILLED_WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from idp.core.db import Database
from idp.core.mail_courier import mail_courier
from idp.core.mailer import mailer_from_url
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces

class Frozen:
    def now(self):
        return datetime.fromisoformat(sys.argv[3])

vault = Vault.from_root(sys.stdin.readline().strip())
settings = Settings(secret_key="k" * 32, pepper="p" * 32)
spaces = Spaces.read(Path("config/spaces"))
mail_courier(
    database=Database(sys.argv[1]), vault=vault, mailer=mailer_from_url(sys.argv[2]), spaces=spaces,
    clock=Frozen(), settings=settings,
).deliver_once()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "copies"), [("RCPT", 1), ("KEPT", 2)])
def test_a_mail_outlives_a_worker_that_is_killed_before_it_could_say_so(post, step, copies):
    root = "the root secret of a worker that dies"
    post.vault = Vault.from_root(root)
    post.put()
    post.server.script(step, Fault.HANG)
    url = post.database.engine.url.render_as_string(hide_password=False)

    dying = subprocess.Popen(
        [sys.executable, "-c", KILLED_WORKER, url, post.server.url, NOW.isoformat()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        text=True,
    )
    dying.stdin.write(root + "\n")
    dying.stdin.close()
    assert post.server.reached.wait(PATIENCE)
    os.kill(dying.pid, signal.SIGKILL)
    dying.wait()
    survivor = post.new_courier()
    survivor.deliver_once()
    assert len(post.server.received) == copies - 1
    post.clock.advance(outbox.LEASE)
    survivor.deliver_once()

    assert len(post.server.received) == copies
    assert len({received.message["Message-ID"] for received in post.server.received}) == 1


def test_a_mail_that_was_sent_while_the_database_failed_is_not_sent_again(post):
    number = post.put()
    keep = post.server.handle_DATA

    async def fail_meanwhile(*arguments):
        execute(post.database, "ALTER TABLE outbox RENAME TO outbox_away")
        return await keep(*arguments)

    post.server.handle_DATA = fail_meanwhile

    with pytest.raises(DBAPIError):
        post.courier.deliver_once()
    execute(post.database, "ALTER TABLE outbox_away RENAME TO outbox")
    assert post.status(number) is DeliveryStatus.QUEUED
    post.courier.deliver_once()

    assert len(post.server.received) == 1
    assert post.status(number) is DeliveryStatus.ACCEPTED


def execute(database, statement):
    with database.transaction() as session:
        session.execute(text(statement))


def test_a_worker_waits_for_its_database_and_goes_on_by_itself(post, tmp_path):
    late = Database(f"sqlite:///{tmp_path}/later/parvis.db")

    with Running(post.new_courier(on=late)):
        threading.Event().wait(0.1)
        (tmp_path / "later").mkdir()
        Base.metadata.create_all(late.engine)
        post.put(on=late)
        wait_for(lambda: post.server.received)

    late.dispose()
    assert len(post.server.received) == 1


def test_a_worker_that_is_told_to_stop_finishes_its_mail_and_gives_the_others_back(post):
    numbers = [post.put(f"cause:{each}") for each in range(5)]
    stop = threading.Event()
    keep = post.server.handle_DATA

    async def stop_at_the_first(*arguments):
        stop.set()
        return await keep(*arguments)

    post.server.handle_DATA = stop_at_the_first
    post.new_courier().run(stop)

    assert len(post.server.received) == 1
    assert [post.look(number).claimed_until for number in numbers] == [None] * 5
    assert post.depth() == 4


def test_a_slow_batch_gives_the_rest_back_before_its_lease_ends(post):
    numbers = [post.put(f"cause:{each}") for each in range(3)]
    keep = post.server.handle_DATA

    async def slowly(*arguments):
        post.clock.advance(timedelta(seconds=25))
        return await keep(*arguments)

    post.server.handle_DATA = slowly
    courier = post.new_courier()
    courier.deliver_once()

    assert len(post.server.received) == 1
    assert [post.look(number).claimed_until for number in numbers] == [None] * 3


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_address_and_no_code_can_be_read_in_the_files_of_the_database(post):
    post.put("cause:1")
    post.courier.deliver_once()
    post.put("cause:2", expires_at=NOW)
    post.put("cause:3")

    file = Path(post.database.engine.url.database)
    content = b"".join(path.read_bytes() for path in file.parent.glob(file.name + "*"))

    assert b"one-time-code" in content
    assert MEMBER.encode() not in content
    assert b"123456" not in content


def test_the_log_of_a_mail_holds_neither_its_address_nor_its_code(post):
    post.put("cause:1", space="closed-last-year")
    post.put("cause:2", recipient=f"{MEMBER}\r\n")
    post.put("cause:3")
    post.put("cause:4")
    post.server.script("RCPT", f"550 5.1.1 <{MEMBER}> unknown")

    with structlog.testing.capture_logs() as entries:
        post.courier.deliver_once()

    outcomes = {entry["outcome"] for entry in entries if "outcome" in entry}
    assert outcomes == {"postponed KeyError", "refused address", "refused recipient-550", "accepted"}
    assert MEMBER not in str(entries)
    assert "123456" not in str(entries)


def test_housekeeping_goes_on_when_one_chore_fails(post):
    done = []

    def broken(session, *, now):
        raise RuntimeError

    chores = [broken, lambda session, *, now: done.append((session.is_active, now))]
    worker = Worker(database=post.database, clock=post.clock, couriers=(), housekeeping=chores)

    worker.keep_house()

    assert done == [(True, NOW)]
