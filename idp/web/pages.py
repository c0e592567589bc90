"""The pages that anybody may read: choice of space, help, legal texts, and the look of each space."""

from flask import Blueprint, Response, request

from idp.core.errors import Problem
from idp.core.spaces import Space
from idp.web import look
from idp.web.kit import Kit, Visit

TEXTS = {
    "mentions-legales": "Mentions légales",
    "confidentialite": "Protection de vos données",
    "accessibilite": "Accessibilité",
}


def blueprint(kit: Kit) -> Blueprint:
    """`/`, `/aide`, `/cgu` and their neighbours."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    @kit.visit
    def choose(visit: Visit) -> Response:
        doors = [
            {"title": space.short_title, "description": _description(space), "url": _door(visit, space)}
            for space in kit.spaces
        ]
        return visit.page("choose_space.html", doors=doors)

    @pages.get("/aide")
    @kit.visit
    def help_page(visit: Visit) -> Response:
        return _of_space(visit).page("aide.html", sign_in_url="/connexion")

    @pages.get("/acces-perdus")
    @kit.visit
    def lost(visit: Visit) -> Response:
        return _of_space(visit).page("acces_perdus.html", sign_in_url="/connexion")

    @pages.get("/cgu")
    @kit.visit
    def terms(visit: Visit) -> Response:
        _of_space(visit)
        title = "Conditions générales d’utilisation"
        return visit.page(
            "texte.html", title=title, body_html=visit.space.terms_html, contact=visit.space.legal.contact
        )

    @pages.get("/<any('mentions-legales', confidentialite, accessibilite):name>")
    @kit.visit
    def text(visit: Visit, name: str) -> Response:
        _of_space(visit)
        contact = visit.space.legal.contact_of(name)
        return visit.page("texte.html", title=TEXTS[name], body_html=visit.space.text(name), contact=contact)

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


def _space(kit: Kit, name: str) -> Space:
    space = kit.spaces.get(name)
    if space is None:
        raise Problem("P-4004", detail="no such space")
    return space


def _of_space(visit: Visit) -> Visit:
    visit.space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.space
    return visit


def _door(visit: Visit, space: Space) -> str:
    return visit.kit.door_of(visit.session, space) or f"/connexion?espace={space.name}"


def _description(space: Space) -> str:
    return "Connexion ou création de compte" if space.enrolment else "Connexion, sur invitation"
