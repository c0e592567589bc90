"""An account that its owner closed: who signs in meanwhile, with all proofs, says whether it is kept."""

from flask import Response

from idp.core.errors import Problem
from idp.login import interaction as interactions
from idp.login import proof
from idp.login.interaction import Interaction
from idp.login.service import Login
from idp.login.steps.base import cancel_url, hidden
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import Visit


def page(visit: Visit, interaction: Interaction, login: Login) -> Response:
    """« Votre compte sera fermé le … : le garder ? », after the last step of a sign-in that is complete."""
    account = _account(visit, interaction)
    if account.closes_at is None:
        return login.advance(visit, interaction)
    if account.closes_at <= visit.now:
        return _too_late(visit)
    if visit.request.method != "POST":
        return _question(visit, interaction, account)
    match visit.request.form.get("keep"):
        case "yes":
            return _keep(visit, interaction, account, login)
        case "no":
            return _leave(visit, interaction)
        case _:
            return _question(visit, interaction, account)


def _question(visit: Visit, interaction: Interaction, account: Account) -> Response:
    return visit.page(
        "connexion_fermeture.html",
        mode="question",
        closes_on=account.closes_at,
        hidden=hidden(interaction),
        cancel_url=cancel_url(interaction),
    )


def _keep(visit: Visit, interaction: Interaction, account: Account, login: Login) -> Response:
    if not accounts.keep(visit.session, account.id, now=visit.now):
        return _too_late(visit)
    visit.session.refresh(account)
    visit.audit("account.kept", account.id)
    return login.advance(visit, interaction)


def _leave(visit: Visit, interaction: Interaction) -> Response:
    """Nothing was opened: the sign-in is over, and the account closes on its day."""
    interactions.end(visit.session, interaction, now=visit.now)
    proof.release(visit, interaction)
    return visit.see_other("/")


def _too_late(visit: Visit) -> Response:
    return visit.page(
        "connexion_fermeture.html", mode="closed", enrol_url=f"/inscription?espace={visit.space.name}"
    )


def _account(visit: Visit, interaction: Interaction) -> Account:
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account
