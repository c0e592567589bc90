"""The pages that end an enrolment: the link of the mail, and the code."""

from flask import Blueprint, Response

from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password import Passwords
from idp.core import throttles
from idp.core.errors import Problem
from idp.core.words import N_
from idp.enrolment import service
from idp.enrolment.forms import ActivationForm
from idp.enrolment.views import Enrolments, not_here, of_browser, waiting_url, welcome_url
from idp.login import activation
from idp.login.forms import CodeForm
from idp.login.origin import sign_in_url
from idp.login.steps.activation import WORDS, code_page
from idp.subjects import accounts, enrolments, one_time
from idp.subjects.enrolments import Activated, Enrolment, NotActivated
from idp.subjects.one_time import Purpose
from idp.web.kit import Visit

LONGEST_TOKEN = 64
WRONG_PASSWORD = N_("Ce n’est pas le mot de passe choisi à l’inscription. Vérifiez-le, puis recommencez.")


def blueprint(parts: Enrolments) -> Blueprint:
    """`/inscription/activer/<token>` and `/inscription/code`."""
    views = _Views(parts.passwords)
    pages = Blueprint("activation", __name__)
    add = parts.kit.add_page
    add(pages, "/inscription/activer/<token>", _look, post=False)
    add(pages, "/inscription/activer/<token>", views.act, post=True)
    add(pages, "/inscription/recommencer/<token>", _again, post=True)
    add(pages, "/inscription/code", _code)
    parts.kit.limit_pages(pages)
    return pages


def _look(visit: Visit, token: str) -> Response:
    """GET never changes anything: mail scanners open every link."""
    return _link_page(visit, _of_link(visit, token), ActivationForm())


class _Views:
    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    def act(self, visit: Visit, token: str) -> Response:
        """Activate: by the button in the browser that enrolled, with the password in any other."""
        enrolment = _of_link(visit, token)
        form = ActivationForm(visit.request.form)
        if not _may_activate(visit, enrolment):
            return _link_page(visit, enrolment, form)
        if not _is_own_browser(visit, enrolment) and not self._password_passes(visit, enrolment, form):
            return _link_page(visit, enrolment, form)
        match activation.activate(visit, enrolment):
            case Activated():
                return visit.see_other(welcome_url(enrolment))
            case NotActivated() as refusal:
                return _link_page(visit, enrolment, form, refusal)

    def _password_passes(self, visit: Visit, enrolment: Enrolment, form: ActivationForm) -> bool:
        """In another browser the link needs the password just chosen, within five tries counted first."""
        if not form.validate():
            return False
        tries = visit.kit.settings.enrolment.password_tries
        if not throttles.spend_until(
            visit.session, _budget(enrolment), limit=tries, ends_at=enrolment.expires_at
        ):
            form.password.errors = [WRONG_PASSWORD]
            return False
        visit.session.commit()
        try:
            verdict = self._passwords.verify(form.password.data or "", enrolment.password_hash)
        except GateBusy as busy:
            raise Problem("P-5004", detail="hash gate", retry_after=busy.retry_after) from busy
        visit.session.refresh(enrolment)
        if not verdict.matches:
            visit.audit("activation.wrong_password")
            form.password.errors = [WRONG_PASSWORD]
        return verdict.matches


def _again(visit: Visit, token: str) -> Response:
    """A lapsed attempt starts again without retyping."""
    visit.back = f"/inscription/activer/{token}"
    enrolment = _of_link(visit, token)
    has_account = accounts.by_member(visit.session, enrolment.member_id) is not None
    if has_account or enrolment.is_open(visit.now) or enrolment.voided_at is not None:
        # Only what lapsed starts again: a corrected address must not come back to life by its old link.
        return visit.see_other(f"/inscription/activer/{token}")
    if not enrolments.is_still_entitled(visit.session, enrolment):
        return _link_page(visit, enrolment, ActivationForm(), NotActivated.IMPOSSIBLE)
    if service.repeat(visit, enrolment, address=enrolment.email) is None:
        raise Problem("P-4029", detail="enrolments of the day")
    if _is_own_browser(visit, enrolment):
        return visit.see_other(waiting_url(enrolment))
    url = sign_in_url(visit, enrolment.interaction_id or "")
    return visit.page("activer.html", mode="sent", sign_in_url=url)


def _code(visit: Visit) -> Response:
    """« Inscription en cours » in the browser that enrolled."""
    enrolment = of_browser(visit)
    if enrolment is None:
        return not_here(visit, "/connexion")
    if enrolment.activated_at is not None:
        return visit.see_other(welcome_url(enrolment))
    form = CodeForm(visit.request.form)
    if visit.request.method == "POST" and form.validate():
        match activation.redeem_code(visit, enrolment, form.digits):
            case Activated() | NotActivated.ALREADY_ACTIVE:
                return visit.see_other(welcome_url(enrolment))
            case (NotActivated.LAPSED | NotActivated.IMPOSSIBLE | one_time.Refusal()) as refusal:
                form.code.errors = [WORDS[refusal]]
    origin = {"i": enrolment.interaction_id} if enrolment.interaction_id else {}
    return code_page(visit, enrolment, form, hidden=origin, resend_url="/inscription/renvoyer")


def _of_link(visit: Visit, token: str) -> Enrolment:
    found = None
    if len(token) <= LONGEST_TOKEN:
        found = one_time.find_link(
            visit.session, vault=visit.kit.vault, purpose=Purpose.ENROLMENT_LINK, token=token
        )
    enrolment = enrolments.by_id(visit.session, found) if found is not None else None
    if enrolment is None:
        raise Problem("P-1001")
    visit.space = visit.kit.spaces.get(enrolment.space) or visit.space
    visit.prefer(enrolment.locale)
    return enrolment


def _is_own_browser(visit: Visit, enrolment: Enrolment) -> bool:
    return activation.is_own(visit, enrolment)


def _may_activate(visit: Visit, enrolment: Enrolment) -> bool:
    has_account = accounts.by_member(visit.session, enrolment.member_id) is not None
    return enrolment.is_open(visit.now) and not has_account


def _budget(enrolment: Enrolment) -> str:
    return f"activation-password:{enrolment.id}"


def _link_page(
    visit: Visit, enrolment: Enrolment, form: ActivationForm, refusal: NotActivated | None = None
) -> Response:
    left = visit.kit.settings.enrolment.password_tries - throttles.used(
        visit.session, _budget(enrolment), now=visit.now
    )
    mode = "impossible" if refusal is NotActivated.IMPOSSIBLE else _mode(visit, enrolment, left)
    token = visit.request.path.rsplit("/", 1)[-1]
    return visit.page(
        "activer.html",
        mode=mode,
        form=form,
        tries_left=left if left < visit.kit.settings.enrolment.password_tries else None,
        restart_url=f"/inscription/recommencer/{token}",
        sign_in_url=sign_in_url(visit, enrolment.interaction_id or ""),
    )


def _mode(visit: Visit, enrolment: Enrolment, left: int) -> str:
    if (
        enrolment.activated_at is not None
        or accounts.by_member(visit.session, enrolment.member_id) is not None
    ):
        return "already"
    if not enrolment.is_open(visit.now):
        return "lapsed"
    if _is_own_browser(visit, enrolment):
        return "button"
    return "password" if left > 0 else "exhausted"
