"""Verification of access tokens (RFC 9068): a token is an Access, or a reason to say no."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from examples.issuer import Issuer

ALGORITHMS = ("ES256", "RS256", "EdDSA")
SCOPE = "member_data"
LEEWAY = timedelta(seconds=60)
# Longer tokens are refused before anything in them is decoded.
LARGEST_TOKEN = 8_192

# How a member must have signed in before a sensitive change, the least first, and how lately (RFC 9470).
STRONG_ACR = ("urn:parvis:acr:2sv", "urn:parvis:acr:mfa")
STRONG_FOR = timedelta(minutes=5)

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]
_LONGEST_KEY_ID = 256
# What PyJWT and the JSON parser below it raise on hostile input.
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Access:
    """What a good token says."""

    member_number: str
    subject: str
    client_id: str
    acr: str | None
    authenticated_at: int | None
    bound_to: str | None
    """The thumbprint of the key that must be proved with each request (RFC 9449 section 6.1)."""

    def is_strong(self, now: datetime) -> bool:
        """Whether the member signed in strongly, and lately, enough for a sensitive change."""
        if self.acr not in STRONG_ACR or self.authenticated_at is None:
            return False
        age = now.timestamp() - self.authenticated_at
        return -LEEWAY.total_seconds() <= age <= STRONG_FOR.total_seconds()


@dataclass(frozen=True, slots=True)
class InvalidToken:
    """The token must not be trusted; the reason is ASCII, for the client's developer."""

    reason: str


@dataclass(frozen=True, slots=True)
class InsufficientScope:
    """The token is good, for something else."""


Verdict = Access | InvalidToken | InsufficientScope


def verify(token: str, *, issuer: Issuer, audience: str) -> Verdict:
    """Check a token as RFC 9068 section 4 asks. Raises IssuerUnavailable when no key was ever read."""
    key = _key_for(token, issuer)
    if isinstance(key, InvalidToken):
        return key
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=issuer.url,
            leeway=LEEWAY,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        return InvalidToken("the token has expired")
    except _UNREADABLE as error:
        return InvalidToken(f"the token is not acceptable: {type(error).__name__}")
    # RFC 7519 section 2: a date is a JSON number; PyJWT would read one from text too.
    if not isinstance(claims["exp"], int | float) or not isinstance(claims["client_id"], str):
        return InvalidToken("a claim is not of its type")
    return _judge(claims)


def _key_for(token: str, issuer: Issuer) -> jwt.PyJWK | InvalidToken:
    if len(token) > LARGEST_TOKEN:
        return InvalidToken("the token is too long")
    if not _SHAPE.fullmatch(token):
        return InvalidToken("the token is not a signed JWT")
    try:
        header = jwt.get_unverified_header(token)
    except _UNREADABLE:
        return InvalidToken("the token header is not readable")
    if reason := _wrong_header(header):
        return InvalidToken(reason)
    key = issuer.signing_key(header["kid"])
    return key or InvalidToken("the key is unknown")


def _wrong_header(header: dict[str, object]) -> str | None:
    kind = header.get("typ")
    # RFC 9068 4: an ID token or a logout token must never pass for an access token. PyJWT leaves this to us.
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "at+jwt":
        return "the token type is not at+jwt"
    if header.get("alg") not in ALGORITHMS:
        return "the algorithm is not accepted"
    if "crit" in header:
        return "critical extensions are not understood"
    key_id = header.get("kid")
    if not isinstance(key_id, str) or len(key_id) > _LONGEST_KEY_ID:
        return "the key id is missing"
    return None


def _judge(claims: dict[str, object]) -> Verdict:
    scope = claims.get("scope")
    if not isinstance(scope, str) or SCOPE not in scope.split(" "):
        return InsufficientScope()
    # RFC 9068 section 2.2: the subject of a token that a service got for itself is that service.
    if claims["sub"] == claims["client_id"]:
        return InvalidToken("the token is not for a member")
    number = claims.get("member_number")
    if not isinstance(number, str) or not re.fullmatch(r"[A-Za-z0-9]{1,32}", number):
        return InvalidToken("the member number is missing")
    bound_to = _key_bound_to(claims.get("cnf"))
    if isinstance(bound_to, InvalidToken):
        return bound_to
    acr, authenticated_at = claims.get("acr"), claims.get("auth_time")
    return Access(
        member_number=number,
        subject=str(claims["sub"]),
        client_id=str(claims["client_id"]),
        acr=acr if isinstance(acr, str) else None,
        authenticated_at=authenticated_at if type(authenticated_at) is int else None,
        bound_to=bound_to,
    )


def _key_bound_to(confirmation: object) -> str | InvalidToken | None:
    """The thumbprint of `cnf`; a confirmation that we cannot check is never taken for none (RFC 7800 3.1)."""
    if confirmation is None:
        return None
    thumbprint = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    return thumbprint if isinstance(thumbprint, str) else InvalidToken("the confirmation is not understood")
