"""Warnings: what an account's owner is told, at its address and in its language, whoever sits at the browser.

Each carries « Ce n'était pas moi »: a link of its own, good for seven days whatever becomes of the account's
credentials, to a page that says what the mail was about.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from idp.authenticators import passkey, strong
from idp.core.mail_templates import Kind
from idp.subjects import accounts, address_changes, emails, notices
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange
from idp.web.kit import Visit

# Where nothing happened that its reader could undo, or where their answer is the mail's own link or code.
WITHOUT_LINK = frozenset({
    Kind.ACTIVATION, Kind.ALREADY_MEMBER, Kind.REQUEST_IMPOSSIBLE, Kind.ONE_TIME_CODE, Kind.PASSWORD_ASKED,
    Kind.ADDRESS_NEW, Kind.ADDRESS_TAKEN, Kind.NO_ACCOUNT, Kind.ACCOUNT_BLOCKED, Kind.TERMS_CHANGED,
    Kind.INVITATION, Kind.TEST,
})  # fmt: skip


def warn(
    visit: Visit,
    account: Account,
    kind: str,
    *,
    cause: str,
    context: Mapping[str, str] | None = None,
    recipient: str | None = None,
    locale: str | None = None,
    expires_at: datetime | None = None,
    change_id: str | None = None,
) -> int | None:
    """Queue a security mail for the owner, once for one cause; its number, or None when this cause has its mail.

    At the account's own address it greets them by their given name; to another `recipient` of theirs, in another
    `locale`, when one is given. One that `expires_at` overtakes is never sent. `change_id` is the change of address
    that it tells of.
    """
    # The name says to which of two who share a mailbox it speaks; what goes elsewhere tells nobody's.
    named = {} if recipient else {"given_name": accounts.given_name(visit.session, account)}
    to, locale, values = recipient or account.email, locale or account.locale, {**named, **(context or {})}
    mail = partial(
        visit.mail, kind, to, cause=cause, expires_at=expires_at, locale=locale, account_id=account.id
    )
    if kind in WITHOUT_LINK:
        return mail(context=values)
    notice, token = notices.begin(
        visit.session,
        account,
        vault=visit.kit.vault,
        kind=kind,
        browser_name=values.get("device", visit.device_name),
        space=visit.space.name,
        locale=locale,
        now=visit.now,
        change_id=change_id,
    )
    values["not_me_url"] = visit.kit.settings.issuer + notices.PATH + token
    number = mail(context=values)
    if number is None:
        notices.drop(visit.session, notice)
    return number


def warn_of_password(visit: Visit, account: Account, *, cause: str, sign_in_url: str) -> None:
    """Tell that the password was changed, and which apps and passkeys still open the account beside it."""
    has = strong.of(visit.session, account)
    keys = len(passkey.of(visit.session, account.id)) if has.passkey else 0
    kept = {"app": "yes" if has.app else "", "passkeys": str(keys) if keys else ""}
    warn(visit, account, Kind.PASSWORD_CHANGED, cause=cause, context={"sign_in_url": sign_in_url, **kept})


def warn_of_change(visit: Visit, account: Account, change: AddressChange) -> None:
    """Tell the former address of a change, with the link that refuses it, or undoes it for 72 hours.

    Once when it is asked for (`change.told_at` is then set), and once when it took effect.
    """
    is_done = change.done_at is not None
    if change.told_at is None:
        change.told_at = visit.now
    since = change.done_at or change.told_at
    warn(
        visit,
        account,
        Kind.ADDRESS_OLD,
        cause=f"address-change:{change.id}:{'done' if is_done else 'asked'}:old",
        recipient=change.former_email,
        context={
            "new_address": emails.mask(change.email),
            "undo_until": (since + address_changes.UNDO_WITHIN).isoformat(),
        },
        change_id=change.id,
    )
