"""The plans `oidcc-rp-initiated-logout-certification-test-plan` and `oidcc-backchannel-rp-initiated-logout-…`.

The suite looks at the browser's way and at what reaches the client; where it asks a person for a picture of the page,
the test reads the page. Wherever the member is asked first, the test clicks, and still nobody is led to the client.
"""

import secrets
import ssl
from urllib.parse import urlencode

import jwt
import pytest

from idp.core import outbound
from tests.conformance.suite import DISCOVERY, HTTPS_ISSUER, Suite, check_discovery, in_production
from tests.protocol.party import back_at
from tests.protocol.test_backchannel_logout import EVENT, Services

BYE = "http://127.0.0.1:9/silent-alg/bye"
ASKS = "Voulez-vous vous déconnecter"
DONE = "Vous êtes déconnecté"


@pytest.fixture
def suite(world):
    """The suite's client: it registered BYE, and nothing about signatures."""
    return Suite(world)


@pytest.fixture
def hint(suite, member):
    """The ID token of the member who is signed in."""
    return suite.flow(member).tokens["id_token"]


@pytest.fixture
def state():
    return secrets.token_urlsafe(96)


def leave(suite, browser, **parameters):
    endpoint = suite.discovery["end_session_endpoint"].removeprefix(suite.world.issuer)
    return browser.get(f"{endpoint}?{urlencode(parameters)}")


def is_signed_out(suite, browser):
    return back_at(browser.get(suite.ask(prompt="none").url)).get("error") == "login_required"


def stays(browser, response):
    """Follow the browser to a page of ours; an address of anybody else fails the story."""
    while response.status_code == 303:
        assert response.location.startswith("/"), response.location
        response = browser.get(response.location)
    assert response.status_code == 200
    assert BYE not in response.text
    return response


def ends_here(suite, browser, response):
    """The member is asked, clicks, is told that it is done, and is signed out; the client sees none of it."""
    page = stays(browser, response)
    assert ASKS in page.text
    assert not is_signed_out(suite, browser), "a look ends nothing"
    done = stays(browser, browser.submit(page))
    assert DONE in done.text
    assert is_signed_out(suite, browser)


def check_metadata(world):
    http = in_production(world).app.test_client()
    response = http.get(DISCOVERY, base_url=HTTPS_ISSUER)
    assert response.status_code == 200
    check_discovery(response.json, HTTPS_ISSUER)
    assert response.json["end_session_endpoint"] == f"{HTTPS_ISSUER}/oauth2/end_session"
    return response.json


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(world):
    check_metadata(world)


def test_oidcc_rp_initiated_logout(suite, member, hint, state):
    assert len(state) == 128

    response = leave(suite, member, id_token_hint=hint, post_logout_redirect_uri=BYE, state=state)

    assert response.status_code == 303
    assert response.location == f"{BYE}?state={state}"
    assert is_signed_out(suite, member)


@pytest.mark.parametrize("address", ["https://evil.example.org/bye", f"{BYE}/unregistered"])
def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(suite, member, hint, state, address):
    response = leave(suite, member, id_token_hint=hint, post_logout_redirect_uri=address, state=state)

    ends_here(suite, member, response)


def resigned(hint, key, algorithm):
    """The same claims, under another signature or none."""
    claims = jwt.decode(hint, options={"verify_signature": False})
    kid = jwt.get_unverified_header(hint)["kid"]
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def test_oidcc_rp_initiated_logout_modified_id_token_hint(suite, member, hint, state):
    modified = resigned(hint, None, "none")
    assert modified.endswith(".")

    response = leave(suite, member, id_token_hint=modified, post_logout_redirect_uri=BYE, state=state)

    ends_here(suite, member, response)


def test_oidcc_rp_initiated_logout_no_id_token_hint(suite, member, hint, state):
    ends_here(suite, member, leave(suite, member, post_logout_redirect_uri=BYE, state=state))


def test_oidcc_rp_initiated_logout_no_params(suite, member, hint):
    ends_here(suite, member, leave(suite, member))


def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(suite, member, hint):
    response = leave(suite, member, id_token_hint=hint)

    assert DONE in stays(member, response).text
    assert is_signed_out(suite, member)


def test_oidcc_rp_initiated_logout_no_state(suite, member, hint):
    response = leave(suite, member, id_token_hint=hint, post_logout_redirect_uri=BYE)

    assert response.status_code == 303
    assert response.location == BYE
    assert is_signed_out(suite, member)


def test_oidcc_rp_initiated_logout_only_state(suite, member, hint, state):
    ends_here(suite, member, leave(suite, member, state=state))


def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(suite, member, hint, state):
    address = f"{BYE}?foo=bar"

    response = leave(suite, member, id_token_hint=hint, post_logout_redirect_uri=address, state=state)

    ends_here(suite, member, response)


def test_oidcc_rp_initiated_logout_bad_id_token_hint(suite, member, hint, state, rsa_key):
    assert jwt.get_unverified_header(hint)["alg"] == "RS256"
    foreign = resigned(hint, rsa_key, "RS256")

    response = leave(suite, member, id_token_hint=foreign, post_logout_redirect_uri=BYE, state=state)

    ends_here(suite, member, response)


def test_oidcc_backchannel_logout_discovery_endpoint_verification(world):
    document = check_metadata(world)

    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True


@pytest.fixture
def services(world):
    with Services(world) as running:
        yield running


@pytest.mark.parametrize("client_id", ["silent-alg", "reader", "pairwise"])
def test_oidcc_backchannel_rp_initiated_logout(world, member, services, state, client_id):
    """The POST leaves by the worker, after the front redirect; the suite takes the two in any order.

    The suite's TLS 1.2 is the client's side here: the connection that carries the token takes nothing older.
    """
    assert outbound._trusted().minimum_version >= ssl.TLSVersion.TLSv1_2
    suite = Suite(world, client_id=client_id)
    bye = f"http://127.0.0.1:9/{client_id}/bye"
    given = suite.flow(member)
    hint = given.tokens["id_token"]

    response = leave(suite, member, id_token_hint=hint, post_logout_redirect_uri=bye, state=state)
    services.deliver()

    assert response.location == f"{bye}?state={state}"
    [call] = services.received
    assert call.method == "POST"
    assert call.path == f"/{client_id}?from=idp"
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    [(name, values)] = call.form.items()
    assert name == "logout_token"
    [token] = values
    check_logout_token(suite, token, given)
    assert is_signed_out(suite, member)


def check_logout_token(suite, token, given):
    """Back-Channel Logout 1.0 sections 2.4 and 2.6, with a key that is published."""
    header = jwt.get_unverified_header(token)
    [key] = [key for key in suite.keys if key["kid"] == header["kid"]]
    # Section 2.6, step 2: signed as this client's ID tokens are.
    assert header["alg"] == given.header["alg"]
    claims = jwt.decode(
        token,
        jwt.PyJWK(key),
        algorithms=[header["alg"]],
        audience=suite.rp.client_id,
        issuer=suite.discovery["issuer"],
        options={"verify_exp": False, "verify_iat": False},
    )
    now = suite.world.clock.now().timestamp()
    assert type(claims["iat"]) is int
    assert now - 60 < claims["iat"] <= now < claims["exp"]
    assert claims["aud"] == suite.rp.client_id
    assert claims["jti"]
    assert claims["events"] == {EVENT: {}}
    assert claims["sid"] == given.claims["sid"]
    assert claims["sub"] == given.claims["sub"]
    assert "nonce" not in claims
