"""The pages of « Mot de passe oublié », up to the code of the mail."""

from collections.abc import Sequence

from flask import Blueprint, Response

from idp.core.words import N_
from idp.login import origin as origins
from idp.login.forms import CodeForm
from idp.recovery import password
from idp.recovery.forms import AskForm
from idp.recovery.parts import DONE, NEW_PASSWORD, Recoveries, go_on, link, resend_wait, stand_in
from idp.subjects.one_time import Refusal
from idp.subjects.recoveries import Recovery
from idp.web.kit import Visit

ASK = "/mot-de-passe-oublie"
CODE = "/mot-de-passe-oublie/code"
WORDS = {
    Refusal.WRONG: N_("Ce code n’est pas le bon. Vérifiez-le dans le dernier email reçu."),
    Refusal.EXPIRED: N_("Ce code n’est plus valable. Demandez un nouvel email."),
    Refusal.EXHAUSTED: N_("Trop de codes ont été essayés. Recommencez votre demande."),
}


def blueprint(parts: Recoveries) -> Blueprint:
    """`/mot-de-passe-oublie` and `/mot-de-passe-oublie/code`."""
    views = _Views(parts)
    pages = Blueprint("password_forgotten", __name__)
    add = parts.kit.add_page
    add(pages, ASK, views.ask)
    add(pages, CODE, _code)
    add(pages, "/mot-de-passe-oublie/renvoyer", _resend, post=True)
    parts.kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, parts: Recoveries) -> None:
        self._parts = parts

    def ask(self, visit: Visit) -> Response:
        """The identifier; then the same answer for all."""
        origin = origins.of(visit)
        # Without a sign-in in the address, somebody else may sit here now: what was typed before stays unsaid.
        own = origin.interaction if visit.request.args.get("i") else None
        typed = own.identifier if own is not None else ""
        form = AskForm(visit.request.form, data={"identifier": typed})
        is_sent = visit.request.method == "POST"
        if not (is_sent and form.validate() and self._parts.passes(visit, form.captcha)):
            offered = self._parts.offer(visit, form.captcha, ASK, origin.handle)
            return visit.page("mot_de_passe_oublie.html", form=form, **offered)
        within = visit.kit.settings.recovery.lifetime + visit.kit.settings.enrolment.return_within
        origin.wait(visit, within=within, identifier=form.wanted)
        password.ask(visit, form.wanted, handle=origin.handle)
        return visit.see_other(link(visit, CODE, origin.handle))


def _code(visit: Visit) -> Response:
    """The code of the mail, in the browser that asked."""
    rows = _of_browser(visit)
    if not rows:
        return visit.see_other(link(visit, ASK, origins.of(visit).handle))
    if password.is_done(rows):
        return go_on(visit, DONE, rows[0])
    proved = password.proved(visit)
    if proved is not None and proved.request_id == rows[0].request_id and proved.is_open(visit.now):
        # By « back », or sent twice: the code was right already.
        return go_on(visit, NEW_PASSWORD, proved)
    form = CodeForm(visit.request.form)
    if visit.request.method == "POST" and form.validate():
        match password.redeem_code(visit, rows, form.digits):
            case Recovery() as proved:
                return go_on(visit, NEW_PASSWORD, proved)
            case Refusal() as refusal:
                form.code.errors = [WORDS[refusal]]
    return _code_page(visit, rows, form)


def _code_page(visit: Visit, rows: Sequence[Recovery], form: CodeForm) -> Response:
    rules = visit.kit.settings.recovery
    if not rows[0].is_open(visit.now):
        return _over_page(visit, rows[0])
    first, tries = rows[0], password.tries_left(visit, rows)
    return visit.page(
        "mot_de_passe_code.html",
        form=form,
        hidden=origins.named(visit, first.interaction_id),
        address=first.typed if "@" in first.typed else None,
        number=first.typed,
        minutes=round(rules.lifetime.total_seconds() / 60),
        tries_left=tries if tries < rules.code_tries else None,
        resend_url="/mot-de-passe-oublie/renvoyer",
        resend_wait=resend_wait(visit, first).total_seconds(),
        resends_left=max(0, rules.mails - first.mails),
        ask_url=link(visit, ASK, first.interaction_id),
        sign_in_url=origins.sign_in_url(visit, first.interaction_id or ""),
    )


def _over_page(visit: Visit, row: Recovery) -> Response:
    """The request is too old, whoever it was about: another one."""
    return visit.page(
        "mot_de_passe_code.html",
        is_over=True,
        form=CodeForm(),
        ask_url=link(visit, ASK, row.interaction_id),
        sign_in_url=origins.sign_in_url(visit, row.interaction_id or ""),
    )


def _resend(visit: Visit) -> Response:
    rows = _of_browser(visit)
    if not rows:
        return visit.see_other(link(visit, ASK, origins.of(visit).handle))
    password.send_again(visit, rows[0].request_id)
    return go_on(visit, CODE, rows[0])


def _of_browser(visit: Visit) -> Sequence[Recovery]:
    """The request that this browser made last; its space becomes the visit's."""
    rows = password.of_browser(visit)
    if rows:
        stand_in(visit, rows[0])
    return rows
