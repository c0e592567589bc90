"""FAPI 2.0 Security Profile: a client marked `profile = "fapi2"` gets the profile whole."""

import pytest

from tests.protocol.party import AUDIENCE, ISSUER, ClientKey, back_at, verified
from tests.protocol.test_pushed_requests import authorize

TOKEN, PAR = "/oauth2/token", "/oauth2/par"


@pytest.fixture
def fapi(world):
    return world.party("fapi")


def code_for(party, browser, asked):
    pushed = party.push(asked.parameters)
    assert pushed.status_code == 201, pushed.text
    return back_at(authorize(browser, party.client_id, pushed.json["request_uri"]))["code"]


def test_the_whole_flow(fapi, member, world):
    asked = fapi.ask(scope="openid member_data offline_access")
    code = code_for(fapi, member, asked)

    tokens = fapi.redeem(code, asked, headers=fapi.proof(TOKEN)).json

    assert tokens["token_type"] == "DPoP"
    assert verified(tokens["access_token"], world, audience=AUDIENCE)["cnf"]["jkt"] == fapi.key.jkt
    assert verified(tokens["id_token"], world, audience="fapi", algorithms=["ES256"])["sub"]


def test_refresh_tokens_are_not_rotated_and_need_client_and_proof(fapi, member):
    asked = fapi.ask(scope="openid offline_access")
    tokens = fapi.redeem(code_for(fapi, member, asked), asked, headers=fapi.proof(TOKEN)).json
    token = tokens["refresh_token"]

    without_proof = fapi.refresh(token)
    without_client = fapi.http.post(
        TOKEN,
        data={"grant_type": "refresh_token", "refresh_token": token},
        base_url=ISSUER,
        headers=fapi.proof(TOKEN),
    )
    refreshed = [fapi.refresh(token, headers=fapi.proof(TOKEN)) for _ in range(2)]

    assert (without_proof.status_code, without_client.status_code) == (400, 401)
    assert [answer.status_code for answer in refreshed] == [200, 200]
    assert {answer.json["refresh_token"] for answer in refreshed} == {token}


def test_a_request_by_the_browser_is_refused(fapi, member):
    assert back_at(member.get(fapi.ask().url))["error"] == "invalid_request"


def test_a_token_request_without_proof_is_refused(fapi, member):
    asked = fapi.ask()
    code = code_for(fapi, member, asked)

    assert fapi.redeem(code, asked).json["error"] == "invalid_request"


def test_an_assertion_by_rs256_is_refused(fapi, world):
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests.protocol.party import ASSERTION_TYPE

    key = rsa.generate_private_key(65537, 2048)
    now = int(world.clock.now().timestamp())
    claims = {"iss": "fapi", "sub": "fapi", "aud": ISSUER, "jti": "x", "exp": now + 60}
    assertion = jwt.encode(claims, key, algorithm="RS256")
    form = {**fapi.ask().parameters, "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}

    response = fapi.http.post(PAR, data=form, base_url=ISSUER)

    assert (response.status_code, response.json["error"]) == (401, "invalid_client")


def test_a_code_is_bound_to_its_client(fapi, member, world):
    asked = fapi.ask()
    code = code_for(fapi, member, asked)

    other = world.party("keyed")
    stolen = other.redeem(code, asked, headers=other.proof(TOKEN))

    assert stolen.json["error"] == "invalid_grant"


def test_a_code_lives_sixty_seconds(fapi, member, world):
    from datetime import timedelta

    asked = fapi.ask()
    code = code_for(fapi, member, asked)
    world.clock.advance(timedelta(seconds=60))

    assert fapi.redeem(code, asked, headers=fapi.proof(TOKEN)).json["error"] == "invalid_grant"


def test_cancel_on_the_sign_in_page_is_access_denied_with_state_and_issuer(fapi, world):
    browser, asked = world.browser(), fapi.ask()
    pushed = fapi.push(asked.parameters).json["request_uri"]
    page = browser.get(authorize(browser, "fapi", pushed).location)

    sent = browser.submit(page, "/connexion/annuler")
    answer = back_at(browser.get(sent.location))

    assert answer["error"] == "access_denied"
    assert answer["state"] == asked.parameters["state"]


@pytest.mark.parametrize(
    "changes", [{"state": None}, {"nonce": None}, {"nonce": "n" * 64}, {"nonce": "n" * 384}]
)
def test_state_and_nonce_are_optional_and_come_back_unchanged(fapi, member, world, changes):
    asked = fapi.ask(**changes)
    pushed = fapi.push(asked.parameters).json["request_uri"]
    answer = back_at(authorize(member, "fapi", pushed))

    tokens = fapi.redeem(answer["code"], asked, headers=fapi.proof(TOKEN)).json
    claims = verified(tokens["id_token"], world, audience="fapi")

    assert answer.get("state") == asked.parameters.get("state")
    assert claims.get("nonce") == asked.parameters.get("nonce")


def test_a_stolen_token_without_its_key_opens_nothing(fapi, member):
    asked = fapi.ask()
    token = fapi.redeem(code_for(fapi, member, asked), asked, headers=fapi.proof(TOKEN)).json["access_token"]
    thief = ClientKey()

    as_bearer = fapi.userinfo(token)
    proof = thief.proof(ISSUER + "/oauth2/userinfo", fapi.world.clock.now(), method="GET", token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    with_other_key = fapi.http.get("/oauth2/userinfo", headers=headers, base_url=ISSUER)

    assert (as_bearer.status_code, with_other_key.status_code) == (401, 401)


def test_discovery_says_what_the_profile_needs(world):
    document = world.app.test_client().get("/.well-known/openid-configuration", base_url=ISSUER).json

    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert {"ES256", "PS256", "EdDSA"} <= set(document["token_endpoint_auth_signing_alg_values_supported"])
    assert set(document["dpop_signing_alg_values_supported"]) == {"ES256", "PS256", "EdDSA", "Ed25519"}
    assert document["pushed_authorization_request_endpoint"] == ISSUER + PAR
    assert document["authorization_response_iss_parameter_supported"] is True
