"""Alarms: an owner said « Ce n'était pas moi », and the account stays shut until the member proves the paper.

An alarm ends all that the account gave, and takes back the changes of address of the last 72 hours and the apps and
passkeys of the last seven days. While it stands,
password and mailed code do not suffice: they are what a thief may have. The access code on the member's papers, or a
letter, comes by another way; with it the member alone undoes a false alarm.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from idp.authenticators import strong, wrong_codes
from idp.core import throttles
from idp.core.secrets import Vault
from idp.sessions import credentials
from idp.subjects import accounts, address_changes, enrolments, letters, members, notices
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange, Origin
from idp.subjects.letters import StartedBy

# Each alarm has an epoch of its own, so the letter's own weekly pause does not see the one before.
LETTERS = 3
LETTERS_WITHIN = timedelta(days=30)


class Proof(StrEnum):
    """What ends an alarm."""

    ACCESS_CODE = "access-code"
    LETTER = "letter"
    """A stranger gave the access code before, or may have: it proves nothing here."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What an alarm did."""

    addresses: tuple[str, ...]
    """Whom to tell: the account's address, the one that it had a moment ago, and those given up in seven days."""
    is_restored: bool
    """Whether a former address is back."""
    has_letter: bool
    """Whether a letter goes to the member."""


def stands(account: Account) -> bool:
    """Whether an alarm keeps this account shut."""
    return account.alarm_at is not None


def accepts_access_code(account: Account) -> bool:
    """Whether the access code of the member's papers proves enough to end the alarm; otherwise a letter must."""
    return account.alarm_proof != Proof.LETTER


def raise_alarm(
    session: Session,
    account: Account,
    *,
    vault: Vault,
    space: str,
    now: datetime,
    is_code_known: bool = False,
    mates: frozenset[str] = frozenset(),
) -> Raised | None:
    """Shut the account; None when it was shut already, and then nothing is done again.

    `is_code_known`: a stranger had the member's access code. `mates`: see `credentials.change_address`.
    """
    # Whoever ends an alarm at the same time was first, or waits: then this one is raised anew.
    if accounts.hold(session, account.id) is None:
        return None
    if not accounts.begin_alarm(session, account, now=now):
        if is_code_known and accepts_access_code(account):
            _want_letter(session, account, vault=vault, space=space, now=now)
        return None
    wrong_codes.forget(session, account)
    # Who was inside may have closed it.
    accounts.keep(session, account.id, now=now)
    latest = account.email
    refused = address_changes.refuse_pending(session, account.id, now=now)
    # A link outlives the 72 hours in which a change is undone: whoever reads the former address is told all the same.
    given_up = address_changes.left_since(session, account.id, since=now - notices.GOOD_FOR)
    done = address_changes.done_lately(session, account.id, now=now)
    # A lost address is changed by who knows number and access code: a stranger did, if it was not the member.
    is_code_known = is_code_known or any(change.origin == Origin.LOST for change in [*refused, *done])
    # Whoever enrolled with stolen papers reads the mailbox that a letter disowned.
    is_code_known = is_code_known or account.is_disowned
    account.alarm_proof = (Proof.LETTER if is_code_known else Proof.ACCESS_CODE).value
    if is_code_known:
        _ask_for_access_code(session, account, vault=vault, space=space, now=now)
    is_restored = _restore(session, account, done, now=now, mates=mates)
    if not is_restored:
        credentials.void(session, account, now=now)
    strong.forget_since(session, account, since=now - notices.GOOD_FOR, now=now)
    enrolments.void_of_member(session, account.member_id, now=now)
    return Raised(
        addresses=tuple(dict.fromkeys([account.email, latest, *given_up])),
        is_restored=is_restored,
        has_letter=_post_letter(session, account, vault=vault, space=space, now=now),
    )


def _restore(
    session: Session, account: Account, done: list[AddressChange], *, now: datetime, mates: frozenset[str]
) -> bool:
    """Give the account the address that it had before the first of these changes, unless another has it now.

    Who changed a lost address proved more than whoever reads the old mailbox: that one stays disowned, or becomes so.
    """
    if not done:
        return False
    former = done[0].former_email
    is_doubtful = account.is_disowned or any(change.origin == Origin.LOST for change in done)
    if not credentials.change_address(session, account, former, now=now, mates=mates):
        return False
    if is_doubtful:
        account.email_disowned_at = now
    for change in done:
        change.undone_at = now
    return True


def _want_letter(session: Session, account: Account, *, vault: Vault, space: str, now: datetime) -> None:
    """The alarm that stands was raised by a stranger, perhaps: the access code ends it no longer."""
    account.alarm_proof = Proof.LETTER.value
    credentials.void(session, account, now=now)
    _ask_for_access_code(session, account, vault=vault, space=space, now=now)
    _post_letter(session, account, vault=vault, space=space, now=now)


def _ask_for_access_code(
    session: Session, account: Account, *, vault: Vault, space: str, now: datetime
) -> None:
    """A stranger has the access code: the mutual is asked to post another one."""
    letters.start(
        session,
        vault=vault,
        kind=letters.Kind.ACCESS_CODE,
        member_id=account.member_id,
        subject=account.member_id,
        space=space,
        started_by=StartedBy.MEMBER,
        now=now,
    )


def _post_letter(session: Session, account: Account, *, vault: Vault, space: str, now: datetime) -> bool:
    """Start the recovery by post, for who has neither password nor access code at hand."""
    member = members.by_id(session, account.member_id)
    if member is None or not member.access_code_mac:
        # Staff have no papers of the mutual: an operator ends their alarm.
        return False
    key = f"alarm-letters:{account.id}"
    if not throttles.spend(session, key, limit=LETTERS, window=LETTERS_WITHIN, now=now):
        return False
    letter = letters.start(
        session,
        vault=vault,
        kind=letters.Kind.RECOVERY,
        member_id=account.member_id,
        subject=letters.recovery_subject(account),
        space=space,
        started_by=StartedBy.MEMBER,
        now=now,
    )
    return letter is not None


def refuse(session: Session, account: Account, *, vault: Vault, space: str, now: datetime) -> None:
    """A stranger used the member's number and access code from outside: what that began ends, the account stays open.

    The mutual is asked to post a new access code.
    """
    address_changes.refuse_pending(session, account.id, now=now)
    # What proved a lost address must not prove the next one.
    letters.withdraw(session, letters.recovery_subject(account), now=now)
    enrolments.void_of_member(session, account.member_id, now=now)
    _ask_for_access_code(session, account, vault=vault, space=space, now=now)


def lift(account: Account) -> None:
    """Take the alarm off, for who changes a credential at the same time: the caller voids what the account gave."""
    account.alarm_at = account.alarm_proof = None


def end(session: Session, account: Account, *, now: datetime, stored: str | None = None) -> int:
    """Open the account again, after a proof that came by another way; returns the new epoch.

    What was begun while it was shut ends: other sign-ins on their way, and the letter's code. `stored`: the hash of
    the password that its owner puts in the place of the one that a thief may know.
    """
    lift(account)
    wrong_codes.forget(session, account)
    if stored is None:
        return credentials.void(session, account, now=now)
    credentials.change_password(session, account, stored, now=now)
    return account.epoch
