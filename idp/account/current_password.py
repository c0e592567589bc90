"""The current password, asked for again before what cannot be taken back: counted and delayed as a sign-in is."""

from dataclasses import dataclass

from idp.account.desk import Desk, Owner, hold
from idp.authenticators import password
from idp.core.words import N_
from idp.subjects.accounts import Account
from idp.web import words
from idp.web.kit import Visit

WRONG = N_("Ce n’est pas votre mot de passe actuel. Vérifiez-le, puis recommencez.")
TOO_SOON = N_("Il y a eu plusieurs essais. Par sécurité, attendez %(wait)s avant le prochain.")


@dataclass(frozen=True, slots=True)
class Right:
    """It was right: the account, held to the end of the request, and the hash of the new password if one was asked."""

    account: Account
    stored: str | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """It was wrong, or comes too soon after wrong ones; the sentence for its field."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The session ended, or the account changed, while the password was compared."""


def check(
    visit: Visit, owner: Owner, typed: str, *, desk: Desk, new: str | None = None
) -> Right | Wrong | Gone:
    """Count the try, then compare; with `new`, hash that as well. Raises GateBusy.

    No transaction is held meanwhile, and what was looked at before is looked at again.
    """
    key = f"member:{owner.account.member_id}"
    wait = password.count_try(visit.session, key, network=visit.network, now=visit.now)
    if wait is not None:
        visit.audit("password.delayed", owner.account.id, seconds=round(wait.total_seconds()))
        return Wrong(visit.say(TOO_SOON, wait=words.duration(wait.total_seconds() + 1, visit.locale)))
    former = owner.account.password_hash
    visit.session.commit()
    verdict = desk.passwords.verify(typed, former)
    stored = desk.passwords.hash(new) if verdict.matches and new is not None else None
    account = hold(visit, owner)
    if account is None or account.password_hash != former:
        return Gone()
    if not verdict.matches:
        visit.audit("password.wrong", account.id)
        return Wrong(WRONG)
    password.forget_tries(visit.session, key, network=visit.network)
    return Right(account, stored)
