"""Which language a page speaks: the member's choice, the service's wish, the browser's, and else French."""

from collections.abc import Iterable
from dataclasses import dataclass

from werkzeug.wrappers import Request

from idp.web import security
from idp.web.words import LANGUAGES, SOURCE

CHOSEN = "language"
"""The cookie of the switch; it goes with the browser."""
OF_SERVICE = "service_language"
"""The cookie of a sign-in's `ui_locales`, for the pages beside it: help, legal texts, errors."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One language of the switch."""

    code: str
    name: str
    current: bool


def language_of_request(request: Request) -> str:
    """The language of a page about which nothing else is known; errors have it too."""
    return chosen(request) or _cookie(request, OF_SERVICE) or language_of_browser(request)


def language_of_browser(request: Request) -> str:
    """By Accept-Language, the heaviest first (RFC 9110 section 12.5.4); a weight of 0 means "not this one"."""
    wanted = [tag for tag, weight in request.accept_languages if weight > 0]
    return first_known(SOURCE if tag == "*" else tag for tag in wanted) or SOURCE


def chosen(request: Request) -> str | None:
    """What the member chose with the switch."""
    return _cookie(request, CHOSEN)


def first_known(tags: Iterable[str]) -> str | None:
    """The first of these tags that we speak, whatever its region: `en-GB` is English, `fr-CA` French."""
    primaries = (tag.replace("_", "-").partition("-")[0].lower() for tag in tags)
    return next((primary for primary in primaries if primary in LANGUAGES), None)


def switch(current: str) -> list[Offer]:
    """What the switch offers on a page in this language."""
    return [Offer(code, name, current=code == current) for code, name in LANGUAGES.items()]


def _cookie(request: Request, name: str) -> str | None:
    value = request.cookies.get(security.PREFIX + name, "")
    return value if value in LANGUAGES else None
