"""What the help desk does for a member: see what waits, lift delays, and be the second proof of a new address."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from idp.authenticators import password
from idp.core import audit, throttles
from idp.core.secrets import Vault
from idp.recovery import changes
from idp.recovery.changes import ChangeTools
from idp.sessions import alarms
from idp.subjects import accounts, address_changes, emails
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange
from idp.subjects.members import Member

LONGEST_HOW = 200


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What stood in the member's way; addresses are masked, and no secret is among it."""

    has_account: bool
    delays: int
    """How many counts of tries were erased."""
    second_step_rested: bool = False
    new_address: str | None = None
    """The new address that waits."""
    is_validated: bool = False
    """Whether a mail at that address was answered."""
    is_proved: bool = False
    """Whether the second proof is there, by a letter or by this check."""
    due_at: datetime | None = None
    """From when on it may take effect."""
    is_done: bool = False
    is_disowned: bool = False
    """Whether the account's address serves nothing that opens: the reader of a letter said that it is not theirs."""


class OtherAddress(ValueError):
    """Another address than the caller's waits: somebody else may have asked for it. Nothing was confirmed."""


def unlock(
    session: Session,
    member: Member,
    *,
    tools: ChangeTools,
    now: datetime,
    identity_checked: str = "",
    address: str = "",
) -> Unlocked:
    """Lift the delays and the rest of the second step; with `identity_checked`, confirm a new address too.

    `identity_checked` says how the agent made sure who called; it is kept in the audit. `address` is the new one as
    the caller says it; the account's own, where no other waits, takes back that a letter disowned it. Of staff, who
    have no papers of the mutual, the check ends an alarm. Raises OtherAddress.
    """
    found = accounts.by_member(session, member.id)
    account = accounts.hold(session, found.id) if found is not None else None
    lifted = _lift_delays(session, member, account, vault=tools.vault)
    if account is None:
        _note(session, account, now=now, delays=lifted)
        return Unlocked(has_account=False, delays=lifted)
    rested = account.second_step_rests_until is not None and account.second_step_rests_until > now
    account.second_step_rests_until = None
    _note(session, account, now=now, delays=lifted)
    if identity_checked and alarms.stands(account) and not member.access_code_mac:
        _end_alarm(session, account, how=identity_checked, now=now)
    change = address_changes.pending_of(session, account, now=now)
    if change is not None and identity_checked:
        if emails.fold(address) != change.email_folded:
            raise OtherAddress
        confirm_by_help_desk(session, account, change, tools=tools, how=identity_checked, now=now)
    if change is None and identity_checked and emails.fold(address) == account.email_folded:
        _own_again(session, account, how=identity_checked, now=now)
    return Unlocked(
        has_account=True,
        delays=lifted,
        second_step_rested=rested,
        new_address=emails.mask(change.email) if change is not None else None,
        is_validated=change is not None and change.verified_at is not None,
        is_proved=change is not None and change.proved_at is not None,
        due_at=change.due_at if change is not None else None,
        is_done=change is not None and change.done_at is not None,
        is_disowned=account.is_disowned,
    )


def confirm_by_help_desk(
    session: Session, account: Account, change: AddressChange, *, tools: ChangeTools, how: str, now: datetime
) -> None:
    """The second proof of a lost address: an agent made sure who called. The 72 hours still count.

    The caller holds account and change locked.
    """
    change.proved_at = change.proved_at or now
    audit.record(
        session,
        now=now,
        event="help_desk.checked",
        account_id=account.id,
        how=how[:LONGEST_HOW],
        change=change.id,
    )
    if change.is_due(account, now):
        changes.take_effect(session, account, change, tools=tools, now=now)


def _end_alarm(session: Session, account: Account, *, how: str, now: datetime) -> None:
    alarms.end(session, account, now=now)
    audit.record(
        session,
        now=now,
        event="alarm.undone",
        account_id=account.id,
        by="help-desk",
        how=how[:LONGEST_HOW],
    )


def _own_again(session: Session, account: Account, *, how: str, now: datetime) -> None:
    """An agent made sure that the account's present address is its owner's after all."""
    if not account.is_disowned:
        return
    account.email_disowned_at = None
    audit.record(
        session,
        now=now,
        event="help_desk.checked",
        account_id=account.id,
        how=how[:LONGEST_HOW],
        address="present",
    )


def _lift_delays(session: Session, member: Member, account: Account | None, *, vault: Vault) -> int:
    names = [f"pair:{member.member_number}", f"letter-tries:{member.id}"]
    if account is not None:
        key = password.mailbox_key(vault, account.email)
        names += [f"password:{key}", f"shared:{key}"]
        names += [f"{name}:{account.id}" for name in ("codes", "wrong-codes", "recovery-mails:account")]
    return throttles.lift(session, *names)


def _note(session: Session, account: Account | None, *, now: datetime, delays: int) -> None:
    account_id = account.id if account is not None else None
    audit.record(session, now=now, event="help_desk.unlocked", account_id=account_id, delays=delays)
