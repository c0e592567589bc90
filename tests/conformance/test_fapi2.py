"""The plan `fapi2-security-profile-final-test-plan`: plain_fapi, unsigned, openid_connect, private_key_jwt + dpop.

The provider stands under an https issuer here, as the suite meets it. Where a module speaks of a request object, the
variant "unsigned" has it in the pushed request; a signed one is refused by its own error.
"""

import json
import secrets
from datetime import timedelta

import jwt
import pytest
from pydantic import ValidationError

from idp.core.settings import Settings
from tests.conformance.fapi import ALGORITHMS, PAR, TOKEN, USERINFO, FapiSuite, RsaKey
from tests.conformance.suite import (
    DISCOVERY,
    HTTPS_ISSUER,
    PRIVATE_OR_SYMMETRIC,
    REFRESH_TOKEN,
    check_discovery,
    in_production,
)
from tests.protocol.party import ASSERTION_TYPE, PASSWORD, Asked, ClientKey

HSTS = "Strict-Transport-Security"


@pytest.fixture
def production(world):
    return in_production(world)


@pytest.fixture
def member(production):
    return production.signed_in("1234567")


@pytest.fixture
def suite(production):
    """The suite's first client."""
    return FapiSuite(production)


@pytest.fixture
def second(production):
    """Its second: other keys, another address, which has a query."""
    return FapiSuite(production, "fapi-second")


def test_fapi2_security_profile_final_discovery_end_point_verification(suite):
    response = suite.http.get(DISCOVERY, base_url=HTTPS_ISSUER)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    document = response.json
    check_discovery(document, HTTPS_ISSUER)
    assert ALGORITHMS >= set(document["dpop_signing_alg_values_supported"]) != set()
    assert ALGORITHMS & set(document["id_token_signing_alg_values_supported"])
    assert ALGORITHMS & set(document["token_endpoint_auth_signing_alg_values_supported"])
    assert ALGORITHMS & set(document["userinfo_signing_alg_values_supported"])
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert document["pushed_authorization_request_endpoint"] == HTTPS_ISSUER + PAR
    assert document["authorization_response_iss_parameter_supported"] is True
    assert "refresh_token" in document["grant_types_supported"]
    # Other clients may send their browsers with everything: the profile makes its own push, one by one.
    assert document["require_pushed_authorization_requests"] is False
    assert suite.keys


@pytest.mark.parametrize("pages_before", [0, 1, 2])
def test_fapi2_security_profile_final_user_rejects_authentication(production, suite, pages_before):
    # « Annuler » is on every page of the sign-in: the password, the code, the question about the device.
    browser = production.browser()
    sent, asked = suite.first_step_of(browser)
    page = browser.get(sent.location)
    if pages_before > 0:
        typed = {"identifier": "m1234567@example.org", "password": PASSWORD}
        page = browser.get(browser.submit(page, **typed).location)
    if pages_before > 1:
        page = browser.get(browser.submit(page, code=production.mailed_code()).location)

    sent = browser.cancel(page)

    assert suite.error(browser.get(sent.location), asked) == "access_denied"


def test_fapi2_security_profile_final_ensure_authorization_request_without_state_success(suite, member):
    suite.flow(member, state=None)


def test_fapi2_security_profile_final_ensure_authorization_request_without_nonce_success(suite, member):
    given = suite.flow(member, nonce=None)

    assert "nonce" not in given.claims


def test_fapi2_security_profile_final_ensure_authorization_request_with_64_char_nonce_success(suite, member):
    given = suite.flow(member, nonce="n" * 64)

    assert given.claims["nonce"] == "n" * 64


def test_fapi2_security_profile_final_ensure_other_scope_order_succeeds(suite, member):
    given = suite.flow(member, scope="email profile openid")

    assert {"name", "email"} <= given.info.keys()


def test_fapi2_security_profile_final_test_claims_parameter_identity_claims(suite, member):
    standard = {"sub", "name", "given_name", "family_name", "email", "email_verified", "updated_at", "locale"}
    offered = sorted(standard & set(suite.discovery["claims_supported"]))
    forms = [None, {"essential": True}, {"essential": False}, {"unknown": "member"}]
    wanted = {name: forms[index % len(forms)] for index, name in enumerate(offered)}
    claims = {"id_token": wanted, "userinfo": wanted, "xk3Jf0s9Qa": {"d8Lm2Zp4Wc": None}}

    given = suite.flow(member, claims=json.dumps(claims))

    assert {"name", "email"} <= set(offered)
    assert given.info.keys() == set(offered)
    assert set(offered) <= given.claims.keys()
    assert not {"xk3Jf0s9Qa", "d8Lm2Zp4Wc"} & (given.claims.keys() | given.info.keys())


def proven(suite, browser, seconds):
    """The whole flow, with proofs at each endpoint by a clock that is ahead or behind."""
    suite.proven_at = seconds
    asked = suite.ask()
    uri = suite.push(asked, headers=suite.proof(PAR))
    suite.finish(suite.authorize(browser, uri), asked)


def test_fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_before_succeeds(suite, member):
    proven(suite, member, -10)


def test_fapi2_security_profile_final_ensure_dpopproof_with_iat_10seconds_after_succeeds(suite, member):
    proven(suite, member, 10)


def test_fapi2_security_profile_final_ensure_mismatched_dpop_jkt_fails(suite):
    asked = suite.ask(dpop_jkt=ClientKey().jkt)

    response = suite.rp.push(asked.parameters, headers=suite.proof(PAR))

    suite.denied(response, "invalid_request", "invalid_dpop_proof")


def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(
    suite, member
):
    code, asked = suite.begin(member, push=suite.proof(PAR))
    pushed_with, suite.dpop = suite.dpop, ClientKey()

    suite.denied(suite.redeem(code, asked), "invalid_request", "invalid_grant", "invalid_dpop_proof")

    suite.dpop = pushed_with
    suite.end(code, asked)


def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(suite, member):
    named = ClientKey()
    code, asked = suite.begin(member, dpop_jkt=named.jkt)

    suite.denied(suite.redeem(code, asked), "invalid_request", "invalid_grant", "invalid_dpop_proof")

    suite.dpop = named
    suite.end(code, asked)


def test_fapi2_security_profile_final_ensure_dpopproof_at_par_endpoint_binding_success(suite, member):
    suite.flow(member, push=suite.proof(PAR))


def test_fapi2_security_profile_final_ensure_dpop_auth_code_binding_success(suite, member):
    suite.flow(member, push=suite.proof(PAR), dpop_jkt=suite.dpop.jkt)


def refuses_request_objects(suite, **claims):
    """The signed variant of a module: no request object is ever read, so nothing in it can be mistaken."""
    asked = suite.ask()
    document = {**asked.parameters, "iss": suite.rp.client_id, "aud": HTTPS_ISSUER, **claims}
    signed = jwt.encode(document, suite.rp.key.private, algorithm="ES256", headers={"kid": "k1"})
    assert suite.discovery["request_parameter_supported"] is False
    assert suite.discovery["request_uri_parameter_supported"] is False
    pushed = {"client_id": suite.rp.client_id, "request": signed, "redirect_uri": suite.rp.redirect_uri}
    suite.denied(suite.rp.push(pushed), "request_not_supported")


def test_fapi2_security_profile_final_ensure_different_nonce_inside_and_outside_request_object(suite, member):
    given = suite.flow(member, nonce="inside", outside={"nonce": "outside"})

    assert given.claims["nonce"] == "inside"
    refuses_request_objects(suite, nonce="inside")


def test_fapi2_security_profile_final_ensure_different_state_inside_and_outside_request_object(suite, member):
    # The state that comes back is compared with the pushed one in every flow.
    suite.flow(member, state="inside", outside={"state": "outside"})
    refuses_request_objects(suite, state="inside")


def test_fapi2_security_profile_final_ensure_authorization_request_with_long_nonce(suite, member):
    given = suite.flow(member, nonce="n" * 384)

    assert given.claims["nonce"] == "n" * 384


def test_fapi2_security_profile_final_ensure_authorization_request_with_long_state(suite, member):
    suite.flow(member, state="s" * 384)


def test_fapi2_security_profile_final_state_only_outside_request_object_not_used(suite, member):
    # A flow whose request has no state accepts none in its answer.
    suite.flow(member, state=None, outside={"state": "outside"})


def test_fapi2_security_profile_final_ensure_request_object_without_redirect_uri_fails(suite):
    # "Inside" is the pushed request. That this client registered one address only changes nothing.
    suite.denied(suite.rp.push(suite.ask(redirect_uri=None).parameters), "invalid_request")


def test_fapi2_security_profile_final_plain_fapi_tolerate_unregistered_redirect_uri(suite):
    # RFC 9126 section 2.4 would permit it; here addresses are registered, whoever the client is.
    asked = suite.ask(redirect_uri=suite.rp.redirect_uri + "/unregistered")

    suite.denied(suite.rp.push(asked.parameters), "invalid_request")


def test_fapi2_security_profile_final_ensure_unsigned_authorization_request_without_using_par_fails(
    suite, member
):
    asked = suite.ask()

    assert suite.error(member.get(asked.url), asked) == "invalid_request"


def test_fapi2_security_profile_final_ensure_redirect_uri_in_authorization_request(suite, member):
    asked = suite.ask(redirect_uri=None)

    suite.denied(suite.rp.push(asked.parameters), "invalid_request")
    suite.stays_here(member.get(asked.url), "P-3002")


REFUSED_TYPES = ("unsupported_response_type", "invalid_request", "unauthorized_client")


def test_fapi2_security_profile_final_ensure_response_type_code_idtoken_fails(suite):
    suite.denied(suite.rp.push(suite.ask(response_type="code id_token").parameters), *REFUSED_TYPES)


def test_fapi2_security_profile_final_ensure_response_type_token_fails(suite):
    suite.denied(suite.rp.push(suite.ask(response_type="token").parameters), *REFUSED_TYPES)


def test_fapi2_security_profile_final_ensure_client_id_in_token_endpoint(suite, second, member):
    code, asked = suite.begin(member)
    # The second client's name, in the form and in the assertion, under the first client's signature.
    borrowed = suite.assertion(iss="fapi-second", sub="fapi-second")

    mixed = suite.redeem(code, asked, client_id="fapi-second")
    signed_by_the_first = suite.redeem(code, asked, client_id="fapi-second", client_assertion=borrowed)

    for response in (mixed, signed_by_the_first):
        suite.denied(response, "invalid_client", "invalid_grant")
    suite.end(code, asked)


def test_fapi2_security_profile_final_ensure_holder_of_key_required(suite, member):
    """Versions and ciphers of TLS are the front proxy's; the application demands https, and a proof.

    Outside loopback there is no issuer without https, and every answer forbids to come back without it.
    """
    for address in ("http://connexion.example.org", "http://192.0.2.1"):
        with pytest.raises(ValidationError, match="issuer must be https"):
            Settings(issuer=address, database_url="sqlite://", secret_key="s" * 43, pepper="p" * 43)
    code, asked = suite.begin(member)

    response = suite.rp.redeem(code, asked)

    # The names that the suite takes both here and in its refresh module.
    suite.denied(response, "invalid_request", "invalid_grant")
    endpoints = [name for name in suite.discovery if name.endswith(("_endpoint", "_uri"))]
    answers = [
        suite.http.get(suite.discovery[name].removeprefix(HTTPS_ISSUER), base_url=HTTPS_ISSUER)
        for name in endpoints
    ]
    assert all(suite.discovery[name].startswith("https://") for name in endpoints)
    assert all("max-age=63072000" in answer.headers[HSTS] for answer in [response, *answers])
    suite.end(code, asked)


def test_fapi2_security_profile_final_ensure_authorization_code_is_bound_to_client(suite, second, member):
    code, asked = suite.begin(member)

    second.denied(second.redeem(code, asked), "invalid_grant")

    suite.end(code, asked)


def test_fapi2_security_profile_final_attempt_reuse_authorization_code_after_one_second(suite, member):
    code, asked = suite.begin(member)
    given = suite.end(code, asked)
    suite.world.clock.advance(seconds=1)

    suite.denied(suite.redeem(code, asked), "invalid_grant")

    # RFC 6749 section 4.1.2: what the code gave is revoked.
    assert suite.call(given.tokens["access_token"]).status_code == 401
    suite.denied(suite.refresh(given.tokens["refresh_token"]), "invalid_grant")


def test_fapi2_security_profile_final_ensure_token_endpoint_fails_with_expired_auth_code(suite, member):
    code, asked = suite.begin(member)
    suite.world.clock.advance(seconds=60)

    suite.denied(suite.redeem(code, asked), "invalid_grant")


def test_fapi2_security_profile_final_ensure_signed_client_assertion_with_rs256_fails(
    world, production, suite, member, rsa_key
):
    # A key of the client's own, good for both algorithms: only the algorithm makes the difference.
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True)
    path = world.settings.clients_dir / "fapi.toml"
    keys = f'jwks = {{keys = [{{kty = "RSA", kid = "r1", n = "{jwk["n"]}", e = "{jwk["e"]}"}}]}}'
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("jwks")]
    path.write_text("\n".join([*lines, keys]), encoding="utf-8")
    world.apply_clients()

    def signed(algorithm):
        claims = jwt.decode(suite.assertion(), options={"verify_signature": False})
        return jwt.encode(claims, rsa_key, algorithm, headers={"kid": "r1"})

    asked = suite.ask()
    pushed = suite.rp.push({**asked.parameters, "client_assertion": signed("PS256")})
    code = suite.code(suite.authorize(member, pushed.json["request_uri"]), asked)

    suite.denied(suite.redeem(code, asked, client_assertion=signed("RS256")), "invalid_client")

    suite.tokens(suite.redeem(code, asked, client_assertion=signed("PS256")))


def test_fapi2_security_profile_final_ensure_client_assertion_in_token_endpoint(suite, member):
    code, asked = suite.begin(member)
    form = {
        "grant_type": "authorization_code",
        "client_id": suite.rp.client_id,
        "code": code,
        "redirect_uri": asked.parameters["redirect_uri"],
        "code_verifier": asked.verifier,
    }

    response = suite.http.post(TOKEN, data=form, headers=suite.proof(TOKEN), base_url=HTTPS_ISSUER)

    suite.denied(response, "invalid_client", "invalid_request")
    suite.end(code, asked)


def distrusts(suite, browser, assertion):
    """A token request under such an assertion is refused, and by that alone: the code is still good."""
    code, asked = suite.begin(browser)
    suite.denied(suite.redeem(code, asked, client_assertion=assertion), "invalid_client")
    suite.end(code, asked)


def test_fapi2_security_profile_final_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(
    suite, member
):
    now = int(suite.world.clock.now().timestamp())

    distrusts(suite, member, suite.assertion(iat=now - 360, exp=now - 300))


def test_fapi2_security_profile_final_ensure_client_assertion_with_wrong_aud_fails(suite, member):
    distrusts(suite, member, suite.assertion(aud="https://other.example.org"))


def test_fapi2_security_profile_final_ensure_client_assertion_with_no_sub_fails(suite, member):
    distrusts(suite, member, suite.assertion(sub=None))


class Holder:
    """A token bound to a key, and the requests for the resource that the suite makes of the two."""

    def __init__(self, suite, browser):
        self.suite = suite
        self.token = suite.flow(browser).tokens["access_token"]

    def call(self, **changes):
        return self.suite.call(self.token, proof=changes)

    def proof(self, **changes):
        return self.suite.proof(USERINFO, method="GET", token=self.token, **changes)["DPoP"]

    def send(self, *proofs, scheme="DPoP"):
        """A request with these proofs, each in a header of its own."""
        headers = [("Authorization", f"{scheme} {self.token}"), *(("DPoP", proof) for proof in proofs)]
        return self.suite.http.get(USERINFO, headers=headers, base_url=HTTPS_ISSUER)

    def now(self, **ahead):
        return int((self.suite.world.clock.now() + timedelta(**ahead)).timestamp())

    def without_alg(self):
        header, claims, signature = self.proof().split(".")
        document = jwt.utils.base64url_decode(header).replace(b'"alg"', b'"alg2"')
        return ".".join([jwt.utils.base64url_encode(document).decode(), claims, signature])

    def signed_with(self, algorithm, key):
        """A proof in which everything else is right."""
        claims = jwt.decode(self.proof(), options={"verify_signature": False})
        return jwt.encode(
            claims, key, algorithm, headers={"typ": "dpop+jwt", "jwk": self.suite.dpop.bare_jwk}
        )

    def badly_signed(self):
        signed, _, signature = self.proof().rpartition(".")
        turned = bytes(byte ^ 0x5A for byte in jwt.utils.base64url_decode(signature))
        return f"{signed}.{jwt.utils.base64url_encode(turned).decode()}"

    def giving_its_key_away(self):
        private = jwt.algorithms.ECAlgorithm.to_jwk(self.suite.dpop.private, as_dict=True)
        assert PRIVATE_OR_SYMMETRIC & private.keys()
        return self.proof(headers={"jwk": private})


REFUSED = {
    "two DPoP headers": lambda it: it.send(it.proof(), it.proof()),
    "two parts only": lambda it: it.send(it.proof().rpartition(".")[0]),
    "no typ": lambda it: it.call(headers={"typ": None}),
    "no alg": lambda it: it.send(it.without_alg()),
    "no jwk": lambda it: it.call(headers={"jwk": None}),
    "no jti": lambda it: it.call(jti=None),
    "no htm": lambda it: it.call(htm=None),
    "no htu": lambda it: it.call(htu=None),
    "no iat": lambda it: it.call(iat=None),
    "no ath": lambda it: it.call(ath=None),
    "another typ": lambda it: it.call(headers={"typ": "dpop+jwt+wrongyousee"}),
    "alg none": lambda it: it.send(it.signed_with("none", None)),
    "a bad signature": lambda it: it.send(it.badly_signed()),
    "a private key in jwk": lambda it: it.send(it.giving_its_key_away()),
    "another htm": lambda it: it.call(htm="PUT"),
    "another htu": lambda it: it.call(htu=f"{HTTPS_ISSUER}{USERINFO}ohnonotagain"),
    "another ath": lambda it: it.call(ath="x" * 43),
    "iat an hour ahead": lambda it: it.call(iat=it.now(hours=1)),
    "iat an hour ago": lambda it: it.call(iat=it.now(hours=-1)),
    "another key": lambda it: it.call(key=ClientKey()),
    "no proof": lambda it: it.send(),
    "no proof, as a bearer token": lambda it: it.send(scheme="Bearer"),
    "a proof, as a bearer token": lambda it: it.send(it.proof(), scheme="Bearer"),
}
ACCEPTED = {
    "the scheme in capitals": lambda it: it.send(it.proof(), scheme="DPOP"),
    "the header's name in capitals": lambda it: it.suite.call(it.token, headers={"DPOP": it.proof()}),
    "htu with query and fragment": lambda it: it.call(htu=f"{HTTPS_ISSUER}{USERINFO}?all#doors"),
    "htu in capitals": lambda it: it.call(htu="HTTPS://CONNEXION.EXAMPLE.ORG" + USERINFO),
    "htu with the default port": lambda it: it.call(htu=f"{HTTPS_ISSUER}:443{USERINFO}"),
    "signed as the refused ones were": lambda it: it.send(it.signed_with("ES256", it.suite.dpop.private)),
    "more members": lambda it: it.call(tx_id_key=it.now(), headers={"tx_id": it.now()}),
}


def test_fapi2_security_profile_final_dpop_negative_tests(suite, member, rsa_key):
    it = Holder(suite, member)

    refused = {name: act(it) for name, act in REFUSED.items()}
    accepted = {name: act(it) for name, act in ACCEPTED.items()}
    once = it.proof()
    suite.dpop, own = RsaKey(rsa_key), suite.dpop
    by_rsa = Holder(suite, member)
    refused["RS256"] = by_rsa.send(by_rsa.signed_with("RS256", rsa_key))
    accepted["PS256"] = by_rsa.send(by_rsa.signed_with("PS256", rsa_key))
    suite.dpop = own
    used = [it.send(once).status_code for _ in range(2)]

    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(refused, 401)
    for name, answer in refused.items():
        # RFC 9449 section 7.1: a challenge of this scheme says why, and which algorithms are taken.
        challenges = [text for text in answer.headers.getlist("WWW-Authenticate") if text.startswith("DPoP ")]
        assert len(challenges) == 1, name
        assert 'algs="ES256 Ed25519 EdDSA PS256"' in challenges[0], name
        assert 'error="' in challenges[0], name
    assert {name: answer.status_code for name, answer in accepted.items()} == dict.fromkeys(accepted, 200)
    assert used == [200, 401], "a jti counts once"
    # Nothing of all this made the token itself worse.
    assert it.call().status_code == 200


def test_fapi2_security_profile_final_refresh_token(suite, second, member):
    first = suite.flow(member)
    token = first.tokens["refresh_token"]
    assert REFRESH_TOKEN.fullmatch(token)
    suite.world.clock.advance(seconds=1)

    # A confidential client proves itself by its signature: its tokens may go over to a new key.
    suite.dpop = ClientKey()
    tokens = suite.tokens(suite.refresh(token, scope="openid"))

    claims = suite.id_token(tokens)
    for name in ("iss", "sub", "aud", "auth_time"):
        assert claims[name] == first.claims[name]
    assert claims["iat"] > first.claims["iat"]
    assert tokens["access_token"] != first.tokens["access_token"]
    assert tokens.get("refresh_token", token) == token, "FAPI 2.0 section 5.3.2.1: no rotation"
    suite.userinfo(suite.call(tokens["access_token"]), sub=claims["sub"])

    form = {"grant_type": "refresh_token", "refresh_token": token, "scope": "openid"}
    nobody = suite.http.post(TOKEN, data=form, headers=suite.proof(TOKEN), base_url=HTTPS_ISSUER)
    named = {**form, "client_id": "fapi"}
    only_named = suite.http.post(TOKEN, data=named, headers=suite.proof(TOKEN), base_url=HTTPS_ISSUER)
    unproven = suite.rp.refresh(token, scope="openid")
    for response in (nobody, only_named, unproven):
        suite.denied(response, "invalid_client", "invalid_grant", "invalid_request")

    others = second.flow(member, scope="openid offline_access", prompt="consent").tokens
    assert suite.call(others["access_token"]).status_code == 401, "another client's token with the own key"
    suite.denied(suite.refresh(others["refresh_token"]), "invalid_grant")
    second.tokens(second.refresh(others["refresh_token"]))
    suite.tokens(suite.refresh(token))


def test_fapi2_security_profile_final_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(
    production, suite
):
    browser, asked = production.browser(), suite.ask()
    uri = suite.push(asked)
    suite.login_page(browser, suite.authorize(browser, uri))

    sent = suite.authorize(browser, uri)

    suite.login_page(browser, sent)
    suite.finish(browser.sign_in(sent), asked)


def test_fapi2_security_profile_final_par_attempt_reuse_request_uri(suite, member):
    asked = suite.ask()
    uri = suite.push(asked)
    suite.finish(suite.authorize(member, uri), asked)

    suite.stays_here(suite.authorize(member, uri), "P-3004")


def test_fapi2_security_profile_final_par_attempt_to_use_expired_request_uri(suite, member):
    asked = suite.ask()
    response = suite.rp.push(asked.parameters)
    suite.world.clock.advance(seconds=response.json["expires_in"])

    suite.stays_here(suite.authorize(member, response.json["request_uri"]), "P-3004")


def test_fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(
    suite,
):
    now = int(suite.world.clock.now().timestamp())
    ahead = suite.assertion(nbf=now + 8)

    suite.push(Asked({**suite.ask().parameters, "client_assertion": ahead}, ""))


def is_not_pushed(suite, **changes):
    """A pushed request under such an assertion is refused, and by that alone."""
    parameters = suite.ask().parameters
    response = suite.rp.push({**parameters, "client_assertion": suite.assertion(**changes)})
    suite.denied(response, "invalid_client", "invalid_request")
    suite.push(Asked({**parameters, "client_assertion": suite.assertion()}, ""))


def test_fapi2_security_profile_final_par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails(
    suite,
):
    now = int(suite.world.clock.now().timestamp())

    is_not_pushed(suite, iat=now + 61, nbf=now + 61, exp=now + 121)


def test_fapi2_security_profile_final_par_attempt_to_use_request_uri_for_different_client(
    suite, second, member
):
    asked = suite.ask()
    uri = suite.push(asked)

    second.stays_here(second.authorize(member, uri), "P-3004")

    suite.finish(suite.authorize(member, uri), asked)


def test_fapi2_security_profile_final_par_authorization_request_containing_request_uri_form_param(suite):
    asked = suite.ask(request_uri="urn:ietf:params:oauth:request_uri:8sQ2yLr0c1oTzVb5")

    suite.denied(suite.rp.push(asked.parameters), "invalid_request")


def test_fapi2_security_profile_final_par_attempt_invalid_http_method(suite):
    # RFC 9126 section 2.3, point 3.
    form = {
        **suite.ask().parameters,
        "client_assertion": suite.assertion(),
        "client_assertion_type": ASSERTION_TYPE,
    }

    response = suite.http.put(PAR, data=form, base_url=HTTPS_ISSUER)

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_fapi2_security_profile_final_par_ensure_pkce_required(suite):
    asked = suite.ask(code_challenge=None, code_challenge_method=None)

    suite.denied(suite.rp.push(asked.parameters), "invalid_request")


def test_fapi2_security_profile_final_ensure_pkce_code_verifier_required(suite, member):
    code, asked = suite.begin(member)

    suite.denied(suite.redeem(code, asked, code_verifier=None), "invalid_grant")


def test_fapi2_security_profile_final_incorrect_pkce_code_verifier_rejected(suite, member):
    code, asked = suite.begin(member)

    suite.denied(suite.redeem(code, asked, code_verifier="v" * 43), "invalid_grant")


def test_fapi2_security_profile_final_par_plain_pkce_rejected(suite):
    # As long as a challenge of S256, so that the method alone makes the difference.
    verifier = secrets.token_urlsafe(32)
    asked = suite.ask(code_challenge=verifier, code_challenge_method="plain")

    suite.denied(suite.rp.push(asked.parameters), "invalid_request")


def test_fapi2_security_profile_final_par_without_duplicate_parameters(suite, member):
    asked = suite.ask()
    uri = suite.push(asked)

    response = member.get("/oauth2/authorize?" + f"client_id=fapi&request_uri={uri}")

    suite.finish(response, asked)


def test_fapi2_security_profile_final_par_test_array_as_audience_fails(suite):
    is_not_pushed(suite, aud=[HTTPS_ISSUER])
    is_not_pushed(suite, aud=[HTTPS_ISSUER, "https://other.example.org"])


def test_fapi2_security_profile_final_par_test_par_endpoint_url_as_audience_fails(suite):
    is_not_pushed(suite, aud=HTTPS_ISSUER + PAR)


def test_fapi2_security_profile_final_par_test_token_endpoint_url_as_audience_fails(suite):
    is_not_pushed(suite, aud=HTTPS_ISSUER + TOKEN)
