"""Passkeys at the sign-in: offered where they can work, judged in one place, alone or as the second step."""

import json
from dataclasses import dataclass

from flask import Response

from idp.authenticators import passkey
from idp.authenticators.passkey import Copied, RelyingParty, Verified
from idp.core.errors import CATALOGUE, Problem
from idp.login import acceptance
from idp.login.interaction import Interaction
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web import owner
from idp.web.kit import Visit

ANSWER_URL = "/connexion/cle"
OPTIONS_URL = "/connexion/cle/options"
REFUSED = "cle=refusee"
NUMBER = "P-6401"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page needs to offer « Me connecter avec une clé d'accès »."""

    answer_url: str
    options_url: str
    refused: str
    """Why the last answer was not taken, with its number; empty when there was none."""


def party_of(visit: Visit) -> RelyingParty | None:
    """Who we are to a browser, by the configured issuer alone; None where there can be no passkeys."""
    # « Mutuelle Horizon – Espace Adhérent »: a passkey opens every space of the mutual.
    mutual = visit.kit.spaces.default.title.partition(" – ")[0]
    return passkey.relying_party(visit.kit.settings.issuer, name=mutual)


def offer(visit: Visit) -> Offer | None:
    """The offer for a page of the sign-in; the same for everybody, known or not."""
    if party_of(visit) is None:
        return None
    return Offer(ANSWER_URL, OPTIONS_URL, refusal_words(visit))


def refusal_words(visit: Visit) -> str:
    """The one sentence for every refused answer, when the page is shown after one."""
    return refused_words(visit) if visit.request.args.get("cle") == "refusee" else ""


def refused_words(visit: Visit) -> str:
    """The one sentence for every refused answer, with its number."""
    return f"{visit.say(CATALOGUE[NUMBER].member)} ({NUMBER})"


def options(visit: Visit) -> Response:
    """The challenge for whoever sits here, as JSON: it names no account and no key."""
    answer = passkey.sign_in_options(
        visit.session, party=party_or_fail(visit), browser=visit.browser, now=visit.now
    )
    return as_json(answer)


def party_or_fail(visit: Visit) -> RelyingParty:
    """As `party_of`. Raises Problem where there can be no passkeys."""
    party = party_of(visit)
    if party is None:
        raise Problem("P-6402", detail="the issuer is no domain name that passkeys could be bound to")
    return party


def as_json(document: dict[str, object]) -> Response:
    """An answer for passkey.js."""
    return Response(json.dumps(document), mimetype="application/json", headers={"Cache-Control": "no-store"})


def answer(visit: Visit, interaction: Interaction, *, page_url: str) -> Response | None:
    """Judge what a passkey answered; None when it was right, else the page to show.

    Before anybody is known it is the whole sign-in; after a password it is its second step, of the same account.
    """
    account = _account_of_answer(visit)
    if account is None or not _may_go_on(interaction, account):
        return visit.see_other(f"{page_url}&{REFUSED}")
    if not interaction.facts.is_known:
        refused = acceptance.admit(visit, interaction, account)
        if refused is not None:
            return refused
    interaction.passkey_at = visit.now
    return None


def _account_of_answer(visit: Visit) -> Account | None:
    """The active account whose passkey answered, or None, whatever was wrong with it."""
    outcome = passkey.verify(
        visit.session,
        visit.request.form.get("credential", ""),
        party=party_or_fail(visit),
        browser=visit.browser,
        now=visit.now,
    )
    match outcome:
        case Verified(passkey_id, account_id):
            account = accounts.by_id(visit.session, account_id)
            event = "passkey.verified" if account is not None else "passkey.account_ended"
            visit.audit(event, account_id, passkey=passkey_id)
            return account
        case Copied():
            _warn_of_copy(visit, outcome)
            return None
        case passkey.Refusal() as refusal:
            visit.audit("passkey.refused", reason=refusal.value)
            return None


def _may_go_on(interaction: Interaction, account: Account) -> bool:
    """Whether this account may go on with the sign-in: the one it is already, or any when nobody is known."""
    if not interaction.facts.is_known:
        return True
    return interaction.account_id == account.id and interaction.epoch == account.epoch


def _warn_of_copy(visit: Visit, copied: Copied) -> None:
    visit.audit("passkey.copied", copied.account_id, passkey=copied.passkey_id)
    account = accounts.by_id(visit.session, copied.account_id)
    if account is not None:
        # Once a day: each try is in the audit trail.
        day = visit.now.date().isoformat()
        owner.warn(visit, account, "passkey-copied", cause=f"passkey:{copied.passkey_id}:copied:{day}")
