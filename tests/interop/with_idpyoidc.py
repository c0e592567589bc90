"""IdPy's OpenID Connect library, which shares no code and few ideas with the others."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from cryptojwt.jwk.jwk import key_from_jwk_dict
from cryptojwt.key_jar import KeyJar
from idpyoidc.client.client_auth import CLIENT_AUTHN_METHOD, ClientAuthnMethod
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.oauth2.stand_alone_client import StandAloneClient
from idpyoidc.exception import OidcMsgError
from idpyoidc.message import Message
from idpyoidc.message.oauth2 import is_error_message
from idpyoidc.message.oidc.session import BackChannelLogoutRequest

from tests.interop.clients import Registered
from tests.interop.parties import LibraryRefused, Tokens

OIDC, OAUTH2 = "idpyoidc.client.oidc", "idpyoidc.client.oauth2"
SERVICES = {
    "discovery": {"class": f"{OIDC}.provider_info_discovery.ProviderInfoDiscovery"},
    "authorization": {"class": f"{OIDC}.authorization.Authorization"},
    "access_token": {"class": f"{OIDC}.access_token.AccessToken"},
    "refresh_access_token": {"class": f"{OIDC}.refresh_access_token.RefreshAccessToken"},
    "userinfo": {"class": f"{OIDC}.userinfo.UserInfo"},
    "end_session": {"class": f"{OIDC}.end_session.EndSession"},
    "client_credentials": {"class": f"{OAUTH2}.client_credentials.CCAccessTokenRequest"},
    "token_revocation": {"class": f"{OAUTH2}.token_revocation.TokenRevocation"},
    "introspection": {"class": f"{OAUTH2}.introspection.Introspection"},
}
PKCE = {
    "function": f"{OAUTH2}.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}
REFUSALS = (OidcServiceError, OidcMsgError, KeyError, ValueError)
NO_SUCH_SESSION = "no-session"


class PublicClient(ClientAuthnMethod):
    """The method `none`, which the library leaves to its user: no secret is sent."""

    def construct(
        self, request: Message, service: object = None, http_args: object = None, **_: object
    ) -> dict:
        request.pop("client_secret", None)
        return {}


METHODS = {**CLIENT_AUTHN_METHOD, "none": PublicClient}


class IdpyParty:
    """`StandAloneClient`."""

    def __init__(self, client: Registered, issuer: str) -> None:
        self._client = client
        self._issuer = issuer
        self._method = client.metadata.get("token_endpoint_auth_method", "client_secret_basic")
        keys = KeyJar()
        if client.key:
            keys.add_keys("", [key_from_jwk_dict(client.key)])
        self._rp = StandAloneClient(
            keyjar=keys,
            services=SERVICES,
            config={
                "issuer": issuer,
                "client_type": "oidc",
                "client_id": client.client_id,
                "client_secret": client.secret or "",
                "redirect_uris": [client.redirect_uri],
                "base_url": client.redirect_uri,
                "response_types_supported": ["code"],
                "scopes_supported": client.scope.split(),
                "id_token_signed_response_alg": client.algorithm,
                "token_endpoint_auth_method": self._method,
                "client_authn_methods": {
                    name: {"class": method, "kwargs": {}} for name, method in METHODS.items()
                },
                "add_ons": {"pkce": PKCE},
            },
            httpc_params={"timeout": 10},
        )
        self._rp.do_provider_info()
        self._rp.do_client_registration()

    def begin(self, **asked: str) -> str:
        return self._rp.init_authorization(req_args={"scope": self._client.scope.split(), **asked})

    def finish(self, callback: str) -> Tokens:
        try:
            answer = self._rp.finalize_auth(dict(parse_qsl(urlsplit(callback).query)))
        except REFUSALS as refusal:
            raise LibraryRefused(repr(refusal)) from refusal
        self._state = answer["state"]
        request = {
            "code": answer["code"],
            "state": self._state,
            "redirect_uri": self._client.redirect_uri,
            "grant_type": "authorization_code",
            "client_id": self._client.client_id,
        }
        return self._tokens(self._ask("accesstoken", request))

    def userinfo(self) -> dict[str, Any]:
        try:
            return self._rp.get_user_info(self._state).to_dict()
        except REFUSALS as refusal:
            raise LibraryRefused(repr(refusal)) from refusal

    def refresh(self) -> Tokens:
        return self._tokens(self._ask("refresh_token", {"client_id": self._client.client_id}))

    def revoke(self, token: str) -> None:
        # The library wants a body, and RFC 7009 gives none: it makes the request, and we send it.
        made = self._rp.get_service("token_revocation").get_request_parameters(
            request_args={"token": token}, authn_method=self._method
        )
        requests.post(made["url"], data=made["body"], headers=made["headers"], timeout=10).raise_for_status()

    def introspect(self, token: str) -> dict[str, Any]:
        return self._ask("introspection", {"token": token}).to_dict()

    def client_credentials(self, scope: str, resource: str) -> str:
        request = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        return self._ask("client_credentials", request)["access_token"]

    def end_session_url(self, goodbye: str, state: str) -> str:
        service = self._rp.get_service("end_session")
        asked = {"post_logout_redirect_uri": goodbye, "state": state}
        return service.get_request_parameters(state=self._state, request_args=asked)["url"]

    def logout_token(self, token: str) -> dict[str, Any]:
        order = BackChannelLogoutRequest(logout_token=token)
        try:
            order.verify(
                iss=self._issuer,
                aud=self._client.client_id,
                keyjar=self._rp.get_attribute("keyjar"),
                allowed_sign_alg=self._client.algorithm,
            )
        except REFUSALS as refusal:
            raise LibraryRefused(repr(refusal)) from refusal
        return order["__verified_logout_token"].to_dict()

    def close(self) -> None:
        """It holds nothing open."""

    def _ask(self, service: str, request: dict[str, str]) -> Message:
        # The audience of its assertion is the issuer (RFC 7523bis); the library would name the token endpoint.
        more = {"audience": self._issuer, "algorithm": "ES256"} if self._client.key else {}
        state = getattr(self, "_state", NO_SUCH_SESSION)
        try:
            answer = self._rp.do_request(
                service, request_args=request, authn_method=self._method, state=state, **more
            )
        except REFUSALS as refusal:
            raise LibraryRefused(repr(refusal)) from refusal
        if is_error_message(answer):
            raise LibraryRefused(str(answer))
        return answer

    def _tokens(self, answer: Message) -> Tokens:
        claims = answer.get("__verified_id_token")
        return Tokens(
            claims.to_dict() if claims else {},
            answer.get("id_token", ""),
            answer["access_token"],
            answer.get("refresh_token"),
            answer["token_type"],
        )
