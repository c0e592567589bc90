"""A change of address: begun here, validated at the new address, told at the old one, which may undo it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from idp.account.desk import Owner, hold, renew_session
from idp.core import throttles
from idp.sessions import credentials
from idp.subjects import accounts, address_changes, one_time
from idp.subjects.accounts import Account
from idp.subjects.address_changes import UNDO_WITHIN, AddressChange, Origin
from idp.subjects.one_time import Purpose, Refusal, Spent
from idp.web import owner as owners
from idp.web.kit import Visit
from idp.web.words import SOURCE

CODE_DIGITS = 8
TRIES = 5
MAILS = 5
RESEND_WAIT = timedelta(seconds=60)
DAY = timedelta(days=1)
LONGEST_TOKEN = 64


class NotChanged(StrEnum):
    """Why a change could not take effect."""

    OVER = "over"
    """It is done, was replaced or expired, or the account changed meanwhile."""
    TAKEN = "taken"
    """Another account has the address: told only to who proved that they read its mail."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The account has its new address."""


def begin(visit: Visit, owner: Owner, address: str) -> AddressChange | None:
    """Begin a change and mail the new address; None when this account began too many today.

    An address that another account has is treated alike, but for what its mail says.
    """
    account = hold(visit, owner)
    if account is None:
        return None
    rules = visit.kit.settings.account
    key = f"address-changes:{account.id}"
    limit = rules.address_changes_per_day
    if not throttles.spend(visit.session, key, limit=limit, window=DAY, now=visit.now):
        return None
    change = address_changes.begin(
        visit.session,
        account,
        origin=Origin.ACCOUNT,
        address=address,
        browser=visit.browser,
        space=visit.space.name,
        locale=visit.locale,
        now=visit.now,
        lifetime=rules.address_lifetime,
    )
    visit.audit("address.asked", account.id, change=change.id)
    _send(visit, owner, account, change)
    return change


def _send(visit: Visit, owner: Owner, account: Account, change: AddressChange) -> None:
    """A link and a code are made whether the address is free or not, so that both cost the same."""
    lifetime = change.expires_at - visit.now
    token = one_time.issue_link(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ADDRESS_LINK,
        binding=_binding(change),
        now=visit.now,
        lifetime=lifetime,
    )
    code = one_time.issue_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ADDRESS_CODE,
        binding=_binding(change),
        now=visit.now,
        lifetime=lifetime,
        digits=CODE_DIGITS,
    )
    issuer = visit.kit.settings.issuer
    is_taken = accounts.is_taken(visit.session, change.email, but=account.id, mates=_mates(visit, owner))
    change.mails += 1
    change.mailed_at = visit.now
    if is_taken:
        # Its reader is somebody else, whose language this browser does not know.
        kind, locale = "address-taken", SOURCE
        context = {"sign_in_url": f"{issuer}/connexion"}
    else:
        kind, locale = "address-new", account.locale
        context = {
            "link": f"{issuer}/compte/adresse/{token}",
            "code": code,
            "hours": str(max(1, lifetime // timedelta(hours=1))),
        }
    change.outbox_id = visit.mail(
        kind,
        change.email,
        cause=f"address:{change.id}:mail:{change.mails}",
        expires_at=_good_until(visit, change),
        context=context,
        locale=locale,
        account_id=account.id,
    )


def _good_until(visit: Visit, change: AddressChange) -> datetime:
    """One mail too many to this address is queued as the others are, and over before it is sent."""
    limit = visit.kit.settings.recovery.mails_to_new_address_per_day
    may = address_changes.may_mail(
        visit.session, change.email, vault=visit.kit.vault, limit=limit, now=visit.now
    )
    return change.expires_at if may else visit.now


def send_again(visit: Visit, owner: Owner, change_id: str) -> bool:
    """Mail the new address again when the wait is over and the number is left; whether it was."""
    account = hold(visit, owner)
    change = address_changes.by_id(visit.session, change_id, lock=True)
    if account is None or change is None or not change.is_pending(account, visit.now):
        return False
    if resend_wait(visit, change) > timedelta(0) or change.mails >= MAILS:
        return False
    _send(visit, owner, account, change)
    return True


def resend_wait(visit: Visit, change: AddressChange) -> timedelta:
    """How long until the mail may be asked for again."""
    return max(timedelta(0), change.mailed_at + RESEND_WAIT - visit.now)


def tries_left(visit: Visit, change: AddressChange) -> int:
    """How many codes may still be tried for this change."""
    return one_time.tries_left(
        visit.session, purpose=Purpose.ADDRESS_CODE, budget=change.id, tries=TRIES, now=visit.now
    )


def redeem_code(
    visit: Visit, owner: Owner, change: AddressChange, entry: str
) -> Changed | NotChanged | Refusal:
    """Count the try, compare the code, and let the change take effect."""
    outcome = one_time.spend_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ADDRESS_CODE,
        binding=_binding(change),
        entry=entry,
        tries=TRIES,
        # For the change, not for its mail: asking again gives no more tries.
        budget=change.id,
        budget_ends_at=change.expires_at,
        now=visit.now,
    )
    match outcome:
        case Spent():
            return take_effect(visit, owner, change.id)
        case Refusal() as refusal:
            visit.audit("address.wrong_code", owner.account.id)
            return refusal


def of_link(visit: Visit, owner: Owner, token: str) -> AddressChange | None:
    """The pending change that a link belongs to, when it is this account's; looking changes nothing."""
    if len(token) > LONGEST_TOKEN:
        return None
    binding = one_time.find_link(
        visit.session, vault=visit.kit.vault, purpose=Purpose.ADDRESS_LINK, token=token
    )
    change = address_changes.by_id(visit.session, binding.partition(":")[0]) if binding is not None else None
    if change is None or binding != _binding(change) or not change.is_pending(owner.account, visit.now):
        return None
    return change


def take_effect(visit: Visit, owner: Owner, change_id: str) -> Changed | NotChanged:
    """The new address was validated: it is the account's from now on, and both addresses are told."""
    account = hold(visit, owner)
    change = address_changes.by_id(visit.session, change_id, lock=True)
    if account is None or change is None or not change.is_pending(account, visit.now):
        return NotChanged.OVER
    if not credentials.change_address(
        visit.session,
        account,
        change.email,
        now=visit.now,
        but=owner.live.id,
        mates=_mates(visit, owner),
    ):
        change.refused_at = visit.now
        return NotChanged.TAKEN
    change.verified_at = change.done_at = change.told_at = visit.now
    renew_session(visit, owner)
    visit.audit("address.changed", account.id, change=change.id)
    _tell_both(visit, account, change)
    return Changed()


def _tell_both(visit: Visit, account: Account, change: AddressChange) -> None:
    owners.warn_of_change(visit, account, change)
    owners.warn(
        visit,
        account,
        "address-changed",
        cause=f"address:{change.id}:done",
        context={"undo_until": (visit.now + UNDO_WITHIN).isoformat()},
        change_id=change.id,
    )


def give_up(visit: Visit, change: AddressChange) -> None:
    """Its owner no longer wants it: link and code are worth nothing any more."""
    change.refused_at = visit.now
    visit.audit("address.given_up", change.account_id, change=change.id)


def _binding(change: AddressChange) -> str:
    return f"{change.id}:{change.epoch}"


def _mates(visit: Visit, owner: Owner) -> frozenset[str]:
    """The populations whose members may share a mailbox with this one."""
    return visit.kit.spaces.mates(owner.live.population)
