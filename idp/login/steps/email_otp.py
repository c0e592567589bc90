"""The second step: six digits by mail, bound to this browser's sign-in."""

from flask import Response

from idp.authenticators import email_code
from idp.authenticators.email_code import Code, NotSent, Refusal, Transaction, Verified
from idp.authenticators.wrong_codes import is_resting
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import blocked, passkeys, unreachable
from idp.login.forms import CodeForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts, emails
from idp.subjects.accounts import Account
from idp.web.kit import Visit

WRONG = N_("Ce code n’est pas le bon. Vérifiez-le dans le dernier email reçu.")
EXPIRED = N_("Ce code n’est plus valable. Demandez-en un autre.")


class EmailOtp(Step):
    """« Consultez vos emails »."""

    def enter(self, visit: Visit, interaction: Interaction) -> None:
        """Send the first code; coming back to the page sends nothing."""
        if interaction.code_sent_at is not None:
            return
        account = _account(visit, interaction)
        code = email_code.issue(visit.session, _transaction(visit, interaction, account))
        self._send(visit, interaction, account, code)

    def resend(self, visit: Visit, interaction: Interaction) -> None:
        """Send another code when its wait is over and its number is left."""
        account = _account(visit, interaction)
        code = email_code.issue_again(visit.session, _transaction(visit, interaction, account))
        self._send(visit, interaction, account, code)

    def _send(self, visit: Visit, interaction: Interaction, account: Account, code: Code | NotSent) -> None:
        interaction.code_not_sent = code if isinstance(code, NotSent) else None
        if isinstance(code, NotSent):
            visit.audit("code.not_sent", account.id, reason=code.value)
            return
        interaction.code_sent_at = visit.now
        visit.mail(
            "one-time-code",
            account.email,
            cause=f"sign-in:{interaction.id}:code:{visit.now.isoformat()}",
            account_id=account.id,
            expires_at=code.expires_at,
            context={
                "code": code.digits,
                "given_name": accounts.given_name(visit.session, account),
                "minutes": str(round(visit.kit.settings.sign_in.code_lifetime.total_seconds() / 60)),
            },
        )
        visit.audit("code.sent", account.id)

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page with the code field, or the page that says why there is none."""
        return self._page(visit, interaction, CodeForm())

    def _page(self, visit: Visit, interaction: Interaction, form: CodeForm) -> Response:
        account = _account(visit, interaction)
        if account.is_disowned:
            return unreachable.page(visit, interaction, account)
        if is_resting(account, now=visit.now):
            return blocked.page(visit, interaction, account, "frozen")
        if interaction.code_not_sent == NotSent.DAY_IS_FULL:
            return blocked.page(visit, interaction, account, "day")
        about = _transaction(visit, interaction, account)
        tries = email_code.tries_left(visit.session, about)
        return visit.page(
            "connexion_code.html",
            form=form,
            hidden=hidden(interaction),
            masked_address=emails.mask(account.email),
            resend_url="/connexion/code/renvoyer",
            resend_wait=email_code.resend_wait(visit.session, about).total_seconds(),
            resends_left=email_code.resends_left(visit.session, about),
            tries_left=tries if tries < visit.kit.settings.sign_in.code_tries else None,
            home_url="/",
            cancel_url=cancel_url(interaction),
            passkey=passkeys.offer(visit) if interaction.has_passkey else None,
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Count the try, compare, and remember that the code was right."""
        form = CodeForm(visit.request.form)
        account = _account(visit, interaction)
        if account.is_disowned or not form.validate():
            return self._page(visit, interaction, form)
        match email_code.verify(visit.session, _transaction(visit, interaction, account), form.digits):
            case Verified():
                interaction.mail_code_at = visit.now
                visit.audit("code.verified", account.id)
                return None
            case Refusal.WRONG:
                visit.audit("code.wrong", account.id)
                form.code.errors = [WRONG]
                return self._page(visit, interaction, form)
            case Refusal.EXPIRED:
                form.code.errors = [EXPIRED]
                return self._page(visit, interaction, form)
            case Refusal.EXHAUSTED:
                return blocked.exhausted(visit, interaction)
            case Refusal.RESTING:
                return blocked.frozen(visit, interaction, account)


def _transaction(visit: Visit, interaction: Interaction, account: Account) -> Transaction:
    return Transaction(interaction.id, account, visit.kit.vault, visit.kit.settings.sign_in, visit.now)


def _account(visit: Visit, interaction: Interaction) -> Account:
    """The account whose password was right, as it is now: an epoch that rose ends the sign-in."""
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account
