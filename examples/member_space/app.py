"""The member space as a Flask application: parts, pages, and a kind page for everything that fails."""

from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from examples.clock import Clock, utc_now
from examples.database import Database
from examples.issuer import Issuer, IssuerUnavailable
from examples.member_space import french, public
from examples.member_space.data_client import DataUnavailable, MemberDataClient, NotAllowed, NotFound
from examples.member_space.declarations import DeclarationPages
from examples.member_space.devices import DevicePages
from examples.member_space.member import MemberPages
from examples.member_space.provider import Provider
from examples.member_space.settings import Settings
from examples.member_space.signin import SignInDesk
from examples.member_space.signout import SignOutDesk
from examples.member_space.site import Site, harden, log, page
from examples.member_space.store import Base
from examples.member_space.tokens import Untrusted

LARGEST_BODY = 64_000
_YEAR = 31_536_000


def create_app(settings: Settings, *, clock: Clock = utc_now) -> Flask:
    """Build the member space. The provider and the data service may start later."""
    site = Site(
        settings=settings,
        database=Database(settings.database, Base.metadata),
        provider=Provider(settings, Issuer(settings.issuer)),
        data=MemberDataClient(settings.member_data_url),
        clock=clock,
    )
    app = Flask(__name__)
    app.config |= {"MAX_CONTENT_LENGTH": LARGEST_BODY, "SEND_FILE_MAX_AGE_DEFAULT": 3600}
    app.jinja_env.add_extension(french.Typography)
    for words in (french.euros, french.day, french.month, french.typeset):
        app.jinja_env.filters[words.__name__] = words
    _add_pages(app, site)
    _add_error_pages(app)
    app.after_request(lambda answer: harden(site, answer))
    return app


def _add_pages(app: Flask, site: Site) -> None:
    desk = SignInDesk(site)
    app.register_blueprint(public.blueprint())
    app.register_blueprint(desk.blueprint())
    app.register_blueprint(SignOutDesk(site).blueprint())
    app.register_blueprint(MemberPages(site, desk).blueprint())
    app.register_blueprint(DeclarationPages(site, desk).blueprint())
    app.register_blueprint(DevicePages(site, desk).blueprint())
    app.add_url_rule("/health", "health", lambda: Response("ok\n", mimetype="text/plain"))


def _add_error_pages(app: Flask) -> None:
    app.register_error_handler(IssuerUnavailable, lambda error: _failure(503, "provider", error))
    app.register_error_handler(DataUnavailable, lambda error: _failure(503, "data", error))
    app.register_error_handler(SQLAlchemyError, lambda error: _failure(503, "database", error))
    app.register_error_handler(Untrusted, lambda error: _failure(502, "untrusted", error))
    app.register_error_handler(NotAllowed, lambda error: _failure(403, "forbidden", error))
    app.register_error_handler(NotFound, lambda error: _failure(404, "missing", error))
    app.register_error_handler(HTTPException, _http_failure)


def _failure(status: int, reason: str, error: Exception) -> Response:
    # The class and our own short text: never an address, a parameter or a token.
    text = "" if isinstance(error, SQLAlchemyError) else str(error)[:120]
    log.warning("answered %d (%s): %s %s", status, reason, type(error).__name__, text)
    answer = page("error.html", status, reason=reason)
    if status == 503:  # noqa: PLR2004
        answer.headers["Retry-After"] = "10"
    return answer


def _http_failure(error: HTTPException) -> Response:
    status = error.code or 500
    reasons = {404: "missing", 405: "method", 413: "too_long", 500: "accident"}
    answer = page("error.html", status, reason=reasons.get(status, "request"))
    if isinstance(methods := getattr(error, "valid_methods", None), list | tuple | set):
        answer.headers["Allow"] = ", ".join(sorted(methods))
    return answer
