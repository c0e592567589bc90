"""What a letter's code proves: a new password, and which mailbox is its reader's.

A thief may have given the account its address, with the papers of another or long enough ago. So the reader of a
letter always says which address is theirs, and one that they do not name serves nothing that opens any more.
"""

from idp.recovery import address, changes, lifting
from idp.recovery.forms import Answer, Mailbox
from idp.recovery.parts import tools_of
from idp.sessions import credentials
from idp.subjects import address_changes
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange
from idp.subjects.recoveries import Recovery
from idp.web.kit import Visit


def pending(visit: Visit, account: Account) -> AddressChange | None:
    """The change that waits, whose address the page shows besides the account's."""
    return address_changes.pending_of(visit.session, account, now=visit.now)


def shown(visit: Visit, account: Account, change: AddressChange | None) -> str:
    """A fingerprint of the addresses that a page shows: an answer counts for these and no others."""
    change_id = change.id if change is not None else ""
    return visit.kit.vault.mac("letter-addresses", account.id, str(account.epoch), account.email, change_id)


def still_counts(visit: Visit, account: Account, answer: Answer) -> bool:
    """Whether the answer is about the addresses that the account, held by the caller, has and waits for now."""
    return answer.shown == shown(visit, account, pending(visit, account))


def may_answer(visit: Visit, account: Account, answer: Answer) -> bool:
    """Count another address among those of the member's day."""
    return answer.mailbox is not Mailbox.OTHER or address.may_begin_by_letter(visit, account.member_id)


def apply(visit: Visit, row: Recovery, account: Account, stored: str, answer: Answer) -> None:
    """Change the password, take off what stands in the way, and do as the reader said; the caller spent the row."""
    change = pending(visit, account)
    lifting.lift_all(visit.session, account, now=visit.now)
    credentials.change_password(visit.session, account, stored, now=visit.now)
    match answer.mailbox:
        case Mailbox.PRESENT:
            account.email_disowned_at = None
            _refuse(visit, row, account, change)
        case Mailbox.ASKED:
            _disown(visit, row, account)
            _go_on(visit, row, account, change)
        case Mailbox.OTHER:
            _refuse(visit, row, account, change)
            _disown(visit, row, account)
            other = address.begin_proved(visit, account, answer.address, interaction_id=row.interaction_id)
            row.change_id = other.id


def _refuse(visit: Visit, row: Recovery, account: Account, change: AddressChange | None) -> None:
    """A thief with the paper alone may have asked for it."""
    if change is None:
        return
    row.change_id = change.id
    change.refused_at = visit.now
    visit.audit("address.refused", account.id, way=row.kind)


def _disown(visit: Visit, row: Recovery, account: Account) -> None:
    account.email_disowned_at = visit.now
    visit.audit("address.disowned", account.id, way=row.kind)


def _go_on(visit: Visit, row: Recovery, account: Account, change: AddressChange | None) -> None:
    """All that stood on the former credentials is void, but for this change: the letter has just proved it."""
    if change is None:
        return
    row.change_id = change.id
    change.epoch = account.epoch
    change.proved_at = visit.now
    visit.session.flush()
    if change.verified_at is None:
        address.ask_again(visit, account, change, interaction_id=row.interaction_id)
    elif change.is_due(account, visit.now):
        changes.take_effect(visit.session, account, change, tools=tools_of(visit), now=visit.now)
