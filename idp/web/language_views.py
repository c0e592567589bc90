"""The switch of languages: a small form on every page, which comes back to that page."""

from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app

from idp.core.errors import Problem
from idp.web import languages, security
from idp.web.kit import Kit, Visit
from idp.web.words import LANGUAGES


def blueprint(kit: Kit) -> Blueprint:
    """`/langue`."""
    pages = Blueprint("languages", __name__)

    @pages.post("/langue")
    @kit.visit
    def speak(visit: Visit) -> Response:
        language = visit.request.form.get("language", "")
        if language not in LANGUAGES:
            raise Problem("P-4000", detail="no such language")
        visit.set_cookie(languages.CHOSEN, language)
        return visit.see_other(_page_at(visit.request.form.get("back", "")))

    kit.limit_pages(pages)
    return pages


def _page_at(back: str) -> str:
    """The page to come back to: a path of this site, and never one that only takes forms."""
    address = security.local_address(back)
    if address is None:
        return "/"
    methods = set(current_app.url_map.bind("").allowed_methods(urlsplit(address).path))
    return "/" if methods and "GET" not in methods else address
