"""Warnings: what an account's owner is told, at its address and in its language, whoever sits at the browser."""

from collections.abc import Mapping

from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import Visit


def warn(
    visit: Visit,
    account: Account,
    kind: str,
    *,
    cause: str,
    context: Mapping[str, str] | None = None,
    recipient: str | None = None,
) -> None:
    """Queue a security mail for the owner, once for one cause; to another `recipient` of theirs when one is given.

    At the account's own address it greets them by their given name.
    """
    # The name says to which of two who share a mailbox it speaks; what goes elsewhere tells nobody's.
    named = {} if recipient else {"given_name": accounts.given_name(visit.session, account)}
    context = {**named, **(context or {})}
    visit.mail(kind, recipient or account.email, cause=cause, context=context, locale=account.locale)
