"""Making tokens: the ID token that the client reads, the access token that services verify."""

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from idp.core.db import new_id
from idp.core.settings import Settings
from idp.oidc import claims
from idp.oidc.claims import Subject
from idp.oidc.clients import Client
from idp.oidc.keys import Algorithm, KeyRing, Kind

# The private claim by which an access token names its grant.
GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The sign-in that tokens speak of."""

    sub: str
    sid: str
    grant_id: str
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]

    def claims(self) -> dict[str, Any]:
        """What ID and access tokens say alike."""
        return {
            "sub": self.sub,
            "sid": self.sid,
            "auth_time": int(self.auth_time.timestamp()),
            "acr": self.acr,
            "amr": list(self.amr),
        }


def access_token_lifetime(client: Client, settings: Settings) -> timedelta:
    """The client's own lifetime, or the one of the settings."""
    return client.access_token_lifetime or settings.oidc.access_token_lifetime


def access_token(
    occasion: Occasion,
    client: Client,
    *,
    ring: KeyRing,
    settings: Settings,
    scopes: Collection[str],
    member_number: str | None,
    now: datetime,
) -> str:
    """A JWT access token (RFC 9068), always ES256."""
    issued_at = int(now.timestamp())
    lifetime = access_token_lifetime(client, settings)
    document = {
        "iss": settings.issuer,
        "aud": audience(scopes, settings),
        "client_id": client.client_id,
        "scope": " ".join(scopes),
        "jti": new_id(),
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
        GRANT: occasion.grant_id,
        **occasion.claims(),
    }
    if claims.MEMBER_DATA in scopes:
        document["member_number"] = member_number
    return ring.signer(Algorithm.ES256).sign(Kind.ACCESS_TOKEN, document)


def audience(scopes: Collection[str], settings: Settings) -> str | list[str]:
    """Whom an access token is for: the services of its scopes, and ourselves for userinfo (RFC 9068 3)."""
    found = [settings.oidc.member_data_audience] if claims.MEMBER_DATA in scopes else []
    if "openid" in scopes or not found:
        found.append(settings.issuer)
    return found[0] if len(found) == 1 else found


def id_token(
    occasion: Occasion,
    subject: Subject,
    *,
    ring: KeyRing,
    settings: Settings,
    access_token: str,
    nonce: str | None,
    wanted: Collection[str],
    now: datetime,
) -> str:
    """An ID token (OIDC Core 2), signed as the client registered; small: scopes' claims are in userinfo."""
    client = subject.client
    issued_at = int(now.timestamp())
    lifetime = client.id_token_lifetime or settings.oidc.id_token_lifetime
    document = {
        **subject.claims(wanted=wanted),
        "iss": settings.issuer,
        "aud": client.client_id,
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
        "at_hash": at_hash(access_token, client.id_token_signed_response_alg),
        **occasion.claims(),
    }
    if nonce is not None:
        document["nonce"] = nonce
    return ring.signer(client.id_token_signed_response_alg).sign(Kind.ID_TOKEN, document)


def at_hash(access_token: str, algorithm: Algorithm) -> str:
    """The left half of the token's hash (OIDC Core 3.1.3.6), by the hash of the ID token's own signature."""
    # Ed25519 signs over SHA-512; ES256 and RS256 name SHA-256.
    hashing = hashlib.sha512 if algorithm is Algorithm.EDDSA else hashlib.sha256
    digest = hashing(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")
