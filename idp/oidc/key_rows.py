"""The rows of the key ring: private keys sealed under the root secret, and what each may become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime
from idp.core.secrets import BadSeal, Vault
from idp.oidc import keys
from idp.oidc.keys import Algorithm, KeyRing, KeyState, RingKey

PURPOSE = "signing-key"


class WrongRootSecret(Exception):
    """The keys in the database were sealed under another root secret."""


class SigningKey(Base):
    """One key of the ring; `serial` counts those of its algorithm, so that processes make no key twice."""

    __tablename__ = "signing_key"
    __table_args__ = (UniqueConstraint("algorithm", "serial"),)

    kid: Mapped[str] = mapped_column(Text, primary_key=True)
    algorithm: Mapped[str] = mapped_column(Text)
    serial: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """What a ring is made of, from the database or from its copy."""

    kid: str
    algorithm: str
    state: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key's place in the ring, and when it came there."""

    algorithm: Algorithm
    kid: str
    state: KeyState
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


_KNOWN = frozenset(algorithm.value for algorithm in Algorithm)
_table = Base.metadata.tables["signing_key"]
_ALL = select(_table.c.kid, _table.c.algorithm, _table.c.state, _table.c.sealed).order_by(
    _table.c.algorithm, _table.c.serial
)
_LIVES = select(
    _table.c.algorithm, _table.c.kid, _table.c.state,
    _table.c.created_at, _table.c.activated_at, _table.c.retired_at,
).order_by(_table.c.algorithm, _table.c.serial)  # fmt: skip


def read(session: Session) -> tuple[SealedKey, ...]:
    """Every key of the ring, still sealed."""
    rows = session.execute(_ALL)
    return tuple(SealedKey(row.kid, row.algorithm, row.state, row.sealed) for row in rows)


def records(session: Session) -> tuple[KeyRecord, ...]:
    """The life of every key, in the order in which those of an algorithm were made."""
    rows = session.execute(_LIVES)
    return tuple(
        KeyRecord(Algorithm(row.algorithm), row.kid, KeyState(row.state), *row[3:])
        for row in rows
        if row.algorithm in _KNOWN
    )


def add(session: Session, key: RingKey, *, state: KeyState, vault: Vault, now: datetime) -> None:
    """Write a new key down, sealed; the caller holds the ring."""
    of_algorithm = _table.c.algorithm == key.algorithm.value
    last = session.execute(select(func.max(_table.c.serial)).where(of_algorithm)).scalar_one()
    session.execute(
        insert(_table).values(
            kid=key.kid,
            algorithm=key.algorithm.value,
            serial=(last or 0) + 1,
            state=state.value,
            public_jwk=dict(key.public_jwk),
            sealed=vault.seal(PURPOSE, keys.export(key.key), bound_to=key.kid),
            created_at=now,
            activated_at=now if state is KeyState.ACTIVE else None,
        )
    )


def activate(session: Session, kid: str, *, now: datetime) -> None:
    """Let a key sign."""
    _become(session, kid, state=KeyState.ACTIVE.value, activated_at=now)


def retire(session: Session, kid: str, *, now: datetime) -> None:
    """Let a key sign no more."""
    _become(session, kid, state=KeyState.RETIRED.value, retired_at=now)


def _become(session: Session, kid: str, **values: str | datetime) -> None:
    session.execute(update(_table).where(_table.c.kid == kid).values(**values))


def remove(session: Session, kid: str) -> None:
    """Forget a key: what it signed is refused from now on."""
    session.execute(delete(_table).where(_table.c.kid == kid))


def check_seals(session: Session, vault: Vault) -> None:
    """See that this is the root secret of the ring, before a key is sealed under it. Raises WrongRootSecret."""
    for row in read(session):
        _unseal(row, vault)


def open_ring(
    sealed: Sequence[SealedKey], *, vault: Vault, mark: str, known: KeyRing | None = None
) -> KeyRing:
    """Unseal and import every key; those of a ring already known are taken from it. Raises WrongRootSecret."""
    # A newer version beside us may have made keys of an algorithm of its own: they are for its tokens alone.
    ours = (row for row in sealed if row.algorithm in _KNOWN)
    return KeyRing.of([_open(row, vault, known) for row in ours], mark=mark)


def _open(row: SealedKey, vault: Vault, known: KeyRing | None) -> RingKey:
    state = KeyState(row.state)
    had = None if known is None else known.find(row.kid)
    if had is not None:
        return replace(had, state=state)
    return RingKey.of(keys.restore(_unseal(row, vault)), algorithm=Algorithm(row.algorithm), state=state)


def _unseal(row: SealedKey, vault: Vault) -> bytes:
    try:
        return vault.unseal(PURPOSE, row.sealed, bound_to=row.kid)
    except BadSeal:
        message = "P-9004: the signing keys were sealed under another root secret (PARVIS_SECRET_KEY)"
        raise WrongRootSecret(message) from None
