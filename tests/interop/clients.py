"""The clients that the libraries act for: one file each, and what only the client knows."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import ECKey, OKPKey

API = "https://api.example.org"
# Nothing listens there: the tests take the answers out of the browser's hands.
HOME = "http://127.0.0.1:9"
SCOPE = "openid profile email member"


@dataclass(frozen=True)
class Registered:
    """One client, from both sides."""

    client_id: str
    metadata: dict[str, Any]
    secret: str | None = None
    key: dict[str, Any] | None = None
    """The private key of its assertions."""
    scope: str = SCOPE
    backchannel: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """Lines of the file that the client itself need not know."""

    @property
    def redirect_uri(self) -> str:
        return f"{HOME}/{self.client_id}/callback"

    @property
    def goodbye(self) -> str:
        return f"{HOME}/{self.client_id}/goodbye"

    @property
    def algorithm(self) -> str:
        """How its ID tokens are signed (Registration 2: RS256 when nothing is said)."""
        return self.metadata.get("id_token_signed_response_alg", "RS256")

    @property
    def is_fapi2(self) -> bool:
        return self.more.get("profile") == "fapi2"

    @property
    def file(self) -> str:
        """Its file for `config/clients/`."""
        document = {"client_id": self.client_id, "scope": self.scope, **self.metadata, **self.more}
        if "client_credentials" not in self.metadata.get("grant_types", []):
            document["redirect_uris"] = [self.redirect_uri]
            document["post_logout_redirect_uris"] = [self.goodbye]
        if self.backchannel:
            document["backchannel_logout_uri"] = self.backchannel
        if self.secret:
            document["client_secret_sha256"] = hashlib.sha256(self.secret.encode()).hexdigest()
        lines = [f"{name} = {json.dumps(value)}" for name, value in document.items()]
        if self.key:
            lines += ["[[jwks.keys]]"]
            lines += [f"{name} = {json.dumps(value)}" for name, value in self.key.items() if name != "d"]
        return "\n".join(lines) + "\n"

    def for_library(self, issuer: str) -> dict[str, Any]:
        """What a developer would type into the library's configuration."""
        return {
            "issuer": issuer,
            "client_id": self.client_id,
            "client_secret": self.secret,
            "key": self.key,
            "scope": self.scope,
            "redirect_uri": self.redirect_uri,
            "fapi2": self.is_fapi2,
            "metadata": self.metadata,
        }


def all_clients(backchannel: str) -> dict[str, Registered]:
    """One client of each kind, by its name; `backchannel` hears of logouts."""
    refreshes = {"grant_types": ["authorization_code", "refresh_token"]}
    found = [
        Registered(
            "confidential",
            {**refreshes, "id_token_signed_response_alg": "ES256"},
            secret=new_secret(),
            backchannel=backchannel,
            more={"audiences": [API]},
        ),
        Registered("default", {"token_endpoint_auth_method": "client_secret_post"}, secret=new_secret()),
        Registered("eddsa", {"id_token_signed_response_alg": "EdDSA"}, secret=new_secret()),
        Registered(
            "public",
            {**refreshes, "token_endpoint_auth_method": "none", "id_token_signed_response_alg": "ES256"},
        ),
        Registered(
            "keyed",
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "ES256",
                "id_token_signed_response_alg": "ES256",
            },
            key=new_key("keyed-1"),
        ),
        Registered(
            "fapi2",
            {
                **refreshes,
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "ES256",
                "id_token_signed_response_alg": "ES256",
                "dpop_bound_access_tokens": True,
                "require_pushed_authorization_requests": True,
            },
            key=new_key("fapi2-1"),
            more={"profile": "fapi2"},
        ),
        Registered(
            "fapi2-edwards",
            {
                **refreshes,
                "token_endpoint_auth_method": "private_key_jwt",
                "id_token_signed_response_alg": "EdDSA",
                "dpop_bound_access_tokens": True,
                "require_pushed_authorization_requests": True,
            },
            key=OKPKey.generate_key("Ed25519", {"kid": "fapi2-edwards-1"}).as_dict(private=True),
            more={"profile": "fapi2"},
        ),
        Registered(
            "nightly-job",
            {"grant_types": ["client_credentials"]},
            secret=new_secret(),
            scope="statements:read",
            more={"audiences": [API]},
        ),
        Registered(
            "api", {"grant_types": ["client_credentials"]}, secret=new_secret(), more={"serves": [API]}
        ),
    ]
    return {client.client_id: client for client in found}


def new_secret() -> str:
    # Letters, digits, - and _ alone: Authlib and curl send HTTP Basic without the encoding of RFC 6749 section 2.3.1.
    return secrets.token_urlsafe(32)


def new_key(kid: str) -> dict[str, Any]:
    return ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"}).as_dict(private=True)
