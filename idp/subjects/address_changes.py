"""Changes of an account's address: asked for, validated at the new one, and refused or undone from the old one."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects import emails
from idp.subjects.accounts import Account

# How long the old address, told at once, may refuse a change or undo it.
UNDO_WITHIN = timedelta(hours=72)
KEPT_AFTER_EXPIRY = timedelta(days=30)
A_DAY = timedelta(days=1)


class Origin(StrEnum):
    """How its owner came to change an address."""

    ACCOUNT = "account"
    """Signed in, in « Mon compte »: it changes when the new address is validated, and may be undone."""
    LOST = "lost"
    """Without access to the old address: it changes after a second proof and `UNDO_WITHIN`, and may be refused."""


class AddressChange(Base):
    """One change; it counts only while the account's epoch is the one it was begun under."""

    __tablename__ = "address_change"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    epoch: Mapped[int] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    email_folded: Mapped[str] = mapped_column(Text)
    former_email: Mapped[str] = mapped_column(Text)
    browser: Mapped[str] = mapped_column(Text, index=True)
    space: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    mails: Mapped[int] = mapped_column(Integer, default=0)
    mailed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outbox_id: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The second proof of a lost address: a letter's code, or a check by the help desk.
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the old address was told.
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_pending(self, account: Account, now: datetime) -> bool:
        """Whether it may still take effect."""
        is_over = self.refused_at is not None or self.done_at is not None or self.expires_at <= now
        return not is_over and self.account_id == account.id and self.epoch == account.epoch

    @property
    def due_at(self) -> datetime | None:
        """From when on a lost address may be replaced: the old one, once it is told, has its time to refuse."""
        return None if self.told_at is None else self.told_at + UNDO_WITHIN

    def is_due(self, account: Account, now: datetime) -> bool:
        """Whether it takes effect now: validated, and what its origin asks for besides."""
        if not self.is_pending(account, now) or self.verified_at is None:
            return False
        if self.origin == Origin.ACCOUNT:
            return True
        return self.proved_at is not None and self.told_at is not None and now - self.told_at >= UNDO_WITHIN


def begin(
    session: Session,
    account: Account,
    *,
    origin: Origin,
    address: str,
    browser: str,
    space: str,
    locale: str,
    now: datetime,
    lifetime: timedelta,
) -> AddressChange:
    """A new change, in place of any that this account had begun."""
    session.execute(
        update(AddressChange)
        .where(
            AddressChange.account_id == account.id,
            AddressChange.done_at.is_(None),
            AddressChange.refused_at.is_(None),
        )
        .values(refused_at=now)
        .execution_options(synchronize_session=False)
    )
    change = AddressChange(
        id=new_id(),
        account_id=account.id,
        epoch=account.epoch,
        origin=origin.value,
        email=address,
        email_folded=emails.fold(address),
        former_email=account.email,
        browser=browser,
        space=space,
        locale=locale,
        mails=0,
        mailed_at=now,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(change)
    session.flush()
    return change


def may_mail(session: Session, address: str, *, vault: Vault, limit: int, now: datetime) -> bool:
    """Count a mail to an address that is to become an account's: it may be a third person's, who asked for nothing.

    Whoever asks, and whether an account has the address or not; the caller shows the same page when there are too many.
    """
    key = "new-address-mails:" + vault.mac("new-address-mails", emails.fold(address))
    return throttles.spend(session, key, limit=limit, window=A_DAY, now=now)


def pending_of(session: Session, account: Account, *, now: datetime) -> AddressChange | None:
    """The change of a lost address that may still take effect for this account, locked: nobody else decides it.

    One begun in « Mon compte » stands on a session, and ends with it: no letter and no help desk proves it.
    """
    wanted = (
        select(AddressChange)
        .where(
            AddressChange.account_id == account.id,
            AddressChange.epoch == account.epoch,
            AddressChange.origin == Origin.LOST.value,
            AddressChange.done_at.is_(None),
            AddressChange.refused_at.is_(None),
            AddressChange.expires_at > now,
        )
        .order_by(AddressChange.created_at.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.execute(wanted).scalar_one_or_none()


def ripe(session: Session, *, now: datetime) -> list[tuple[str, str]]:
    """The changes of lost addresses that seem due, with their accounts; each is looked at again before it acts."""
    wanted = select(AddressChange.id, AddressChange.account_id).where(
        AddressChange.origin == Origin.LOST.value,
        AddressChange.done_at.is_(None),
        AddressChange.refused_at.is_(None),
        AddressChange.verified_at.is_not(None),
        AddressChange.proved_at.is_not(None),
        AddressChange.told_at <= now - UNDO_WITHIN,
        AddressChange.expires_at > now,
    )
    return [(row.id, row.account_id) for row in session.execute(wanted)]


def by_id(session: Session, change_id: str, *, lock: bool = False) -> AddressChange | None:
    """The change of this id, as the database has it now; with `lock` nobody else decides it meanwhile."""
    wanted = select(AddressChange).where(AddressChange.id == change_id)
    if lock:
        wanted = wanted.with_for_update()
    return session.execute(wanted.execution_options(populate_existing=True)).scalar_one_or_none()


def refuse_pending(session: Session, account_id: str, *, now: datetime) -> list[AddressChange]:
    """Refuse what this account's changes still wait for; the changes that were refused."""
    pending = (
        select(AddressChange)
        .where(
            AddressChange.account_id == account_id,
            AddressChange.done_at.is_(None),
            AddressChange.refused_at.is_(None),
            AddressChange.expires_at > now,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = list(session.execute(pending).scalars())
    for change in found:
        change.refused_at = now
    session.flush()
    return found


def done_lately(session: Session, account_id: str, *, now: datetime) -> list[AddressChange]:
    """The changes of this account that may still be undone, the first one first."""
    done = (
        select(AddressChange)
        .where(
            AddressChange.account_id == account_id,
            AddressChange.done_at > now - UNDO_WITHIN,
            AddressChange.undone_at.is_(None),
        )
        .order_by(AddressChange.done_at)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.execute(done).scalars())


def left_since(session: Session, account_id: str, *, since: datetime) -> list[str]:
    """The addresses that changes of this account gave up at this instant or later, the oldest first."""
    left = (
        select(AddressChange.former_email)
        .where(
            AddressChange.account_id == account_id,
            AddressChange.done_at >= since,
            AddressChange.undone_at.is_(None),
        )
        .order_by(AddressChange.done_at)
    )
    return list(session.execute(left).scalars())


def was_undone(session: Session, account_id: str, *, since: datetime) -> bool:
    """Whether a change of this account was undone at this instant or later."""
    undone = select(AddressChange.id).where(
        AddressChange.account_id == account_id, AddressChange.undone_at >= since
    )
    return session.execute(undone.limit(1)).first() is not None


def begun_in_account(session: Session, account: Account, *, now: datetime) -> AddressChange | None:
    """The change that this account's owner began in « Mon compte » and that may still take effect."""
    found = session.execute(
        select(AddressChange)
        .where(
            AddressChange.account_id == account.id,
            AddressChange.epoch == account.epoch,
            AddressChange.origin == Origin.ACCOUNT,
            AddressChange.done_at.is_(None),
            AddressChange.refused_at.is_(None),
            AddressChange.expires_at > now,
        )
        .order_by(AddressChange.created_at.desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


def of_account(session: Session, account_id: str) -> list[AddressChange]:
    """Every change of this account that is still kept, the newest first."""
    return list(
        session.execute(
            select(AddressChange)
            .where(AddressChange.account_id == account_id)
            .order_by(AddressChange.created_at.desc())
        ).scalars()
    )


def none_to_begin(session: Session) -> None:
    """What beginning a change costs, for nobody."""
    session.execute(
        update(AddressChange)
        .where(AddressChange.account_id == "")
        .values(refused_at=None)
        .execution_options(synchronize_session=False)
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop changes that ended more than 30 days ago."""
    session.execute(delete(AddressChange).where(AddressChange.expires_at <= now - KEPT_AFTER_EXPIRY))
