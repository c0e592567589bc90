"""What is wrong with a client's key set (RFC 7517): public keys only, of kinds that we verify with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from joserfc.errors import JoseError

from idp.oidc.client_jwts import MOST_KEYS, PRIVATE_MEMBERS, AssertionAlgorithm, key_of

Jwk: TypeAlias = Mapping[str, Any]

KINDS = "an EC key on P-256, an RSA key of 2048 to 4096 bits with the exponent AQAB, or an OKP key on Ed25519"
_ALGORITHMS: dict[tuple[object, object], frozenset[AssertionAlgorithm]] = {
    ("EC", "P-256"): frozenset({AssertionAlgorithm.ES256}),
    ("OKP", "Ed25519"): frozenset({AssertionAlgorithm.EDDSA}),
    ("RSA", None): frozenset({AssertionAlgorithm.PS256, AssertionAlgorithm.RS256}),
}
_NUMBERS = ("x", "y", "n", "e")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it is in the document, and what it must be. Never a value of the key."""

    path: tuple[str | int, ...]
    text: str


def faults(jwks: Mapping[str, Any]) -> list[Fault]:
    """All that is wrong with a set; paths begin at the set."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        return [Fault(("keys",), "must be a list of keys (RFC 7517 section 5)")]
    if len(keys) > MOST_KEYS:
        return [Fault(("keys",), f"must hold at most {MOST_KEYS} keys")]
    found = [Fault(("keys", number, *fault.path), fault.text)
             for number, key in enumerate(keys) for fault in _of_key(key)]  # fmt: skip
    return found + list(_doubles(keys))


def algorithms(jwks: Mapping[str, Any]) -> frozenset[AssertionAlgorithm]:
    """The signatures that the keys of a faultless set can verify."""
    return frozenset().union(*(_algorithms(key) for key in jwks["keys"] if _signs(key)))


def _of_key(key: Jwk) -> Iterator[Fault]:
    if key.get("kty") == "oct":
        yield Fault(("kty",), "must not be oct: a symmetric key is a secret, and secrets have no place here")
        return
    held = sorted(PRIVATE_MEMBERS & key.keys())
    if held:
        yield Fault((held[0],), "must go: it is the private half of a key; give the public members only")
        return
    if not isinstance(key.get("kid", ""), str):
        yield Fault(("kid",), "must be a text")
    if _signs(key):
        yield from _of_signing_key(key)


def _of_signing_key(key: Jwk) -> Iterator[Fault]:
    usable = _by_kind(key)
    if not usable or not _is_sound(key):
        yield Fault((), f"must be {KINDS}")
        return
    if not _algorithms(key):
        yield Fault(("alg",), f"must be {' or '.join(sorted(usable))}, or nothing")


def _signs(key: Jwk) -> bool:
    # A key for encryption is left alone: we encrypt nothing.
    return bool(key.get("use", "sig") != "enc")


def _by_kind(key: Jwk) -> frozenset[AssertionAlgorithm]:
    kind, curve = key.get("kty"), key.get("crv")
    if not isinstance(kind, str) or not isinstance(curve, str | None):
        return frozenset()
    return _ALGORITHMS.get((kind, curve), frozenset())


def _algorithms(key: Jwk) -> frozenset[AssertionAlgorithm]:
    usable = _by_kind(key)
    return frozenset(name for name in usable if key.get("alg", name.value) == name.value)


def _is_sound(key: Jwk) -> bool:
    """Whether the numbers are those of a key: a point of the curve, a modulus of sensible size."""
    if not all(isinstance(key.get(name, ""), str) for name in _NUMBERS):
        return False
    without_alg = {name: value for name, value in key.items() if name != "alg"}
    try:
        found = key_of(without_alg, next(iter(_by_kind(key))))
        # A point is looked at only when it is used: here, not at the first assertion.
        return found is not None and found.public_key is not None
    except (JoseError, ValueError):
        return False


def _doubles(keys: list[Jwk]) -> Iterator[Fault]:
    seen: set[str] = set()
    for number, key in enumerate(keys):
        kid = key.get("kid")
        if not isinstance(kid, str):
            continue
        if kid in seen:
            yield Fault(("keys", number, "kid"), "must be another: two keys have this one")
        seen.add(kid)
