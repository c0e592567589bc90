"""What one authorization gave: one row to which all its tokens refer, and whose revocation ends them all."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, Row, Text, bindparam, delete, insert, select, update
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
    # Single claims asked for by the `claims` parameter.
    userinfo_claims: Mapped[list[str]] = mapped_column(JSON)
    id_token_claims: Mapped[list[str]] = mapped_column(JSON)
    # What tokens of later refreshes say of the sign-in, and for whom they are.
    sid: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int] = mapped_column(Integer)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    acr: Mapped[str] = mapped_column(Text)
    amr: Mapped[list[str]] = mapped_column(JSON)
    resources: Mapped[list[str]] = mapped_column(JSON)
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
    """A grant that was not revoked: who allowed what to whom, by which sign-in."""

    id: str
    account_id: str
    client_id: str
    session_id: str
    scope: str
    userinfo_claims: tuple[str, ...]
    id_token_claims: tuple[str, ...]
    sid: str
    epoch: int
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    resources: tuple[str, ...]
    dpop_jkt: str | None
    offline: bool

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that were granted."""
        return tuple(self.scope.split(" "))


@dataclass(frozen=True, slots=True)
class Family:
    """The first refresh token of a grant, by its hash, and the two ends of all its successors."""

    refresh_hash: str
    idle_until: datetime
    expires_at: datetime


table = Base.metadata.tables["token_grant"]
LIVE_COLUMNS = [
    table.c[name]
    for name in (
        "id", "account_id", "client_id", "session_id", "scope", "userinfo_claims", "id_token_claims", "sid",
        "epoch", "auth_time", "acr", "amr", "resources", "dpop_jkt", "offline",
    )
]  # fmt: skip
_ADD = insert(table)
_LIVE = select(*LIVE_COLUMNS).where(table.c.id == bindparam("grant"), table.c.revoked_at.is_(None))
_CLIENT = select(table.c.client_id).where(table.c.id == bindparam("grant"))
_REVOKE = (
    update(table)
    .where(table.c.id == bindparam("grant"), table.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("instant"))
    .returning(table.c.id)
)
_REVOKE_ALL = (
    update(table)
    .where(
        table.c.account_id == bindparam("account"),
        table.c.client_id == bindparam("client"),
        table.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("instant"))
)
_LISTS = ("userinfo_claims", "id_token_claims", "amr", "resources")


def add(
    session: Session, grant: LiveGrant, *, family: Family | None, now: datetime, forget_at: datetime
) -> None:
    """Write down what a code gave, with its refresh family when it has one."""
    values = asdict(grant)
    values.update({name: list(values[name]) for name in _LISTS})
    refreshing = asdict(family) if family is not None else {}
    session.execute(
        _ADD, {**values, "generation": 0, **refreshing, "created_at": now, "forget_at": forget_at}
    )


def live(session: Session, grant_id: str) -> LiveGrant | None:
    """The grant of this id, unless it was revoked."""
    row = session.execute(_LIVE, {"grant": grant_id}).one_or_none()
    return None if row is None else of_row(row)


def client_of(session: Session, grant_id: str) -> str | None:
    """The client of a grant, whether or not it was revoked."""
    return session.execute(_CLIENT, {"grant": grant_id}).scalar_one_or_none()


def of_row(row: Row[*tuple[Any, ...]]) -> LiveGrant:
    """The grant of a row of `LIVE_COLUMNS` (and perhaps more)."""
    found = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    values = {column.name: found[column.name] for column in LIVE_COLUMNS}
    values.update({name: tuple(values[name]) for name in _LISTS})
    return LiveGrant(**values)


def revoke(session: Session, grant_id: str, *, now: datetime) -> bool:
    """End all that a grant gave; whether it was alive until now."""
    revoked = session.execute(_REVOKE, {"grant": grant_id, "instant": now})
    return revoked.scalar_one_or_none() is not None


def clients_by_session(session: Session, session_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The clients to which each of these sessions gave something, whether or not it was revoked since."""
    held = select(table.c.session_id, table.c.client_id).where(table.c.session_id.in_(session_ids)).distinct()
    found: dict[str, set[str]] = defaultdict(set)
    for row in session.execute(held):
        found[row.session_id].add(row.client_id)
    return {session_id: frozenset(names) for session_id, names in found.items()}


def revoke_all(session: Session, account_id: str, client_id: str, *, now: datetime) -> None:
    """End all that this account gave this client."""
    session.execute(_REVOKE_ALL, {"account": account_id, "client": client_id, "instant": now})


def accounts_of(session: Session, client_id: str) -> list[str]:
    """The accounts that gave this client something which was not revoked."""
    held = select(table.c.account_id).where(table.c.client_id == client_id, table.c.revoked_at.is_(None))
    return list(session.execute(held.distinct()).scalars())


def revoke_of_client(session: Session, client_id: str, *, now: datetime) -> None:
    """End all that anybody gave this client."""
    session.execute(
        update(table)
        .where(table.c.client_id == client_id, table.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop grants of which no token can be presented any more."""
    session.execute(delete(table).where(table.c.forget_at <= now))
