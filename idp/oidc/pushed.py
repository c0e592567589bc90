"""Pushed authorization requests (RFC 9126): kept by a handle, spent by the answer that they lead to."""

from datetime import datetime

from sqlalchemy import JSON, Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime


class PushedRequest(Base):
    """One pushed request, by the fingerprint of its handle."""

    __tablename__ = "pushed_request"

    handle_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    client_id: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def purge(session: Session, *, now: datetime) -> None:
    """Drop requests that no sign-in can still be answering."""
    session.execute(delete(PushedRequest).where(PushedRequest.forget_at <= now))
