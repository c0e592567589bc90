"""The rows of the key ring: private keys sealed under the root secret, made exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, LargeBinary, Text, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into
from idp.core.secrets import BadSeal, Vault
from idp.oidc import keys, revisions
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


_table = Base.metadata.tables["signing_key"]
_ALL = select(_table.c.kid, _table.c.algorithm, _table.c.state, _table.c.sealed).order_by(
    _table.c.algorithm, _table.c.serial
)


def read(session: Session) -> tuple[SealedKey, ...]:
    """Every key of the ring, still sealed."""
    rows = session.execute(_ALL)
    return tuple(SealedKey(row.kid, row.algorithm, row.state, row.sealed) for row in rows)


def draft() -> tuple[RingKey, ...]:
    """The keys of a first ring. Making RSA keys takes long: do it while no transaction waits."""
    states = (KeyState.ACTIVE, KeyState.NEXT)
    return tuple(_new(algorithm, state) for algorithm in Algorithm for state in states)


def ensure(session: Session, drafted: Sequence[RingKey], *, vault: Vault, now: datetime) -> None:
    """Make the first ring of what was drafted; of two processes one makes each key, the other reads it."""
    serials = {KeyState.ACTIVE: 1, KeyState.NEXT: 2}
    made = [_add(session, key, serial=serials[key.state], vault=vault, now=now) for key in drafted]
    if any(made):
        revisions.bump(session, revisions.KEYS)


def _new(algorithm: Algorithm, state: KeyState) -> RingKey:
    return RingKey.of(keys.generate(algorithm), algorithm=algorithm, state=state)


def _add(session: Session, key: RingKey, *, serial: int, vault: Vault, now: datetime) -> bool:
    made = session.execute(
        insert_into(session, _table)
        .values(
            kid=key.kid,
            algorithm=key.algorithm.value,
            serial=serial,
            state=key.state.value,
            public_jwk=dict(key.public_jwk),
            sealed=vault.seal(PURPOSE, keys.export(key.key), bound_to=key.kid),
            created_at=now,
            activated_at=now if key.state is KeyState.ACTIVE else None,
        )
        .on_conflict_do_nothing(index_elements=[_table.c.algorithm, _table.c.serial])
        .returning(_table.c.kid)
    )
    return made.scalar_one_or_none() is not None


def rotate(session: Session, *, vault: Vault, now: datetime, algorithm: Algorithm) -> None:
    """Let the next key sign, retire the one that signed, and publish another next one."""
    following = _new(algorithm, KeyState.NEXT)
    # First of all: this row's lock lets one rotation at a time go on.
    revisions.bump(session, revisions.KEYS)
    _move(session, algorithm, KeyState.ACTIVE, KeyState.RETIRED, retired_at=now)
    _move(session, algorithm, KeyState.NEXT, KeyState.ACTIVE, activated_at=now)
    last = session.execute(
        select(func.max(_table.c.serial)).where(_table.c.algorithm == algorithm.value)
    ).scalar_one()
    _add(session, following, serial=last + 1, vault=vault, now=now)


def _move(
    session: Session, algorithm: Algorithm, was: KeyState, becomes: KeyState, **times: datetime
) -> None:
    session.execute(
        update(_table)
        .where(_table.c.algorithm == algorithm.value, _table.c.state == was.value)
        .values(state=becomes.value, **times)
    )


def open_ring(sealed: Sequence[SealedKey], *, vault: Vault, mark: str) -> KeyRing:
    """Unseal and import every key. Raises WrongRootSecret."""
    try:
        return KeyRing.of([_open(row, vault) for row in sealed], mark=mark)
    except BadSeal:
        message = "P-9004: the signing keys were sealed under another root secret (PARVIS_SECRET_KEY)"
        raise WrongRootSecret(message) from None


def _open(row: SealedKey, vault: Vault) -> RingKey:
    key = keys.restore(vault.unseal(PURPOSE, row.sealed, bound_to=row.kid))
    return RingKey.of(key, algorithm=Algorithm(row.algorithm), state=KeyState(row.state))
