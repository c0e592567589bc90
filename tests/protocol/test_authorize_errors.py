"""RFC 6749 section 4.1.2.1: errors go to the client only when its address is proven; RFC 9207: with `iss`."""

import pytest

from tests.protocol.party import ISSUER, back_at

EVIL = "https://evil.example/cb"
REGISTERED = "http://127.0.0.1:9/reader/cb"
# Addresses that some parser, somewhere, took for the registered one.
NEARLY = [
    EVIL,
    REGISTERED + "/",
    REGISTERED + "x",
    REGISTERED + "?x=1",
    REGISTERED + "#x",
    REGISTERED + "/..;/evil",
    REGISTERED + "/../cb",
    REGISTERED.replace("127.0.0.1:9", "127.0.0.1:10"),
    REGISTERED.replace("127.0.0.1:9", "127.0.0.1"),
    REGISTERED.replace("127.0.0.1", "localhost"),
    REGISTERED.replace("127.0.0.1", "user@127.0.0.1"),
    REGISTERED.replace("//127.0.0.1:9", "//127.0.0.1:9@evil.example"),
    REGISTERED.replace("//127.0.0.1:9", "//evil.example\\@127.0.0.1:9"),
    REGISTERED.replace("/reader", "//reader"),
    REGISTERED.replace("/reader", "/%72eader"),
    REGISTERED.replace("http://", "HTTP://"),
    REGISTERED.replace("http://", "https://"),
    REGISTERED + "%0d%0aX: y",
    REGISTERED + "\n",
    REGISTERED + "\t",
    " " + REGISTERED,
    "javascript:alert(1)",
    "data:text/html,x",
    "//127.0.0.1:9/reader/cb",
    "/reader/cb",
    "*",
]


def is_a_page(response, number):
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert response.mimetype == "text/html"
    assert number in response.text
    assert "evil.example" not in response.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize("address", NEARLY)
def test_an_address_that_is_not_exactly_registered_gets_a_page(rp, member, address):
    is_a_page(member.get(rp.ask(redirect_uri=address).url), "P-3002")


def test_a_missing_address_gets_a_page_even_when_one_is_registered(rp, member):
    is_a_page(member.get(rp.ask(redirect_uri=None).url), "P-3002")


@pytest.mark.parametrize("client_id", [None, "", "nobody", "READER", "reader ", "reader\x00", "é" * 50])
def test_an_unknown_client_gets_a_page(rp, member, client_id):
    response = member.get(rp.ask(client_id=client_id, redirect_uri=EVIL).url)

    is_a_page(response, "P-4000" if client_id and "\x00" in client_id else "P-3001")


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"response_type": None},
        {"scope": "nothing-known"},
        {"code_challenge": None},
        {"request": "x.y.z"},
        {"request_uri": "https://evil.example/r"},
        {"prompt": "none login"},
        {"max_age": "-1"},
        {"response_mode": "fragment"},
        {"claims": "{"},
    ],
)
def test_no_kind_of_error_redirects_to_an_unproven_address(rp, member, changes):
    # Authlib before 1.7.1 redirected to an address it had not checked when another parameter was wrong.
    is_a_page(member.get(rp.ask(redirect_uri=EVIL, **changes).url), "P-3002")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "query.jwt"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "admin:write"}, "invalid_scope"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "http://127.0.0.1:9/request.jwt"}, "request_uri_not_supported"),
        ({"request_uri": "urn:example:request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 40}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"id_token_hint": "not.a.token"}, "invalid_request"),
    ],
)
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_an_error_goes_to_the_client_with_state_and_issuer(rp, member, changes, error, mode):
    # Authlib leaves `iss` off errors raised before the sign-in page.
    asked = rp.ask(**{"response_mode": mode, **changes})
    response = member.get(asked.url)

    if mode == "form_post" and "response_mode" not in changes:
        assert response.status_code == 200
        assert f'name="error" value="{error}"' in response.text
        assert f'name="iss" value="{ISSUER}"' in response.text
        assert f'name="state" value="{asked.parameters["state"]}"' in response.text
        return
    answer = back_at(response)
    assert answer["error"] == error
    assert answer["state"] == asked.parameters["state"]
    assert set(answer) == {"error", "error_description", "state", "iss"}
    assert answer["error_description"].isascii()
    assert not set('"\\\r\n\t') & set(answer["error_description"])


@pytest.mark.parametrize(
    "name",
    ["response_type", "scope", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age"],
)
def test_a_doubled_parameter_is_refused(rp, member, name):
    asked = rp.ask(prompt="login", max_age="100")
    value = asked.parameters[name]

    answer = back_at(member.get(f"{asked.url}&{name}={value}"))

    assert answer["error"] == "invalid_request"
    assert answer["state"] == asked.parameters["state"]


def test_a_doubled_state_is_refused_and_not_given_back(rp, member):
    answer = back_at(member.get(rp.ask().url + "&state=second"))

    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_a_doubled_address_or_client_gets_a_page(rp, member):
    is_a_page(member.get(rp.ask().url + "&redirect_uri=" + EVIL), "P-3002")
    is_a_page(member.get(rp.ask().url + "&redirect_uri=" + REGISTERED), "P-3002")
    is_a_page(member.get(rp.ask().url + "&client_id=poster"), "P-3003")


def test_a_doubled_unknown_parameter_is_ignored(rp, member):
    assert "code" in back_at(member.get(rp.ask().url + "&extra=1&extra=2"))


@pytest.mark.parametrize("state", ["x" * 128, "é ü", "a&b=c#d", "'\"><script>alert(1)</script>", "a\r\nb"])
def test_state_comes_back_exactly_as_it_went(rp, member, state):
    assert back_at(member.get(rp.ask(state=state).url))["state"] == state


def test_an_address_with_a_query_keeps_it(world, member):
    party = world.party("with-query")

    location = member.get(party.ask().url).location

    assert location.startswith("http://127.0.0.1:9/cb?tenant=a%20b&code=")


def test_a_native_client_may_come_back_on_any_port_of_its_loopback_literal_and_on_nothing_else(world, member):
    phone = world.party("phone")

    assert "code" in back_at(member.get(phone.ask(redirect_uri="http://127.0.0.1:51004/cb").url))
    for other in (
        "http://127.0.0.1:1/other",
        "http://localhost:1/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:1@e/cb",
    ):
        is_a_page(member.get(phone.ask(redirect_uri=other).url), "P-3002")


def test_a_disabled_client_gets_a_page_at_once(world, rp, member):
    from sqlalchemy import text

    from idp.oidc import revisions

    assert "code" in back_at(member.get(rp.ask().url))
    with world.database.transaction() as session:
        session.execute(text("UPDATE client SET disabled_at = updated_at WHERE client_id = 'reader'"))
        revisions.bump(session, revisions.CLIENTS)

    is_a_page(member.get(rp.ask().url), "P-3001")


def test_a_member_of_another_population_is_not_let_in(world, member):
    answer = back_at(member.get(world.party("elected").ask(prompt="none").url))

    assert answer["error"] == "interaction_required"
    assert "code" not in answer


def test_a_member_who_cancels_is_reported_as_access_denied(world, rp):
    browser = world.browser()
    asked = rp.ask()
    sent = browser.get(asked.url)
    page = browser.get(sent.location)

    sent = browser.submit(page, "/connexion/annuler")
    answer = back_at(browser.get(sent.location))

    assert answer["error"] == "access_denied"
    assert answer["state"] == asked.parameters["state"]
    assert browser.get(sent.location).status_code == 400, "the result of a sign-in is taken once"
