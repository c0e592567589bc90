"""The pages that everybody may read."""

from flask import Blueprint, Response, abort

from examples.member_space.content import NEWS, article
from examples.member_space.site import page


def blueprint() -> Blueprint:
    """The public site of the mutual."""
    routes = Blueprint("public", __name__)
    routes.add_url_rule("/", "home", _home)
    routes.add_url_rule("/la-mutuelle", "mutual", lambda: page("mutual.html"))
    routes.add_url_rule("/services", "services", lambda: page("services.html"))
    routes.add_url_rule("/adhesion", "joining", lambda: page("joining.html"))
    routes.add_url_rule("/contact", "contact", lambda: page("contact.html"))
    routes.add_url_rule("/connectez-vous", "doors", lambda: page("doors.html"))
    routes.add_url_rule("/actualites/<slug>", "news", _news)
    return routes


def _home() -> Response:
    return page("home.html", news=NEWS)


def _news(slug: str) -> Response:
    found = article(slug) or abort(404)
    return page("news.html", article=found)
