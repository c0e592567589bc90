"""« Mon mot de passe »: the current one, then a new one; everything else that was open ends."""

from dataclasses import dataclass

from flask import Response

from idp.account import current_password
from idp.account.current_password import Gone, Right, Wrong
from idp.account.desk import Desk, Owner, renew_session
from idp.account.forms import ChangePasswordForm
from idp.authenticators import trusted_device
from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password_policy import Personal
from idp.core.errors import CATALOGUE
from idp.login import new_password
from idp.sessions import credentials
from idp.subjects import members
from idp.subjects.accounts import Account
from idp.web import owner as owners
from idp.web.kit import Visit

PATH = "/compte/mot-de-passe"
BUSY = CATALOGUE["P-5004"]


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """The page and its form."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """The form, or what was sent."""
        form = ChangePasswordForm(visit.request.form)
        if visit.request.method == "POST":
            return self._submit(visit, owner, form)
        return self._page(visit, owner, form)

    def _page(self, visit: Visit, owner: Owner, form: ChangePasswordForm) -> Response:
        return visit.page(
            "compte_mot_de_passe.html",
            form=form,
            rules=new_password.rules(visit),
            strength=new_password.strength(form.password, _about(visit, owner.account)),
            forgot_url="/acces-perdus",
        )

    def _submit(self, visit: Visit, owner: Owner, form: ChangePasswordForm) -> Response:
        if not self._is_acceptable(visit, owner, form):
            return self._page(visit, owner, form)
        try:
            checked = current_password.check(
                visit, owner, form.current_password.data or "", desk=self.desk, new=form.password.data or ""
            )
        except GateBusy as busy:
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self._page(visit, owner, form), busy.retry_after)
        match checked:
            case Right(account, str(stored)):
                return _change(visit, owner, account, stored)
            case Wrong(sentence):
                form.current_password.errors = [sentence]
                return self._page(visit, owner, form)
            case Gone() | Right():
                return self.desk.sign_in_first(visit, PATH)

    def _is_acceptable(self, visit: Visit, owner: Owner, form: ChangePasswordForm) -> bool:
        is_whole = form.validate()
        about = _about(visit, owner.account)
        blocked = self.desk.passwords.blocked
        if form.password.data and not new_password.passes(visit, form.password, about, blocked):
            return False
        if is_whole and form.password.data == form.current_password.data:
            form.password.errors = [new_password.SAME]
            return False
        return is_whole


def _change(visit: Visit, owner: Owner, account: Account, stored: str) -> Response:
    credentials.change_password(visit.session, account, stored, now=visit.now, but=owner.live.id)
    renew_session(visit, owner)
    device_cookie = trusted_device.cookie_name(visit.kit.vault, account.id)
    if visit.cookie(device_cookie) is not None:
        visit.drop_cookie(device_cookie)
    visit.audit("password.changed", account.id)
    owners.warn_of_password(
        visit,
        account,
        cause=f"password:{account.id}:{account.epoch}",
        sign_in_url=f"{visit.kit.settings.issuer}/connexion",
    )
    return visit.see_other("/compte?fait=mot-de-passe")


def _about(visit: Visit, account: Account) -> Personal:
    member = members.by_id(visit.session, account.member_id)
    if member is None:
        return Personal(email=account.email)
    return Personal(
        member_number=member.member_number,
        email=account.email,
        names=(member.given_name, member.family_name),
    )
