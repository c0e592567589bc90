"""« J'ai perdu mes accès de connexion »: three choices, and the page of who lost number or code."""

from flask import Blueprint, Response

from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import origin as origins
from idp.recovery import address_views, lost_code, password_views
from idp.recovery.forms import LostCodeForm, day_of
from idp.recovery.parts import START, Recoveries, link
from idp.subjects.directory import Born, DirectoryUnavailable
from idp.web.kit import Visit

CODE = "/acces-perdus/code"
NOTED = "/acces-perdus/code/demande"
TOO_MANY = N_(
    "Beaucoup de demandes viennent de votre connexion internet. Recommencez demain, ou appelez-nous."
)


def blueprint(parts: Recoveries) -> Blueprint:
    """`/acces-perdus`, `/acces-perdus/code` and « C'est noté »."""
    views = _Views(parts)
    pages = Blueprint("lost_access", __name__)
    parts.kit.add_page(pages, START, _start, post=False)
    parts.kit.add_page(pages, CODE, views.code)
    parts.kit.add_page(pages, NOTED, _noted, post=False)
    parts.kit.limit_pages(pages)
    return pages


def _start(visit: Visit) -> Response:
    handle = origins.of(visit).handle
    return visit.page(
        "acces_perdus.html",
        password_url=link(visit, password_views.ASK, handle),
        address_url=link(visit, address_views.ASK, handle),
        code_url=link(visit, CODE, handle),
        letter_url=link(visit, address_views.LETTER, handle),
        sign_in_url=origins.sign_in_url(visit, handle),
    )


class _Views:
    def __init__(self, parts: Recoveries) -> None:
        self._parts = parts

    def code(self, visit: Visit) -> Response:
        """Where number and code are printed; and the request for a new code, answered alike for everybody."""
        origin = origins.of(visit)
        form = LostCodeForm(visit.request.form)
        if visit.request.method == "POST" and self._asks(visit, form):
            return visit.see_other(link(visit, NOTED, origin.handle))
        offered = self._parts.offer(visit, form.captcha, CODE, origin.handle)
        return visit.page("code_perdu.html", form=form, **offered)

    def _asks(self, visit: Visit, form: LostCodeForm) -> bool:
        if not (form.validate() and self._parts.passes(visit, form.captcha)):
            return False
        day = day_of(form.birth_date.data or "")
        if day is None or not lost_code.may_ask(visit):
            form.family_name.errors = [TOO_MANY]
            return False
        born = Born(form.family_name.data or "", form.given_name.data or "", day, form.number)
        try:
            lost_code.ask(visit, self._parts.directory, born)
        except DirectoryUnavailable as silent:
            raise Problem("P-5003", detail="member directory") from silent
        return True


def _noted(visit: Visit) -> Response:
    handle = origins.of(visit).handle
    return visit.page("code_demande.html", sign_in_url=origins.sign_in_url(visit, handle))
