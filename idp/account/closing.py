"""« Fermer mon compte »: everything ends at once, and after a time in which it can be kept all is erased."""

from dataclasses import dataclass

from flask import Response

from idp.account import current_password
from idp.account.current_password import Gone, Right, Wrong
from idp.account.desk import Desk, Owner
from idp.account.forms import CurrentPasswordForm
from idp.authenticators.hash_gate import GateBusy
from idp.core.errors import CATALOGUE
from idp.login.service import SESSION
from idp.sessions import credentials
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web import owner as owners
from idp.web.kit import Visit

PATH = "/compte/fermer"
BUSY = CATALOGUE["P-5004"]


@dataclass(frozen=True, slots=True)
class Closing:
    """The page and its form."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """What closing means, or the closing itself."""
        form = CurrentPasswordForm(visit.request.form)
        if visit.request.method == "POST" and form.validate():
            return self._close(visit, owner, form)
        return _page(visit, form)

    def _close(self, visit: Visit, owner: Owner, form: CurrentPasswordForm) -> Response:
        try:
            checked = current_password.check(visit, owner, form.current_password.data or "", desk=self.desk)
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(_page(visit, form), busy.retry_after)
        match checked:
            case Right(account):
                return _begin(visit, account)
            case Wrong(sentence):
                form.current_password.errors = [sentence]
                return _page(visit, form)
            case Gone():
                return self.desk.sign_in_first(visit, PATH)


def _page(visit: Visit, form: CurrentPasswordForm) -> Response:
    return visit.page(
        "compte_fermer.html",
        mode="form",
        form=form,
        closes_on=visit.now + visit.kit.settings.account.closing_grace,
    )


def _begin(visit: Visit, account: Account) -> Response:
    closes_at = visit.now + visit.kit.settings.account.closing_grace
    accounts.close(visit.session, account.id, closes_at=closes_at)
    credentials.void(visit.session, account, now=visit.now)
    visit.drop_cookie(SESSION)
    visit.audit("account.closing", account.id)
    owners.warn(
        visit,
        account,
        "account-closing",
        cause=f"closing:{account.id}:{account.epoch}",
        context={
            "closes_on": closes_at.isoformat(),
            "sign_in_url": f"{visit.kit.settings.issuer}/connexion?espace={visit.space.name}",
        },
    )
    return visit.page("compte_fermer.html", mode="done", form=CurrentPasswordForm(), closes_on=closes_at)
