"""A client that proves to hold a key (RFC 9449), and can prove it wrongly in every way."""

import base64
import hashlib
import json
import secrets
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

_RSA = RSAAlgorithm.to_jwk, lambda: rsa.generate_private_key(65537, 2048)
KINDS = {
    "ES256": (ECAlgorithm.to_jwk, lambda: ec.generate_private_key(ec.SECP256R1())),
    "EdDSA": (OKPAlgorithm.to_jwk, ed25519.Ed25519PrivateKey.generate),
    "PS256": _RSA,
    "RS256": _RSA,
}
# What makes a key (RFC 7638 section 3.2).
MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


class Prover:
    """A key pair of a client."""

    def __init__(self, algorithm: str = "ES256", private=None) -> None:
        self._to_jwk, make = KINDS[algorithm]
        self.algorithm, self.private = algorithm, private or make()

    @property
    def jwk(self) -> dict:
        return json.loads(self._to_jwk(self.private.public_key()))

    @property
    def private_jwk(self) -> dict:
        return json.loads(self._to_jwk(self.private))

    @property
    def jkt(self) -> str:
        """The thumbprint (RFC 7638) that a bound token names."""
        members = {name: self.jwk[name] for name in MEMBERS[self.jwk["kty"]]}
        return encoded(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    def proof(
        self, method: str, url: str, token: str | None = None, *, header=None, at=None, **changes
    ) -> str:
        """A proof for one request; a change to None leaves the member out, in the header too."""
        claims = {
            "htm": method,
            "htu": url,
            "iat": int(time.time() if at is None else at),
            "jti": secrets.token_urlsafe(12),
            **({} if token is None else {"ath": encoded(hashlib.sha256(token.encode()).digest())}),
            **changes,
        }
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk, **(header or {})}
        return self.signed(without_nones(head), without_nones(claims))

    def signed(self, header: dict, claims: dict) -> str:
        """Sign whatever stands there: no library is asked whether it makes sense."""
        message = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        algorithm = jwt.PyJWS().get_algorithm_by_name(self.algorithm)
        return f"{message}.{encoded(algorithm.sign(message.encode(), self.private))}"


def without_nones(document: dict) -> dict:
    return {name: value for name, value in document.items() if value is not None}


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
