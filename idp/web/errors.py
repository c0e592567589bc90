"""Failures become pages, or JSON where a machine reads, each with its number."""

import math
import traceback
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, current_app, jsonify, render_template, request
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from idp.core import secrets
from idp.core.errors import CATALOGUE, Entry, Problem
from idp.core.words import N_
from idp.web import security
from idp.web.kit import Kit, WayOn, browser_secret
from idp.web.languages import language_of_request

log = structlog.get_logger(__name__)

MACHINES = (
    "/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/par",
    "/oauth2/register", "/oauth2/jwks.json", "/.well-known/", "/captcha/altcha", "/admin/api/", "/api/",
)  # fmt: skip
OF_STATUS = {
    400: "P-4000",
    403: "P-4003",
    404: "P-4004",
    405: "P-4005",
    413: "P-4013",
    414: "P-4013",
    431: "P-4013",
}
# RFC 6749 section 5.2 has no word for an outage; section 4.1.2.1 has these two.
OAUTH_WORD = {503: "temporarily_unavailable", 500: "server_error"}
A_MINUTE = timedelta(minutes=1)
START = N_("Recommencer la connexion")
RETRY = N_("Réessayer")
BACK = N_("Revenir à la page")
HOME = N_("Retour à l'accueil")
GO_ON = N_("Continuer")
# The failures after which a sign-in begins again, and those after which the same page may well work.
BEGIN_AGAIN = {"P-2002": START, "P-2003": START, "P-2007": GO_ON, "P-3004": START}
PAGE_AGAIN = {
    "P-2003": RETRY,
    "P-2008": GO_ON,
    "P-4000": BACK,
    "P-4001": BACK,
    "P-4013": BACK,
    "P-4029": RETRY,
    "P-5000": RETRY,
    "P-5003": RETRY,
    "P-5004": RETRY,
}
# Where the member of a failure may be better served than at the front page.
INSTEAD = {
    "P-1001": ("/inscription", N_("Recommencer mon inscription")),
    "P-6301": ("/acces-perdus", N_("Retrouver mes accès")),
    "P-1002": ("/invitation", N_("J’ai reçu un code d’invitation")),
    "P-6101": ("/invitation", N_("Entrer un code d’invitation")),
    "P-6001": ("/mot-de-passe-oublie", N_("Demander un nouveau lien")),
    "P-6003": ("/adresse-perdue", N_("Recommencer ma demande")),
}
UNASKED = frozenset({"P-4004", "P-4005", "P-4029", "P-5000", "P-5003"})
# Pages that only take a POST, and whose answer is shown elsewhere.
AFTER_POST = {
    "/inscription/renvoyer": "/inscription/validation",
    "/inscription/corriger": "/inscription/validation",
    "/mot-de-passe-oublie/renvoyer": "/mot-de-passe-oublie/code",
    "/adresse-perdue/renvoyer": "/adresse-perdue/validation",
}


@dataclass(frozen=True, slots=True)
class Action:
    """A way on from a failure; `service` names where it leads, when that is known."""

    url: str
    label: str
    service: str = ""


def handle_failures(app: Flask, kit: Kit) -> None:
    """Answer every failure of the app with its catalogue entry; nothing of its cause leaves the log."""

    @app.errorhandler(Problem)
    def problem(failure: Problem) -> Response:
        log.info("problem", number=failure.entry.number, detail=failure.detail, endpoint=request.endpoint)
        return _answer(kit, failure.entry, failure.retry_after)

    @app.errorhandler(RateLimitExceeded)
    def limited(_failure: RateLimitExceeded) -> Response:
        return _answer(kit, CATALOGUE["P-4029"], A_MINUTE)

    @app.errorhandler(HTTPException)
    def http(failure: HTTPException) -> Response:
        number = OF_STATUS.get(failure.code or 500, "P-4000" if (failure.code or 500) < 500 else "P-5000")  # noqa: PLR2004
        response = _answer(kit, CATALOGUE[number], None)
        if failure.code == 405 and getattr(failure, "valid_methods", None):  # noqa: PLR2004
            response.headers["Allow"] = ", ".join(failure.valid_methods)  # type: ignore[attr-defined]
        return response

    @app.errorhandler(Exception)
    def accident(failure: Exception) -> Response:
        # The place, not the words: an exception's text may hold an address or a whole row.
        place = [
            f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(failure.__traceback__)[-8:]
        ]
        log.error("accident", kind=type(failure).__name__, endpoint=request.endpoint, place=place)
        return _answer(kit, CATALOGUE["P-5000"], None)


def _answer(kit: Kit, entry: Entry, retry_after: timedelta | None) -> Response:
    if request.path.startswith(MACHINES):
        response = jsonify(
            error=OAUTH_WORD.get(entry.status, "invalid_request"), error_description=entry.number
        )
    else:
        response = Response(_page(kit, entry, retry_after))
    response.status_code = entry.status
    response.headers["Cache-Control"] = "no-store"
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after.total_seconds())))
    return response


def _page(kit: Kit, entry: Entry, retry_after: timedelta | None) -> str:
    way = _way_on(kit, entry)
    space = way.space if way is not None else kit.spaces.get(_given("espace")) or kit.spaces.default
    return render_template(
        "error.html",
        **kit.globals_of(space, language_of_request(request), browser=_browser(), back=_tame_address()),
        number=entry.number,
        title=entry.title,
        message=entry.member,
        retry_after=retry_after.total_seconds() if retry_after is not None else None,
        actions=_actions(entry, way),
    )


def _actions(entry: Entry, way: WayOn | None) -> list[Action]:
    """What the member can do now, the best first: this page again, the service they came from, the front page."""
    found = []
    if entry.number in BEGIN_AGAIN and way is not None:
        found.append(Action(way.url, BEGIN_AGAIN[entry.number], way.service))
    else:
        again = _same_page(entry) if entry.number in PAGE_AGAIN else None
        found += [Action(again, PAGE_AGAIN[entry.number])] if again is not None else []
        found += [Action(way.url, START, way.service)] if way is not None and way.service else []
    found += [Action(*INSTEAD[entry.number])] if entry.number in INSTEAD else []
    return [*found, Action("/", HOME)]


def _way_on(kit: Kit, entry: Entry) -> WayOn | None:
    """Where the member came from. Neither a database that just failed nor one that a flood might reach is asked."""
    handle, browser = _given("i"), _browser()
    if entry.number in UNASKED or not (handle or browser):
        return None
    session = kit.database.open()
    try:
        return kit.way_on(session, handle, browser or "")
    except SQLAlchemyError as failure:
        log.warning("way_on.unknown", kind=type(failure).__name__)
        return None
    finally:
        session.close()


def _tame_address() -> str:
    """Where the language switch comes back to: this address without what may have been wrong or secret in it."""
    kept = {name: value for name in ("i", "espace") if (value := _given(name))}
    address = request.path + ("?" + urlencode(kept) if kept else "")
    return security.local_address(address) or "/"


def _browser() -> str | None:
    secret = browser_secret()
    return secrets.fingerprint(secret) if secret is not None else None


def _same_page(entry: Entry) -> str | None:
    """The page of the failed request, to be asked for by GET: itself, or the nearest one above that has a GET."""
    if request.method == "GET" and entry.number != "P-4000":
        return security.local_address(request.full_path.rstrip("?"))
    adapter = current_app.url_map.bind("")
    path = AFTER_POST.get(request.path, request.path)
    while path:
        if adapter.test(path, method="GET"):
            handle = _given("i")
            return security.local_address(path + ("?" + urlencode({"i": handle}) if handle else ""))
        path = path.rpartition("/")[0]
    return None


def _given(name: str) -> str:
    """A value of the address or of the form, as far as a failed request can still be read."""
    try:
        return request.args.get(name) or request.form.get(name) or ""
    except HTTPException:
        # The body was the failure.
        return ""
