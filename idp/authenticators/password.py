"""The password check: who is meant, how long to wait, and one hash whoever it is."""

from collections.abc import Callable
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

LONGEST_IDENTIFIER = 254

# Wrong passwords for one subject from one network: five free, then 2 s, doubled up to a quarter of an hour.
FROM_ONE_NETWORK = Schedule(free=5, first=timedelta(seconds=2), longest=timedelta(minutes=15))
# From all networks together the wait stays short, so that strangers' guesses never stop the owner for long.
FROM_ANYWHERE = Schedule(
    free=20, first=timedelta(seconds=1), longest=timedelta(seconds=3), calm=timedelta(hours=1)
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom an identifier means: an account, else an enrolment in progress, else nobody.

    `key` counts tries: the same for every spelling, address or number of one member.
    """

    key: str
    stored: str | None
    account: Account | None = None
    enrolment: Enrolment | None = None


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
        job: Callable[[], Verdict] = lambda: self._hasher.verify(password, stored or self._hasher.dummy)  # noqa: E731
        return self.gate.run(job)


def identify(
    session: Session, identifier: str, *, vault: Vault, populations: frozenset[str], now: datetime
) -> Candidate:
    """Whom a typed identifier means. An active account wins; else the newest enrolment that waits for its mail."""
    account = find_account(session, identifier, populations=populations)
    if account is not None:
        return Candidate(key=f"member:{account.member_id}", stored=account.password_hash, account=account)
    enrolment = enrolments.newest_waiting_for(
        session, identifier=identifier, populations=populations, now=now
    )
    if enrolment is not None:
        key = f"member:{enrolment.member_id}"
        return Candidate(key=key, stored=enrolment.password_hash, enrolment=enrolment)
    return Candidate(key="unknown:" + vault.mac("unknown-identifier", emails.fold(identifier)), stored=None)


def find_account(session: Session, identifier: str, *, populations: frozenset[str]) -> Account | None:
    """The account that an address or a member number means."""
    if "@" in identifier:
        return accounts.by_email(session, identifier)
    return accounts.by_member_number(session, identifier, populations)


def tidy(identifier: str) -> str:
    """An identifier as typed, without the spaces that phones and papers add."""
    text = identifier.strip()[:LONGEST_IDENTIFIER]
    return text if "@" in text else "".join(text.split())


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


def forget_tries(session: Session, key: str, *, network: str) -> None:
    """After the right password, the network that gave it starts afresh."""
    throttles.forget(session, f"password:{key}:{network}")
