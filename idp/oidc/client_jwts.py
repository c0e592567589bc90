"""JWTs that clients sign: assertions of who they are, and proofs that they hold a key."""

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

PublicKey: TypeAlias = ECKey | OKPKey | RSAKey

LONGEST_JWT = 8192
# Larger RSA keys make each check slow; smaller ones prove nothing.
RSA_BITS = range(2048, 4097)
RSA_EXPONENT = "AQAB"
MOST_KEYS = 20
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class AssertionAlgorithm(StrEnum):
    """What a client may sign with; FAPI 2.0 leaves RS256 out."""

    ES256 = "ES256"
    PS256 = "PS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


# RFC 9864 renames EdDSA to Ed25519; libraries write either, and the signature is the same.
_BY_NAME = {algorithm.value: algorithm for algorithm in AssertionAlgorithm} | {
    "Ed25519": AssertionAlgorithm.EDDSA
}
# FAPI 2.0 section 5.4.1, and what we take as proof of possession from everybody.
STRONG_ALGORITHMS = frozenset(AssertionAlgorithm) - {AssertionAlgorithm.RS256}
# The names that a header may give, for discovery.
ALGORITHM_NAMES = tuple(sorted(_BY_NAME))
STRONG_NAMES = tuple(name for name in ALGORITHM_NAMES if _BY_NAME[name] in STRONG_ALGORITHMS)
_SIGNATURES = {
    AssertionAlgorithm.ES256: jws.JWSRegistry.algorithms["ES256"],
    AssertionAlgorithm.PS256: jws.JWSRegistry.algorithms["PS256"],
    AssertionAlgorithm.EDDSA: jws.JWSRegistry.algorithms["Ed25519"],
    AssertionAlgorithm.RS256: jws.JWSRegistry.algorithms["RS256"],
}


@dataclass(frozen=True, slots=True)
class ClientJwt:
    """A JWT as it was sent; nothing in it is true before its signature is checked."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> AssertionAlgorithm | None:
        """The algorithm that its header names, when it is one of ours."""
        name = self.header.get("alg")
        return _BY_NAME.get(name) if isinstance(name, str) else None

    def is_signed_by(self, key: PublicKey, algorithm: AssertionAlgorithm) -> bool:
        """Whether the key made the signature; the caller has judged that key and algorithm belong together."""
        try:
            return bool(_SIGNATURES[algorithm].verify(self.signed, self.signature, key))
        except (JoseError, ValueError):
            return False

    def instant(self, name: str) -> float | None:
        """A NumericDate (RFC 7519 section 2), or None when it is missing or is no number."""
        value = self.claims.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if abs(value) < 2**53 and math.isfinite(value) else None

    def text(self, name: str, *, longest: int = 256) -> str | None:
        """A claim that is a text of sensible length, or None."""
        value = self.claims.get(name)
        return value if isinstance(value, str) and 0 < len(value) <= longest else None


def parse(token: str) -> ClientJwt | None:
    """The parts of a compact JWS, or None for anything else; extensions we do not know are not ignored."""
    if len(token) > LONGEST_JWT or not _SHAPE.fullmatch(token):
        return None
    signed, _, signature = token.encode("ascii").rpartition(b".")
    header, _, payload = signed.partition(b".")
    try:
        parsed = ClientJwt(_object(header), _object(payload), signed, _decoded(signature))
    except (ValueError, RecursionError):
        return None
    # RFC 7515 section 4.1.11: what is critical must be understood, and we understand no extension.
    return None if "crit" in parsed.header or "b64" in parsed.header else parsed


def key_of(jwk: Mapping[str, Any], algorithm: AssertionAlgorithm) -> PublicKey | None:
    """The public key of a JWK, when it is one for this algorithm; None for any other, and for private ones."""
    named = jwk.get("alg", algorithm.value)
    if PRIVATE_MEMBERS & jwk.keys() or not isinstance(named, str) or _BY_NAME.get(named) != algorithm:
        return None
    try:
        return _import(jwk, algorithm)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        # A member of another type than RFC 7517 gives it.
        return None


def candidates(
    keys: Iterable[Mapping[str, Any]], jwt: ClientJwt, algorithm: AssertionAlgorithm
) -> list[PublicKey]:
    """The keys of a set that may have signed: the one that the header names, or all of the algorithm."""
    kid = jwt.header.get("kid")
    named = [jwk for jwk in keys if kid is None or jwk.get("kid") == kid][:MOST_KEYS]
    signing = [jwk for jwk in named if jwk.get("use", "sig") == "sig"]
    return [key for jwk in signing if (key := key_of(jwk, algorithm)) is not None]


def _import(jwk: Mapping[str, Any], algorithm: AssertionAlgorithm) -> PublicKey | None:
    document = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    match algorithm, document.get("kty"), document.get("crv"):
        case AssertionAlgorithm.ES256, "EC", "P-256":
            return ECKey.import_key(document)
        case AssertionAlgorithm.EDDSA, "OKP", "Ed25519":
            return OKPKey.import_key(document)
        case ((AssertionAlgorithm.PS256 | AssertionAlgorithm.RS256), "RSA", None):
            if document.get("e") != RSA_EXPONENT or len(_decoded(document["n"].encode())) * 8 not in RSA_BITS:
                return None
            return RSAKey.import_key(document)
        case _:
            return None


def _object(segment: bytes) -> dict[str, Any]:
    document = json.loads(_decoded(segment), object_pairs_hook=_without_doubles, parse_constant=_refuse)
    if not isinstance(document, dict):
        message = "not an object"
        raise ValueError(message)  # noqa: TRY004 (the caller's text is malformed)
    return document


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 7519 section 4: two readers of a doubled member could believe different ones.
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a member is given twice"
        raise ValueError(message)
    return document


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _decoded(segment: bytes) -> bytes:
    data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment:
        message = "not canonical"
        raise ValueError(message)
    return data
