"""RFC 9449: tokens bound to a key, proven at the token endpoint, at PAR, and where we take tokens ourselves."""

import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from tests.protocol.party import ISSUER, ClientKey, back_at, verified
from tests.protocol.test_pushed_requests import authorize

TOKEN, USERINFO, PAR = "/oauth2/token", "/oauth2/userinfo", "/oauth2/par"


@pytest.fixture
def rp(world):
    """A client that must bind its tokens, with a key of its own for them."""
    party = world.party("bound")
    party.key = ClientKey()
    return party


def bound_tokens(party, browser, **changes):
    asked = party.ask(**changes)
    code = party.code_for(browser, asked)
    response = party.redeem(code, asked, headers=party.proof(TOKEN))
    assert response.status_code == 200, response.text
    return response.json


def userinfo(party, token, *, proof=None, scheme="DPoP", method="GET"):
    headers = {"Authorization": f"{scheme} {token}"}
    if proof is not None:
        headers["DPoP"] = proof
    return party.http.open(USERINFO, method=method, headers=headers, base_url=ISSUER)


def proof_for(party, token, **changes):
    return party.key.proof(
        ISSUER + USERINFO,
        party.world.clock.now(),
        method=changes.pop("method", "GET"),
        token=token,
        **changes,
    )


def test_a_bound_token_names_its_key_and_opens_userinfo_with_a_proof(rp, member, world):
    tokens = bound_tokens(rp, member)

    response = userinfo(rp, tokens["access_token"], proof=proof_for(rp, tokens["access_token"]))

    assert tokens["token_type"] == "DPoP"
    assert verified(tokens["access_token"], world, audience=ISSUER)["cnf"] == {"jkt": rp.key.jkt}
    assert response.status_code == 200
    assert response.json["sub"]


def test_a_client_that_must_bind_gets_nothing_without_a_proof(rp, member):
    asked = rp.ask()

    response = rp.redeem(rp.code_for(member, asked), asked)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_a_failed_proof_leaves_the_code_good(rp, member):
    asked = rp.ask()
    code = rp.code_for(member, asked)

    assert rp.redeem(code, asked).status_code == 400
    assert rp.redeem(code, asked, headers=rp.proof(TOKEN)).status_code == 200


def test_any_client_may_bind(world, member):
    party = world.party("spa")
    party.key = ClientKey()

    tokens = bound_tokens(party, member)

    assert tokens["token_type"] == "DPoP"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_bound_token_is_no_bearer_token(rp, member, scheme):
    token = bound_tokens(rp, member)["access_token"]

    assert userinfo(rp, token, scheme=scheme).status_code == 401
    assert userinfo(rp, token, scheme=scheme, proof=proof_for(rp, token)).status_code == 401
    in_form = rp.http.post(USERINFO, data={"access_token": token}, base_url=ISSUER)
    assert in_form.status_code == 401


def test_a_bearer_token_is_no_bound_token(world, member):
    party = world.party("reader")
    token = party.tokens(member)["access_token"]

    assert userinfo(party, token, proof=proof_for(party, token)).status_code == 401


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_the_scheme_may_be_written_in_any_case(rp, member, scheme):
    token = bound_tokens(rp, member)["access_token"]

    assert userinfo(rp, token, scheme=scheme, proof=proof_for(rp, token)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"htu": ISSUER + USERINFO + "?a=b"},
        {"htu": ISSUER + USERINFO + "#c"},
        {"htu": "HTTP://127.0.0.1:8000" + USERINFO},
        {"extra": {"more": ["claims"]}},
        {"iat": -10},
        {"iat": 10},
        {"iat": -60},
        {"iat": 60},
    ],
    ids=str,
)
def test_what_makes_no_difference(rp, member, world, changes):
    token = bound_tokens(rp, member)["access_token"]
    if "iat" in changes:
        changes = {"iat": int(world.clock.now().timestamp()) + changes["iat"]}

    assert userinfo(rp, token, proof=proof_for(rp, token, **changes)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "POST"},
        {"htm": None},
        {"htm": "get"},
        {"htu": ISSUER + TOKEN},
        {"htu": "https://127.0.0.1:8000" + USERINFO},
        {"htu": "http://localhost:8000" + USERINFO},
        {"htu": "http://127.0.0.1:8001" + USERINFO},
        {"htu": ISSUER + USERINFO + "/"},
        {"htu": "http://[::1" + USERINFO},
        {"htu": None},
        {"htu": 7},
        {"ath": "x" * 43},
        {"ath": None},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 257},
        {"iat": None},
        {"iat": "now"},
        {"iat": -3600},
        {"iat": 3600},
        {"headers": {"typ": "JWT"}},
        {"headers": {"typ": None}},
        {"headers": {"jwk": None}},
        {"headers": {"jwk": "key"}},
        {"headers": {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": [2]}}},
        {"headers": {"jwk": {"kty": "oct", "k": "c2VjcmV0"}}},
        {"headers": {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}},
        {"headers": {"crit": ["x"], "x": 1}},
    ],
    ids=str,
)
def test_a_proof_that_is_wrong_in_one_point_opens_nothing(rp, member, world, changes):
    token = bound_tokens(rp, member)["access_token"]
    if isinstance(changes.get("iat"), int):
        changes = {"iat": int(world.clock.now().timestamp()) + changes["iat"]}

    response = userinfo(rp, token, proof=proof_for(rp, token, **changes))

    assert response.status_code == 401
    assert response.json["error"] == "invalid_dpop_proof"
    challenges = response.headers.getlist("WWW-Authenticate")
    assert any(
        text.startswith("DPoP") and 'algs="ES256 Ed25519 EdDSA PS256"' in text for text in challenges
    ), challenges


def test_another_keys_proof_opens_nothing(rp, member):
    token = bound_tokens(rp, member)["access_token"]
    rp.key = ClientKey()

    response = userinfo(rp, token, proof=proof_for(rp, token))

    assert (response.status_code, response.json["error"]) == (401, "invalid_token")


def test_two_proofs_none_and_garbage_open_nothing(rp, member):
    token = bound_tokens(rp, member)["access_token"]
    two = ", ".join(proof_for(rp, token) for _ in range(2))

    for proof in (None, "", "x", "a.b.c", two, proof_for(rp, token) + ".x"):
        assert userinfo(rp, token, proof=proof).status_code == 401


def test_a_proof_counts_once(rp, member):
    token = bound_tokens(rp, member)["access_token"]
    proof = proof_for(rp, token)

    assert [userinfo(rp, token, proof=proof).status_code for _ in range(3)] == [200, 401, 401]


def with_private_key(party, token):
    """A proof whose header gives the private key away: it proves nothing any more (RFC 9449 section 4.3)."""
    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(party.key.private))
    return proof_for(party, token, headers={"jwk": private})


def test_a_private_key_in_the_header_is_refused(rp, member):
    token = bound_tokens(rp, member)["access_token"]

    assert userinfo(rp, token, proof=with_private_key(rp, token)).status_code == 401


def signed_with(algorithm, key, public, world):
    now = int(world.clock.now().timestamp())
    claims = {"htm": "POST", "htu": ISSUER + TOKEN, "jti": f"{algorithm}-1", "iat": now}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "dpop+jwt", "jwk": public})


def test_ed25519_and_ps256_prove_and_rs256_does_not(world):
    robot = world.party("robot")
    edwards = ed25519.Ed25519PrivateKey.generate()
    large = rsa.generate_private_key(65537, 2048)
    ed_jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(edwards.public_key()))
    rsa_jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(large.public_key()))
    rsa_jwk = {name: rsa_jwk[name] for name in ("kty", "n", "e")}

    def status(algorithm, key, public):
        headers = {"DPoP": signed_with(algorithm, key, public, world)}
        return robot.token({"grant_type": "client_credentials"}, headers=headers).status_code

    assert status("EdDSA", edwards, ed_jwk) == 200
    assert status("PS256", large, rsa_jwk) == 200
    assert status("RS256", large, rsa_jwk) == 400
    # A key says what it is for: PS256 by a key of RS256 is confusion (RFC 8725 section 3.1).
    assert status("PS256", large, {**rsa_jwk, "alg": "RS256"}) == 400


def test_a_code_asked_for_by_one_key_is_not_given_to_another(world, member):
    rp = world.party("spa")
    rp.key = ClientKey()
    asked = rp.ask(dpop_jkt=rp.key.jkt)
    code = rp.code_for(member, asked)
    owner, rp.key = rp.key, ClientKey()

    thief = rp.redeem(code, asked, headers=rp.proof(TOKEN))
    rp.key = owner
    late = rp.redeem(code, asked, headers=rp.proof(TOKEN))

    assert (thief.status_code, thief.json["error"]) == (400, "invalid_grant")
    assert late.status_code == 200


def test_without_a_proof_a_bound_code_gives_nothing(world, member):
    rp = world.party("spa")
    asked = rp.ask(dpop_jkt=ClientKey().jkt)

    assert rp.redeem(rp.code_for(member, asked), asked).json["error"] == "invalid_grant"


@pytest.mark.parametrize("jkt", ["short", "x" * 44, "é" * 43])
def test_a_malformed_dpop_jkt_is_told(rp, member, jkt):
    assert back_at(member.get(rp.ask(dpop_jkt=jkt).url))["error"] == "invalid_request"


def test_a_proof_at_the_pushing_binds_the_code(world, member):
    rp = world.party("fapi")
    asked = rp.ask()
    pushed = rp.push(asked.parameters, headers=rp.proof(PAR))
    code = back_at(authorize(member, "fapi", pushed.json["request_uri"]))["code"]
    assertion_key, rp.key = rp.key, ClientKey()
    other = rp.proof(TOKEN)
    rp.key = assertion_key

    refused = rp.redeem(code, asked, headers=other)
    given = rp.redeem(code, asked, headers=rp.proof(TOKEN))

    assert refused.json["error"] == "invalid_grant"
    assert given.status_code == 200


def test_the_proof_and_dpop_jkt_must_name_one_key(world):
    rp = world.party("fapi")

    refused = rp.push(rp.ask(dpop_jkt=ClientKey().jkt).parameters, headers=rp.proof(PAR))
    agreed = rp.push(rp.ask(dpop_jkt=rp.key.jkt).parameters, headers=rp.proof(PAR))

    assert (refused.status_code, refused.json["error"]) == (400, "invalid_dpop_proof")
    assert agreed.status_code == 201


def test_used_proofs_are_forgotten_once_they_could_not_be_accepted_any_more(rp, member, world):
    from sqlalchemy import text

    from idp.oidc import used_once

    bound_tokens(rp, member)
    with world.database.transaction() as session:
        used_once.purge(session, now=world.clock.now() + timedelta(minutes=4))
        assert session.execute(text("SELECT count(*) FROM used_identifier")).scalar_one() == 1
        used_once.purge(session, now=world.clock.now() + timedelta(minutes=5))
        assert session.execute(text("SELECT count(*) FROM used_identifier")).scalar_one() == 0
