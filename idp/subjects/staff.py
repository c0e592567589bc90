"""Staff: the people who run the service. They are members of a population of their own, which no register holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects import accounts, emails, invitations, members
from idp.subjects.accounts import Account
from idp.subjects.invitations import Mailed, NotInvited
from idp.subjects.members import STAFF, Member, MemberStatus

NUMBER_DIGITS = 6
_NOT_ENDED = text("ended_at IS NULL")


class Role(StrEnum):
    """What a member of the staff may do."""

    ADMINISTRATOR = "administrator"
    HELPDESK = "helpdesk"
    AUDITOR = "auditor"


class Staff(Base):
    """One role of one member of the staff, from its invitation on; the account comes later, or never."""

    __tablename__ = "staff"
    __table_args__ = (
        Index(
            "uq_staff_member_id",
            "member_id",
            unique=True,
            sqlite_where=_NOT_ENDED,
            postgresql_where=_NOT_ENDED,
        ),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class NotTaken(StrEnum):
    """Why nobody was invited to the staff."""

    HAS_ACCOUNT = "has-account"
    IS_INVITED = "is-invited"
    ADDRESS_IS_TAKEN = "address-is-taken"
    """The address opens the account of a member."""


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who is to join the staff. Their number travels by another way than the mail."""

    number: str
    mailed: Mailed


def invite(
    session: Session,
    address: str,
    *,
    role: Role,
    names: tuple[str, str],
    vault: Vault,
    space: str,
    again: bool,
    now: datetime,
) -> Invited | NotTaken:
    """Invite somebody by mail to a role; `again` replaces an invitation that is still open.

    `names` are the given and the family name. The second invitation of one address gives the role of the second.
    """
    member = _by_address(session, address)
    if member is not None and accounts.by_member(session, member.id) is not None:
        return NotTaken.HAS_ACCOUNT
    if accounts.by_email(session, address) is not None:
        return NotTaken.ADDRESS_IS_TAKEN
    if member is not None and not again and _is_invited(session, member, now):
        return NotTaken.IS_INVITED
    if member is None:
        member = _new_member(session, address, names=names, now=now)
    _give_role(session, member.id, role, now=now)
    mailed = invitations.by_mail(session, member, vault=vault, space=space, now=now)
    match mailed:
        case Mailed():
            return Invited(member.member_number, mailed)
        case NotInvited():
            # Of two commands at once the other one was quicker, and its mail was answered.
            return NotTaken.HAS_ACCOUNT


def role_of(session: Session, account: Account) -> Role | None:
    """The role of this account's owner; None for everybody who is not of the staff."""
    role = session.execute(
        select(Staff.role).where(Staff.member_id == account.member_id, Staff.ended_at.is_(None))
    ).scalar_one_or_none()
    return None if role is None else Role(role)


def must_enrol_strong(session: Session, account: Account) -> bool:
    """Whether this account must have an authenticator app or a passkey before it opens anything."""
    return role_of(session, account) is not None


def _by_address(session: Session, address: str) -> Member | None:
    of_staff = select(Member).where(Member.population == STAFF, Member.email == emails.fold(address))
    return session.execute(of_staff.limit(1)).scalar_one_or_none()


def _is_invited(session: Session, member: Member, now: datetime) -> bool:
    last = invitations.newest(session, member.id)
    return last is not None and last.is_open(now)


def _new_member(session: Session, address: str, *, names: tuple[str, str], now: datetime) -> Member:
    given, family = names
    member = Member(
        id=new_id(),
        population=STAFF,
        member_number=_free_number(session),
        # No access code: it matches none.
        access_code_mac="",
        given_name=given,
        family_name=family,
        email=emails.fold(address),
        status=MemberStatus.ACTIVE.value,
        row_digest="",
        code_changed_at=now,
        seen_in=0,
    )
    session.add(member)
    session.flush()
    return member


def _free_number(session: Session) -> str:
    while True:
        number = f"S{secrets.digits(NUMBER_DIGITS)}"
        if members.by_number(session, STAFF, number) is None:
            return number


def _give_role(session: Session, member_id: str, role: Role, *, now: datetime) -> None:
    row = session.execute(
        select(Staff).where(Staff.member_id == member_id, Staff.ended_at.is_(None))
    ).scalar_one_or_none()
    if row is not None and row.role != role:
        row.ended_at = now
        session.flush()
        row = None
    if row is None:
        session.add(Staff(id=new_id(), member_id=member_id, role=role.value, created_at=now))
        session.flush()
