"""Calls from scripts: only the origins of public clients may read what token and userinfo answer."""

from collections.abc import Callable
from functools import wraps

from flask import Response, request

from idp.oidc.provider import Provider

# No cookie matters at these endpoints, so credentials are never allowed.
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
    "Access-Control-Max-Age": "600",
}
View = Callable[..., Response]


def open_to_browser_clients(provider: Provider) -> Callable[[View], View]:
    """Decorate an endpoint: preflights are answered here, other answers get the origin that may read them."""

    def decorate(view: View) -> View:
        @wraps(view)
        def run(**parameters: str) -> Response:
            is_preflight = request.method == "OPTIONS"
            response = Response(status=204, headers=_PREFLIGHT) if is_preflight else view(**parameters)
            origin = request.headers.get("Origin")
            response.headers["Vary"] = "Origin"
            if origin is not None and origin in provider.clients.known.browser_origins:
                response.headers["Access-Control-Allow-Origin"] = origin
            return response

        return run

    return decorate
