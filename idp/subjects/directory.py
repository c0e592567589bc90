"""The register behind one small interface, so that it may live in our database or at the mutual's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from sqlalchemy.orm import Session

from idp.core.secrets import Vault, same
from idp.subjects import members
from idp.subjects.members import Member

# What an unknown number is compared with: as long as a real one, and no hexadecimal text.
_NO_MAC = "-" * 64
_LONGEST_NUMBER = 64


@dataclass(frozen=True, slots=True)
class RegisteredMember:
    """What the register says of one member; never the access code."""

    id: str
    population: str
    member_number: str
    given_name: str
    family_name: str
    birth_date: date | None
    email: str | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class Born:
    """What a member without any paper says of themselves; the number when they know it."""

    family_name: str
    given_name: str
    birth_date: date
    member_number: str = ""


class DirectoryUnavailable(Exception):
    """The register did not answer: members sign in all the same, enrolment says "try again"."""


class MemberDirectory(Protocol):
    """Who is a member. One that asks elsewhere ignores `session`; it may raise DirectoryUnavailable."""

    def find(self, session: Session, population: str, member_number: str) -> RegisteredMember | None:
        """The member with this number, active or not; spaces in the number do not count."""
        ...

    def matches(
        self, session: Session, population: str, member_number: str, access_code: str
    ) -> RegisteredMember | None:
        """The active member whose number and access code these are.

        None for an unknown number, a wrong code and a member who left, after the same amount of work.
        """
        ...

    def by_id(self, session: Session, member_id: str) -> RegisteredMember | None:
        """The member with the identifier that accounts keep, active or not."""
        ...

    def by_birth(self, session: Session, populations: Iterable[str], born: Born) -> RegisteredMember | None:
        """The one active member of these names and this birth date; None when there is none, or more than one."""
        ...


class DatabaseDirectory:
    """The register as it was last imported into our own database."""

    def __init__(self, vault: Vault) -> None:
        """Access codes are compared under a key of this vault."""
        self._vault = vault

    def find(self, session: Session, population: str, member_number: str) -> RegisteredMember | None:
        """See MemberDirectory."""
        row = members.by_number(session, _key(population), _number(member_number))
        return None if row is None else _registered(row)

    def matches(
        self, session: Session, population: str, member_number: str, access_code: str
    ) -> RegisteredMember | None:
        """See MemberDirectory."""
        number = _number(member_number)
        row = members.by_number(session, _key(population), number)
        folded = members.fold_access_code(access_code)
        given = members.access_code_mac(self._vault, population, number, folded)
        # One look-up, one code and one comparison, whoever asks about whomever.
        is_right = same(given, _NO_MAC if row is None else row.access_code_mac)
        if row is None or not is_right or not row.is_active:
            return None
        return _registered(row)

    def by_id(self, session: Session, member_id: str) -> RegisteredMember | None:
        """See MemberDirectory."""
        row = members.by_id(session, member_id)
        return None if row is None else _registered(row)

    def by_birth(self, session: Session, populations: Iterable[str], born: Born) -> RegisteredMember | None:
        """See MemberDirectory."""
        found = [row for row in members.born_on(session, populations, born.birth_date) if _is(row, born)]
        return _registered(found[0]) if len(found) == 1 else None


def _is(row: Member, born: Born) -> bool:
    names = (members.fold_name(row.family_name), members.fold_name(row.given_name))
    # Letters of other alphabets stay; a name without any letter is nobody's.
    is_named = all(names) and names == (
        members.fold_name(born.family_name),
        members.fold_name(born.given_name),
    )
    return is_named and born.member_number in {"", row.member_number}


def _number(text: str) -> str:
    return _key(members.fold_member_number(text))


def _key(text: str) -> str:
    """The text, or an empty one (which no member has) for what no register can hold."""
    # A database may refuse NUL or a lone surrogate with an error; no population or number has either.
    is_plain = len(text) <= _LONGEST_NUMBER and text.isascii() and text.isprintable()
    return text if is_plain else ""


def _registered(row: Member) -> RegisteredMember:
    return RegisteredMember(
        id=row.id,
        population=row.population,
        member_number=row.member_number,
        given_name=row.given_name,
        family_name=row.family_name,
        birth_date=row.birth_date,
        email=row.email,
        is_active=row.is_active,
    )
