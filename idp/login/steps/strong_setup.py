"""« Renforcez votre connexion »: who must have an app or a passkey sets one up, once password and code were given."""

from flask import Response

from idp.authenticators import authenticator_app
from idp.authenticators.passkey import Verified
from idp.core.errors import Problem
from idp.login import passkeys, strengthening
from idp.login.forms import AppForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import Visit

NEW_KEY_URL = "/connexion/cle/nouvelle"


class StrongSetup(Step):
    """An app by its first code, or a passkey; whichever comes first is also the proof that was asked for."""

    def enter(self, visit: Visit, interaction: Interaction) -> None:
        """Make the secret of the app, once; coming back shows the same."""
        account = _account(visit, interaction)
        holder = _holder(interaction)
        if authenticator_app.pending(visit.session, account, holder=holder, now=visit.now) is None:
            authenticator_app.begin(
                visit.session, account, vault=visit.kit.vault, holder=holder, now=visit.now
            )

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with both ways."""
        return self._page(visit, interaction, AppForm())

    def _page(self, visit: Visit, interaction: Interaction, form: AppForm) -> Response:
        account = _account(visit, interaction)
        holder = _holder(interaction)
        app = authenticator_app.pending(visit.session, account, holder=holder, now=visit.now)
        asked = interaction.asked
        return visit.page(
            "connexion_renforcer.html",
            form=form,
            hidden=hidden(interaction),
            app=strengthening.shown(visit, account, strengthening.must_be_mine(app)),
            passkey=_offer(visit),
            passkey_name=strengthening.name_of_browser(visit),
            client_name=asked.client_name,
            must=interaction.must_be_strong,
            cancel_url=cancel_url(interaction),
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Take the first code of the app."""
        form = AppForm(visit.request.form)
        if not form.validate():
            return self._page(visit, interaction, form)
        account = _account(visit, interaction)
        app = authenticator_app.pending(visit.session, account, holder=_holder(interaction), now=visit.now)
        problem = strengthening.confirm_app(visit, account, strengthening.must_be_mine(app), form.digits)
        if problem is not None:
            form.code.errors = [problem]
            return self._page(visit, interaction, form)
        interaction.has_app = True
        interaction.app_code_at = visit.now
        return None


def key_options(visit: Visit, interaction: Interaction) -> Response:
    """What the browser needs to make a passkey in the middle of this sign-in."""
    return strengthening.registration_options(visit, _account(visit, interaction))


def take_key(visit: Visit, interaction: Interaction, *, page_url: str) -> Response | None:
    """Keep the passkey that was made; it asked who holds it, and so is the proof as well."""
    outcome = strengthening.register_passkey(visit, _account(visit, interaction))
    if not isinstance(outcome, Verified):
        return visit.see_other(f"{page_url}&{passkeys.REFUSED}")
    interaction.has_passkey = True
    interaction.passkey_at = visit.now
    return None


def _offer(visit: Visit) -> passkeys.Offer | None:
    if passkeys.party_of(visit) is None:
        return None
    return passkeys.Offer(NEW_KEY_URL, f"{NEW_KEY_URL}/options", passkeys.refusal_words(visit))


def _holder(interaction: Interaction) -> str:
    return f"sign-in:{interaction.id}"


def _account(visit: Visit, interaction: Interaction) -> Account:
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account
