"""OIDC RP-Initiated Logout 1.0: a redirect needs a genuine hint and an exactly registered address."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest

from tests.protocol.party import back_at

BYE = "http://127.0.0.1:9/reader/bye"


def leave(browser, **parameters):
    given = {name: value for name, value in parameters.items() if value is not None}
    return browser.get("/oauth2/end_session?" + urlencode(given))


def is_signed_out(browser, rp):
    return back_at(browser.get(rp.ask(prompt="none").url)).get("error") == "login_required"


def asks_first(browser, response):
    """The confirmation page, wherever it stands; no address of a client is ever called."""
    while response.status_code == 303:
        assert response.location.startswith("/"), response.location
        response = browser.get(response.location)
    assert response.status_code == 200
    assert "Voulez-vous vous déconnecter" in response.text
    return response


def test_with_its_hint_the_member_is_signed_out_and_led_back_with_state(rp, member):
    hint = rp.tokens(member)["id_token"]

    response = leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE, state="s" * 128)

    assert response.status_code == 303
    assert response.location == f"{BYE}?state={'s' * 128}"
    assert is_signed_out(member, rp)


def test_tokens_of_the_ended_session_open_nothing(rp, member):
    given = rp.tokens(member)

    leave(member, id_token_hint=given["id_token"])

    assert rp.userinfo(given["access_token"]).status_code == 401


def test_without_state_none_comes_back(rp, member):
    hint = rp.tokens(member)["id_token"]

    assert leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE).location == BYE


def test_a_hint_that_is_over_is_as_good(rp, member, world):
    hint = rp.tokens(member)["id_token"]
    world.clock.advance(timedelta(minutes=20))

    assert leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE).location == BYE
    assert is_signed_out(member, rp)


def test_with_a_hint_alone_a_page_says_that_it_is_done(rp, member):
    response = leave(member, id_token_hint=rp.tokens(member)["id_token"])

    assert response.status_code == 200
    assert "Vous êtes déconnecté" in response.text
    assert is_signed_out(member, rp)


@pytest.mark.parametrize(
    "address",
    [
        BYE + "?foo=bar",
        BYE + "/",
        BYE + "#x",
        "https://evil.example/",
        "//evil.example",
        "http://127.0.0.1:9/poster/bye",
        "http://127.0.0.1:9/reader/cb",
        BYE.replace("127.0.0.1", "localhost"),
        "javascript:alert(1)",
    ],
)
def test_an_address_that_is_not_exactly_registered_is_never_called(rp, member, address):
    hint = rp.tokens(member)["id_token"]

    response = leave(member, id_token_hint=hint, post_logout_redirect_uri=address, state="x")

    page = asks_first(member, response)
    done = member.submit(page)
    assert done.status_code == 200
    assert is_signed_out(member, rp)


def altered(token):
    header, claims, _ = token.split(".")
    return {
        "none": jwt.encode(jwt.decode(token, options={"verify_signature": False}), None, "none"),
        "foreign key": jwt.encode(jwt.decode(token, options={"verify_signature": False}), "k" * 32, "HS256"),
        "no signature": f"{header}.{claims}.",
        "rubbish": "rubbish",
    }


@pytest.mark.parametrize("kind", ["none", "foreign key", "no signature", "rubbish"])
def test_a_hint_that_we_did_not_sign_leads_nowhere(rp, member, kind):
    hint = altered(rp.tokens(member)["id_token"])[kind]

    asks_first(member, leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE))

    assert not is_signed_out(member, rp)


def test_an_access_token_is_no_hint(rp, member):
    token = rp.tokens(member)["access_token"]

    asks_first(member, leave(member, id_token_hint=token, post_logout_redirect_uri=BYE))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"post_logout_redirect_uri": BYE},
        {"state": "x"},
        {"client_id": "reader", "post_logout_redirect_uri": BYE},
    ],
)
def test_without_a_hint_the_member_is_asked_and_stays_here(rp, member, parameters):
    page = asks_first(member, leave(member, **parameters))
    assert not is_signed_out(member, rp), "a look ends nothing"

    done = member.submit(page)

    assert done.status_code == 200
    assert "Vous êtes déconnecté" in done.text
    assert is_signed_out(member, rp)


def test_a_client_id_that_is_not_the_hints_own_leads_nowhere(rp, member):
    hint = rp.tokens(member)["id_token"]

    asks_first(member, leave(member, id_token_hint=hint, client_id="poster", post_logout_redirect_uri=BYE))


def test_another_member_at_this_browser_is_asked_before_being_signed_out_by_the_first_ones_hint(
    rp, member, world
):
    hint = rp.tokens(member)["id_token"]
    other = world.signed_in("7654321")

    page = asks_first(other, leave(other, id_token_hint=hint, post_logout_redirect_uri=BYE, state="back"))
    assert not is_signed_out(other, rp)
    done = other.submit(page)

    assert done.location == f"{BYE}?state=back"
    assert is_signed_out(other, rp)
    assert not is_signed_out(member, rp)


def test_a_browser_that_is_signed_out_already_is_led_back_all_the_same(rp, member, world):
    hint = rp.tokens(member)["id_token"]
    stranger = world.browser()

    assert leave(stranger, id_token_hint=hint, post_logout_redirect_uri=BYE).location == BYE
    assert not is_signed_out(member, rp), "a hint alone, without the cookie, ends nobody's session"


def test_a_post_from_another_site_is_repeated_as_a_get(rp, member):
    hint = rp.tokens(member)["id_token"]
    form = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "x"}

    sent = member.post("/oauth2/end_session", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert sent.status_code == 303
    assert dict(parse_qsl(urlsplit(sent.location).query)) == form

    assert member.get(sent.location).location == f"{BYE}?state=x"


def test_the_confirmation_cannot_be_posted_from_another_site(rp, member):
    page = asks_first(member, member.get("/deconnexion"))

    refused = member.post("/deconnexion", data={})
    crossed = member.http.post(
        "/deconnexion", data={}, headers={"Sec-Fetch-Site": "cross-site"}, base_url="http://127.0.0.1:8000"
    )

    assert refused.status_code == crossed.status_code == 400
    assert not is_signed_out(member, rp)
    assert member.submit(page).status_code == 200


def test_signing_out_twice_does_no_harm(rp, member):
    page = asks_first(member, member.get("/deconnexion"))

    assert [member.submit(page).status_code for _ in range(2)] == [200, 200]
    assert "Vous êtes déconnecté" in member.get("/deconnexion").text


def test_after_a_logout_the_next_person_gets_tokens_of_their_own(rp, member, world):
    world.add_member("7654321")
    leave(member, id_token_hint=rp.tokens(member)["id_token"])

    asked = rp.ask()
    answer = back_at(member.sign_in(member.get(asked.url), "7654321"))
    given = rp.redeem(answer["code"], asked).json

    assert rp.userinfo(given["access_token"]).json["sub"] == world.accounts["7654321"]
