"""The key ring: signing keys imported once, with prepared headers; immutable, and swapped whole."""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

Claims: TypeAlias = Mapping[str, Any]
PrivateKey: TypeAlias = ECKey | RSAKey | OKPKey

RSA_BITS = 2048
# Longer tokens are refused before anything in them is decoded.
LONGEST_TOKEN = 8192
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# What joserfc and the JSON parser below it raise on hostile input.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError)


class Algorithm(StrEnum):
    """The signatures we make; the first is the one of access tokens."""

    ES256 = "ES256"
    RS256 = "RS256"
    EDDSA = "EdDSA"


class Kind(StrEnum):
    """What a token is, as its `typ` says: one kind never passes for another."""

    ID_TOKEN = "JWT"
    ACCESS_TOKEN = "at+jwt"
    # A type of its own: signed userinfo has the members of an ID token and must never pass for one.
    USERINFO = "userinfo+jwt"
    LOGOUT_TOKEN = "logout+jwt"


class KeyState(StrEnum):
    """`next` is published before it signs; `retired` stays published while its tokens and caches live."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


# What a whole ring has: for each algorithm a key that signs, and one that will.
PLACES = tuple((algorithm, state) for algorithm in Algorithm for state in (KeyState.ACTIVE, KeyState.NEXT))

# RFC 9864 renames EdDSA to Ed25519, but clients still register the former name; the signature is the same.
_SIGNATURES = {
    Algorithm.ES256: jws.JWSRegistry.algorithms["ES256"],
    Algorithm.RS256: jws.JWSRegistry.algorithms["RS256"],
    Algorithm.EDDSA: jws.JWSRegistry.algorithms["Ed25519"],
}


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key, ready to sign and to verify."""

    kid: str
    algorithm: Algorithm
    state: KeyState
    key: PrivateKey
    public_jwk: Mapping[str, str]
    headers: Mapping[Kind, bytes]

    @classmethod
    def of(cls, key: PrivateKey, *, algorithm: Algorithm, state: KeyState) -> "RingKey":
        """Prepare all that does not change from one signature to the next."""
        kid = key.thumbprint()
        public = {name: str(value) for name, value in key.as_dict(private=False).items()}
        header = {"alg": algorithm.value, "kid": kid}
        return cls(
            kid=kid,
            algorithm=algorithm,
            state=state,
            key=key,
            public_jwk={**public, "kid": kid, "use": "sig", "alg": algorithm.value},
            headers={kind: _segment({"typ": kind.value, **header}) for kind in Kind},
        )

    def sign(self, kind: Kind, claims: Claims) -> str:
        """A compact JWS over the claims (RFC 7515 section 3.1)."""
        signed = self.headers[kind] + b"." + _segment(claims)
        signature = _SIGNATURES[self.algorithm].sign(signed, self.key)
        return (signed + b"." + _base64url(signature)).decode("ascii")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of this instant."""

    keys: tuple[RingKey, ...]
    mark: str
    jwks: bytes
    etag: str

    @classmethod
    def of(cls, keys: Collection[RingKey], *, mark: str) -> "KeyRing":
        """A ring with its JWKS document prepared (RFC 7517 section 5): public members only."""
        jwks = json.dumps({"keys": [dict(key.public_jwk) for key in keys]}).encode()
        return cls(keys=tuple(keys), mark=mark, jwks=jwks, etag=hashlib.sha256(jwks).hexdigest()[:32])

    @property
    def missing(self) -> tuple[tuple[Algorithm, KeyState], ...]:
        """The places of a whole ring that have no key."""
        return missing((key.algorithm, key.state) for key in self.keys)

    def signer(self, algorithm: Algorithm) -> RingKey:
        """The key that signs now (StopIteration never happens: a ring is complete before it is used)."""
        return next(key for key in self.keys if key.algorithm == algorithm and key.state == KeyState.ACTIVE)

    def find(self, kid: object) -> RingKey | None:
        """The key of this id."""
        return next((key for key in self.keys if key.kid == kid), None)

    def read(self, token: str, kind: Kind) -> dict[str, Any] | None:
        """The claims of a token that one of our keys signed, of this kind; None for anything else.

        Times and audience are the caller's to judge.
        """
        if len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
            return None
        try:
            return self._read(token, kind)
        except _UNREADABLE:
            return None

    def _read(self, token: str, kind: Kind) -> dict[str, Any] | None:
        parsed = jws.extract_compact(token.encode("ascii"))
        header = parsed.headers()
        # We read only what we wrote: these three members, and nothing like `crit`, `jwk` or `x5u`.
        if set(header) != {"typ", "alg", "kid"} or header["typ"] != kind.value:
            return None
        known = self.find(header["kid"])
        # The key decides the algorithm, never the token (RFC 8725 sections 3.1 and 3.11).
        if known is None or header["alg"] != known.algorithm.value:
            return None
        signed, _, signature = token.encode("ascii").rpartition(b".")
        if not _SIGNATURES[known.algorithm].verify(signed, _decoded(signature), known.key):
            return None
        claims = json.loads(parsed.payload)
        return claims if isinstance(claims, dict) else None


def missing(held: Iterable[tuple[Algorithm, KeyState]]) -> tuple[tuple[Algorithm, KeyState], ...]:
    """The places of a whole ring that are not among those held."""
    taken = set(held)
    return tuple(place for place in PLACES if place not in taken)


_KINDS: dict[str, type[ECKey | RSAKey | OKPKey]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new private key."""
    match algorithm:
        case Algorithm.ES256:
            return ECKey.generate_key("P-256", private=True)
        case Algorithm.RS256:
            return RSAKey.generate_key(RSA_BITS, private=True)
        case Algorithm.EDDSA:
            return OKPKey.generate_key("Ed25519", private=True)


def export(key: PrivateKey) -> bytes:
    """The private key as JSON, to be sealed."""
    return json.dumps(key.as_dict(private=True)).encode()


@lru_cache(maxsize=64)
def restore(exported: bytes) -> PrivateKey:
    """The private key that `export` wrote; slow for RSA (30 ms), so a ring that changed imports its new keys only."""
    document = json.loads(exported)
    return _KINDS[document["kty"]].import_key(document)


def _decoded(segment: bytes) -> bytes:
    """The bytes of a segment; raises ValueError unless this is the one way to write them (RFC 4648 section 3.5)."""
    data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if _base64url(data) != segment:
        message = "not canonical"
        raise ValueError(message)
    return data


def _segment(document: Claims) -> bytes:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
