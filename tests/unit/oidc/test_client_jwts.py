"""Keys and JWTs that clients send: whatever is in them, they are read or refused, never an accident."""

import pytest

from idp.oidc import client_jwts
from idp.oidc.client_jwts import AssertionAlgorithm

POINT = "A" * 43


@pytest.mark.parametrize("algorithm", AssertionAlgorithm)
@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "RSA"},
        {"kty": "RSA", "e": "AQAB", "n": 5},
        {"kty": "RSA", "e": "AQAB", "n": ["x"]},
        {"kty": "RSA", "e": "AQAB", "n": "A"},
        {"kty": "RSA", "e": "AQAB", "n": "é" * 400},
        {"kty": "RSA", "e": "AQAB", "n": "_" * 100},  # far below 2048 bits
        {"kty": "RSA", "e": "AQAB", "n": "_" * 2000},  # a check of it would take long
        {"kty": "RSA", "e": "Aw", "n": "_" * 342},
        {"kty": "EC", "crv": "P-256", "x": POINT, "y": POINT},  # no point of the curve
        {"kty": "EC", "crv": "P-256", "x": 1, "y": None},
        {"kty": "EC", "crv": "P-384", "x": POINT, "y": POINT},
        {"kty": "EC", "crv": ["P-256"], "x": POINT, "y": POINT},
        {"kty": "OKP", "crv": "X25519", "x": POINT},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": {"a": 1}},
        {"kty": "oct", "k": POINT},
        {"kty": ["EC"]},
    ],
    ids=str,
)
def test_what_is_no_public_key_of_the_algorithm_is_no_key(jwk, algorithm):
    assert client_jwts.key_of(jwk, algorithm) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.b.c",
        "W10.e30.AA",
        "e30.W10.AA",
        "e30.e30.",
        "e30.e30.A",
        "e30.e30.AB",
        "e30.e30.AA.AA",
    ],
)
def test_what_is_no_jwt_is_none(token):
    assert client_jwts.parse(token) is None


def test_members_given_twice_and_constants_of_python_are_no_json():
    from base64 import urlsafe_b64encode

    def token(payload):
        return f"e30.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.AA"

    assert client_jwts.parse(token(b'{"a": 1}')) is not None
    for payload in (b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": Infinity}', b"[" * 5000):
        assert client_jwts.parse(token(payload)) is None
