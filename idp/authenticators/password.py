"""The password check: who is meant, how long to wait, and the same number of hashes whoever it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.authenticators.blocked_passwords import BlockedPasswords
from idp.authenticators.hash_gate import HashGate
from idp.authenticators.password_hash import Hasher, Verdict
from idp.core import throttles
from idp.core.secrets import Vault
from idp.core.throttles import Schedule
from idp.subjects import accounts, emails, enrolments
from idp.subjects.accounts import Account
from idp.subjects.enrolments import Enrolment
from idp.subjects.members import fold_member_number

LONGEST_IDENTIFIER = 254

# Wrong passwords for one subject from one network: five free, then 2 s, doubled up to a quarter of an hour.
FROM_ONE_NETWORK = Schedule(free=5, first=timedelta(seconds=2), longest=timedelta(minutes=15))
# From all networks together the wait stays short, so that strangers' guesses never stop the owner for long.
FROM_ANYWHERE = Schedule(
    free=20, first=timedelta(seconds=1), longest=timedelta(seconds=3), calm=timedelta(hours=1)
)


# Of two who share a mailbox each could guess the other's password between two sign-ins of their own, which end the
# delays above and come from a trusted device: this count only ever loses the try that was right.
OF_A_MAILBOX = Schedule(free=20, first=timedelta(seconds=30), longest=timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class Subject:
    """One whom an identifier may mean: an account, or an enrolment in progress."""

    stored: str
    account: Account | None = None
    enrolment: Enrolment | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom an identifier means: nobody, or accounts and then enrolments, at most `hashes` together.

    `key` counts tries: the same for every spelling of an address and for the numbers of its members. `hashes` is
    what the comparison costs, the same for every identifier of a space.
    """

    key: str
    hashes: int = 1
    subjects: tuple[Subject, ...] = ()

    @property
    def stored(self) -> tuple[str | None, ...]:
        """What to compare with, None where there is nothing."""
        nothing = (None,) * (self.hashes - len(self.subjects))
        return tuple(subject.stored for subject in self.subjects) + nothing

    @property
    def accounts(self) -> list[Account]:
        """The accounts among the subjects."""
        return [subject.account for subject in self.subjects if subject.account is not None]


class Passwords:
    """Hashing with its gate: every hash of this process goes through here."""

    def __init__(self, *, hasher: Hasher, gate: HashGate, blocked: BlockedPasswords) -> None:
        """Keep the parts."""
        self._hasher = hasher
        self.gate = gate
        self.blocked = blocked

    def hash(self, password: str) -> str:
        """Hash for storage. The caller holds no transaction. Raises GateBusy."""
        return self.gate.run(lambda: self._hasher.hash(password))

    def verify(self, password: str, stored: str | None) -> Verdict:
        """One hash, whether there is something to compare with or not. Raises GateBusy."""
        return self.verify_each(password, [stored])[0]

    def verify_each(self, password: str, stored: Sequence[str | None]) -> list[Verdict]:
        """One hash for each, in one job of the gate, also where there is nothing to compare with. Raises GateBusy."""
        # A list, not a search: the second comparison is made whatever the first one found.
        job: Callable[[], list[Verdict]] = lambda: [  # noqa: E731
            self._hasher.verify(password, each or self._hasher.dummy) for each in stored
        ]
        return self.gate.run(job)


def identify(
    session: Session,
    identifier: str,
    *,
    vault: Vault,
    populations: frozenset[str],
    hashes: int = 1,
    now: datetime,
) -> Candidate:
    """Whom a typed identifier means: so many accounts; else the newest enrolments that wait for their mail.

    An address may mean two (`hashes`) members where a space lets them share a mailbox, a number means one. Known and
    unknown cost the same statements.
    """
    places = hashes if "@" in identifier else 1
    found = find_accounts(session, identifier, populations=populations)[:places]
    waiting = enrolments.newest_waiting_for(
        session,
        identifier=identifier,
        populations=populations,
        but=[account.member_id for account in found],
        limit=places,
        now=now,
    )
    subjects = [Subject(account.password_hash, account=account) for account in found]
    subjects += [Subject(enrolment.password_hash, enrolment=enrolment) for enrolment in waiting]
    return Candidate(_key(vault, identifier, subjects), hashes, tuple(subjects[:places]))


def find_accounts(session: Session, identifier: str, *, populations: frozenset[str]) -> list[Account]:
    """The accounts that an address (at most two) or a member number (one) means."""
    if "@" not in identifier:
        found = accounts.by_member_number(session, identifier, populations)
        return [found] if found is not None else []
    return accounts.all_by_email(session, identifier)


def _key(vault: Vault, identifier: str, subjects: Sequence[Subject]) -> str:
    if "@" in identifier:
        return mailbox_key(vault, identifier)
    for subject in subjects:
        if (of := subject.account or subject.enrolment) is not None:
            return mailbox_key(vault, of.email)
    return "unknown:" + vault.mac("unknown-identifier", emails.fold(identifier))


def mailbox_key(vault: Vault, address: str) -> str:
    """What the tries at the accounts of a mailbox are counted under; it tells nobody the address."""
    return "mailbox:" + vault.mac("mailbox-tries", emails.fold(address))


def tidy(identifier: str) -> str:
    """An identifier as typed, without the spaces that phones and papers add."""
    text = identifier.strip()[:LONGEST_IDENTIFIER]
    return text if "@" in text else fold_member_number(text)


def count_try(session: Session, key: str, *, network: str, now: datetime) -> timedelta | None:
    """Count one try before its comparison; how long to wait instead, or None to go on."""
    return throttles.attempt_near_and_far(
        session,
        near=f"password:{key}:{network}",
        near_schedule=FROM_ONE_NETWORK,
        far=f"password:{key}",
        far_schedule=FROM_ANYWHERE,
        now=now,
    )


def guess_wait(session: Session, key: str, *, place: str, now: datetime) -> timedelta | None:
    """How long `count_guess` would make wait; counts nothing."""
    return throttles.waiting(session, f"shared:{key}:{place}", now=now)


def count_guess(session: Session, key: str, *, place: str, now: datetime) -> timedelta | None:
    """Count one try at a mailbox that two may share, from a network or a trusted device; how long to wait instead."""
    return throttles.attempt(session, f"shared:{key}:{place}", schedule=OF_A_MAILBOX, now=now)


def take_back_guess(session: Session, key: str, *, place: str) -> None:
    """The try was right: it alone is not counted."""
    throttles.give_back(session, f"shared:{key}:{place}")


def forget_tries(session: Session, key: str, *, network: str) -> None:
    """After the right password, the network that gave it starts afresh."""
    throttles.forget(session, f"password:{key}:{network}")
