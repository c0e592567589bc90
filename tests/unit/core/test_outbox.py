"""The outbox: one mail for one cause, taken by one worker, given up in time, scrubbed at the end."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from idp.core import outbox
from idp.core.mail_templates import BadMail
from idp.core.outbox import Channel, DeliveryStatus, OutboxMessage
from idp.core.secrets import BadSeal, Vault

NOW = datetime(2026, 3, 12, 13, 0, tzinfo=UTC)
MEMBER = "camille.martin@example.org"


def put(session, vault, cause="sign-in:1:code:1", *, now=NOW, expires_at=None, kind="one-time-code"):
    return outbox.enqueue(
        session,
        vault=vault,
        now=now,
        kind=kind,
        recipient=MEMBER,
        context={"code": "123456"},
        cause=cause,
        space="adherent",
        locale="fr",
        expires_at=expires_at,
    )


def put_many(database, vault, count):
    with database.transaction() as session:
        return [put(session, vault, f"cause:{number}") for number in range(count)]


def take(database, *, now=NOW, limit=10):
    with database.transaction() as session:
        return outbox.claim_due(session, now=now, limit=limit, channel=Channel.MAIL)


def settle(database, change, claim, **how):
    with database.transaction() as session:
        return change(session, claim, **how)


def row(database, number):
    with database.reading() as session:
        return session.execute(select(OutboxMessage).where(OutboxMessage.id == number)).scalar_one()


def status(database, number):
    with database.reading() as session:
        return outbox.status(session, number)


def test_one_cause_has_one_mail(database, vault):
    with database.transaction() as session:
        first = put(session, vault)
        second = put(session, vault)

    assert first is not None
    assert second is None
    assert len(take(database)) == 1


def test_one_cause_has_one_mail_even_after_it_was_sent(database, vault):
    put_many(database, vault, 1)
    (claim,) = take(database)
    settle(database, outbox.mark_sent, claim, now=NOW)

    with database.transaction() as session:
        assert put(session, vault, "cause:0") is None


def test_a_cause_that_is_rolled_back_has_no_mail(database, vault):
    with database.open() as session:
        put(session, vault)
        session.rollback()

    assert take(database) == []


def test_a_wrong_mail_is_refused_while_its_cause_can_still_be_rolled_back(database, vault):
    with pytest.raises(BadMail), database.transaction() as session:
        put(session, vault, kind="unheard-of")


def test_the_address_and_the_code_are_sealed_and_bound_to_their_cause(database, vault):
    put_many(database, vault, 1)
    (claim,) = take(database)

    assert MEMBER.encode() not in claim.sealed
    assert outbox.unseal(vault, claim) == (MEMBER, {"code": "123456"})
    with pytest.raises(BadSeal):
        outbox.unseal(Vault.from_root("another root secret of 32 letters"), claim)
    moved = outbox.Claim(**{name: getattr(claim, name) for name in claim.__slots__} | {"cause": "cause:9"})
    with pytest.raises(BadSeal):
        outbox.unseal(vault, moved)


def test_a_claimed_mail_is_nobody_elses_until_the_lease_ends(database, vault):
    put_many(database, vault, 1)

    (claim,) = take(database)

    assert take(database, now=NOW + outbox.LEASE - timedelta(seconds=1)) == []
    (again,) = take(database, now=NOW + outbox.LEASE)
    assert again.id == claim.id


def test_claims_come_in_batches_and_in_order(database, vault):
    numbers = put_many(database, vault, 5)

    taken = [[claim.id for claim in take(database, limit=2)] for _ in range(4)]

    assert taken == [numbers[:2], numbers[2:4], numbers[4:], []]


def test_a_worker_that_was_overtaken_changes_nothing(database, vault):
    (number,) = put_many(database, vault, 1)
    (slow,) = take(database)
    (quick,) = take(database, now=NOW + outbox.LEASE)

    changes = [
        settle(database, outbox.mark_sent, slow, now=NOW),
        settle(database, outbox.mark_refused, slow, reason="recipient-550"),
        settle(database, outbox.mark_expired, slow),
        settle(database, outbox.postpone, slow, reason="timeout", now=NOW),
        settle(database, outbox.release, slow),
    ]

    assert changes == [False] * 5
    assert status(database, number) is DeliveryStatus.QUEUED
    assert settle(database, outbox.mark_sent, quick, now=NOW)


@pytest.mark.parametrize(
    ("change", "how", "told"),
    [
        (outbox.mark_sent, {"now": NOW}, DeliveryStatus.ACCEPTED),
        (outbox.mark_refused, {"reason": "recipient-550"}, DeliveryStatus.REFUSED),
        (outbox.mark_expired, {}, DeliveryStatus.EXPIRED),
    ],
)
def test_a_settled_mail_is_scrubbed_and_never_taken_again(database, vault, change, how, told):
    (number,) = put_many(database, vault, 1)
    (claim,) = take(database)
    assert status(database, number) is DeliveryStatus.QUEUED

    assert settle(database, change, claim, **how)

    assert status(database, number) is told
    assert row(database, number).sealed == b""
    assert take(database, now=NOW + timedelta(days=1)) == []


def test_each_failure_makes_the_next_wait_longer(database, vault):
    (number,) = put_many(database, vault, 1)
    now, waits = NOW, []

    for _ in range(8):
        (claim,) = take(database, now=now)
        settle(database, outbox.postpone, claim, reason="recipient-451", now=now)
        later = row(database, number).not_before
        assert take(database, now=later - timedelta(seconds=1)) == []
        waits.append((later - now).total_seconds())
        now = later

    assert waits == [30, 60, 120, 300, 900, 1800, 1800, 1800]
    assert row(database, number).attempts == 8
    assert row(database, number).last_error == "recipient-451"


def test_a_mail_given_back_can_be_taken_at_once_and_counts_no_attempt(database, vault):
    (number,) = put_many(database, vault, 1)
    (claim,) = take(database)

    settle(database, outbox.release, claim)

    assert [again.id for again in take(database)] == [number]
    assert row(database, number).attempts == 0


@pytest.mark.parametrize(
    ("expires_at", "given_up_at"),
    [(NOW + timedelta(minutes=10), NOW + timedelta(minutes=10)), (None, NOW + timedelta(days=2))],
)
def test_a_mail_that_comes_too_late_is_given_up_and_scrubbed(database, vault, expires_at, given_up_at):
    with database.transaction() as session:
        number = put(session, vault, expires_at=expires_at)

    with database.transaction() as session:
        assert outbox.expire(session, now=given_up_at - timedelta(seconds=1), channel=Channel.MAIL) == 0
        assert outbox.expire(session, now=given_up_at, channel=Channel.MAIL) == 1

    assert status(database, number) is DeliveryStatus.EXPIRED
    assert row(database, number).sealed == b""


def test_a_mail_on_its_way_is_not_given_up(database, vault):
    with database.transaction() as session:
        put(session, vault, expires_at=NOW + timedelta(seconds=5))
    take(database)

    with database.transaction() as session:
        assert outbox.expire(session, now=NOW + timedelta(seconds=6), channel=Channel.MAIL) == 0


def test_the_queue_is_counted_with_the_age_of_its_oldest_mail(database, vault):
    with database.reading() as session:
        assert (outbox.queue_depth(session), outbox.oldest_waiting(session)) == (0, None)

    put_many(database, vault, 3)
    (claim,) = take(database, limit=1)
    settle(database, outbox.mark_sent, claim, now=NOW)

    with database.reading() as session:
        assert (outbox.queue_depth(session), outbox.oldest_waiting(session)) == (2, NOW)


def test_purging_deletes_what_was_settled_a_month_ago_and_nothing_that_waits(database, vault):
    sent, waiting = put_many(database, vault, 2)
    (claim,) = take(database, limit=1)
    settle(database, outbox.mark_sent, claim, now=NOW)

    with database.transaction() as session:
        assert outbox.purge(session, now=NOW + timedelta(days=29)) == 0
        assert outbox.purge(session, now=NOW + timedelta(days=30)) == 1
        assert outbox.purge(session, now=NOW + timedelta(days=30)) == 0

    assert status(database, sent) is DeliveryStatus.EXPIRED
    assert status(database, waiting) is DeliveryStatus.QUEUED


def test_nothing_is_due_when_all_is_sent_waiting_or_held(database, vault):
    def due(now):
        with database.reading() as session:
            return outbox.has_due(session, now=now, channel=Channel.MAIL)

    assert not due(NOW)
    put_many(database, vault, 1)
    assert due(NOW)
    (claim,) = take(database)
    assert not due(NOW)
    settle(database, outbox.postpone, claim, reason="timeout", now=NOW)
    assert not due(NOW)
    assert due(NOW + timedelta(seconds=30))


def put_call(session, vault, cause, lane):
    return outbox.put(
        session,
        vault=vault,
        now=NOW,
        channel=Channel.LOGOUT,
        lane=lane,
        kind="backchannel-logout",
        contents={"sid": cause},
        cause=cause,
        space="adherent",
        locale="fr",
    )


def test_channels_and_lanes_are_taken_apart(database, vault):
    with database.transaction() as session:
        mail = put(session, vault)
        calls = [put_call(session, vault, f"logout:{lane}", lane) for lane in ("a", "b")]

    with database.transaction() as session:
        (first,) = outbox.claim_due(session, now=NOW, limit=10, channel=Channel.LOGOUT, but={"a"})
        (second,) = outbox.claim_due(session, now=NOW, limit=10, channel=Channel.LOGOUT)
        assert not outbox.has_due(session, now=NOW, channel=Channel.LOGOUT)
        assert outbox.queue_depth(session) == 1
        assert outbox.queue_depth(session, Channel.LOGOUT) == 2

    assert [second.id, first.id] == calls
    assert (first.lane, outbox.contents_of(vault, first)) == ("b", {"sid": "logout:b"})
    assert [claim.id for claim in take(database)] == [mail]
