"""Proofs of possession (RFC 9449): a token is good only together with a fresh signature of its owner's key."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from idp.core import secrets
from idp.oidc import client_jwts, used_once
from idp.oidc.client_jwts import STRONG_ALGORITHMS, ClientJwt

# How far the client's clock may be from ours, either way.
WINDOW = timedelta(seconds=90)
# A proof from the future is good for twice as long; a host whose clock is fast must not forget it sooner.
REMEMBERED = 3 * WINDOW
LONGEST_JTI = 256
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proof:
    """A good proof: the thumbprint of the key that made it (RFC 7638)."""

    jkt: str


@dataclass(frozen=True, slots=True)
class BadProof:
    """Why a proof proves nothing; ASCII, for the client's developer."""

    reason: str


def check(
    session: Session, header: str, *, method: str, url: str, now: datetime, access_token: str | None = None
) -> Proof | BadProof:
    """Judge the DPoP header of a request, and use it up (RFC 9449 section 4.3).

    `url` is our own address of the endpoint; at a resource the proof must name the `access_token` too.
    """
    jwt = client_jwts.parse(header)
    if jwt is None or jwt.header.get("typ") != "dpop+jwt":
        return BadProof("the DPoP header must hold one JWT of type dpop+jwt")
    jkt = _signer(jwt)
    if jkt is None:
        return BadProof("the proof is not signed by the public key in its header")
    reason = _why_not_for(jwt, method, url, access_token) or _why_not_now(jwt, now)
    if reason is not None:
        return BadProof(reason)
    jti = jwt.text("jti", longest=LONGEST_JTI)
    if jti is None:
        return BadProof("jti is missing")
    fresh = used_once.use(session, used_once.Kind.DPOP_PROOF, owner=jkt, jti=jti, forget_at=now + REMEMBERED)
    return Proof(jkt) if fresh else BadProof("the proof was used before")


def _signer(jwt: ClientJwt) -> str | None:
    algorithm, jwk = jwt.algorithm, jwt.header.get("jwk")
    if algorithm not in STRONG_ALGORITHMS or not isinstance(jwk, dict):
        return None
    key = client_jwts.key_of(jwk, algorithm)
    if key is None or not jwt.is_signed_by(key, algorithm):
        return None
    return key.thumbprint()


def _why_not_for(jwt: ClientJwt, method: str, url: str, access_token: str | None) -> str | None:
    if jwt.text("htm") != method:
        return "htm is not the method of this request"
    target = jwt.text("htu", longest=2000)
    if target is None or _plain(target) != _plain(url):
        return "htu is not the address of this request"
    if access_token is not None and not secrets.same(jwt.text("ath") or "", hash_of(access_token)):
        return "ath is not the hash of the access token"
    return None


def _why_not_now(jwt: ClientJwt, now: datetime) -> str | None:
    issued_at = jwt.instant("iat")
    if issued_at is None or abs(now.timestamp() - issued_at) > WINDOW.total_seconds():
        return "iat is too far from the present"
    return None


def hash_of(access_token: str) -> str:
    """The `ath` of an access token: its SHA-256 in base64url (RFC 9449 section 4.2)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _plain(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path: query and fragment do not count (RFC 9449 section 4.3, point 9)."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port, parts.path or "/"
