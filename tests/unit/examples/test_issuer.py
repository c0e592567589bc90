"""Discovery and keys: read late, cached, kept through outages, never asked for too often."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from examples.issuer import (
    EMPTY_RETRY,
    KEYS_COOLDOWN,
    KEYS_LIFESPAN,
    METADATA_LIFESPAN,
    Issuer,
    IssuerUnavailable,
)
from tests.support.tiny_provider import SigningKey


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def issuer(provider, clock):
    return Issuer(provider.url, monotonic=clock)


def test_nothing_is_asked_before_it_is_needed_and_only_once(issuer, provider):
    assert provider.calls.total() == 0

    for _ in range(5):
        assert issuer.signing_key("first").key_id == "first"

    assert provider.calls == {"/.well-known/openid-configuration": 1, "/jwks": 1}


def test_a_new_key_is_found_once_the_cooldown_is_over(issuer, provider, clock):
    issuer.signing_key("first")
    provider.keys.append(SigningKey("second"))

    clock.at += KEYS_COOLDOWN - 1
    assert issuer.signing_key("second") is None
    clock.at += 1
    assert issuer.signing_key("second").key_id == "second"


def test_unknown_keys_are_asked_for_at_most_once_per_cooldown(issuer, provider, clock):
    for rank in range(120):
        issuer.signing_key(f"unknown-{rank}")
        clock.at += 1

    assert provider.calls["/jwks"] == 4


def test_a_retired_key_goes_when_the_set_is_read_again(issuer, provider, clock):
    issuer.signing_key("first")
    provider.keys[:] = [SigningKey("second")]
    clock.at += KEYS_LIFESPAN + 1

    assert issuer.signing_key("first") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b""), (200, b"<html>"), (200, b'{"keys": []}'), (200, b"[]"), (200, b'{"keys": 7}'), (302, b"")],
)
def test_an_outage_or_garbage_keeps_the_old_keys_and_is_not_hammered(issuer, provider, clock, status, body):
    issuer.signing_key("first")
    provider.statuses["/jwks"], provider.bodies["/jwks"] = status, body

    clock.at += KEYS_LIFESPAN + 1
    for _ in range(50):
        assert issuer.signing_key("first").key_id == "first"
        assert issuer.signing_key("unknown") is None

    assert provider.calls["/jwks"] == 2


def test_keys_outlive_a_provider_that_is_switched_off(issuer, provider, clock):
    issuer.signing_key("first")
    provider.stop()

    clock.at += 10 * KEYS_LIFESPAN + 2 * METADATA_LIFESPAN

    assert issuer.signing_key("first").key_id == "first"


def test_without_any_key_a_late_provider_is_found_soon(issuer, provider, clock):
    provider.statuses["/jwks"] = 503
    with pytest.raises(IssuerUnavailable):
        issuer.signing_key("first")
    del provider.statuses["/jwks"]

    with pytest.raises(IssuerUnavailable):
        issuer.signing_key("first")
    clock.at += EMPTY_RETRY
    assert issuer.signing_key("first").key_id == "first"


def test_a_key_set_of_several_kinds_is_read(issuer, provider):
    rsa_jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True)
    okp_jwk = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True)
    keys = [rsa_jwk | {"kid": "rsa", "alg": "RS256"}, okp_jwk | {"kid": "ed", "alg": "EdDSA"}, {"kty": "new"}]
    provider.bodies["/jwks"] = json.dumps({"keys": keys}).encode()

    assert issuer.signing_key("rsa").algorithm_name == "RS256"
    assert issuer.signing_key("ed").algorithm_name == "EdDSA"


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://127.0.0.1:9"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": 7},
        {"jwks_uri": "file:///etc/hostname"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://[bad"},
    ],
    ids=str,
)
def test_a_discovery_document_that_does_not_hold_together_is_not_used(issuer, provider, change):
    document = {
        "issuer": provider.url,
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
        "userinfo_endpoint": f"{provider.url}/userinfo",
        "jwks_uri": f"{provider.url}/jwks",
    }
    provider.bodies["/.well-known/openid-configuration"] = json.dumps(document | change).encode()

    with pytest.raises(IssuerUnavailable):
        issuer.metadata()


def test_an_answer_without_end_is_cut(issuer, provider):
    provider.bodies["/.well-known/openid-configuration"] = b" " * 2_000_000

    with pytest.raises(IssuerUnavailable, match="too long"):
        issuer.metadata()


def test_old_metadata_serves_verification_but_sends_no_browser_to_a_dead_provider(issuer, provider, clock):
    issuer.metadata()
    provider.stop()
    clock.at += METADATA_LIFESPAN + 1

    assert issuer.metadata().token_endpoint == f"{provider.url}/token"
    with pytest.raises(IssuerUnavailable):
        issuer.alive_metadata()
