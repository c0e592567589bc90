"""What one authorization gave: one row to which tokens refer, and whose revocation ends them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, Text, bindparam, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime


class Grant(Base):
    """One authorization of one client by one account; kept while a token of it may be presented."""

    __tablename__ = "token_grant"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(Text, index=True)
    client_id: Mapped[str] = mapped_column(Text)
    session_id: Mapped[str] = mapped_column(Text, index=True)
    scope: Mapped[str] = mapped_column(Text)
    # Single claims asked for by the `claims` parameter, for userinfo.
    userinfo_claims: Mapped[list[str]] = mapped_column(JSON)
    # What tokens of later refreshes say of the sign-in, and for whom they are.
    sid: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(Integer)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    acr: Mapped[str] = mapped_column(Text)
    amr: Mapped[list[str]] = mapped_column(JSON)
    resources: Mapped[list[str]] = mapped_column(JSON)
    id_token_claims: Mapped[list[str]] = mapped_column(JSON)
    dpop_jkt: Mapped[str | None] = mapped_column(Text)
    # The refresh family: the generation that is good now, and the hash of its token.
    offline: Mapped[bool] = mapped_column(Boolean)
    generation: Mapped[int] = mapped_column(Integer)
    refresh_hash: Mapped[str | None] = mapped_column(Text)
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    idle_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """A grant that was not revoked."""

    account_id: str
    client_id: str
    session_id: str
    userinfo_claims: tuple[str, ...]


_table = Base.metadata.tables["token_grant"]
_ADD = insert(_table)
_LIVE = select(
    _table.c.account_id, _table.c.client_id, _table.c.session_id, _table.c.userinfo_claims
).where(_table.c.id == bindparam("grant"), _table.c.revoked_at.is_(None))  # fmt: skip
_REVOKE = (
    update(_table)
    .where(_table.c.id == bindparam("grant"), _table.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("instant"))
    .returning(_table.c.id)
)


def add(
    session: Session,
    *,
    grant_id: str,
    account_id: str,
    client_id: str,
    session_id: str,
    scope: str,
    userinfo_claims: Sequence[str],
    now: datetime,
    forget_at: datetime,
) -> None:
    """Write down what a code gave."""
    session.execute(
        _ADD,
        {
            "id": grant_id,
            "account_id": account_id,
            "client_id": client_id,
            "session_id": session_id,
            "scope": scope,
            "userinfo_claims": list(userinfo_claims),
            "created_at": now,
            "forget_at": forget_at,
        },
    )


def live(session: Session, grant_id: str) -> LiveGrant | None:
    """The grant of this id, unless it was revoked."""
    row = session.execute(_LIVE, {"grant": grant_id}).one_or_none()
    if row is None:
        return None
    return LiveGrant(row.account_id, row.client_id, row.session_id, tuple(row.userinfo_claims))


def revoke(session: Session, grant_id: str, *, now: datetime) -> bool:
    """End all that a grant gave; whether it was alive until now."""
    revoked = session.execute(_REVOKE, {"grant": grant_id, "instant": now})
    return revoked.scalar_one_or_none() is not None


def purge(session: Session, *, now: datetime) -> None:
    """Drop grants of which no token can be presented any more."""
    session.execute(delete(_table).where(_table.c.forget_at <= now))
