"""Sessions of the provider: opened with a new secret, found by its fingerprint, ended at once everywhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, Integer, Text, and_, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.spaces import Space
from idp.sessions import assurance
from idp.sessions.assurance import Method
from idp.subjects.accounts import Account
from idp.subjects.members import Member

# The last use is written at most this often, so that reading a session seldom writes.
TOUCH_EVERY = timedelta(minutes=1)
# Long enough to recognise a browser that signed in before, and for the member's own history.
KEPT_AFTER_END = timedelta(days=90)


class SessionRow(Base):
    """One browser signed in to one account."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(Text, unique=True)
    sid: Mapped[str] = mapped_column(Text, unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    epoch: Mapped[int] = mapped_column(Integer)
    space: Mapped[str] = mapped_column(Text)
    methods: Mapped[str] = mapped_column(Text)
    device_id: Mapped[str | None] = mapped_column(Text, index=True)
    browser_name: Mapped[str] = mapped_column(Text)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    second_step_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a second step (never a trusted device) was last given in it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the services that hold tokens of an ended session were queued to be told.
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


# A short index over what is still to be done, however many sessions have ended.
_UNTOLD = and_(SessionRow.ended_at.is_not(None), SessionRow.told_at.is_(None))
Index("ix_session_untold", SessionRow.ended_at, sqlite_where=_UNTOLD, postgresql_where=_UNTOLD)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that holds at this instant."""

    id: str
    sid: str
    account_id: str
    population: str
    auth_time: datetime
    methods: frozenset[Method]
    space: str
    last_seen_at: datetime
    second_step_at: datetime | None
    epoch: int

    @property
    def acr(self) -> str:
        """The authentication context of its tokens."""
        # `open_session` refuses methods that reach nothing, so the weakest level is never a guess.
        return assurance.acr(self.methods) or assurance.TWO_STEPS_REMEMBERED

    @property
    def amr(self) -> tuple[str, ...]:
        """The methods of its tokens."""
        return assurance.amr(self.methods)


_LIVE = (
    select(
        SessionRow.id, SessionRow.sid, SessionRow.account_id, SessionRow.auth_time, SessionRow.methods,
        SessionRow.space, SessionRow.epoch, SessionRow.last_seen_at, SessionRow.second_step_at, SessionRow.created_at,
        Member.population,
    )
    .join(Account, SessionRow.account_id == Account.id)
    .join(Member, Account.member_id == Member.id)
    .where(
        SessionRow.ended_at.is_(None),
        SessionRow.epoch == Account.epoch,
        Account.ended_at.is_(None),
        # An alarm voids sessions by the epoch; while it stands none can be opened, and if one were, it held nothing.
        Account.alarm_at.is_(None),
        Member.status == "active",
    )
)  # fmt: skip


def open_session(
    session: Session,
    *,
    account: Account,
    space: Space,
    methods: frozenset[Method],
    device_id: str | None,
    browser_name: str,
    auth_time: datetime,
    now: datetime,
    second_step_at: datetime | None = None,
) -> tuple[str, str]:
    """Open a session with fresh secrets; returns its row's id and the secret for the cookie.

    Raises ValueError when the methods reach no level: no way leads around the second step.
    """
    if assurance.acr(methods) is None:
        message = "these methods open no session"
        raise ValueError(message)
    secret = secrets.token()
    row = SessionRow(
        id=new_id(),
        secret_hash=secrets.fingerprint(secret),
        sid=new_id(),
        account_id=account.id,
        epoch=account.epoch,
        space=space.name,
        methods=assurance.write(methods),
        device_id=device_id,
        browser_name=browser_name,
        auth_time=auth_time,
        second_step_at=second_step_at,
        created_at=now,
        last_seen_at=now,
        expires_at=now + space.session_absolute,
    )
    session.add(row)
    session.flush()
    return row.id, secret


def by_secret(session: Session, secret: str, *, space: Space, now: datetime) -> LiveSession | None:
    """The live session of a cookie, held to the idle and absolute limits of the space that asks."""
    return _judge(
        session.execute(
            _LIVE.where(SessionRow.secret_hash == secrets.fingerprint(secret), SessionRow.expires_at > now)
        ).one_or_none(),
        idle=space.session_idle,
        absolute=space.session_absolute,
        now=now,
    )


def space_of(session: Session, secret: str) -> str | None:
    """The name of the space in which a cookie's session was opened, live or over."""
    opened = select(SessionRow.space).where(SessionRow.secret_hash == secrets.fingerprint(secret))
    return session.execute(opened).scalar_one_or_none()


def of_account(session: Session, account: Account, *, now: datetime) -> Sequence[SessionRow]:
    """The sessions of this account that have not ended, the last seen first.

    One that was idle too long for its browser is among them: services may still hold tokens of it.
    """
    open_ones = (
        select(SessionRow)
        .where(
            SessionRow.account_id == account.id,
            SessionRow.epoch == account.epoch,
            SessionRow.ended_at.is_(None),
            SessionRow.expires_at > now,
        )
        .order_by(SessionRow.last_seen_at.desc(), SessionRow.id)
    )
    return session.execute(open_ones).scalars().all()


def by_sid(session: Session, sid: str, *, now: datetime) -> LiveSession | None:
    """The session that tokens name, when it has not ended (idle time is the browser's, not the tokens')."""
    row = session.execute(_LIVE.where(SessionRow.sid == sid, SessionRow.expires_at > now)).one_or_none()
    return _judge(row, idle=None, absolute=None, now=now)


def by_row(session: Session, row_id: str, *, now: datetime, hold: bool = False) -> LiveSession | None:
    """The session of a row's id, when it has not ended.

    With `hold` it cannot end before this transaction does: whoever ends it afterwards sees what was given here.
    """
    wanted = _LIVE.where(SessionRow.id == row_id, SessionRow.expires_at > now)
    if hold:
        wanted = wanted.with_for_update(read=True, of=SessionRow)
    return _judge(session.execute(wanted).one_or_none(), idle=None, absolute=None, now=now)


def to_end(session: Session, secret: str) -> LiveSession | None:
    """The session that a cookie names, however long it was idle: signing out must end it all the same."""
    row = session.execute(_LIVE.where(SessionRow.secret_hash == secrets.fingerprint(secret))).one_or_none()
    return None if row is None else _as_it_is(row)


def _judge(row, *, idle: timedelta | None, absolute: timedelta | None, now: datetime) -> LiveSession | None:  # type: ignore[no-untyped-def]  # noqa: ANN001 (a Core row has no nameable type)
    if row is None:
        return None
    if idle is not None and now - row.last_seen_at > idle:
        return None
    if absolute is not None and now - row.created_at > absolute:
        return None
    return _as_it_is(row)


def _as_it_is(row) -> LiveSession:  # type: ignore[no-untyped-def]  # noqa: ANN001 (as above)
    return LiveSession(
        id=row.id,
        sid=row.sid,
        account_id=row.account_id,
        population=row.population,
        auth_time=row.auth_time,
        methods=assurance.read(row.methods),
        space=row.space,
        last_seen_at=row.last_seen_at,
        second_step_at=row.second_step_at,
        epoch=row.epoch,
    )


def touch(session: Session, live: LiveSession, *, now: datetime) -> None:
    """Note that the session was used."""
    if now - live.last_seen_at >= TOUCH_EVERY:
        session.execute(update(SessionRow).where(SessionRow.id == live.id).values(last_seen_at=now))


def strengthen(
    session: Session,
    live: LiveSession,
    *,
    methods: frozenset[Method],
    auth_time: datetime,
    device_id: str | None,
    now: datetime,
    second_step_at: datetime | None = None,
) -> str:
    """Add what was proved again to a session of the same account; its cookie gets a new secret, its `sid` stays."""
    secret = secrets.token()
    session.execute(
        update(SessionRow)
        .where(SessionRow.id == live.id)
        .values(
            secret_hash=secrets.fingerprint(secret),
            methods=assurance.write(methods),
            auth_time=auth_time,
            second_step_at=func.coalesce(second_step_at, SessionRow.second_step_at),
            device_id=func.coalesce(device_id, SessionRow.device_id),
            last_seen_at=now,
        )
    )
    return secret


def end(session: Session, row_id: str, *, now: datetime) -> bool:
    """End one session; whether it was alive until now."""
    ended = (
        update(SessionRow)
        .where(SessionRow.id == row_id, SessionRow.ended_at.is_(None))
        .values(ended_at=now)
        .returning(SessionRow.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(ended).scalar_one_or_none() is not None


def end_own(session: Session, row_id: str, *, account_id: str, now: datetime) -> bool:
    """End one session of this account and of no other; whether it was alive until now."""
    ended = (
        update(SessionRow)
        .where(SessionRow.id == row_id, SessionRow.account_id == account_id, SessionRow.ended_at.is_(None))
        .values(ended_at=now)
        .returning(SessionRow.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(ended).scalar_one_or_none() is not None


def device_of(session: Session, row_id: str) -> str | None:
    """The trusted device by which a session was opened, or which was trusted in it."""
    return session.execute(select(SessionRow.device_id).where(SessionRow.id == row_id)).scalar_one_or_none()


def owes_news(session: Session, account_id: str) -> bool:
    """Whether services are still to be told of an ended session of this account."""
    untold = select(SessionRow.id).where(SessionRow.account_id == account_id, _UNTOLD)
    return session.execute(untold.limit(1)).first() is not None


def end_for_device(session: Session, device_id: str, *, now: datetime, but: str | None = None) -> None:
    """End the sessions that a trusted device opened, `but` the one that asks for it."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.device_id == device_id, SessionRow.ended_at.is_(None), SessionRow.id != (but or ""))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def end_for_accounts(
    session: Session, account_ids: Collection[str], *, now: datetime, but: str | None = None
) -> None:
    """End the sessions of accounts that ended or changed, `but` one; a raised epoch voids them, this has it told."""
    session.execute(
        update(SessionRow)
        .where(
            SessionRow.account_id.in_(account_ids),
            SessionRow.ended_at.is_(None),
            SessionRow.id != (but or ""),
        )
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def end_all(session: Session, *, now: datetime) -> None:
    """End every session."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that has ended, of which the services that hold its tokens are to be told."""

    id: str
    sid: str
    account_id: str
    space: str


def has_untold(session: Session) -> bool:
    """Whether a session has ended of which nobody was told yet; takes no lock."""
    return session.execute(select(SessionRow.id).where(_UNTOLD).limit(1)).first() is not None


def take_untold(session: Session, *, now: datetime, limit: int) -> Sequence[Ended]:
    """Take up to `limit` ended sessions, once: the caller queues in this transaction what is to be told."""
    untold = (
        select(SessionRow.id)
        .where(_UNTOLD)
        .order_by(SessionRow.ended_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("untold")
    )
    take = (
        update(SessionRow)
        .where(SessionRow.id.in_(select(untold.c.id)))
        .values(told_at=now)
        .returning(SessionRow.id, SessionRow.sid, SessionRow.account_id, SessionRow.space)
        .execution_options(synchronize_session=False)
    )
    return [Ended(row.id, row.sid, row.account_id, row.space) for row in session.execute(take)]


def purge(session: Session, *, now: datetime) -> None:
    """Drop sessions whose end is more than 90 days ago."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now - KEPT_AFTER_END))
