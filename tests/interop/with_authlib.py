"""Authlib's client, as an application without a web framework uses it."""

import json
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from tests.interop.clients import Registered
from tests.interop.parties import LibraryRefused, Tokens


class AuthlibParty:
    """`OAuth2Session` and `CodeIDToken`."""

    def __init__(self, client: Registered, issuer: str) -> None:
        self._client = client
        self._server = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
        method = client.metadata.get("token_endpoint_auth_method", "client_secret_basic")
        self._session = OAuth2Session(
            client_id=client.client_id,
            client_secret=client.secret,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            scope=client.scope,
            redirect_uri=client.redirect_uri,
            code_challenge_method="S256",
        )
        if client.key:
            key = ECKey.import_key(client.key)
            self._session.client_secret = key
            # The audience is the issuer: RFC 7523bis, and what this provider asks for.
            self._session.register_client_auth_method(
                PrivateKeyJWT(issuer, headers={"kid": key.kid}, alg="ES256")
            )

    def begin(self, **asked: str) -> str:
        self._verifier, self._nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        url, self._state = self._session.create_authorization_url(
            self._server["authorization_endpoint"], code_verifier=self._verifier, nonce=self._nonce, **asked
        )
        return url

    def finish(self, callback: str) -> Tokens:
        answer = parse_qs(urlsplit(callback).query)
        # Authlib leaves RFC 9207 to the application.
        if answer.get("iss") != [self._server["issuer"]]:
            raise LibraryRefused("the answer comes from another issuer")
        if answer.get("state") != [self._state]:
            raise LibraryRefused("the answer is to another question")
        try:
            token = self._session.fetch_token(
                self._server["token_endpoint"],
                authorization_response=callback,
                state=self._state,
                code_verifier=self._verifier,
            )
            return self._keep(token, self._verified(token))
        except (OAuthError, JoseError) as refusal:
            raise LibraryRefused(str(refusal)) from refusal

    def userinfo(self) -> dict[str, Any]:
        answer = self._session.get(self._server["userinfo_endpoint"])
        if not answer.ok:
            raise LibraryRefused(answer.headers["www-authenticate"])
        return answer.json()

    def refresh(self) -> Tokens:
        try:
            token = self._session.refresh_token(self._server["token_endpoint"])
        except OAuthError as refusal:
            raise LibraryRefused(str(refusal)) from refusal
        return self._keep(token, self._verified(token, nonce=None) if "id_token" in token else {})

    def revoke(self, token: str) -> None:
        self._session.revoke_token(self._server["revocation_endpoint"], token=token).raise_for_status()

    def introspect(self, token: str) -> dict[str, Any]:
        answer = self._session.introspect_token(self._server["introspection_endpoint"], token=token)
        answer.raise_for_status()
        return answer.json()

    def client_credentials(self, scope: str, resource: str) -> str:
        token = self._session.fetch_token(
            self._server["token_endpoint"], grant_type="client_credentials", scope=scope, resource=resource
        )
        return token["access_token"]

    def end_session_url(self, goodbye: str, state: str) -> str:
        query = {"id_token_hint": self._id_token, "post_logout_redirect_uri": goodbye, "state": state}
        return requests.Request("GET", self._server["end_session_endpoint"], params=query).prepare().url

    def logout_token(self, token: str) -> dict[str, Any]:
        # Authlib has nothing for back-channel logout; joserfc, which it stands on, does the work.
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._server["issuer"]},
            aud={"essential": True, "value": self._client.client_id},
            jti={"essential": True},
            events={"essential": True},
        )
        try:
            decoded = jwt.decode(token, self._keys(), algorithms=[self._client.algorithm])
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as refusal:
            raise LibraryRefused(str(refusal)) from refusal
        if decoded.header["typ"] != "logout+jwt" or "nonce" in decoded.claims:
            raise LibraryRefused("not a logout token")
        return decoded.claims

    def close(self) -> None:
        self._session.close()

    def _verified(self, token: dict[str, Any], *, nonce: str | None = "asked") -> dict[str, Any]:
        decoded = jwt.decode(token["id_token"], self._keys(), algorithms=[self._client.algorithm])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"value": self._server["issuer"]}, "aud": {"value": self._client.client_id}},
            {
                "nonce": self._nonce if nonce else None,
                "client_id": self._client.client_id,
                "access_token": token["access_token"],
            },
        )
        claims.validate()
        return json.loads(json.dumps(dict(claims)))

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(requests.get(self._server["jwks_uri"], timeout=10).json())

    def _keep(self, token: dict[str, Any], claims: dict[str, Any]) -> Tokens:
        self._id_token = token.get("id_token") or self._id_token
        return Tokens(
            claims,
            self._id_token,
            token["access_token"],
            token.get("refresh_token"),
            token["token_type"],
        )
