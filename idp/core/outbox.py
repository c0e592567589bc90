"""The outbox: mails and logouts written in the transaction of their cause, delivered after it, then scrubbed."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    Text,
    Update,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import mail_templates
from idp.core.db import Base, UtcDateTime, insert_into
from idp.core.secrets import Vault

PURPOSE = "outbox"
# Longer than one delivery may take (`mailer.LONGEST`) and the minute by which two hosts' clocks may differ,
# so that nobody takes over what is on its way.
LEASE = timedelta(seconds=120)
BACK_OFF = tuple(timedelta(seconds=wait) for wait in (30, 60, 120, 300, 900, 1800))
GIVE_UP = timedelta(days=2)
KEPT = timedelta(days=30)
PURGED_AT_ONCE = 1000


class Channel(StrEnum):
    """How something leaves; what one channel meets holds up no other."""

    MAIL = "mail"
    LOGOUT = "logout"


class State(StrEnum):
    """What became of a delivery."""

    QUEUED = "queued"
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class DeliveryStatus(StrEnum):
    """What a waiting page may tell the member."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


class OutboxMessage(Base):
    """One delivery for one cause. `sealed` holds what is to be said, and to whom; it is empty once settled.

    `lane` names the other side, where there are several: what goes to one of them holds up no other.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    cause: Mapped[str] = mapped_column(Text, unique=True)
    channel: Mapped[str] = mapped_column(Text, server_default=Channel.MAIL.value)
    lane: Mapped[str] = mapped_column(Text, server_default="")
    kind: Mapped[str] = mapped_column(Text)
    space: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    # Whose mail it is, so that they can be told what was sent; a mailbox may be shared, an account is not.
    account_id: Mapped[str | None] = mapped_column(Text, index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_QUEUED = OutboxMessage.state == State.QUEUED.value
Index(
    "ix_outbox_due",
    OutboxMessage.channel,
    OutboxMessage.not_before,
    sqlite_where=_QUEUED,
    postgresql_where=_QUEUED,
)
Index("ix_outbox_created_at", OutboxMessage.created_at)
# Rows are changed by statements that decide races; no object in memory needs to follow.
_PLAIN = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that one worker holds until `lease`, an instant that no other claim of this row ever has."""

    id: int
    cause: str
    lane: str
    kind: str
    space: str
    locale: str
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None
    attempts: int
    lease: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether it is too late to send: it expired, or it was tried for two days."""
        return self.created_at + GIVE_UP <= now or (self.expires_at is not None and self.expires_at <= now)


def enqueue(
    session: Session,
    *,
    vault: Vault,
    now: datetime,
    kind: str,
    recipient: str,
    context: Mapping[str, str],
    cause: str,
    space: str,
    locale: str,
    expires_at: datetime | None = None,
    account_id: str | None = None,
) -> int | None:
    """Queue one mail in the caller's transaction; its number, or None when this cause has its mail already.

    `cause` names the event (`enrolment:<id>:activation:1`) and must hold no address. A mail that `expires_at`
    overtakes is never sent. Raises `mail_templates.BadMail` when the kind or its values are wrong.
    """
    mail_templates.check(kind, context)
    return put(
        session,
        vault=vault,
        now=now,
        channel=Channel.MAIL,
        kind=kind,
        contents={"recipient": recipient, "context": dict(context)},
        cause=cause,
        space=space,
        locale=locale,
        expires_at=expires_at,
        account_id=account_id,
    )


def put(
    session: Session,
    *,
    vault: Vault,
    now: datetime,
    channel: Channel,
    kind: str,
    contents: Mapping[str, Any],
    cause: str,
    space: str,
    locale: str,
    lane: str = "",
    expires_at: datetime | None = None,
    account_id: str | None = None,
) -> int | None:
    """Queue one delivery in the caller's transaction; its number, or None when this cause has its own already."""
    row = (
        insert_into(session, OutboxMessage)
        .values(
            cause=cause,
            channel=channel.value,
            lane=lane,
            kind=str(kind),
            space=space,
            locale=locale,
            account_id=account_id,
            sealed=vault.seal(PURPOSE, json.dumps(contents).encode(), bound_to=cause),
            state=State.QUEUED.value,
            created_at=now,
            expires_at=expires_at,
            not_before=now,
            attempts=0,
        )
        .on_conflict_do_nothing(index_elements=[OutboxMessage.cause])
        .returning(OutboxMessage.id)
    )
    return session.execute(row).scalar_one_or_none()


def has(session: Session, cause: str) -> bool:
    """Whether this cause has its delivery already."""
    return session.execute(select(OutboxMessage.id).where(OutboxMessage.cause == cause)).first() is not None


@dataclass(frozen=True, slots=True)
class Told:
    """A mail of the last 30 days, as its reader may know of it."""

    kind: str
    at: datetime
    state: str


def told_to(session: Session, account_id: str) -> list[Told]:
    """The mails that this account's owner was written and that are still remembered, the newest first."""
    mails = (
        select(OutboxMessage.kind, OutboxMessage.created_at, OutboxMessage.state)
        .where(OutboxMessage.account_id == account_id)
        .order_by(OutboxMessage.id.desc())
    )
    return [Told(row.kind, row.created_at, row.state) for row in session.execute(mails)]


def forget_owner(session: Session, account_id: str) -> None:
    """Let nothing lead any more from this account to its mails; those that still wait are sent."""
    session.execute(
        update(OutboxMessage).where(OutboxMessage.account_id == account_id).values(account_id=None),
        execution_options=_PLAIN,
    )


def contents_of(vault: Vault, claim: Claim | OutboxMessage) -> dict[str, Any]:
    """What is to be said, and to whom; raises `secrets.BadSeal`."""
    contents: dict[str, Any] = json.loads(vault.unseal(PURPOSE, claim.sealed, bound_to=claim.cause))
    return contents


def unseal(vault: Vault, claim: Claim) -> tuple[str, dict[str, str]]:
    """The address and the values of a mail; raises `secrets.BadSeal`."""
    contents = contents_of(vault, claim)
    return contents["recipient"], contents["context"]


def status(session: Session, message_id: int) -> DeliveryStatus:
    """How far a mail has come. One that is no longer kept counts as expired: nothing more will come of it."""
    state = session.execute(
        select(OutboxMessage.state).where(OutboxMessage.id == message_id)
    ).scalar_one_or_none()
    if state is None:
        return DeliveryStatus.EXPIRED
    return _STATUS[State(state)]


_STATUS = {
    State.QUEUED: DeliveryStatus.QUEUED,
    State.SENT: DeliveryStatus.ACCEPTED,
    State.REFUSED: DeliveryStatus.REFUSED,
    State.EXPIRED: DeliveryStatus.EXPIRED,
}


def queue_depth(session: Session, channel: Channel = Channel.MAIL) -> int:
    """How many mails wait, or deliveries of another channel."""
    waiting = select(func.count()).select_from(OutboxMessage).where(*_waiting(channel))
    return session.execute(waiting).scalar_one()


def oldest_waiting(session: Session, channel: Channel = Channel.MAIL) -> datetime | None:
    """When the oldest waiting mail was written; None when nothing waits."""
    oldest = select(func.min(OutboxMessage.created_at)).where(*_waiting(channel))
    return session.execute(oldest).scalar_one()


def has_due(session: Session, *, now: datetime, channel: Channel, but: Collection[str] = ()) -> bool:
    """Whether a channel has anything to claim or to expire, `but` those lanes; takes no lock."""
    due = select(OutboxMessage.id).where(
        *_waiting(channel, but),
        _nobody_holds_it(now),
        or_(OutboxMessage.not_before <= now, _too_late(now)),
    )
    return session.execute(due.limit(1)).first() is not None


def claim_due(
    session: Session, *, now: datetime, limit: int, channel: Channel, but: Collection[str] = ()
) -> Sequence[Claim]:
    """Take up to `limit` due deliveries of a channel for this worker alone, in one statement; none of `but`'s lanes."""
    lease = now + LEASE
    due = (
        select(OutboxMessage.id)
        .where(*_waiting(channel, but), OutboxMessage.not_before <= now, _nobody_holds_it(now))
        .order_by(OutboxMessage.not_before, OutboxMessage.id)
        .limit(limit)
        # PostgreSQL: two workers pass by each other's rows. SQLite has one writer at a time and ignores it.
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    take = (
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(select(due.c.id)))
        .values(claimed_until=lease)
        .returning(
            OutboxMessage.id,
            OutboxMessage.cause,
            OutboxMessage.lane,
            OutboxMessage.kind,
            OutboxMessage.space,
            OutboxMessage.locale,
            OutboxMessage.sealed,
            OutboxMessage.created_at,
            OutboxMessage.expires_at,
            OutboxMessage.attempts,
        )
    )
    rows = session.execute(take, execution_options=_PLAIN).all()
    return sorted((Claim(**row._asdict(), lease=lease) for row in rows), key=lambda taken: taken.id)


def expire(session: Session, *, now: datetime, channel: Channel) -> int:
    """Give up what came too late, and scrub it; how many there were."""
    change = (
        update(OutboxMessage)
        .where(*_waiting(channel), _too_late(now), _nobody_holds_it(now))
        .values(state=State.EXPIRED.value, sealed=b"", claimed_until=None)
    )
    return len(session.execute(change.returning(OutboxMessage.id), execution_options=_PLAIN).all())


def mark_sent(session: Session, claim: Claim, *, now: datetime) -> bool:
    """The other side has it: scrub it. False when the lease was lost meanwhile."""
    return _settle(session, claim, _scrubbed(State.SENT, claim).values(sent_at=now, last_error=None))


def mark_refused(session: Session, claim: Claim, *, reason: str) -> bool:
    """The other side will never take it: scrub it, keep the class of the error."""
    return _settle(session, claim, _scrubbed(State.REFUSED, claim).values(last_error=reason))


def mark_expired(session: Session, claim: Claim) -> bool:
    """It came too late while this worker held it: scrub it unsent."""
    return _settle(session, claim, _scrubbed(State.EXPIRED, claim).values(attempts=claim.attempts))


def postpone(session: Session, claim: Claim, *, reason: str, now: datetime) -> bool:
    """Try again later, and later still after each failure."""
    wait = BACK_OFF[min(claim.attempts, len(BACK_OFF) - 1)]
    change = update(OutboxMessage).values(
        not_before=now + wait, attempts=claim.attempts + 1, claimed_until=None, last_error=reason
    )
    return _settle(session, claim, change)


def release(session: Session, claim: Claim) -> bool:
    """Give an untried delivery back."""
    return _settle(session, claim, update(OutboxMessage).values(claimed_until=None))


def purge(session: Session, *, now: datetime) -> int:
    """Delete what was settled 30 days ago or more, a thousand at most; how many there were."""
    old = (
        select(OutboxMessage.id)
        .where(OutboxMessage.created_at <= now - KEPT, OutboxMessage.state != State.QUEUED.value)
        .limit(PURGED_AT_ONCE)
    )
    gone = delete(OutboxMessage).where(OutboxMessage.id.in_(old)).returning(OutboxMessage.id)
    return len(session.execute(gone, execution_options=_PLAIN).all())


def _waiting(channel: Channel, but: Collection[str] = ()) -> tuple[ColumnElement[bool], ...]:
    conditions = (_QUEUED, OutboxMessage.channel == channel.value)
    return (*conditions, OutboxMessage.lane.not_in(but)) if but else conditions


def _nobody_holds_it(now: datetime) -> ColumnElement[bool]:
    return or_(OutboxMessage.claimed_until.is_(None), OutboxMessage.claimed_until <= now)


def _too_late(now: datetime) -> ColumnElement[bool]:
    return or_(OutboxMessage.expires_at <= now, OutboxMessage.created_at <= now - GIVE_UP)


def _scrubbed(state: State, claim: Claim) -> Update:
    return update(OutboxMessage).values(
        state=state.value, sealed=b"", attempts=claim.attempts + 1, claimed_until=None
    )


def _settle(session: Session, claim: Claim, change: Update) -> bool:
    # The lease is the fence: a worker that was overtaken changes nothing any more.
    mine = change.where(
        OutboxMessage.id == claim.id, _QUEUED, OutboxMessage.claimed_until == claim.lease
    ).returning(OutboxMessage.id)
    return session.execute(mine, execution_options=_PLAIN).one_or_none() is not None
