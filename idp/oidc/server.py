"""The token endpoint: Authlib's server and grant protocol, with our own clients, codes and tokens."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    TokenEndpointMixin,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import BaseGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Request, Response
from sqlalchemy.orm import Session

from idp.oidc import client_auth
from idp.oidc.client_auth import ClientRefusal
from idp.oidc.clients import Client
from idp.oidc.provider import Provider, Snapshot
from idp.oidc.redeeming import Redemption, redeem

# Authlib logs whole tokens at DEBUG: its loggers never speak below WARNING, whatever the root logger says.
logging.getLogger("authlib").setLevel(logging.WARNING)

HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"}


class TokenRequest(OAuth2Request):
    """One request to the token endpoint, with the transaction and the snapshot that it is judged in."""

    def __init__(
        self, request: Request, *, session: Session, now: datetime, snapshot: Snapshot, provider: Provider
    ) -> None:
        """Take the parameters of the body only, each once."""
        super().__init__("POST", provider.issuer + "/oauth2/token", headers=request.headers)
        self.session = session
        self.now = now
        self.snapshot = snapshot
        self.provider = provider
        self.fields = _fields(request)
        self.payload = BasicOAuth2Payload(self.fields)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters."""
        return self.fields


def _fields(request: Request) -> dict[str, str]:
    # RFC 6749 section 3.2: parameters without a value are omitted ones, and none may come twice.
    given = {name: [value for value in values if value] for name, values in request.form.lists()}
    for name, values in given.items():
        if len(values) > 1:
            # The name is the caller's own text: it is not repeated in the answer.
            del name
            raise InvalidRequestError("a parameter is given more than once")
    return {name: values[0] for name, values in given.items() if values}


class _Unsupported(UnsupportedGrantTypeError):
    """Authlib would repeat the caller's own text in the description, whatever characters it has."""

    def get_error_description(self) -> str:
        return "grant_type must be authorization_code"


class _BadClient(InvalidClientError):
    """RFC 6749 section 5.2: 401 and the scheme to use."""

    def __init__(self, description: str) -> None:
        super().__init__(description=description, status_code=401)

    def get_headers(self) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", 'Basic realm="parvis", charset="UTF-8"')]


class CodeGrant(BaseGrant, TokenEndpointMixin):
    """`grant_type=authorization_code` (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

    GRANT_TYPE = "authorization_code"
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post", "none"]
    request: TokenRequest

    def validate_token_request(self) -> None:
        """Know the client, and have all that the code must match."""
        client: Client = self.authenticate_token_endpoint_client()
        if self.GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant_type")
        for name in ("code", "redirect_uri", "code_verifier"):
            if name not in self.request.fields:
                raise InvalidRequestError(f"{name} is missing")
        self.request.client = client

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Spend the code and make the tokens; the refusal is one for all reasons."""
        request = self.request
        given = redeem(
            request.session,
            Redemption(
                client=request.client,
                code=request.fields["code"],
                redirect_uri=request.fields["redirect_uri"],
                verifier=request.fields["code_verifier"],
            ),
            provider=request.provider,
            ring=request.snapshot.ring,
            now=request.now,
        )
        if given is None:
            raise InvalidGrantError("the code is unknown, over, spent, or not for this client and verifier")
        return 200, given, []


class TokenServer(AuthorizationServer):
    """Authlib's server, without its own storage: it finds the grant, we judge and answer."""

    def __init__(self, provider: Provider) -> None:
        """Register the grants that exist."""
        super().__init__()
        self._provider = provider
        self.register_grant(CodeGrant)

    def answer(self, request: Request, *, session: Session, now: datetime) -> Response:
        """The answer to one request of the token endpoint."""
        snapshot = self._provider.snapshot(session, now=now)
        try:
            asked = TokenRequest(
                request, session=session, now=now, snapshot=snapshot, provider=self._provider
            )
            if asked.payload.grant_type is None:
                raise InvalidRequestError("grant_type is missing")
        except OAuth2Error as error:
            return self.handle_response(*error())
        response: Response = self.create_token_response(asked)
        return response

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """The request is ours already."""
        return request

    def get_token_grant(self, request: TokenRequest) -> BaseGrant:
        """The grant class that answers."""
        try:
            return super().get_token_grant(request)
        except UnsupportedGrantTypeError:
            raise _Unsupported(request.payload.grant_type) from None

    def authenticate_client(
        self, request: TokenRequest, methods: list[str], endpoint: str = "token"
    ) -> Client:
        """The client that proved itself by its registered method."""
        found = client_auth.authenticate(
            request.headers.get("Authorization"), request.fields, clients=request.snapshot.clients
        )
        match found:
            case Client():
                return found
            case ClientRefusal.SEVERAL:
                raise InvalidRequestError(found.value)
            case ClientRefusal.UNPROVEN:
                raise _BadClient(found.value)

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens: events are recorded in the transaction instead."""

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> Response:
        """JSON that nobody on the way may keep (RFC 6749 sections 5.1 and 5.2)."""
        response = Response(json.dumps(body), status=status, headers=HEADERS)
        for name, value in headers:
            response.headers[name] = value
        return response
