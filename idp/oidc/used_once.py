"""Identifiers that may be used once: of client assertions and of DPoP proofs. One INSERT decides."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Text, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets
from idp.core.db import Base, UtcDateTime, insert_into


class Kind(StrEnum):
    """What the identifier belongs to."""

    CLIENT_ASSERTION = "client-assertion"
    DPOP_PROOF = "dpop-proof"


class UsedIdentifier(Base):
    """A `jti` that was used, by its fingerprint; kept while the same one could still be accepted."""

    __tablename__ = "used_identifier"

    fingerprint: Mapped[str] = mapped_column(Text, primary_key=True)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


_table = Base.metadata.tables["used_identifier"]


def use(session: Session, kind: Kind, *, owner: str, jti: str, forget_at: datetime) -> bool:
    """Use an identifier of this owner (a client, a key); False when it was used before."""
    used = (
        insert_into(session, _table)
        .values(fingerprint=secrets.fingerprint(f"{kind}\n{owner}\n{jti}"), forget_at=forget_at)
        .on_conflict_do_nothing()
        .returning(_table.c.fingerprint)
    )
    return session.execute(used).scalar_one_or_none() is not None


def purge(session: Session, *, now: datetime) -> None:
    """Drop identifiers whose owners' tokens are over."""
    session.execute(delete(_table).where(_table.c.forget_at <= now))
