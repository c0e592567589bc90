"""Headers and cookies: the one place that writes them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, Response, request

PREFIX = "__Host-parvis_"
TOKEN_LENGTH = 43
LONGEST_ADDRESS = 2_000
# One slash first, since browsers read `//` and `/\\` as the beginning of another site's address; then printable
# ASCII without backslash, quotes or angle brackets.
_LOCAL = re.compile(r"/(?![/\\])[!#-;=?-\[\]^_`a-z{|}~]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cookie:
    """One of our cookies; without `max_age` the browser drops it when it closes."""

    name: str
    value: str
    max_age: timedelta | None


def local_address(address: str) -> str | None:
    """The address when it is a path of this site, so that a page may lead there; None for any other."""
    return address if len(address) <= LONGEST_ADDRESS and _LOCAL.fullmatch(address) else None


def write_cookies(response: Response, cookies: Iterable[Cookie]) -> None:
    """Add the cookies to the answer, and keep every shared cache from storing it."""
    for cookie in cookies:
        response.set_cookie(
            PREFIX + cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            secure=True,
            httponly=True,
            samesite="Lax",
            path="/",
        )
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie"


def csp(form_targets: Iterable[str] = ()) -> str:
    """The content security policy of a page; `form_targets` are origins that its forms may be redirected to."""
    forms = " ".join(["'self'", *dict.fromkeys(form_targets)])
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'self'; "
        f"connect-src 'self'; worker-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {forms}"
    )


def protect(app: Flask, *, https: bool) -> None:
    """Give every answer of the app, errors included, its security headers."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", csp())
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        headers.setdefault("X-Frame-Options", "DENY")
        if not request.path.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")
        if https:
            headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
        return response
