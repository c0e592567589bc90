"""OIDC Core 2 and 3.1.3.7: ID tokens, verified by PyJWT as an independent client would."""

import base64
import hashlib

import jwt
import pytest

from tests.protocol.party import ISSUER, NOON, REMEMBERED, verified


def header_of(token):
    return jwt.get_unverified_header(token)


@pytest.mark.parametrize(("client", "algorithm"), [("reader", "ES256"), ("silent-alg", "RS256")])
def test_it_is_signed_as_the_client_registered_and_rs256_when_it_said_nothing(
    world, member, client, algorithm
):
    token = world.party(client).tokens(member)["id_token"]

    assert header_of(token)["alg"] == algorithm
    assert header_of(token)["kid"]
    assert verified(token, world, audience=client, algorithms=[algorithm])


def test_it_says_who_when_and_how_and_nothing_more(rp, member, world):
    asked = rp.ask(scope="openid profile email member")
    given = rp.redeem(rp.code_for(member, asked), asked).json

    claims = verified(given["id_token"], world, audience="reader")

    issued_at = int(NOON.timestamp())
    assert claims == {
        "iss": ISSUER,
        "aud": "reader",
        "sub": world.accounts["1234567"],
        "iat": issued_at,
        "exp": issued_at + 300,
        "auth_time": issued_at,
        "nonce": asked.parameters["nonce"],
        "acr": "urn:parvis:acr:2sv",
        "amr": ["pwd", "otp"],
        "sid": claims["sid"],
        "at_hash": at_hash(given["access_token"]),
    }
    assert len(claims["sid"]) >= 22


def at_hash(access_token):
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


@pytest.mark.parametrize("client", ["reader", "silent-alg"])
def test_at_hash_belongs_to_the_access_token_beside_it(world, member, client):
    given = world.party(client).tokens(member)

    assert verified(given["id_token"], world, audience=client)["at_hash"] == at_hash(given["access_token"])


def test_on_a_trusted_device_it_says_so_and_never_multi_factor(rp, world):
    browser = world.signed_in(methods=REMEMBERED)

    claims = verified(rp.tokens(browser)["id_token"], world, audience="reader")

    assert claims["acr"] == "urn:parvis:acr:2sv-remembered"
    assert claims["amr"] == ["pwd"]


def test_without_nonce_in_the_request_there_is_none_in_the_token(rp, member, world):
    token = rp.tokens(member, nonce=None)["id_token"]

    assert "nonce" not in verified(token, world, audience="reader")


def test_the_lifetime_is_the_clients_own(world, member):
    claims = verified(world.party("brief").tokens(member)["id_token"], world, audience="brief")

    assert claims["exp"] - claims["iat"] == 120


def test_a_pairwise_subject_is_the_clients_own_stable_and_not_the_account(world, rp, member):
    party = world.party("pairwise")

    first = verified(party.tokens(member)["id_token"], world, audience="pairwise")["sub"]
    again = verified(party.tokens(world.signed_in())["id_token"], world, audience="pairwise")["sub"]
    public = verified(rp.tokens(member)["id_token"], world, audience="reader")["sub"]
    given = party.tokens(member)

    assert first == again != public
    assert party.userinfo(given["access_token"]).json["sub"] == first
    assert verified(given["access_token"], world, audience=ISSUER)["sub"] == first


def test_the_subject_is_never_the_number_or_the_address(rp, member, world):
    sub = verified(rp.tokens(member)["id_token"], world, audience="reader")["sub"]

    assert "1234567" not in sub
    assert "@" not in sub
    assert len(sub) <= 255
    assert sub.isascii()
