"""Failures become pages, or JSON where a machine reads, each with its number."""

import math
import traceback
from datetime import timedelta

import structlog
from flask import Flask, Response, jsonify, render_template, request
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException

from idp.core.errors import CATALOGUE, Entry, Problem
from idp.web.kit import Kit

log = structlog.get_logger(__name__)

MACHINES = (
    "/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke", "/oauth2/introspect", "/oauth2/par",
    "/oauth2/register", "/oauth2/jwks.json", "/.well-known/", "/captcha/altcha", "/admin/api/",
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
    space = kit.spaces.default
    return render_template(
        "error.html",
        space=space,
        locale="fr",
        theme_url=kit.theme_url(space),
        csrf_token="",
        number=entry.number,
        title=entry.title,
        message=entry.member,
        retry_after=retry_after.total_seconds() if retry_after is not None else None,
        action_url="/",
        action_label="Retour à l'accueil",
    )
