"""The token endpoint: Authlib's server and grant protocol, with our own clients, codes and tokens."""

import logging
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
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

from idp.oidc import dpop, machine, redeeming, refreshing, resources, services
from idp.oidc.clients import Client
from idp.oidc.dpop import BadProof
from idp.oidc.issuing import Beyond
from idp.oidc.machine import Form
from idp.oidc.provider import Provider, Snapshot
from idp.oidc.redeeming import Redemption
from idp.oidc.refreshing import Refreshing
from idp.oidc.services import ServiceRequest

# Authlib logs whole tokens at DEBUG: its loggers never speak below WARNING, whatever the root logger says.
logging.getLogger("authlib").setLevel(logging.WARNING)

PATH = "/oauth2/token"
METHODS: list[str] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
TokenResponse = tuple[int, dict[str, Any], list[tuple[str, str]]]


class TokenRequest(OAuth2Request):
    """One request to the token endpoint, with the transaction and the snapshot that it is judged in."""

    def __init__(
        self, request: Request, *, session: Session, now: datetime, snapshot: Snapshot, provider: Provider
    ) -> None:
        """Take the parameters of the body only, each once."""
        super().__init__("POST", provider.issuer + PATH, headers=request.headers)
        self.sent = request
        self.session = session
        self.now = now
        self.snapshot = snapshot
        self.provider = provider
        form: Form = machine.read(request)
        self.fields = form.one
        self.resources = form.resources
        self.jkt: str | None = None
        self.payload = BasicOAuth2Payload(self.fields)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters."""
        return self.fields

    @property
    def scopes(self) -> tuple[str, ...] | None:
        """The scopes asked for; None when the request names none."""
        asked = self.fields.get("scope")
        return None if asked is None else tuple(dict.fromkeys(asked.split(" ")))


class _Unsupported(UnsupportedGrantTypeError):
    """Authlib would repeat the caller's own text in the description, whatever characters it has."""

    def get_error_description(self) -> str:
        return "grant_type must be authorization_code, refresh_token or client_credentials"


class _OfParvis(BaseGrant, TokenEndpointMixin):
    """What our grants share: a client that may use them, and the key that its tokens are bound to."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = METHODS
    NEEDED: ClassVar[tuple[str, ...]] = ()
    request: TokenRequest

    def validate_token_request(self) -> None:
        """Know the client, have all that the grant needs, and check the proof of possession."""
        client: Client = self.authenticate_token_endpoint_client()
        if self.GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClientError("the client may not use this grant_type")
        for name in self.NEEDED:
            if name not in self.request.fields:
                raise InvalidRequestError(f"{name} is missing")
        if not resources.are_allowed(
            self.request.resources, resources.allowed(client, self.request.provider.settings)
        ):
            raise OAuth2Error(
                error="invalid_target", description="resource names a service this client has no tokens for"
            )
        self.request.client = client
        self.request.jkt = _bound_to(self.request, client)

    def create_token_response(self) -> TokenResponse:
        """Spend what was presented and make the tokens."""
        return 200, self.give(self.request, self.request.client), []

    @abstractmethod
    def give(self, request: TokenRequest, client: Client) -> dict[str, Any]:
        """The token response. Raises OAuth2Error."""


class CodeGrant(_OfParvis):
    """`grant_type=authorization_code` (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""

    GRANT_TYPE = "authorization_code"
    NEEDED = ("code", "redirect_uri")

    def give(self, request: TokenRequest, client: Client) -> dict[str, Any]:
        """The refusal is one for all reasons."""
        given = redeeming.redeem(
            request.session,
            Redemption(
                client=client,
                code=request.fields["code"],
                redirect_uri=request.fields["redirect_uri"],
                # FAPI 2.0 conformance: a verifier that is missing is a wrong one.
                verifier=request.fields.get("code_verifier", ""),
                resources=request.resources,
                jkt=request.jkt,
            ),
            provider=request.provider,
            ring=request.snapshot.ring,
            now=request.now,
        )
        if given is None:
            raise InvalidGrantError("the code is unknown, over, spent, or not for this client and verifier")
        return _within(given)


class RefreshGrant(_OfParvis):
    """`grant_type=refresh_token` (RFC 6749 section 6)."""

    GRANT_TYPE = "refresh_token"
    NEEDED = ("refresh_token",)

    def give(self, request: TokenRequest, client: Client) -> dict[str, Any]:
        """The refusal is one for all reasons."""
        given = refreshing.refresh(
            request.session,
            Refreshing(
                client=client,
                token=request.fields["refresh_token"],
                scopes=request.scopes,
                resources=request.resources,
                jkt=request.jkt,
            ),
            provider=request.provider,
            ring=request.snapshot.ring,
            now=request.now,
        )
        if given is None:
            raise InvalidGrantError("the refresh token is unknown, over, revoked, or not for this client")
        return _within(given)


class ServiceGrant(_OfParvis):
    """`grant_type=client_credentials` (RFC 6749 section 4.4)."""

    GRANT_TYPE = "client_credentials"
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = METHODS[:-1]

    def give(self, request: TokenRequest, client: Client) -> dict[str, Any]:
        """A token for the service itself."""
        given = services.give(
            request.session,
            ServiceRequest(client, request.scopes, request.resources, request.jkt),
            provider=request.provider,
            ring=request.snapshot.ring,
            now=request.now,
        )
        if given is None:
            raise InvalidScopeError("scope names what this client may not have in its own name")
        return given


def _within(given: dict[str, Any] | Beyond) -> dict[str, Any]:
    """What was given, unless more was asked for than was granted."""
    if isinstance(given, Beyond):
        raise OAuth2Error(error=given.error, description=given.description)
    return given


def _bound_to(request: TokenRequest, client: Client) -> str | None:
    """The key that the tokens are bound to; None for bearer tokens (RFC 9449 section 5)."""
    header = request.sent.headers.get("DPoP")
    if header is None:
        if client.dpop_bound_access_tokens:
            # RFC 9449 section 5 keeps invalid_dpop_proof for a proof that is there, and wrong.
            raise InvalidRequestError("this client must send a DPoP proof")
        return None
    url = request.provider.issuer + PATH
    found = dpop.check(request.session, header, method="POST", url=url, now=request.now)
    if isinstance(found, BadProof):
        raise OAuth2Error(error="invalid_dpop_proof", description=found.reason)
    return found.jkt


class TokenServer(AuthorizationServer):
    """Authlib's server, without its own storage: it finds the grant, we judge and answer."""

    def __init__(self, provider: Provider) -> None:
        """Register the grants that exist."""
        super().__init__()
        self._provider = provider
        for grant in (CodeGrant, RefreshGrant, ServiceGrant):
            self.register_grant(grant)

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
            return machine.refusal(error)
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
        """The client that proved itself by its registered method, when the grant takes that method."""
        client = machine.client_of(
            request.sent,
            request.fields,
            session=request.session,
            snapshot=request.snapshot,
            provider=request.provider,
            now=request.now,
        )
        if client.token_endpoint_auth_method not in methods:
            raise UnauthorizedClientError("the client may not use this grant_type")
        return client

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens: events are recorded in the transaction instead."""

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> Response:
        """The answer in JSON."""
        return machine.answer(status, body, headers)
