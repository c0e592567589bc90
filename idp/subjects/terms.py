"""Accepted terms: each acceptance of each version is kept; an account's columns hold the newest of its own space."""

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into
from idp.core.spaces import Space

if TYPE_CHECKING:
    from idp.subjects.accounts import Account

# Where the day of a space's terms begins.
ZONE = ZoneInfo("Europe/Paris")


class TermsAcceptance(Base):
    """One version of one space's terms that one account accepted; `hash` says what the text was."""

    __tablename__ = "terms_acceptance"

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    space: Mapped[str] = mapped_column(Text, primary_key=True)
    """Empty for what was accepted before spaces were written down."""
    version: Mapped[str] = mapped_column(Text, primary_key=True)
    hash: Mapped[str] = mapped_column(Text)
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)


def are_due(session: Session, account: "Account", *, population: str, space: Space, now: datetime) -> bool:
    """Whether the member must accept this space's terms before they enter.

    A space asks those whom it admits itself; whom only one of its clients lets in, that client answers for. The
    version alone decides: a corrected spelling changes the hash, and nobody is asked again.
    """
    if population not in space.populations or not _apply(space, now):
        return False
    return not are_accepted(session, account, space)


def _apply(space: Space, now: datetime) -> bool:
    return space.terms_date is None or now.astimezone(ZONE).date() >= space.terms_date


def are_accepted(session: Session, account: "Account", space: Space) -> bool:
    """Whether the account has accepted the present version of this space's terms."""
    if account.terms_version == space.terms_version and account.terms_space in {None, space.name}:
        return True
    return session.get(TermsAcceptance, (account.id, space.name, space.terms_version)) is not None


def accept(session: Session, account: "Account", *, space: Space, now: datetime) -> None:
    """Keep that the account accepts this space's terms as they are now; once, however often it is said."""
    # What its columns say may be older than this table.
    record(session, account)
    _insert(
        session,
        account_id=account.id,
        space=space.name,
        version=space.terms_version,
        hash=space.terms_hash,
        accepted_at=now,
    )
    if account.terms_space in {None, space.name}:
        account.terms_space = space.name
        account.terms_version = space.terms_version
        account.terms_hash = space.terms_hash
        account.terms_accepted_at = now


def record(session: Session, account: "Account") -> None:
    """Keep the acceptance that the account's columns tell of."""
    _insert(
        session,
        account_id=account.id,
        space=account.terms_space or "",
        version=account.terms_version,
        hash=account.terms_hash,
        accepted_at=account.terms_accepted_at,
    )


def history(session: Session, account_id: str) -> list[TermsAcceptance]:
    """All that an account accepted, the oldest first."""
    rows = (
        select(TermsAcceptance)
        .where(TermsAcceptance.account_id == account_id)
        .order_by(TermsAcceptance.accepted_at, TermsAcceptance.version)
    )
    return list(session.execute(rows).scalars())


def _insert(session: Session, **values: str | datetime) -> None:
    session.execute(insert_into(session, TermsAcceptance).values(**values).on_conflict_do_nothing())
