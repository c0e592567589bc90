"""OIDC RP-Initiated Logout 1.0: a redirect needs a genuine hint and an exactly registered address."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from idp.oidc import key_care
from idp.oidc.keys import Algorithm
from idp.sessions.service import SessionRow
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


def resigned(token, key, algorithm):
    """The same claims and the same `kid`, under another signature."""
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.encode(claims, key, algorithm, headers={"kid": kid, "typ": "JWT"})


# The seven cases of the OpenID Foundation's suite in which no browser may be led back, each made of a good hint.
NO_REDIRECT = {
    "no hint": lambda _: {"post_logout_redirect_uri": BYE, "state": "x"},
    "hint turned into alg none": lambda hint: {
        "id_token_hint": resigned(hint, None, "none"),
        "post_logout_redirect_uri": BYE,
        "state": "x",
    },
    "hint signed by a foreign key": lambda hint: {
        "id_token_hint": resigned(hint, ec.generate_private_key(ec.SECP256R1()), "ES256"),
        "post_logout_redirect_uri": BYE,
        "state": "x",
    },
    "unregistered address": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": "https://evil.example/",
        "state": "x",
    },
    "query added to the address": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": f"{BYE}?foo=bar",
        "state": "x",
    },
    "no address": lambda hint: {"id_token_hint": hint, "state": "x"},
    "only state": lambda _: {"state": "x"},
}


@pytest.mark.parametrize("case", NO_REDIRECT)
def test_the_member_stays_on_a_page_and_is_led_nowhere_even_after_the_click(rp, member, case):
    given = NO_REDIRECT[case](rp.tokens(member)["id_token"])

    page = leave(member, **given)
    while page.status_code == 303:
        assert page.location.startswith("/")
        page = member.get(page.location)
    if "Voulez-vous vous déconnecter" in page.text:
        assert not is_signed_out(member, rp), "a look ends nothing"
        page = member.submit(page)

    assert page.status_code == 200
    assert "Vous êtes déconnecté(e)" in page.text
    assert BYE not in page.text
    assert is_signed_out(member, rp)


@pytest.mark.parametrize("kind", ["symmetric key", "no signature", "rubbish", "another issuer"])
def test_a_hint_that_we_did_not_sign_proves_nothing(rp, member, kind):
    hint = rp.tokens(member)["id_token"]
    header, claims, _ = hint.split(".")
    forged = {
        "symmetric key": resigned(hint, "k" * 32, "HS256"),
        "no signature": f"{header}.{claims}.",
        "rubbish": "rubbish",
        "another issuer": jwt.encode({"iss": "https://evil.example", "aud": "reader"}, "k" * 32, "HS256"),
    }[kind]

    asks_first(member, leave(member, id_token_hint=forged, post_logout_redirect_uri=BYE))

    assert not is_signed_out(member, rp)


def test_a_hint_signed_by_a_key_that_has_retired_is_as_good(rp, member, world):
    hint = rp.tokens(member)["id_token"]
    key_care.rotate(
        world.database, [Algorithm.ES256], vault=world.parts.vault, emergency=False, now=world.clock.now()
    )
    world.clock.advance(timedelta(minutes=20))

    assert leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE).location == BYE
    assert is_signed_out(member, rp)


def test_the_state_comes_back_as_it_was_whatever_is_in_it(rp, member):
    state = "a b&c=d#é/?%41+\"'<>"

    response = leave(
        member, id_token_hint=rp.tokens(member)["id_token"], post_logout_redirect_uri=BYE, state=state
    )

    parts = urlsplit(response.location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BYE
    assert parse_qsl(parts.query) == [("state", state)]


@pytest.mark.parametrize(
    "more",
    [{"logout_hint": "m1234567@example.org"}, {"ui_locales": "de fr-CA xx"}, {"unknown": "x"}, {"client_id": "reader"}],
)  # fmt: skip
def test_other_parameters_are_never_an_error(rp, member, more):
    hint = rp.tokens(member)["id_token"]

    response = leave(member, id_token_hint=hint, post_logout_redirect_uri=BYE, state="x", **more)

    assert response.location == f"{BYE}?state=x"


def test_the_page_says_that_signing_out_holds_everywhere_and_where(rp, member, world):
    rp.tokens(member)
    world.party("poster").tokens(member)

    page = asks_first(member, leave(member))
    done = member.submit(page)

    assert "La déconnexion vaut partout" in page.text
    assert "Service reader" in page.text
    assert "Service poster" in page.text
    assert "Service public" not in page.text
    assert "Votre session est fermée partout" in done.text


def test_the_member_may_stay_signed_in_and_is_led_back(rp, member):
    page = asks_first(member, leave(member))

    link = BeautifulSoup(page.text, "html.parser").find("a", string=re.compile("Rester connecté"))

    assert link["href"] == "/compte"
    assert not is_signed_out(member, rp)


@pytest.mark.parametrize("hinted", [True, False])
def test_a_session_is_ended_however_long_it_was_idle(rp, member, world, hinted):
    hint = rp.tokens(member)["id_token"]
    world.clock.advance(timedelta(hours=2))

    if hinted:
        leave(member, id_token_hint=hint)
    else:
        member.submit(asks_first(member, leave(member)))

    with world.database.reading() as session:
        assert session.execute(select(SessionRow.ended_at)).scalars().all() == [world.clock.now()]


def test_the_page_wears_the_look_of_the_session_s_own_space(world):
    world.add_member("9000001", population="elu")
    browser = world.signed_in("9000001", space="elu")

    page = asks_first(browser, leave(browser))

    assert "/theme/elu.css" in page.text


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
