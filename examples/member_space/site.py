"""What every page shares: the parts of the service, the cookie, the templates and the security headers."""

import hmac
import logging
from dataclasses import dataclass

from flask import Response, make_response, redirect, render_template, request
from sqlalchemy.orm import Session

from examples.clock import Clock
from examples.database import Database
from examples.member_space.data_client import MemberDataClient
from examples.member_space.provider import Provider
from examples.member_space.settings import DOORS, Door, Settings
from examples.member_space.store import SpaceSession, live_session

SESSION_COOKIE = "__Host-space_session"
LOGOUT_COOKIE = "__Host-space_logout"
_LONGEST_COOKIE = 100

log = logging.getLogger("examples.member_space")


@dataclass(frozen=True, slots=True)
class Site:
    """The parts, passed to each group of pages by the factory."""

    settings: Settings
    database: Database
    provider: Provider
    data: MemberDataClient
    clock: Clock


def cookie_value(name: str = SESSION_COOKIE) -> str:
    """What the browser presents, or nothing."""
    value = request.cookies.get(name, "")
    return value if len(value) <= _LONGEST_COOKIE else ""


def set_cookie(answer: Response, name: str, value: str) -> None:
    """A cookie that other hosts cannot plant, scripts cannot read, and that leaves with the browser."""
    answer.set_cookie(name, value, secure=True, httponly=True, samesite="Lax", path="/")


def forget_cookie(answer: Response, name: str) -> None:
    """Take the cookie back: `__Host-` names are only obeyed with the same attributes."""
    answer.delete_cookie(name, secure=True, httponly=True, samesite="Lax", path="/")


def current(site: Site, session: Session) -> SpaceSession | None:
    """The live session of this browser."""
    cookie = cookie_value()
    return live_session(session, cookie, now=site.clock()) if cookie else None


def door_of(visit: SpaceSession) -> Door:
    """The door that this session came through."""
    return DOORS[visit.space]


def has_good_csrf(visit: SpaceSession) -> bool:
    """Whether the form was written by a page of this session."""
    sent = request.form.get("csrf_token", "")
    return hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), visit.csrf.encode())


def page(
    template: str, status: int = 200, *, visit: SpaceSession | None = None, **values: object
) -> Response:
    """A page in HTML; `visit` puts it in the clothes of its space."""
    door = door_of(visit) if visit else None
    html = render_template(template, visit=visit, door=door, doors=DOORS.values(), **values)
    return make_response(html, status)


def see_other(address: str) -> Response:
    """303: what follows is a GET, whatever came before."""
    return make_response(redirect(address, 303))


def harden(site: Site, answer: Response) -> Response:
    """Security headers, on pages and on errors alike."""
    headers = answer.headers
    headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        # Signing out, and confirming one's identity, lead from a form to the provider and back.
        f"form-action 'self' {site.settings.provider_origin}"
    )
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if site.settings.is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    return answer
