"""The register's rows: who is a member, as the mutual's back office last said."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, Integer, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault

# The name of the key under which access codes are kept; changing it voids every code.
ACCESS_CODE_PURPOSE = "access-code"
# The people who run the service: no file holds them, so none may end them.
STAFF = "staff"


class MemberStatus(StrEnum):
    """What the register says of a member."""

    ACTIVE = "active"
    LEFT = "left"


class Member(Base):
    """One member of the mutual; only an import of the register writes here, but for those who run the service."""

    __tablename__ = "member"
    __table_args__ = (UniqueConstraint("population", "member_number"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True, default=new_id)
    population: Mapped[str] = mapped_column(Text)
    # A string: leading zeros count.
    member_number: Mapped[str] = mapped_column(Text)
    # Empty for a member who left and whose row carries no code: it matches nothing.
    access_code_mac: Mapped[str] = mapped_column(Text)
    family_name: Mapped[str] = mapped_column(Text)
    given_name: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[date | None] = mapped_column(Date, index=True)
    email: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, default=MemberStatus.ACTIVE.value)
    # Stands for the whole row of the file, so that an import finds what changed by one comparison.
    row_digest: Mapped[str] = mapped_column(Text, default="")
    code_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The import that last wrote this row; unchanged rows are not touched.
    seen_in: Mapped[int] = mapped_column(Integer)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_active(self) -> bool:
        """Whether the member may enrol and sign in."""
        return self.status == MemberStatus.ACTIVE


class RegisterImport(Base):
    """One import that was applied and what it found; they are numbered 1, 2, 3 in the order they came."""

    __tablename__ = "register_import"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    applied_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_full: Mapped[bool]
    rows_read: Mapped[int]
    rows_new: Mapped[int]
    rows_changed: Mapped[int]
    rows_unchanged: Mapped[int]
    rows_refused: Mapped[int]
    members_gone: Mapped[int]


def by_id(session: Session, member_id: str) -> Member | None:
    """The member with this identifier."""
    return session.get(Member, member_id)


def by_number(session: Session, population: str, member_number: str) -> Member | None:
    """The member of a population with this number."""
    same = (Member.population == population, Member.member_number == member_number)
    return session.execute(select(Member).where(*same)).scalar_one_or_none()


def in_populations(session: Session, populations: Iterable[str], member_number: str) -> Sequence[Member]:
    """The members with this number, at most one in each population."""
    among = Member.population.in_(sorted(populations))
    query = select(Member).where(among, Member.member_number == member_number).order_by(Member.population)
    return session.execute(query).scalars().all()


def born_on(session: Session, populations: Iterable[str], day: date) -> Sequence[Member]:
    """The active members with this birth date."""
    among = Member.population.in_(sorted(populations))
    query = select(Member).where(Member.birth_date == day, among, Member.status == MemberStatus.ACTIVE.value)
    return session.execute(query).scalars().all()


def fold_name(text: str) -> str:
    """A name as it is compared: small letters without accents, whatever stands between them."""
    plain = unicodedata.normalize("NFKD", text).casefold().replace("œ", "oe").replace("æ", "ae")
    return "".join(letter for letter in plain if letter.isalpha())


def fold_member_number(text: str) -> str:
    """The number as it is kept and compared: in capitals, without the spaces people type."""
    return "".join(text.split()).upper()


def fold_access_code(text: str) -> str:
    """The code as it is compared: small letters, without spaces nor hyphens, the same at import and at entry.

    Phones and word processors turn hyphens into dashes and spaces into invisible ones: these go too.
    """
    if text.isascii():
        return "".join(text.replace("-", "").split()).lower()
    plain = unicodedata.normalize("NFKC", text)
    return "".join(character for character in plain if not _is_filler(character)).lower()


def _is_filler(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Pd", "Cf"}


def access_code_mac(vault: Vault, population: str, member_number: str, folded_code: str) -> str:
    """How a code is kept: bound to its member, so that one copied to another row matches nothing there."""
    return vault.mac(ACCESS_CODE_PURPOSE, population, member_number, folded_code)
