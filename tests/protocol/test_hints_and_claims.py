"""OIDC Core 3.1.2.1 and 5.5: `id_token_hint`, and the `claims` parameter."""

import json
from datetime import timedelta

import pytest

from idp.oidc.keys import Algorithm, Kind
from tests.protocol.party import NOON, REMEMBERED, back_at, verified


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=20)])
def test_a_hint_of_the_signed_in_member_is_good_even_when_it_is_over(rp, member, world, age):
    # Authlib ignores id_token_hint.
    hint = rp.tokens(member)["id_token"]
    world.clock.advance(age)

    token = rp.tokens(member, prompt="none", id_token_hint=hint)["id_token"]

    assert verified(token, world, audience="reader")["sub"] == world.accounts["1234567"]


@pytest.mark.parametrize("client", ["reader", "pairwise"])
def test_a_hint_of_another_member_is_login_required(world, member, client):
    party = world.party(client)
    hint = party.tokens(world.signed_in("7654321"))["id_token"]

    answer = back_at(member.get(party.ask(prompt="none", id_token_hint=hint).url))

    assert answer["error"] == "login_required"


def test_a_hint_of_another_member_leads_to_the_sign_in_page_when_pages_are_allowed(world, rp, member):
    hint = rp.tokens(world.signed_in("7654321"))["id_token"]

    assert member.get(rp.ask(id_token_hint=hint).url).location.startswith("/connexion")


def test_another_member_who_signs_in_instead_is_login_required(world, rp):
    hint = rp.tokens(world.signed_in("7654321"))["id_token"]
    browser = world.browser()

    answer = back_at(browser.sign_in(browser.get(rp.ask(id_token_hint=hint).url), "1234567"))

    assert answer["error"] == "login_required"


def test_a_hint_for_another_client_or_an_access_token_is_refused(world, rp, member):
    others = world.party("poster").tokens(member)

    for hint in (others["id_token"], rp.tokens(member)["access_token"], "x", "x.y.z", "é"):
        assert back_at(member.get(rp.ask(id_token_hint=hint).url))["error"] == "invalid_request"


def test_a_hint_of_another_issuer_is_refused(world, rp, member):
    signer = world.parts.provider.keys.ring.signer(Algorithm.ES256)
    forged = signer.sign(Kind.ID_TOKEN, {"iss": "http://other", "aud": "reader", "sub": "x"})

    assert back_at(member.get(rp.ask(id_token_hint=forged).url))["error"] == "invalid_request"


def claims(**members):
    return json.dumps(members)


def test_a_claim_asked_of_userinfo_is_given_there_and_not_in_the_id_token(rp, member, world):
    # Authlib ignores the claims parameter.
    given = rp.tokens(member, claims=claims(userinfo={"name": {"essential": True}}))

    assert rp.userinfo(given["access_token"]).json["name"] == "Camille Zoé-Martin"
    assert "name" not in verified(given["id_token"], world, audience="reader")


def test_a_claim_asked_of_the_id_token_is_there_and_not_in_userinfo(rp, member, world):
    given = rp.tokens(member, claims=claims(id_token={"email": None, "auth_time": {"essential": True}}))

    assert verified(given["id_token"], world, audience="reader")["email"] == "m1234567@example.org"
    assert "email" not in rp.userinfo(given["access_token"]).json


def test_a_client_gets_no_claim_of_a_scope_that_it_may_not_have(world, member):
    party = world.party("narrow")

    given = party.tokens(member, claims=claims(userinfo={"email": None}, id_token={"member_number": None}))

    assert set(party.userinfo(given["access_token"]).json) == {"sub"}
    assert "member_number" not in verified(given["id_token"], world, audience="narrow")


def test_asked_claims_never_replace_what_the_token_itself_says(rp, member, world):
    wanted = dict.fromkeys(("iss", "sub", "aud", "exp", "acr", "nonce", "password_hash", "scope"))

    given = rp.tokens(member, claims=claims(id_token=wanted, userinfo=wanted))

    token = verified(given["id_token"], world, audience="reader")
    assert token["iat"] == int(NOON.timestamp())
    assert not {"password_hash", "scope"} & set(token)
    assert set(rp.userinfo(given["access_token"]).json) == {"sub"}


def test_a_demanded_subject_must_be_the_one_who_is_signed_in(rp, member, world):
    own = claims(id_token={"sub": {"value": world.accounts["1234567"]}})
    other = claims(id_token={"sub": {"value": "somebody-else"}})

    assert "code" in back_at(member.get(rp.ask(claims=own, prompt="none").url))
    assert back_at(member.get(rp.ask(claims=other, prompt="none").url))["error"] == "login_required"


def test_an_essential_acr_that_we_know_is_reached_and_one_we_do_not_is_refused(rp, world):
    browser = world.signed_in(methods=REMEMBERED)
    known = claims(id_token={"acr": {"essential": True, "value": "urn:parvis:acr:2sv"}})
    unknown = claims(id_token={"acr": {"essential": True, "values": ["urn:other:acr"]}})
    voluntary = claims(id_token={"acr": {"values": ["urn:other:acr"]}})

    assert browser.get(rp.ask(claims=known).url).location.startswith("/connexion/code")
    refused = back_at(browser.get(rp.ask(claims=unknown).url))
    assert refused["error"] == "unmet_authentication_requirements"
    assert "code" in back_at(browser.get(rp.ask(claims=voluntary).url))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        '{"userinfo": []}',
        '{"id_token": {"name": 1}}',
        "[" * 3000,
        '{"a":' * 500,
    ],
)
def test_a_claims_parameter_that_is_not_one_is_refused(rp, member, text):
    assert back_at(member.get(rp.ask(claims=text).url))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "text", ["{}", '{"userinfo": null}', '{"other": {"x": 1}}', '{"userinfo": {"x": {"y": 1}}}']
)
def test_an_empty_or_partly_unknown_claims_parameter_is_no_error(rp, member, text):
    assert "code" in back_at(member.get(rp.ask(claims=text).url))
