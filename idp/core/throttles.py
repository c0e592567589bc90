"""Exact budgets of tries and growing delays, each decided by one statement in the database."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Integer, Text, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Budget(Base):
    """How much of one budget was used in one window of time."""

    __tablename__ = "budget"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    window_start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    used: Mapped[int] = mapped_column(Integer)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Delay(Base):
    """How often a key failed lately, and from when on it may try again."""

    __tablename__ = "delay"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    allowed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    forgotten_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`free` tries without delay, then `first` doubled at each try up to `longest`; calm erases the count."""

    free: int
    first: timedelta
    longest: timedelta
    calm: timedelta = timedelta(hours=24)

    def delay_after(self, failures: int) -> timedelta:
        """The wait that follows the given number of tries."""
        beyond = failures - self.free
        if beyond < 0:
            return timedelta(0)
        doublings: int = 2 ** min(beyond, 20)
        return min(self.longest, self.first * doublings)


def spend(session: Session, key: str, *, limit: int, window: timedelta, now: datetime) -> bool:
    """Use one unit of a budget; True while at most `limit` were used in the current window.

    One upsert counts and decides, so that parallel requests never share the last unit.
    """
    start = _window_start(now, window)
    return _count(session, key, limit=limit, start=start, ends_at=start + window)


def spend_until(session: Session, key: str, *, limit: int, ends_at: datetime) -> bool:
    """Use one unit of a budget that belongs to one thing (a transaction, a mail) and ends with it."""
    return _count(session, key, limit=limit, start=_EPOCH, ends_at=ends_at)


def _count(session: Session, key: str, *, limit: int, start: datetime, ends_at: datetime) -> bool:
    add = (
        insert_into(session, Budget)
        .values(key=key, window_start=start, used=1, ends_at=ends_at)
        .on_conflict_do_update(
            index_elements=[Budget.key, Budget.window_start],
            set_={"used": Budget.used + 1},
            where=Budget.used < limit,
        )
        .returning(Budget.used)
    )
    return limit > 0 and session.execute(add).scalar_one_or_none() is not None


def refund(session: Session, key: str, *, window: timedelta, now: datetime) -> None:
    """Give one unit of a budget back: what it was used for turned out well."""
    session.execute(
        update(Budget)
        .where(Budget.key == key, Budget.window_start == _window_start(now, window), Budget.used > 0)
        .values(used=Budget.used - 1)
        .execution_options(synchronize_session=False)
    )


def restore(session: Session, key: str) -> None:
    """Give a budget back whole, after a success."""
    session.execute(delete(Budget).where(Budget.key == key))


def used(session: Session, key: str, *, window: timedelta | None = None, now: datetime) -> int:
    """How many units a budget has used: in the current window, or (no window) since its thing began."""
    start = _EPOCH if window is None else _window_start(now, window)
    row = select(Budget.used).where(Budget.key == key, Budget.window_start == start)
    return session.execute(row).scalar_one_or_none() or 0


def _window_start(now: datetime, window: timedelta) -> datetime:
    return now - ((now - _EPOCH) % window)


def attempt(session: Session, key: str, *, schedule: Schedule, now: datetime) -> timedelta | None:
    """Count one try before it is compared. None: go on. Otherwise nothing was counted: wait this long."""
    row = session.execute(
        select(Delay.failures, Delay.allowed_at)
        .where(Delay.key == key, Delay.forgotten_at > now)
        .with_for_update()
    ).one_or_none()
    if row is not None and row.allowed_at > now:
        wait: timedelta = row.allowed_at - now
        return wait
    failures = (row.failures if row is not None else 0) + 1
    allowed_at = now + schedule.delay_after(failures)
    count = (
        insert_into(session, Delay)
        .values(key=key, failures=failures, allowed_at=allowed_at, forgotten_at=now + schedule.calm)
        .on_conflict_do_update(
            index_elements=[Delay.key],
            set_={"failures": failures, "allowed_at": allowed_at, "forgotten_at": now + schedule.calm},
            # Another request may have counted between the look and the upsert: then it decides.
            where=or_(Delay.failures == failures - 1, Delay.forgotten_at <= now),
        )
        .returning(Delay.failures)
    )
    if session.execute(count).scalar_one_or_none() is not None:
        return None
    return attempt(session, key, schedule=schedule, now=now)


def attempt_near_and_far(
    session: Session, *, near: str, near_schedule: Schedule, far: str, far_schedule: Schedule, now: datetime
) -> timedelta | None:
    """Count one try from a network against a subject: `near` for the two together, `far` for all networks.

    The far delay never stops a network's first try, so that strangers cannot keep the owner out; a try that is
    refused near is counted nowhere.
    """
    wait = waiting(session, near, now=now)
    if wait is not None:
        return wait
    is_first = failures(session, near, now=now) == 0
    far_wait = attempt(session, far, schedule=far_schedule, now=now)
    if far_wait is not None and not is_first:
        return far_wait
    return attempt(session, near, schedule=near_schedule, now=now)


def waiting(session: Session, key: str, *, now: datetime) -> timedelta | None:
    """How long a key must still wait, without counting anything."""
    row = select(Delay.allowed_at).where(Delay.key == key, Delay.allowed_at > now, Delay.forgotten_at > now)
    allowed_at = session.execute(row).scalar_one_or_none()
    return allowed_at - now if allowed_at is not None else None


def give_back(session: Session, key: str) -> None:
    """Take one try off a key, after a success."""
    session.execute(
        update(Delay)
        .where(Delay.key == key, Delay.failures > 0)
        .values(failures=Delay.failures - 1)
        .execution_options(synchronize_session=False)
    )


def failures(session: Session, key: str, *, now: datetime) -> int:
    """How many tries a key has behind it."""
    row = select(Delay.failures).where(Delay.key == key, Delay.forgotten_at > now)
    return session.execute(row).scalar_one_or_none() or 0


def forget(session: Session, key: str) -> None:
    """Erase the tries of a key, after a success."""
    session.execute(delete(Delay).where(Delay.key == key))


def lift(session: Session, *names: str) -> int:
    """Erase the tries of these keys and of all that begin with them and a colon; how many there were."""
    lifted = 0
    for table in (Budget, Delay):
        for name in names:
            keys = or_(table.key == name, table.key.startswith(f"{name}:", autoescape=True))
            gone = delete(table).where(keys).returning(table.key)
            lifted += len(session.execute(gone, execution_options={"synchronize_session": False}).all())
    return lifted


def purge(session: Session, *, now: datetime) -> None:
    """Drop budgets whose window is over and delays that are forgotten."""
    session.execute(delete(Budget).where(Budget.ends_at <= now))
    session.execute(delete(Delay).where(Delay.forgotten_at <= now))
