"""Accounts: one for a member who enrolled, with an address to sign in by and an epoch that voids all it gave."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, Integer, Text, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into, new_id
from idp.subjects import emails, terms
from idp.subjects.members import Member

# How many accounts one mailbox may have, where a space allows it.
PLACES = 2
_NOT_ENDED = text("ended_at IS NULL")


class Account(Base):
    """A member's account. `epoch` rises when everything it gave must die: sessions, devices, codes."""

    __tablename__ = "account"
    __table_args__ = (
        Index(
            "uq_account_member_id",
            "member_id",
            unique=True,
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        ),
        Index(
            "uq_account_mailbox",
            "email_folded",
            "mailbox_slot",
            unique=True,
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        ),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    email: Mapped[str] = mapped_column(Text)
    email_folded: Mapped[str] = mapped_column(Text)
    email_disowned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when its owner does not read the mailbox, says a letter's reader: nothing that opens is sent there."""
    mailbox_slot: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """0, or 1 for the second of two accounts that share a mailbox; the index lets no third one in."""
    password_hash: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, default="fr", server_default="fr")
    """The language of its owner's mails, whatever language is spoken by whoever causes one."""
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    second_step_rests_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Since when an alarm keeps it shut, and what ends that (see `sessions/alarms.py`).
    alarm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarm_proof: Mapped[str | None] = mapped_column(Text)
    terms_version: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(Text)
    terms_accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    terms_space: Mapped[str | None] = mapped_column(Text)
    """The space whose terms these are; None: nobody wrote it down, they count for whichever is entered."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it is erased, once its owner closed it; until then they may still keep it."""

    @property
    def is_disowned(self) -> bool:
        """Whether somebody else may read its mailbox: what arrives there proves nothing."""
        return self.email_disowned_at is not None


_CLOSING = Account.closes_at.is_not(None)
# A short index over the few that are closing, however many accounts there are.
Index("ix_account_closes_at", Account.closes_at, sqlite_where=_CLOSING, postgresql_where=_CLOSING)


@dataclass(frozen=True, slots=True)
class Profile:
    """What an active account says of its member."""

    account_id: str
    population: str
    member_number: str
    given_name: str
    family_name: str
    birth_date: date | None
    email: str
    epoch: int
    updated_at: datetime


def _active() -> tuple[ColumnElement[bool], ...]:
    return Account.ended_at.is_(None), Member.status == "active"


def by_id(session: Session, account_id: str) -> Account | None:
    """The account, when neither it nor its member has ended."""
    return session.execute(
        select(Account).join(Member).where(Account.id == account_id, *_active())
    ).scalar_one_or_none()


def hold(session: Session, account_id: str) -> Account | None:
    """The account as the database has it now; nobody else changes it before this transaction ends."""
    held = select(Account).join(Member).where(Account.id == account_id, *_active())
    return session.execute(
        held.with_for_update(of=Account).execution_options(populate_existing=True)
    ).scalar_one_or_none()


def by_email(session: Session, address: str) -> Account | None:
    """The first active account that signs in by this address; `all_by_email` gives the second as well."""
    return next(iter(all_by_email(session, address)), None)


def all_by_email(session: Session, address: str) -> list[Account]:
    """The active accounts that sign in by this address: at most two, the one that had it first before the other."""
    found = (
        select(Account)
        .join(Member)
        .where(Account.email_folded == emails.fold(address), *_active())
        .order_by(Account.mailbox_slot)
    )
    return list(session.execute(found).scalars())


def by_member_number(session: Session, number: str, populations: frozenset[str]) -> Account | None:
    """The active account of this member number in one of the populations; None when two have it."""
    found = session.execute(
        select(Account)
        .join(Member)
        .where(Member.member_number == number, Member.population.in_(populations), *_active())
        .limit(2)
    ).scalars().all()  # fmt: skip
    return found[0] if len(found) == 1 else None


def by_member(session: Session, member_id: str) -> Account | None:
    """The account of this member, when it has not ended."""
    return session.execute(
        select(Account).where(Account.member_id == member_id, Account.ended_at.is_(None))
    ).scalar_one_or_none()


def profile(session: Session, account_id: str) -> Profile | None:
    """What the account says of its member; None when either has ended."""
    row = session.execute(
        select(
            Account.id, Account.email, Account.epoch, Account.updated_at, Member.population, Member.member_number,
            Member.given_name, Member.family_name, Member.birth_date,
        )
        .join(Member, Account.member_id == Member.id)
        .where(Account.id == account_id, *_active())
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    return Profile(
        account_id=row.id,
        population=row.population,
        member_number=row.member_number,
        given_name=row.given_name,
        family_name=row.family_name,
        birth_date=row.birth_date,
        email=row.email,
        epoch=row.epoch,
        updated_at=row.updated_at,
    )


def given_name(session: Session, account: Account) -> str:
    """The given name of the account's owner, as the register has it."""
    member = session.get(Member, account.member_id)
    return member.given_name if member is not None else ""


def open_if_none(
    session: Session, *, now: datetime, mates: frozenset[str] = frozenset(), **values: str | datetime
) -> str | None:
    """Open an account unless the member has one or the mailbox no room; one INSERT decides. Returns its id.

    `mates`: the populations of which another member's account may have the mailbox as well. The terms that are
    accepted with it begin its history.
    """
    # Of two who race for the first place one comes back here for the second.
    for _ in range(PLACES):
        slot = free_place(session, str(values["email"]), mates=mates)
        if slot is None:
            return None
        opened = (
            insert_into(session, Account)
            .values(id=new_id(), epoch=0, created_at=now, updated_at=now, mailbox_slot=slot, **values)
            .on_conflict_do_nothing()
            .returning(Account)
        )
        account = session.execute(opened).scalar_one_or_none()
        if account is not None:
            terms.record(session, account)
            return account.id
    return None


def free_place(session: Session, address: str, *, but: str = "", mates: frozenset[str]) -> int | None:
    """The place of a mailbox that one more account, or the account `but`, may take; None when there is none."""
    held = session.execute(
        select(Account.mailbox_slot, Member.population)
        .join(Member)
        .where(Account.email_folded == emails.fold(address), Account.ended_at.is_(None), Account.id != but)
    ).all()
    if not held:
        return 0
    return 1 - held[0].mailbox_slot if len(held) < PLACES and held[0].population in mates else None


def set_password_hash(session: Session, account_id: str, *, former: str, stored: str) -> None:
    """Renew a stored hash, unless another request changed it meanwhile."""
    session.execute(
        update(Account)
        .where(Account.id == account_id, Account.password_hash == former)
        .values(password_hash=stored)
    )


def raise_epoch(session: Session, account: Account, *, now: datetime) -> int:
    """Void all that this account gave; the new epoch. One UPDATE, so that two changes at once raise it twice."""
    raised = (
        update(Account)
        .where(Account.id == account.id)
        .values(epoch=Account.epoch + 1, updated_at=now)
        .returning(Account.epoch)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    epoch = session.execute(raised).scalar_one()
    session.refresh(account)
    return epoch


def raise_epochs(session: Session, account_ids: Collection[str] | None, *, now: datetime) -> int:
    """Void all that these accounts gave, or (None) all accounts; how many there were."""
    raised = (
        update(Account)
        .where(Account.ended_at.is_(None))
        .values(epoch=Account.epoch + 1, second_step_rests_until=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if account_ids is not None:
        raised = raised.where(Account.id.in_(account_ids))
    return session.connection().execute(raised).rowcount


def begin_alarm(session: Session, account: Account, *, now: datetime) -> bool:
    """Shut this account: of all who raise an alarm at once, one UPDATE lets exactly one do what follows."""
    begun = (
        update(Account)
        .where(Account.id == account.id, Account.alarm_at.is_(None), Account.ended_at.is_(None))
        .values(alarm_at=now)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    is_first = session.execute(begun).scalar_one_or_none() is not None
    session.refresh(account)
    return is_first


def is_taken(session: Session, address: str, *, but: str, mates: frozenset[str] = frozenset()) -> bool:
    """Whether this address has no room for the account `but`: another one has it, or two where mates may share."""
    return free_place(session, address, but=but, mates=mates) is None


def rest_second_step(session: Session, account_id: str, *, until: datetime) -> None:
    """Let the second step of this account rest (too many wrong codes)."""
    session.execute(update(Account).where(Account.id == account_id).values(second_step_rests_until=until))


def close(session: Session, account_id: str, *, closes_at: datetime) -> None:
    """Have the account erased at that instant, unless its owner keeps it before."""
    session.execute(update(Account).where(Account.id == account_id).values(closes_at=closes_at))


def keep(session: Session, account_id: str, *, now: datetime) -> bool:
    """Keep an account that was closing; False when it was too late. One UPDATE decides against the erasure."""
    kept = (
        update(Account)
        .where(Account.id == account_id, Account.closes_at > now)
        .values(closes_at=None, updated_at=now)
        .returning(Account.id)
    )
    return session.execute(kept).scalar_one_or_none() is not None


def to_erase(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Accounts whose time to be kept is over, up to `limit` of them, for this transaction alone."""
    over = (
        select(Account.id)
        .where(Account.closes_at <= now)
        .order_by(Account.closes_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(session.execute(over).scalars())


def of_member(session: Session, member_id: str) -> list[Account]:
    """Every account that this member ever had and that was not erased."""
    return list(session.execute(select(Account).where(Account.member_id == member_id)).scalars())


def end_for_members(session: Session, member_ids: list[str], *, now: datetime) -> list[str]:
    """End the accounts of members who left; a raised epoch voids their sessions and devices. Returns their ids."""
    ended = (
        update(Account)
        .where(Account.member_id.in_(member_ids), Account.ended_at.is_(None))
        .values(ended_at=now, updated_at=now, epoch=Account.epoch + 1)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.execute(ended).scalars())
