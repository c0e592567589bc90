"""The audit trail: what happened to whom, written in the transaction of its cause."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime

LONGEST_ID = 18


class AuditEvent(Base):
    """One security event; rows are added, never changed."""

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
