"""The second step by a device of the member's own: a code of the authenticator app, a recovery code, or a passkey."""

from flask import Response

from idp.authenticators import authenticator_app, recovery_codes
from idp.authenticators.authenticator_app import Refusal, Verified
from idp.authenticators.email_code import Transaction
from idp.authenticators.wrong_codes import is_resting
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import blocked, passkeys
from idp.login.forms import AppForm, RecoveryForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web import owner
from idp.web.kit import Visit

WRONG = N_(
    "Ce code n’est pas le bon. Vérifiez-le dans l’application, et vérifiez que l’heure de votre téléphone est juste."
)
USED = N_("Ce code a déjà servi. Attendez que l’application en affiche un autre.")
WRONG_RECOVERY = N_("Ce code de secours n’est pas le bon. Vérifiez-le sur votre feuille.")
USED_RECOVERY = N_("Ce code de secours a déjà servi. Prenez le suivant sur votre feuille.")


class Application(Step):
    """« Application d'authentification »."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with the code field; with `autre`, the one with the field for a recovery code."""
        form = RecoveryForm() if visit.request.args.get("autre") else AppForm()
        return self._page(visit, interaction, form)

    def _page(self, visit: Visit, interaction: Interaction, form: AppForm | RecoveryForm) -> Response:
        account = _account(visit, interaction)
        if interaction.has_app and is_resting(account, now=visit.now):
            return blocked.page(visit, interaction, account, "frozen")
        about = _transaction(visit, interaction, account)
        tries = authenticator_app.tries_left(visit.session, about)
        here = f"/connexion/application?i={interaction.id}"
        return visit.page(
            "connexion_application.html",
            form=form,
            has_app=interaction.has_app,
            asks_recovery=isinstance(form, RecoveryForm),
            hidden=hidden(interaction),
            tries_left=tries if tries < visit.kit.settings.sign_in.code_tries else None,
            app_url=here,
            other_url=f"{here}&autre=1",
            passkey=passkeys.offer(visit) if interaction.has_passkey else None,
            cancel_url=cancel_url(interaction),
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Count the try, compare, and remember which code was right."""
        if not interaction.has_app:
            # Only a passkey is asked for, and it is answered elsewhere.
            return self.show(visit, interaction)
        if "recovery_code" in visit.request.form:
            return self._recover(visit, interaction)
        form = AppForm(visit.request.form)
        if not form.validate():
            return self._page(visit, interaction, form)
        account = _account(visit, interaction)
        match authenticator_app.verify(visit.session, _transaction(visit, interaction, account), form.digits):
            case Verified():
                interaction.app_code_at = visit.now
                visit.audit("app.verified", account.id)
                return None
            case Refusal.EXHAUSTED | Refusal.RESTING as refusal:
                return _end(visit, interaction, account, refusal)
            case Refusal.WRONG | Refusal.REPLAYED as refusal:
                visit.audit("app.wrong", account.id, reason=refusal.value)
                form.code.errors = [USED if refusal is Refusal.REPLAYED else WRONG]
                return self._page(visit, interaction, form)

    def _recover(self, visit: Visit, interaction: Interaction) -> Response | None:
        form = RecoveryForm(visit.request.form)
        if not form.validate():
            return self._page(visit, interaction, form)
        account = _account(visit, interaction)
        entry = form.recovery_code.data or ""
        match recovery_codes.verify(visit.session, _transaction(visit, interaction, account), entry):
            case Verified():
                interaction.recovery_code_at = visit.now
                _tell_of_use(visit, interaction, account)
                return None
            case Refusal.EXHAUSTED | Refusal.RESTING as refusal:
                return _end(visit, interaction, account, refusal)
            case Refusal.WRONG | Refusal.REPLAYED as refusal:
                visit.audit("recovery_code.wrong", account.id, reason=refusal.value)
                is_used = refusal is Refusal.REPLAYED
                form.recovery_code.errors = [USED_RECOVERY if is_used else WRONG_RECOVERY]
                return self._page(visit, interaction, form)


def _end(visit: Visit, interaction: Interaction, account: Account, refusal: Refusal) -> Response:
    if refusal is Refusal.RESTING:
        return blocked.frozen(visit, interaction, account)
    return blocked.exhausted(visit, interaction, mailed=False)


def _tell_of_use(visit: Visit, interaction: Interaction, account: Account) -> None:
    left = recovery_codes.left(visit.session, account.id)
    visit.audit("recovery_code.used", account.id, left=left)
    cause = f"sign-in:{interaction.id}:recovery-code:{left}"
    owner.warn(visit, account, "recovery-code-used", cause=cause, context={"left": str(left)})


def _transaction(visit: Visit, interaction: Interaction, account: Account) -> Transaction:
    return Transaction(interaction.id, account, visit.kit.vault, visit.kit.settings.sign_in, visit.now)


def _account(visit: Visit, interaction: Interaction) -> Account:
    """The account that is known, as it is now: an epoch that rose ends the sign-in."""
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account
