"""The audit trail: what happened to whom, written in the transaction of its cause."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime

LONGEST_ID = 18


class AuditEvent(Base):
    """One security event; rows are added, and change only when an account is erased: then they name nobody."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    event: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(Text, index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


def instant_of(session: Session, event_id: str, *, account_id: str) -> datetime | None:
    """When an event of this account happened; None for an event that it does not have."""
    if not event_id.isdecimal() or len(event_id) > LONGEST_ID:
        return None
    wanted = select(AuditEvent.at).where(AuditEvent.id == int(event_id), AuditEvent.account_id == account_id)
    return session.execute(wanted).scalar_one_or_none()


def record(
    session: Session, *, now: datetime, event: str, account_id: str | None = None, **facts: str | int | bool
) -> None:
    """Add one event, such as `session.opened`; facts hold no secret, code, password or full address."""
    session.execute(insert(AuditEvent).values(at=now, event=event, account_id=account_id, facts=facts))


# The facts that tell of a person: where they were, and by which browser.
OF_PERSONS = frozenset({"network", "browser"})


def of_account(
    session: Session, account_id: str, events: Collection[str], *, before: int | None = None, limit: int
) -> list[AuditEvent]:
    """Events of these kinds about one account, the newest first, those older than event `before` only."""
    wanted = select(AuditEvent).where(AuditEvent.account_id == account_id, AuditEvent.event.in_(events))
    if before is not None:
        wanted = wanted.where(AuditEvent.id < before)
    return list(session.execute(wanted.order_by(AuditEvent.id.desc()).limit(limit)).scalars())


def forget_person(session: Session, account_id: str) -> None:
    """Take the facts that tell of a person off an account's events; that they happened, and when, stays."""
    rows = session.execute(select(AuditEvent.id, AuditEvent.facts).where(AuditEvent.account_id == account_id))
    for row in rows.all():
        left = {name: fact for name, fact in row.facts.items() if name not in OF_PERSONS}
        if left != row.facts:
            session.execute(update(AuditEvent).where(AuditEvent.id == row.id).values(facts=left))
