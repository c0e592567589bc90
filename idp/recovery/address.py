"""« Je n'ai plus accès à mon email »: a new address, asked for with the paper, validated at its own mailbox."""

from datetime import timedelta

from idp.core import throttles
from idp.core.db import new_id
from idp.core.mail_templates import Kind as MailKind
from idp.login import own_browser
from idp.recovery import changes
from idp.recovery.parts import COOKIE, LONGEST_TOKEN, issue_pair, may_send_again, spend_of_day, tools_of
from idp.recovery.password import NOBODY, stranger_context
from idp.subjects import accounts, address_changes, letters, one_time, recoveries
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange, Origin
from idp.subjects.directory import RegisteredMember
from idp.subjects.letters import StartedBy
from idp.subjects.one_time import Purpose, Refusal, Spent
from idp.subjects.recoveries import Kind, Recovery
from idp.web import owner
from idp.web.kit import Visit

# A letter may take 21 days to come and be used, and the old address has its 72 hours.
LIFETIME = letters.LIFETIME + address_changes.UNDO_WITHIN
HOUR = timedelta(hours=1)
MAILS_BY_LETTER = 2


def may_begin(visit: Visit, member_id: str) -> bool:
    """Use one of the member's new addresses of the day.

    The account is held first, as the reader of a letter holds it: of two who come at once one waits, and none fails.
    """
    found = accounts.by_member(visit.session, member_id)
    accounts.hold(visit.session, found.id if found is not None else "")
    limit = visit.kit.settings.recovery.changes_per_day
    return spend_of_day(visit, f"address-changes:{member_id}", limit=limit)


def may_begin_by_letter(visit: Visit, member_id: str) -> bool:
    """The same for the reader of a letter, who has one more: a stranger with the paper may have used the day up."""
    return may_begin(visit, member_id) or spend_of_day(visit, f"address-by-letter:{member_id}", limit=1)


def begin(visit: Visit, member: RegisteredMember, address: str, *, handle: str) -> Recovery:
    """Begin the change, tell the old address, start the letter; the page that follows is the same for all."""
    found = accounts.by_member(visit.session, member.id)
    account = accounts.hold(visit.session, found.id if found is not None else "")
    change = None
    if account is not None:
        former = address_changes.pending_of(visit.session, account, now=visit.now)
        change = _new_change(visit, account, address)
        _keep_proof(change, former)
    row = _new_row(visit, account, change, address, interaction_id=handle or None)
    send(visit, row, account)
    if account is not None and change is not None:
        owner.warn_of_change(visit, account, change)
        _start_letter(visit, account, row)
    else:
        _as_much_work(visit, row)
    visit.audit("address.lost", row.account_id)
    return row


def begin_proved(
    visit: Visit, account: Account, address: str, *, interaction_id: str | None
) -> AddressChange:
    """A change that the letter has just proved: the old address is told and may refuse, the new one is validated."""
    change = _new_change(visit, account, address)
    change.proved_at = visit.now
    owner.warn_of_change(visit, account, change)
    ask_again(visit, account, change, interaction_id=interaction_id)
    return change


def _new_change(visit: Visit, account: Account, address: str) -> AddressChange:
    return address_changes.begin(
        visit.session,
        account,
        origin=Origin.LOST,
        address=address,
        browser=visit.browser,
        space=visit.space.name,
        locale=visit.locale,
        now=visit.now,
        lifetime=LIFETIME,
    )


def _keep_proof(change: AddressChange, former: AddressChange | None) -> None:
    """Who gives the same address again, because its mail is too old or lost, needs no other letter for it."""
    if former is not None and former.email_folded == change.email_folded:
        change.proved_at = former.proved_at
        change.verified_at = former.verified_at
        change.told_at = former.told_at


def ask_again(visit: Visit, account: Account, change: AddressChange, *, interaction_id: str | None) -> None:
    """Send the mail that validates a new address to it, in the browser that proved the letter."""
    row = _new_row(visit, account, change, change.email, interaction_id=interaction_id)
    send(visit, row, account, by_letter=True)


def _new_row(
    visit: Visit,
    account: Account | None,
    change: AddressChange | None,
    address: str,
    *,
    interaction_id: str | None,
) -> Recovery:
    return recoveries.begin(
        visit.session,
        account,
        kind=Kind.ADDRESS,
        request_id=new_id(),
        browser=own_browser.own_from_now_on(visit, COOKIE),
        change_id=change.id if change is not None else None,
        typed=address,
        interaction_id=interaction_id,
        space=visit.space.name,
        locale=visit.locale,
        now=visit.now,
        lifetime=visit.kit.settings.recovery.address_lifetime,
    )


def _start_letter(visit: Visit, account: Account, row: Recovery) -> None:
    started = letters.start(
        visit.session,
        vault=visit.kit.vault,
        kind=letters.Kind.RECOVERY,
        member_id=account.member_id,
        subject=letters.recovery_subject(account),
        space=visit.space.name,
        started_by=StartedBy.MEMBER,
        now=visit.now,
    )
    if started is None:
        # One was started within the week: no answer may take less time for it.
        _rows_for_nothing(visit, row, count=2)
    event = "letter.asked" if started is not None else "letter.not_asked"
    visit.audit(event, account.id, kind=letters.Kind.RECOVERY.value)


def _rows_for_nothing(visit: Visit, row: Recovery, *, count: int) -> None:
    throttles.restore(visit.session, f"tries:{Purpose.NOTHING}:{row.id}")
    for _ in range(count):
        one_time.issue_link(
            visit.session,
            vault=visit.kit.vault,
            purpose=Purpose.NOTHING,
            binding=row.id,
            now=visit.now,
            lifetime=row.expires_at - visit.now,
        )


def _as_much_work(visit: Visit, row: Recovery) -> None:
    """What change, warning with its link, and letter cost, where there is no account; nothing comes of it."""
    address_changes.by_id(visit.session, "")
    for _ in range(2):
        address_changes.none_to_begin(visit.session)
    one_time.newest(visit.session, purpose=Purpose.NOTHING, binding=row.id)
    _rows_for_nothing(visit, row, count=5)
    visit.mail(
        MailKind.NO_ACCOUNT,
        NOBODY,
        cause=f"recovery:{row.id}:nobody",
        expires_at=visit.now,
        context=stranger_context(visit),
    )
    visit.audit("letter.not_asked")


def send_again(visit: Visit, row: Recovery) -> None:
    """Send the mail of a request again, when its wait is over and its number is left."""
    for locked in recoveries.lock_request(visit.session, row.request_id):
        if may_send_again(visit, locked):
            send(visit, locked, accounts.by_id(visit.session, locked.account_id or ""))


def send(visit: Visit, row: Recovery, account: Account | None, *, by_letter: bool = False) -> None:
    """The mail to the typed address: link and code where a change waits for them, else that there is none.

    `by_letter`: two mails a day leave in any case, since strangers may have used up those of the address.
    """
    me = account.id if account is not None else ""
    is_taken = accounts.is_taken(visit.session, row.typed, but=me, mates=visit.space.mates)
    token, code = issue_pair(visit, row, link_for=Purpose.ADDRESS_LINK, code_for=Purpose.ADDRESS_CODE)
    context = {
        "link": f"{visit.kit.settings.issuer}/adresse-perdue/valider/{token}",
        "code": code,
        "hours": str(max(1, (row.expires_at - visit.now) // HOUR)),
    }
    kind = MailKind.ADDRESS_NEW
    if is_taken:
        # Whose it is stays untold, here and on the page.
        kind, context = MailKind.REQUEST_IMPOSSIBLE, {}
    elif account is None:
        kind, context = MailKind.NO_ACCOUNT, stranger_context(visit)
    may = address_changes.may_mail(
        visit.session,
        row.typed,
        vault=visit.kit.vault,
        limit=visit.kit.settings.recovery.mails_to_new_address_per_day,
        now=visit.now,
    )
    if by_letter and not may:
        may = spend_of_day(visit, f"new-address-by-letter:{me}", limit=MAILS_BY_LETTER)
    row.mails += 1
    row.mailed_at = visit.now
    row.outbox_id = visit.mail(
        kind,
        row.typed,
        cause=f"recovery:{row.id}:mail:{row.mails}",
        # One too many is queued as the others are, and over before it is sent.
        expires_at=row.expires_at if may else visit.now,
        context=context,
    )


def change_of(visit: Visit, row: Recovery) -> AddressChange | None:
    """The change that a request is for, while it may take effect; None when there is none, or it is over."""
    account = accounts.by_id(visit.session, row.account_id or "")
    change = address_changes.by_id(visit.session, row.change_id or "")
    if account is None or change is None or not row.is_open(visit.now):
        return None
    return change if change.is_pending(account, visit.now) else None


def is_proved(visit: Visit, row: Recovery) -> bool:
    """Whether the second proof of a request's change, a letter's code or the help desk's check, is there already."""
    change = address_changes.by_id(visit.session, row.change_id or "")
    return change is not None and change.proved_at is not None


def of_link(visit: Visit, token: str) -> Recovery | None:
    """The request of a link, live or over: looking changes nothing."""
    if len(token) > LONGEST_TOKEN:
        return None
    found = one_time.find_link(
        visit.session, vault=visit.kit.vault, purpose=Purpose.ADDRESS_LINK, token=token
    )
    row = recoveries.by_id(visit.session, found) if found is not None else None
    return row if row is not None and row.kind == Kind.ADDRESS else None


def redeem_code(visit: Visit, row: Recovery, entry: str) -> bool | Refusal:
    """Count the try, compare the code, and validate the address."""
    outcome = one_time.spend_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ADDRESS_CODE,
        binding=row.id,
        entry=entry,
        tries=visit.kit.settings.recovery.code_tries,
        budget=row.request_id,
        budget_ends_at=row.expires_at,
        now=visit.now,
    )
    match outcome:
        case Spent():
            return validate(visit, row)
        case Refusal() as refusal:
            visit.audit("address.code_refused", row.account_id)
            return refusal


def may_try_number(visit: Visit, row: Recovery) -> bool:
    """Count a try of the member number on a link opened in another browser, before it is compared."""
    limit = visit.kit.settings.recovery.code_tries
    return throttles.spend_until(
        visit.session, f"address-number:{row.id}", limit=limit, ends_at=row.expires_at
    )


def validate(visit: Visit, row: Recovery) -> bool:
    """The mailbox is the member's: remember it, and let the change take effect if nothing else is missing.

    False, and nothing changed, when the request is over.
    """
    account = accounts.hold(visit.session, row.account_id or "")
    change = address_changes.by_id(visit.session, row.change_id or "", lock=True)
    if account is None or change is None or not change.is_pending(account, visit.now):
        return False
    if not recoveries.spend(visit.session, row, now=visit.now):
        return False
    change.verified_at = change.verified_at or visit.now
    visit.audit("address.validated", account.id)
    if change.is_due(account, visit.now):
        changes.take_effect(
            visit.session,
            account,
            change,
            tools=tools_of(visit),
            now=visit.now,
        )
    return True
