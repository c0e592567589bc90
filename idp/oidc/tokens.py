"""Making tokens: the ID token that the client reads, the access token that services verify."""

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from idp.core.db import new_id
from idp.core.settings import Settings
from idp.oidc import claims
from idp.oidc import resources as targets
from idp.oidc.claims import Subject
from idp.oidc.clients import Client
from idp.oidc.keys import Algorithm, KeyRing, Kind

# The private claim by which an access token names its grant.
GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The sign-in that tokens speak of."""

    sub: str
    sid: str | None
    grant_id: str
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]

    def claims(self) -> dict[str, Any]:
        """What ID and access tokens say alike."""
        session = {} if self.sid is None else {"sid": self.sid}
        return {
            "sub": self.sub,
            **session,
            "auth_time": int(self.auth_time.timestamp()),
            "acr": self.acr,
            "amr": list(self.amr),
        }


def access_token_lifetime(client: Client, settings: Settings) -> timedelta:
    """The client's own lifetime, or the one of the settings."""
    return client.access_token_lifetime or settings.oidc.access_token_lifetime


def access_token(
    document: dict[str, Any], client: Client, *, ring: KeyRing, settings: Settings, now: datetime
) -> str:
    """A JWT access token (RFC 9068), always ES256, over what is particular to it."""
    issued_at = int(now.timestamp())
    lifetime = access_token_lifetime(client, settings)
    common = {
        "iss": settings.issuer,
        "client_id": client.client_id,
        "jti": new_id(),
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
    }
    return ring.signer(Algorithm.ES256).sign(Kind.ACCESS_TOKEN, {**common, **document})


def of_member(
    occasion: Occasion,
    *,
    scopes: Sequence[str],
    resources: Sequence[str],
    member_number: str,
    jkt: str | None,
    settings: Settings,
) -> dict[str, Any]:
    """What an access token says of a member; the number only where the member-data service is its audience."""
    audience = targets.audience(scopes, resources, settings)
    is_for_member_data = settings.oidc.member_data_audience in audience
    carried = [scope for scope in scopes if scope != claims.MEMBER_DATA or is_for_member_data]
    document: dict[str, Any] = {
        "aud": audience if len(audience) > 1 else audience[0],
        GRANT: occasion.grant_id,
        **occasion.claims(),
    }
    if carried:
        document["scope"] = " ".join(carried)
    if claims.MEMBER_DATA in carried:
        document["member_number"] = member_number
    if jkt is not None:
        document["cnf"] = {"jkt": jkt}
    return document


def of_service(
    client: Client, *, scopes: Sequence[str], resources: Sequence[str], jkt: str | None, settings: Settings
) -> dict[str, Any]:
    """What an access token says of a service that acts in its own name (RFC 9068 section 2.2)."""
    audience = targets.audience(scopes, resources, settings)
    document: dict[str, Any] = {
        "sub": client.client_id,
        "aud": audience if len(audience) > 1 else audience[0],
    }
    if scopes:
        document["scope"] = " ".join(scopes)
    if jkt is not None:
        document["cnf"] = {"jkt": jkt}
    return document


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
