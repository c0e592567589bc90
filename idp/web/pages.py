"""The pages that anybody may read: choice of space, help, legal texts, and the look of each space."""

from flask import Blueprint, Response, request

from idp.core.errors import Problem
from idp.core.spaces import Space
from idp.core.words import N_
from idp.web import look
from idp.web.kit import Kit, Visit
from idp.web.words import SOURCE

TEXTS = {
    "mentions-legales": N_("Mentions légales"),
    "confidentialite": N_("Protection de vos données"),
    "accessibilite": N_("Accessibilité"),
}


def blueprint(kit: Kit) -> Blueprint:
    """`/`, `/aide`, `/cgu` and their neighbours."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    @kit.visit
    def choose(visit: Visit) -> Response:
        return visit.page("choose_space.html", doors=_doors(visit))

    @pages.get("/aide")
    @kit.visit
    def help_page(visit: Visit) -> Response:
        return _of_space(visit).page("aide.html", sign_in_url="/connexion")

    @pages.get("/cgu")
    @kit.visit
    def terms(visit: Visit) -> Response:
        _of_space(visit)
        return _legal_text(visit, "terms", N_("Conditions générales d’utilisation"))

    @pages.get("/<any('mentions-legales', confidentialite, accessibilite):name>")
    @kit.visit
    def text(visit: Visit, name: str) -> Response:
        _of_space(visit)
        return _legal_text(visit, name, TEXTS[name])

    _add_looks(pages, kit)
    kit.limit_pages(pages)
    return pages


def _add_looks(pages: Blueprint, kit: Kit) -> None:
    @pages.get("/theme/<name>.css")
    def theme(name: str) -> Response:
        return look.serve_theme(_space(kit, name), request.args.get("v", ""))

    @pages.get("/theme/<name>.svg")
    def logo(name: str) -> Response:
        # No space's name ends in « -dark ».
        space = _space(kit, name.removesuffix("-dark"))
        return look.serve_logo(space, request.args.get("v", ""), dark=name.endswith("-dark"))


def _legal_text(visit: Visit, name: str, title: str) -> Response:
    """A text of the space in the language of the visit, or in French where nobody translated it."""
    translated = visit.space.text(name, visit.locale)
    return visit.page(
        "texte.html",
        title=visit.say(title),
        body_html=translated or visit.space.text(name),
        body_language=visit.locale if translated else SOURCE,
        contact=visit.space.legal.contact_of(name),
    )


def _space(kit: Kit, name: str) -> Space:
    space = kit.spaces.get(name)
    if space is None:
        raise Problem("P-4004", detail="no such space")
    return space


def _of_space(visit: Visit) -> Visit:
    visit.space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.space
    return visit


def _doors(visit: Visit) -> list[dict[str, str]]:
    return [
        {
            "title": space.short_title,
            "description": visit.say(_description(space)),
            "url": _door(visit, space),
        }
        for space in visit.kit.spaces
        if space.listed
    ]


def _door(visit: Visit, space: Space) -> str:
    return visit.kit.door_of(visit.session, space) or f"/connexion?espace={space.name}"


def _description(space: Space) -> str:
    return N_("Connexion ou création de compte") if space.enrolment else N_("Connexion, sur invitation")
