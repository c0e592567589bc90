"""What the endpoints for clients share: the form, the client that sent it, and answers in JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error
from flask import Request, Response
from sqlalchemy.orm import Session

from idp.oidc import client_auth
from idp.oidc.client_auth import ClientRefusal, Credentials
from idp.oidc.clients import Client
from idp.oidc.provider import Provider, Snapshot

HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"}
# RFC 8707 section 2: the one parameter that may come several times.
SEVERAL = "resource"


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a POST: each once and with a value, but for `resource`."""

    one: Mapping[str, str]
    resources: tuple[str, ...]


class BadClient(InvalidClientError):
    """RFC 6749 section 5.2: 401 and the scheme to use."""

    def __init__(self, description: str) -> None:
        """Take the description."""
        super().__init__(description=description, status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        """The challenge."""
        return [("WWW-Authenticate", 'Basic realm="parvis", charset="UTF-8"')]


def read(request: Request) -> Form:
    """The parameters of the body, never of the address. Raises InvalidRequestError."""
    # RFC 6749 section 3.2: parameters without a value are omitted ones, and none may come twice.
    given = {name: [value for value in values if value] for name, values in request.form.lists()}
    for name, values in given.items():
        if len(values) > 1 and name != SEVERAL:
            # The name is the caller's own text: it is not repeated in the answer.
            raise InvalidRequestError("a parameter is given more than once")
    one = {name: values[0] for name, values in given.items() if values and name != SEVERAL}
    return Form(one, tuple(given.get(SEVERAL, ())))


def client_of(
    request: Request,
    fields: Mapping[str, str],
    *,
    session: Session,
    snapshot: Snapshot,
    provider: Provider,
    now: datetime,
) -> Client:
    """The client that proved itself by its registered method. Raises OAuth2Error."""
    found = client_auth.authenticate(
        session,
        Credentials(request.headers.get("Authorization"), fields),
        clients=snapshot.clients,
        provider=provider,
        now=now,
    )
    match found:
        case Client():
            return found
        case ClientRefusal.SEVERAL:
            raise InvalidRequestError(found.value)
        case ClientRefusal.UNPROVEN:
            raise BadClient(found.value)


def answer(status: int, body: Mapping[str, Any] | None, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """JSON that nobody on the way may keep (RFC 6749 sections 5.1 and 5.2)."""
    response = Response("" if body is None else json.dumps(body), status=status, headers=HEADERS)
    if body is None:
        # An empty body is no JSON: a client that parses by the type would stumble.
        del response.headers["Content-Type"]
    for name, value in headers:
        response.headers[name] = value
    return response


def refusal(error: OAuth2Error) -> Response:
    """The error answer."""
    return answer(*error())
