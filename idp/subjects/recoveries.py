"""Recoveries: what a browser asked for to get lost access back, whether an account is behind it or not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, new_id
from idp.subjects.accounts import Account

# The epoch of a request that opens nothing: no account has it.
VOID = -1
KEPT_AFTER_EXPIRY = timedelta(days=7)


class Kind(StrEnum):
    """Which way back was taken."""

    PASSWORD = "password"
    """A link and a code by mail, for a new password."""
    ADDRESS = "address"
    """A link and a code that validate a new address."""
    LETTER = "letter"
    """The code of a letter was given: a new password may be chosen."""


class Recovery(Base):
    """What one request is for one account, or for nobody; a request has a row for each account that it means.

    It counts only while the account's epoch is the one it was begun under.
    """

    __tablename__ = "recovery"
    __table_args__ = (Index("ix_recovery_account_id_created_at", "account_id", "created_at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    request_id: Mapped[str] = mapped_column(Text, index=True)
    kind: Mapped[str] = mapped_column(Text)
    browser: Mapped[str] = mapped_column(Text, index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    epoch: Mapped[int] = mapped_column(Integer)
    change_id: Mapped[str | None] = mapped_column(Text)
    # What was typed in this browser, and may be shown in it.
    typed: Mapped[str] = mapped_column(Text)
    interaction_id: Mapped[str | None] = mapped_column(Text)
    space: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    mails: Mapped[int] = mapped_column(Integer)
    mailed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outbox_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    # The fingerprint of the proof cookie, set when a code was right in this browser.
    proof_hash: Mapped[str | None] = mapped_column(Text, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_open(self, now: datetime) -> bool:
        """Whether its mails may still be answered, as far as the row alone can tell."""
        return self.spent_at is None and self.expires_at > now


def begin(
    session: Session,
    account: Account | None,
    *,
    kind: Kind,
    request_id: str,
    browser: str,
    typed: str,
    interaction_id: str | None,
    space: str,
    locale: str,
    now: datetime,
    lifetime: timedelta,
    change_id: str | None = None,
) -> Recovery:
    """One row of a request: for this account, or for nobody."""
    row = Recovery(
        id=new_id(),
        request_id=request_id,
        kind=kind.value,
        browser=browser,
        account_id=account.id if account is not None else None,
        epoch=account.epoch if account is not None else 0,
        change_id=change_id,
        typed=typed,
        interaction_id=interaction_id,
        space=space,
        locale=locale,
        mails=0,
        mailed_at=now,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(row)
    session.flush()
    return row


def by_id(session: Session, recovery_id: str) -> Recovery | None:
    """The row of this id, as the database has it now."""
    return session.get(Recovery, recovery_id, populate_existing=True)


def of_browser(session: Session, browsers: Sequence[str], *, kind: Kind) -> Sequence[Recovery]:
    """The rows of the request that one of these browsers made last; empty when there is none."""
    newest = (
        select(Recovery.request_id)
        .where(Recovery.browser.in_(browsers), Recovery.kind == kind)
        .order_by(Recovery.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = select(Recovery).where(Recovery.request_id == newest).order_by(Recovery.id)
    return session.execute(rows).scalars().all()


def lock_request(session: Session, request_id: str) -> Sequence[Recovery]:
    """The rows of a request as they are now; of two requests that send again at once the second waits here."""
    rows = select(Recovery).where(Recovery.request_id == request_id).order_by(Recovery.id)
    return session.execute(rows.with_for_update().execution_options(populate_existing=True)).scalars().all()


def by_proof(session: Session, proof_hash: str) -> Recovery | None:
    """The row that a proof cookie belongs to."""
    return session.execute(select(Recovery).where(Recovery.proof_hash == proof_hash)).scalar_one_or_none()


def spend(session: Session, row: Recovery, *, now: datetime) -> bool:
    """Use the row up, and with it its link and its code: one UPDATE lets exactly one request do so."""
    used = (
        update(Recovery)
        .where(Recovery.id == row.id, Recovery.spent_at.is_(None), Recovery.expires_at > now)
        .values(spent_at=now)
        .returning(Recovery.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(used).scalar_one_or_none() is not None


def purge(session: Session, *, now: datetime) -> None:
    """Drop rows that expired more than a week ago (until then a late link is told kindly what happened)."""
    session.execute(delete(Recovery).where(Recovery.expires_at <= now - KEPT_AFTER_EXPIRY))
