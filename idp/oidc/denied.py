"""The deny-list: single access tokens that were revoked before their time."""

from datetime import datetime

from sqlalchemy import Text, bindparam, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into


class DeniedToken(Base):
    """An access token that no longer counts, by its `jti`; kept until it would have expired."""

    __tablename__ = "denied_token"

    jti: Mapped[str] = mapped_column(Text, primary_key=True)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


_table = Base.metadata.tables["denied_token"]
_FIND = select(_table.c.jti).where(_table.c.jti == bindparam("token"))


def deny(session: Session, jti: str, *, forget_at: datetime) -> bool:
    """Let a token count no more; whether it did until now (saying it twice is the same as once)."""
    denied = (
        insert_into(session, _table)
        .values(jti=jti, forget_at=forget_at)
        .on_conflict_do_nothing()
        .returning(_table.c.jti)
    )
    return session.execute(denied).scalar_one_or_none() is not None


def is_denied(session: Session, jti: str) -> bool:
    """Whether a token was revoked by itself."""
    return session.execute(_FIND, {"token": jti}).first() is not None


def purge(session: Session, *, now: datetime) -> None:
    """Drop what has expired anyway."""
    session.execute(delete(_table).where(_table.c.forget_at <= now))
