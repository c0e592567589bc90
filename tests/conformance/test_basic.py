"""The plans `oidcc-basic-certification-test-plan` ([query]) and `oidcc-formpost-basic-…` ([form_post]).

Each test does what the module of its name does: `oidcc-scope-email` is `test_oidcc_scope_email`. Where the suite
would skip a module, the test shows the very reason.
"""

import json
import socket

import jwt
import pytest

from tests.conformance.suite import PROFILE_CLAIMS, Suite, check_refresh
from tests.protocol.party import ISSUER, REMEMBERED, Asked


@pytest.fixture(autouse=True, params=["query", "form_post"])
def mode(request):
    """How the answer travels: the one difference between the two plans."""
    return request.param


@pytest.fixture
def suite(world, mode):
    """The suite's first client: a secret, HTTP Basic, and nothing said about the ID token's signature."""
    return Suite(world, mode=mode)


def test_oidcc_server(suite, world):
    given = suite.sign_in(world.browser())

    assert given.claims["sub"] == given.info["sub"] == world.accounts["1234567"]
    assert given.header["alg"] == "RS256"


def test_oidcc_response_type_missing(suite, member):
    asked = suite.ask(response_type=None)

    error = suite.error(member.get(asked.url), asked)

    assert error in {"invalid_request", "unsupported_response_type"}


def test_oidcc_idtoken_signature(suite, member):
    # OIDC Registration 2: RS256 is what a client gets that asks for nothing.
    given = suite.flow(member)

    assert given.header["alg"] == "RS256"
    assert given.header["kid"] in {key["kid"] for key in suite.keys if key["kty"] == "RSA"}


def test_oidcc_idtoken_unsigned(suite, member):
    # Skipped by the suite: no ID token without a signature is on offer, and none is given.
    assert "none" not in suite.discovery["id_token_signing_alg_values_supported"]
    assert "none" not in suite.discovery["userinfo_signing_alg_values_supported"]

    token = suite.flow(member).tokens["id_token"]

    assert token.rpartition(".")[2]


def test_oidcc_userinfo_get(suite, member):
    given = suite.flow(member, scope="openid profile email")

    assert type(given.info["updated_at"]) is int
    assert given.info["email_verified"] is True


def test_oidcc_userinfo_post_header(suite, member):
    given = suite.flow(member, scope="openid profile email")

    response = suite.rp.userinfo(given.tokens["access_token"], "POST")

    assert suite.userinfo(response, sub=given.claims["sub"]) == given.info


def test_oidcc_userinfo_post_body(suite, member):
    given = suite.flow(member)
    token = given.tokens["access_token"]

    in_body = suite.http.post("/oauth2/userinfo", data={"access_token": token}, base_url=ISSUER)
    in_address = suite.http.post(f"/oauth2/userinfo?access_token={token}", base_url=ISSUER)

    assert suite.userinfo(in_body, sub=given.claims["sub"]) == given.info
    assert in_address.status_code == 401


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite, member):
    given = suite.flow(member, nonce=None)

    assert "nonce" not in given.claims


def test_oidcc_scope_profile(suite, member):
    given = suite.flow(member, scope="openid profile")

    offered = PROFILE_CLAIMS & set(suite.discovery["claims_supported"])
    assert offered
    assert given.info.keys() - {"sub"} == offered
    assert not PROFILE_CLAIMS & given.claims.keys()


def test_oidcc_scope_email(suite, member):
    given = suite.flow(member, scope="openid email")

    assert given.info.keys() == {"sub", "email", "email_verified"}
    assert not {"email", "email_verified", "name"} & given.claims.keys()


def is_not_offered(suite, browser, scope, names):
    """The suite skips the module of a scope that is not offered; whoever asks for it all the same gets no error."""
    discovery = suite.discovery
    assert scope not in discovery["scopes_supported"]
    assert not set(names) & set(discovery["claims_supported"])
    given = suite.flow(browser, scope=f"openid {scope}")
    assert given.tokens["scope"] == "openid"
    assert given.info.keys() == {"sub"}


def test_oidcc_scope_address(suite, member):
    is_not_offered(suite, member, "address", ["address"])


def test_oidcc_scope_phone(suite, member):
    is_not_offered(suite, member, "phone", ["phone_number", "phone_number_verified"])


def test_oidcc_scope_all(suite, member):
    # Skipped by the suite, since two of the four are not offered; the two others are given all the same.
    assert {"address", "phone"} - set(suite.discovery["scopes_supported"])

    given = suite.flow(member, scope="openid profile email address phone")

    assert set(given.tokens["scope"].split()) == {"openid", "profile", "email"}
    assert {"sub", "name", "email", "email_verified"} <= given.info.keys()
    assert not (PROFILE_CLAIMS | {"email", "email_verified"}) & given.claims.keys()


def test_oidcc_alternate_happy_flow(suite, member):
    asked = suite.ask(scope="email profile openid")
    turned_round = Asked(dict(reversed(asked.parameters.items())), asked.verifier)

    given = suite.finish(member.get(turned_round.url), turned_round)

    assert {"name", "email"} <= given.info.keys()


def test_oidcc_display_page(suite, world):
    suite.sign_in(world.browser(), display="page")


def test_oidcc_display_popup(suite, world):
    suite.sign_in(world.browser(), display="popup")


def test_oidcc_prompt_login(suite, member, world):
    first = suite.flow(member)
    world.clock.advance(seconds=1)

    second = suite.sign_in(member, prompt="login")

    assert second.claims["auth_time"] > first.claims["auth_time"]
    assert second.claims["sub"] == first.claims["sub"]


def test_oidcc_prompt_none_not_logged_in(suite, world):
    asked = suite.ask(prompt="none")
    assert len(asked.parameters["state"]) == 128

    error = suite.error(world.browser().get(asked.url), asked)

    assert error == "login_required"


def test_oidcc_prompt_none_logged_in(suite, member, world):
    first = suite.flow(member)
    world.clock.advance(seconds=1)

    second = suite.flow(member, prompt="none")

    assert second.claims["auth_time"] == first.claims["auth_time"]
    assert second.claims["sub"] == first.claims["sub"]


def test_oidcc_max_age_1(suite, member, world):
    first = suite.flow(member)
    world.clock.advance(seconds=2)

    second = suite.sign_in(member, max_age="1")

    assert second.claims["auth_time"] > first.claims["auth_time"]
    assert second.claims["auth_time"] == int(world.clock.now().timestamp())
    assert second.claims["sub"] == first.claims["sub"]


def test_oidcc_max_age_10000(suite, member, world):
    first = suite.flow(member, max_age="15000")
    world.clock.advance(seconds=1)

    second = suite.flow(member, max_age="10000")

    assert second.claims["auth_time"] == first.claims["auth_time"]
    assert second.claims["sub"] == first.claims["sub"]


def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite, member):
    suite.flow(member, extra="foobar")


def test_oidcc_id_token_hint(suite, member, world):
    first = suite.flow(member)
    hint = first.tokens["id_token"]
    others = suite.flow(world.signed_in("7654321")).tokens["id_token"]

    second = suite.flow(member, prompt="none", id_token_hint=hint)
    world.clock.advance(minutes=20)
    third = suite.flow(member, prompt="none", id_token_hint=hint)

    assert first.claims["exp"] < world.clock.now().timestamp(), "the hint is over by now"
    for later in (second, third):
        assert later.claims["sub"] == first.claims["sub"]
        assert later.claims["auth_time"] == first.claims["auth_time"]
    asked = suite.ask(prompt="none", id_token_hint=others)
    assert suite.error(member.get(asked.url), asked) == "login_required"


def test_oidcc_login_hint(suite, world):
    browser = world.browser()
    asked = suite.ask(login_hint="buffy@127.0.0.1")
    sent = browser.get(asked.url)

    page = suite.login_page(browser, sent)

    assert page.find("input", {"name": "identifier"})["value"] == "buffy@127.0.0.1"
    suite.finish(browser.sign_in(sent), asked)


def test_oidcc_ui_locales(suite, member, world):
    browser = world.browser()
    unsupported, partly = suite.ask(ui_locales="se"), suite.ask(ui_locales="se fr")

    suite.login_page(browser, browser.get(unsupported.url))
    page = suite.login_page(browser, browser.get(partly.url))

    assert page.html["lang"] == "fr"
    suite.flow(member, ui_locales="se")


def test_oidcc_claims_locales(suite, member):
    given = suite.flow(member, claims_locales="se", scope="openid profile")

    assert "name" in given.info


def test_oidcc_ensure_request_with_acr_values_succeeds(suite, world):
    offered = suite.discovery["acr_values_supported"]
    browser = world.signed_in(methods=REMEMBERED)

    either = suite.flow(browser, acr_values=" ".join(offered))
    unknown = suite.flow(browser, acr_values="1 2")
    stepped_up = steps_up(suite, browser, "urn:parvis:acr:2sv")

    assert either.claims["acr"] == unknown.claims["acr"] == "urn:parvis:acr:2sv-remembered"
    assert {"urn:parvis:acr:2sv", "urn:parvis:acr:2sv-remembered", "urn:parvis:acr:mfa"} == set(offered)
    assert stepped_up.claims["acr"] == "urn:parvis:acr:2sv"


def steps_up(suite, browser, acr):
    """The flow of a browser whose session is too weak: the mailed code alone is asked for."""
    asked = suite.ask(acr_values=acr)
    sent = browser.get(asked.url)
    assert sent.location.startswith("/connexion/code")
    sent = browser.submit(browser.get(sent.location), code=suite.world.mailed_code())
    while sent.location.startswith("/connexion"):
        sent = browser.submit(browser.get(sent.location), trust="no")
    return suite.finish(browser.get(sent.location), asked)


def test_oidcc_codereuse(suite, member):
    asked = suite.ask()
    code = suite.code(member.get(asked.url), asked)
    suite.tokens(suite.rp.redeem(code, asked))

    suite.refused(suite.rp.redeem(code, asked), "invalid_grant")


def test_oidcc_codereuse_30seconds(suite, member, world):
    asked = suite.ask()
    code = suite.code(member.get(asked.url), asked)
    token = suite.tokens(suite.rp.redeem(code, asked))["access_token"]
    assert suite.rp.userinfo(token).status_code == 200
    world.clock.advance(seconds=30)

    suite.refused(suite.rp.redeem(code, asked), "invalid_grant")

    assert suite.rp.userinfo(token).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(suite, member):
    address = suite.rp.redirect_uri + "hJ3kQ"

    response = member.get(suite.ask(redirect_uri=address).url)

    suite.error_page(response)


def test_oidcc_ensure_post_request_succeeds(suite, member, world):
    asked = suite.ask()

    # The browser leaves SameSite cookies at home: the form came from another site.
    bare = world.browser()
    sent = bare.post("/oauth2/authorize", data=asked.parameters, headers={"Sec-Fetch-Site": "cross-site"})

    assert sent.status_code == 303
    suite.finish(member.get(sent.location), asked)


def test_oidcc_server_client_secret_post(world, mode):
    suite = Suite(world, mode=mode, client_id="poster")

    suite.sign_in(world.browser())


def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(suite, member):
    assert suite.discovery["request_uri_parameter_supported"] is False
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        asked = suite.ask(request_uri=f"http://127.0.0.1:{port}/request.jwt")

        error = suite.error(member.get(asked.url), asked)

        with pytest.raises(BlockingIOError):  # nobody came to fetch it
            server.accept()
    assert error == "request_uri_not_supported"


def request_object(suite, **claims):
    """A request object without a signature (OIDC Core 6.1)."""
    claims = {"iss": suite.rp.client_id, "aud": ISSUER, "client_id": suite.rp.client_id, **claims}
    return jwt.encode(claims, None, algorithm="none")


def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(suite, member):
    assert suite.discovery["request_parameter_supported"] is False
    asked = suite.ask()
    asked = Asked({**asked.parameters, "request": request_object(suite, **asked.parameters)}, asked.verifier)

    assert suite.error(member.get(asked.url), asked) == "request_not_supported"


def test_oidcc_claims_essential(suite, member):
    wanted = json.dumps({"userinfo": {"name": {"essential": True}}})

    given = suite.flow(member, claims=wanted)

    assert given.info["name"] == "Camille Zoé-Martin"
    assert "name" not in given.claims


def test_oidcc_ensure_request_object_with_redirect_uri(suite, member):
    asked = suite.ask()
    request = request_object(suite, **asked.parameters)
    invalid = suite.rp.redirect_uri + "x7Yq"

    response = member.get(
        Asked({**asked.parameters, "redirect_uri": invalid, "request": request}, asked.verifier).url
    )

    suite.error_page(response)


def test_oidcc_refresh_token(world, mode, member):
    suite = Suite(world, mode=mode, client_id="refreshing")

    check_refresh(suite, Suite(world, mode=mode, client_id="rotating"), member)


def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite, member):
    asked = suite.ask()
    assert asked.parameters["code_challenge_method"] == "S256"
    assert "S256" in suite.discovery["code_challenge_methods_supported"]

    suite.finish(member.get(asked.url), asked)
