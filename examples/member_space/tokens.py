"""Verification of what the provider signs for a client: ID tokens and logout tokens."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from examples.issuer import Issuer

# The client files ask for this one (`id_token_signed_response_alg`): anything else is not from our provider.
ALGORITHM = "ES256"
LEEWAY = timedelta(seconds=60)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
# A logout token is made to be delivered now; an old one is a recording.
LOGOUT_TOKEN_LIFETIME = timedelta(minutes=5)
LARGEST_TOKEN = 16_384

_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


class Untrusted(Exception):
    """The token must not be believed; the message is for the log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the ID token says."""

    sub: str
    sid: str | None


@dataclass(frozen=True, slots=True)
class LogoutOrder:
    """Which sessions the provider has ended."""

    jti: str
    sub: str | None
    sid: str | None


def verify_id_token(
    token: str,
    *,
    issuer: Issuer,
    client_id: str,
    nonce: str,
    access_token: str,
    max_age: int | None,
    now: datetime,
) -> Identity:
    """Check an ID token as OIDC Core 3.1.3.7 asks. Raises Untrusted, IssuerUnavailable."""
    claims = _signed_claims(token, issuer, client_id, kinds=("jwt", None), required=("exp", "iat", "sub"))
    if claims.get("azp", client_id) != client_id:
        raise Untrusted("the ID token was made for another party")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise Untrusted("the ID token names several audiences and no authorized party")
    if not _same(claims.get("nonce"), nonce):
        raise Untrusted("the ID token answers another sign-in")
    if "at_hash" in claims and not _same(claims["at_hash"], _half_hash(access_token)):
        raise Untrusted("the access token is not the one that came with the ID token")
    if max_age is not None and not _is_recent(claims.get("auth_time"), timedelta(seconds=max_age), now):
        raise Untrusted("the sign-in is older than was asked")
    return Identity(sub=_text(claims["sub"]), sid=_optional_text(claims.get("sid")))


def verify_logout_token(token: str, *, issuer: Issuer, client_id: str, now: datetime) -> LogoutOrder:
    """Check a logout token as OIDC Back-Channel Logout 2.6 asks. Raises Untrusted, IssuerUnavailable."""
    claims = _signed_claims(
        token, issuer, client_id, kinds=("logout+jwt",), required=("exp", "iat", "jti", "events")
    )
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise Untrusted("the token is not about a logout")
    # An ID token must never pass for a logout token: only the former has a nonce.
    if "nonce" in claims:
        raise Untrusted("a logout token has no nonce")
    if not _is_recent(claims["iat"], LOGOUT_TOKEN_LIFETIME, now):
        raise Untrusted("the logout token is not recent")
    order = LogoutOrder(
        jti=_text(claims["jti"]),
        sub=_optional_text(claims.get("sub")),
        sid=_optional_text(claims.get("sid")),
    )
    if order.sub is None and order.sid is None:
        raise Untrusted("the logout token names nobody")
    return order


def _signed_claims(
    token: str,
    issuer: Issuer,
    client_id: str,
    *,
    kinds: tuple[str | None, ...],
    required: tuple[str, ...],
) -> dict[str, object]:
    if len(token) > LARGEST_TOKEN:
        raise Untrusted("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        key_id = _check_header(header, kinds)
        key = issuer.signing_key(key_id)
        if key is None:
            raise Untrusted("the key is unknown")
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=client_id,
            issuer=issuer.url,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", *required]},
        )
    except _UNREADABLE as error:
        raise Untrusted(type(error).__name__) from error


def _check_header(header: dict[str, object], kinds: tuple[str | None, ...]) -> str:
    kind = header.get("typ")
    folded = kind.lower().removeprefix("application/") if isinstance(kind, str) else kind
    if folded not in kinds:
        raise Untrusted("the token is of another type")
    if header.get("alg") != ALGORITHM or "crit" in header:
        raise Untrusted("the token is not signed as agreed")
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise Untrusted("the token does not name its key")
    return key_id


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())


def _half_hash(access_token: str) -> str:
    """OIDC Core 3.1.3.6: the left half of the SHA-256 of the access token."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _is_recent(value: object, lifetime: timedelta, now: datetime) -> bool:
    if type(value) is not int:
        return False
    age = now.timestamp() - value
    return -LEEWAY.total_seconds() <= age <= (lifetime + LEEWAY).total_seconds()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise Untrusted("a claim is not a text")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)
