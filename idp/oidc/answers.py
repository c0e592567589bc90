"""Answers of the authorization endpoint: to the client by redirect or form post, or a page."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Response

from idp.core.errors import Problem
from idp.oidc.requests import Doubt, Refused, ResponseMode, Target
from idp.web.kit import Visit


def code(visit: Visit, target: Target, value: str) -> Response:
    """The code, to the client (RFC 6749 section 4.1.2)."""
    return _to_client(visit, target, {"code": value})


def error(visit: Visit, refused: Refused) -> Response:
    """An error, to the client (RFC 6749 section 4.1.2.1)."""
    return _to_client(
        visit, refused.target, {"error": refused.error, "error_description": refused.description}
    )


def page_of(doubt: Doubt) -> Problem:
    """The page for a request whose address is in doubt: nothing is ever sent there."""
    return Problem(doubt.value, detail=doubt.name.lower())


def with_query(address: str, members: Mapping[str, str]) -> str:
    """An address with more members in its query; what it had stays as it was registered."""
    separator = "&" if "?" in address else "?"
    return f"{address}{separator}{urlencode(members)}"


def _to_client(visit: Visit, target: Target, members: Mapping[str, str]) -> Response:
    state = {} if target.state is None else {"state": target.state}
    # RFC 9207 section 2: every answer and every error names its issuer.
    members = {**members, **state, "iss": visit.kit.settings.issuer}
    if target.mode is ResponseMode.QUERY:
        return visit.see_other(with_query(target.redirect_uri, members))
    visit.space = visit.kit.spaces.get(target.client.space) or visit.space
    visit.send_forms_to(target.redirect_uri)
    return visit.page(
        "oidc/form_post.html",
        address=target.redirect_uri,
        members=members,
        client_name=target.client.client_name,
    )
