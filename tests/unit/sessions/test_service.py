"""Sessions: opened with fresh secrets, found by a fingerprint, and ended at once everywhere."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from idp.core.spaces import Spaces
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.sessions.service import SessionRow
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from tests.support.rows import make_account

SHIPPED = Path(__file__).parents[3] / "config" / "spaces"
BOTH = frozenset({Method.PASSWORD, Method.MAIL_CODE})


@pytest.fixture
def space():
    return Spaces.read(SHIPPED)["adherent"]


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


@pytest.fixture
def account(session, clock):
    return make_account(session, now=clock.now())


@pytest.fixture
def opened(session, account, space, clock):
    """A session: its row's id and its secret."""
    return open_one(session, account, space, clock)


def open_one(session, account, space, clock, *, device_id=None, methods=BOTH):
    return sessions.open_session(
        session, account=account, space=space, methods=methods, device_id=device_id,
        browser_name="Firefox sur Linux", auth_time=clock.now(), now=clock.now(),
    )  # fmt: skip


def find(session, secret, space, clock):
    return sessions.by_secret(session, secret, space=space, now=clock.now())


def test_a_session_is_found_by_its_secret_and_kept_as_a_fingerprint_only(session, opened, space, clock):
    row_id, secret = opened

    assert find(session, secret, space, clock).id == row_id
    row = session.execute(select(SessionRow)).scalar_one()
    assert secret not in {row.secret_hash, row.sid, row.id}
    assert find(session, row.secret_hash, space, clock) is None
    assert find(session, row.sid, space, clock) is None


@pytest.mark.parametrize(
    "methods", [frozenset(), {Method.PASSWORD}, {Method.MAIL_CODE}, {Method.TRUSTED_DEVICE}]
)
def test_no_session_opens_without_two_proofs(session, account, space, clock, methods):
    with pytest.raises(ValueError, match="no session"):
        open_one(session, account, space, clock, methods=frozenset(methods))

    assert session.execute(select(SessionRow)).first() is None


def test_a_session_ends_when_nobody_used_it_for_the_idle_time(session, opened, space, clock):
    clock.advance(space.session_idle)
    assert find(session, opened[1], space, clock) is not None

    clock.advance(seconds=1)

    assert find(session, opened[1], space, clock) is None


def test_using_it_keeps_it_alive_up_to_the_absolute_limit(session, opened, space, clock):
    for _ in range(35):
        clock.advance(minutes=20)
        sessions.touch(session, find(session, opened[1], space, clock), now=clock.now())
    clock.advance(minutes=20)

    assert find(session, opened[1], space, clock) is None


def test_a_stricter_space_holds_a_session_to_its_own_limits(session, opened, space, clock):
    strict = space.model_copy(
        update={"session_idle": timedelta(minutes=5), "session_absolute": timedelta(minutes=8)}
    )
    clock.advance(minutes=6)

    assert find(session, opened[1], strict, clock) is None
    assert find(session, opened[1], space, clock) is not None
    sessions.touch(session, find(session, opened[1], space, clock), now=clock.now())
    clock.advance(minutes=3)
    assert find(session, opened[1], strict, clock) is None


def test_an_ended_session_is_over_at_once_by_every_name(session, opened, space, clock):
    row_id, secret = opened
    sid = find(session, secret, space, clock).sid

    assert sessions.end(session, row_id, now=clock.now())
    assert not sessions.end(session, row_id, now=clock.now())

    assert find(session, secret, space, clock) is None
    assert sessions.by_sid(session, sid, now=clock.now()) is None
    assert sessions.by_row(session, row_id, now=clock.now()) is None


@pytest.mark.parametrize(
    "change",
    [
        update(Account).values(epoch=Account.epoch + 1),
        update(Account).values(ended_at=Account.created_at),
        update(Member).values(status="left"),
    ],
    ids=["epoch", "account ended", "member left"],
)
def test_a_session_dies_with_what_it_stands_on(session, opened, space, clock, change):
    sid = find(session, opened[1], space, clock).sid

    session.execute(change.execution_options(synchronize_session=False))

    assert find(session, opened[1], space, clock) is None
    assert sessions.by_sid(session, sid, now=clock.now()) is None


def test_a_strengthened_session_has_a_new_secret_and_keeps_its_public_name(session, account, space, clock):
    _, secret = open_one(
        session, account, space, clock, methods=frozenset({Method.PASSWORD, Method.TRUSTED_DEVICE})
    )
    weak = find(session, secret, space, clock)
    clock.advance(minutes=5)

    renewed = sessions.strengthen(
        session, weak, methods=BOTH, auth_time=clock.now(), device_id=None, now=clock.now()
    )

    assert find(session, secret, space, clock) is None
    strong = find(session, renewed, space, clock)
    assert (strong.sid, strong.acr) == (weak.sid, "urn:parvis:acr:2sv")
    assert strong.auth_time == clock.now()


def test_the_sessions_of_a_device_end_but_the_one_that_asks(session, account, space, clock):
    with_device = [open_one(session, account, space, clock, device_id="d") for _ in range(2)]
    without = open_one(session, account, space, clock)

    sessions.end_for_device(session, "d", now=clock.now(), but=with_device[0][0])

    assert find(session, with_device[0][1], space, clock) is not None
    assert find(session, with_device[1][1], space, clock) is None
    assert find(session, without[1], space, clock) is not None


def test_the_purge_keeps_what_is_younger_than_ninety_days(session, account, space, clock):
    open_one(session, account, space, clock)
    clock.advance(days=60)
    open_one(session, account, space, clock)
    clock.advance(days=31)

    for _ in range(2):
        sessions.purge(session, now=clock.now())

    assert len(session.execute(select(SessionRow)).all()) == 1


def test_the_sessions_of_an_account_end_together(session, account, space, clock):
    secrets = [open_one(session, account, space, clock)[1] for _ in range(2)]

    sessions.end_for_accounts(session, [account.id], now=clock.now())

    assert [find(session, secret, space, clock) for secret in secrets] == [None, None]
    assert len(sessions.take_untold(session, now=clock.now(), limit=10)) == 2


def test_a_session_can_be_ended_however_long_it_was_idle_but_only_once(session, opened, space, clock):
    row_id, secret = opened
    clock.advance(hours=5)
    assert find(session, secret, space, clock) is None

    assert sessions.to_end(session, secret).id == row_id

    assert sessions.end(session, row_id, now=clock.now())
    assert sessions.to_end(session, secret) is None
    assert sessions.to_end(session, "another secret") is None


def test_of_an_ended_session_others_are_told_once_oldest_first(session, account, space, clock):
    rows = [open_one(session, account, space, clock)[0] for _ in range(3)]
    assert not sessions.has_untold(session)
    for row_id in rows[:2]:
        clock.advance(seconds=1)
        sessions.end(session, row_id, now=clock.now())

    assert sessions.has_untold(session)
    taken = [sessions.take_untold(session, now=clock.now(), limit=1) for _ in range(3)]

    assert [[ended.id for ended in some] for some in taken] == [[rows[0]], [rows[1]], []]
    assert not sessions.has_untold(session)
