"""Pushed authorization requests (RFC 9126): kept by a handle, spent by the answer that they lead to."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import JSON, Text, bindparam, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets
from idp.core.db import Base, UtcDateTime

PREFIX = "urn:ietf:params:oauth:request_uri:"
# What nobody opened is forgotten soon: anybody may push for a public client.
UNOPENED = timedelta(minutes=10)
# A sign-in that a pushed request began may lead through an enrolment, whose mail is good for a day.
REMEMBERED = timedelta(hours=25)


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


_table = Base.metadata.tables["pushed_request"]
_ADD = insert(_table)
_FIND = select(_table.c.parameters).where(
    _table.c.handle_hash == bindparam("handle"),
    _table.c.client_id == bindparam("client"),
    _table.c.spent_at.is_(None),
    _table.c.expires_at > bindparam("instant"),
)
_KEEP = update(_table).where(_table.c.handle_hash == bindparam("handle")).values(forget_at=bindparam("until"))
_SPEND = (
    update(_table)
    .where(_table.c.handle_hash == bindparam("handle"), _table.c.spent_at.is_(None))
    .values(spent_at=bindparam("instant"))
    .returning(_table.c.client_id)
)


def keep(
    session: Session,
    client_id: str,
    parameters: Mapping[str, Sequence[str]],
    *,
    lifetime: timedelta,
    now: datetime,
) -> str:
    """Keep a request that was found valid; returns its `request_uri`."""
    handle = secrets.token()
    session.execute(
        _ADD,
        {
            "handle_hash": secrets.fingerprint(handle),
            "client_id": client_id,
            "parameters": {name: list(values) for name, values in parameters.items()},
            "created_at": now,
            "expires_at": now + lifetime,
            "forget_at": now + lifetime + UNOPENED,
        },
    )
    return PREFIX + handle


def find(session: Session, request_uri: str, *, client_id: str, now: datetime) -> dict[str, list[str]] | None:
    """The parameters of a request that this client pushed, lately, and that was not answered yet.

    It may be looked at more than once: browsers prefetch, and members go back (FAPI 2.0 section 5.3.2.2).
    """
    values = {"handle": _hash(request_uri), "client": client_id, "instant": now}
    found: dict[str, list[str]] | None = session.execute(_FIND, values).scalar_one_or_none()
    return found


def keep_longer(session: Session, request_uri: str, *, now: datetime) -> None:
    """Keep a request whose sign-in begins now until that may be over."""
    session.execute(_KEEP, {"handle": _hash(request_uri), "until": now + REMEMBERED})


def spend(session: Session, request_uri: str, *, now: datetime) -> bool:
    """Answer a pushed request: of any number of parallel answers exactly one is given."""
    spent = session.execute(_SPEND, {"handle": _hash(request_uri), "instant": now})
    return spent.scalar_one_or_none() is not None


def _hash(request_uri: str) -> str:
    return secrets.fingerprint(request_uri.removeprefix(PREFIX))


def purge(session: Session, *, now: datetime) -> None:
    """Drop requests that no sign-in can still be answering."""
    session.execute(delete(_table).where(_table.c.forget_at <= now))
