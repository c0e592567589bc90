"""OIDC Core 3.1: the whole code flow, as a relying party meets it."""

from tests.protocol.party import AUDIENCE, ISSUER, back_at, verified


def test_a_signed_in_member_comes_back_with_a_code_that_becomes_tokens(rp, member, world):
    asked = rp.ask(scope="openid profile email")

    response = rp.redeem(rp.code_for(member, asked), asked)

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["token_type"] == "Bearer"
    assert response.json["expires_in"] == 300
    claims = verified(response.json["id_token"], world, audience="reader")
    assert claims["nonce"] == asked.parameters["nonce"]
    info = rp.userinfo(response.json["access_token"])
    assert info.json["sub"] == claims["sub"] == world.accounts["1234567"]


def test_a_member_who_is_not_signed_in_goes_through_the_pages_and_comes_back(rp, world):
    browser = world.browser()
    asked = rp.ask()

    sent = browser.get(asked.url)
    answer = back_at(browser.sign_in(sent))

    assert sent.status_code == 303
    assert sent.location.startswith("/connexion?i=")
    assert answer["state"] == asked.parameters["state"]
    assert rp.redeem(answer["code"], asked).status_code == 200


def test_parameters_in_any_order_and_scopes_in_any_order_work(rp, member):
    asked = rp.ask(scope="email profile openid")
    reversed_parameters = dict(reversed(asked.parameters.items()))

    code = rp.code_for(member, type(asked)(reversed_parameters, asked.verifier))

    assert rp.redeem(code, asked).status_code == 200


def test_a_request_without_nonce_or_state_succeeds(rp, member):
    asked = rp.ask(nonce=None, state=None)

    answer = back_at(member.get(asked.url))

    assert set(answer) == {"code", "iss"}
    assert "id_token" in rp.redeem(answer["code"], asked).json


def test_unknown_parameters_are_ignored(rp, member):
    asked = rp.ask(extra="foobar", resource_hint="é")

    assert rp.redeem(rp.code_for(member, asked), asked).status_code == 200


def test_a_request_by_post_from_another_site_is_repeated_as_a_get_that_brings_the_cookies(rp, member):
    asked = rp.ask()

    sent = member.post("/oauth2/authorize", data=asked.parameters, headers={"Sec-Fetch-Site": "cross-site"})
    answer = back_at(member.get(sent.location))

    assert sent.status_code == 303
    assert sent.location.startswith("/oauth2/authorize?")
    assert rp.redeem(answer["code"], asked).status_code == 200


def test_a_looking_head_request_gives_no_code(rp, member):
    response = member.http.head(rp.ask().url, base_url=ISSUER)

    assert response.status_code == 200
    assert "Location" not in response.headers


def test_one_sign_in_serves_two_clients(rp, member, world):
    other = world.party("silent-alg")

    first = verified(rp.tokens(member)["id_token"], world, audience="reader")
    second = verified(other.tokens(member)["id_token"], world, audience="silent-alg")

    assert first["sid"] == second["sid"]
    assert first["sub"] == second["sub"]


def test_without_openid_there_is_an_access_token_and_no_id_token(rp, member, world):
    given = rp.tokens(member, scope="member_data")

    assert "id_token" not in given
    assert verified(given["access_token"], world, audience=AUDIENCE)["aud"] == AUDIENCE
