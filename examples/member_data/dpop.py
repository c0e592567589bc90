"""Proofs of possession (RFC 9449): a token bound to a key is good only with a fresh signature of that key."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

import jwt
from sqlalchemy import Text, delete
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from examples.member_data.records import Base

ALGORITHMS = ("ES256", "PS256", "EdDSA")
# How far the clocks of a client and of this service may differ, either way.
SKEW = timedelta(seconds=90)
# Longer proofs are refused before anything in them is decoded; the longest key that we take fits.
LARGEST_PROOF = 4_096
LONGEST_ID = 256
RSA_BITS = range(2_048, 4_097)

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# What makes a key (RFC 7638 section 3.2), beside the kinds that we take for each algorithm.
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_KINDS = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "PS256": ("RSA", None)}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_PORTS = {"http": 80, "https": 443}
# What PyJWT and the JSON parser below it raise on hostile input.
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError)


class UsedProof(Base):
    """A proof that was used, by the fingerprint of its key and `jti`, while it could still be accepted."""

    __tablename__ = "used_proof"

    fingerprint: Mapped[str] = mapped_column(Text, primary_key=True)
    forget_at: Mapped[int] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Request:
    """What the proof must speak of: this request, and the token that came with it."""

    method: str
    url: str
    token: str
    bound_to: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A good proof, that may be used once."""

    fingerprint: str
    forget_at: int


@dataclass(frozen=True, slots=True)
class BadProof:
    """The proof proves nothing; the reason is ASCII, for the client's developer."""

    reason: str


def verify(proof: str, request: Request, *, now: datetime) -> Proof | BadProof:
    """Check a proof as RFC 9449 section 4.3 asks. Two headers arrive joined by a comma: no proof either."""
    if len(proof) > LARGEST_PROOF or not _SHAPE.fullmatch(proof):
        return BadProof("exactly one DPoP proof is needed, a signed JWT")
    try:
        return _verify(proof, request, now=now)
    except _UNREADABLE as error:
        return BadProof(f"the proof is not acceptable: {type(error).__name__}")


def _verify(proof: str, request: Request, *, now: datetime) -> Proof | BadProof:
    header = jwt.get_unverified_header(proof)
    if reason := _wrong_header(header):
        return BadProof(reason)
    algorithm, jwk = header["alg"], header.get("jwk")
    if not isinstance(jwk, dict):
        return BadProof("the proof carries no key")
    if reason := _wrong_key(jwk, algorithm):
        return BadProof(reason)
    # The layer below `jwt.decode`: a proof has its own claims, and no audience.
    key = jwt.PyJWK(jwk, algorithm=algorithm)
    claims = json.loads(jwt.PyJWS().decode(proof, key, algorithms=ALGORITHMS))
    if reason := _wrong_claims(claims, request, now=now):
        return BadProof(reason)
    thumbprint = _thumbprint(jwk)
    if thumbprint != request.bound_to:
        return BadProof("the token is bound to another key")
    used = hashlib.sha256(f"{thumbprint}\n{claims['jti']}".encode()).hexdigest()
    return Proof(used, forget_at=int(claims["iat"] + SKEW.total_seconds()) + 1)


def use(session: Session, proof: Proof, *, now: datetime) -> bool:
    """Use a proof; False when it was used before. One INSERT decides."""
    session.execute(delete(UsedProof).where(UsedProof.forget_at < now.timestamp()))
    row = insert(UsedProof).values(fingerprint=proof.fingerprint, forget_at=proof.forget_at)
    used = session.execute(row.on_conflict_do_nothing().returning(UsedProof.fingerprint))
    return used.scalar_one_or_none() is not None


def _wrong_header(header: dict[str, object]) -> str | None:
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "dpop+jwt":
        return "the proof type is not dpop+jwt"
    if header.get("alg") not in ALGORITHMS:
        return "the algorithm is not accepted"
    if "crit" in header or "b64" in header:
        return "critical extensions are not understood"
    return None


def _wrong_key(jwk: dict[str, object], algorithm: str) -> str | None:
    if _PRIVATE & jwk.keys():
        return "the key must be a public one"
    kind, curve = _KINDS[algorithm]
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        return "the key is not of the algorithm"
    if kind == "RSA" and jwt.PyJWK(jwk, algorithm=algorithm).key.key_size not in RSA_BITS:
        return "the key is not of an accepted size"
    return None


def _wrong_claims(claims: object, request: Request, *, now: datetime) -> str | None:
    if not isinstance(claims, dict):
        return "the proof is not an object"
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_ID:
        return "jti is missing"
    if not _is_present(claims.get("iat"), now=now):
        return "iat is not the present time"
    if claims.get("htm") != request.method:
        return "htm is not the method of the request"
    if not _is_same_address(claims.get("htu"), request.url):
        return "htu is not the address of the request"
    if claims.get("ath") != _base64url(hashlib.sha256(request.token.encode()).digest()):
        return "ath is not the hash of the token"
    return None


def _is_present(issued_at: object, *, now: datetime) -> bool:
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        return False
    return abs(now.timestamp() - issued_at) <= SKEW.total_seconds()


def _is_same_address(claimed: object, address: str) -> bool:
    return isinstance(claimed, str) and _plain(claimed) == _plain(address)


def _plain(address: str) -> tuple[str, str, int | None, str]:
    """An address without query and fragment, as RFC 3986 section 6.2 compares them. Raises ValueError."""
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise ValueError("a user before the host")
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    # The server sees decoded paths only, so these tell apart all that it tells apart.
    return parts.scheme, parts.hostname or "", port, unquote(parts.path) or "/"


def _thumbprint(jwk: dict[str, object]) -> str:
    """The name of a key (RFC 7638), by which tokens are bound to it."""
    members = {name: jwk[name] for name in _MEMBERS[str(jwk["kty"])]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(text.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
