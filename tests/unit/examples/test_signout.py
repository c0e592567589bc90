"""Signing out of the member space: by the member's hand, and by the provider's logout tokens."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from tests.support.tiny_provider import SigningKey
from tests.unit.examples.conftest import BASE_URL, Browser, soup, words


def is_signed_in(browser):
    return browser.client.get("/espace").status_code == 200


def order(browser, token):
    return browser.client.post("/backchannel-logout", data={"logout_token": token})


def test_following_a_link_signs_nobody_out(browser):
    browser.sign_in()

    page = browser.client.get("/logout")

    assert soup(page).select_one("main form button").get_text() == "Me déconnecter"
    assert is_signed_in(browser)


def test_signing_out_ends_the_session_here_and_goes_to_the_provider(browser, provider):
    browser.sign_in()
    cookie = browser.cookie()
    form = browser.get("/logout")

    answer = browser.submit(form, "/logout")

    assert provider.calls["/end_session"] == 1
    assert "de tous les espaces" in words(answer)
    assert browser.cookie() is None
    browser.client.set_cookie("__Host-space_session", cookie)
    assert not is_signed_in(browser)


def test_the_provider_is_told_who_leaves_and_where_to_come_back(browser, provider):
    browser.sign_in()
    token = soup(browser.get("/logout")).select_one("main input")["value"]

    answer = browser.post("/logout", {"csrf_token": token}, follow=False)

    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    [hint] = query["id_token_hint"]
    assert jwt.decode(hint, options={"verify_signature": False})["sub"] == provider.member["sub"]
    assert query["post_logout_redirect_uri"] == [f"{BASE_URL}/deconnecte"]
    assert len(query["state"][0]) == 43


def test_the_goodbye_page_only_says_everywhere_when_the_provider_sent_the_browser(browser):
    for address in ("/deconnecte", "/deconnecte?state=", "/deconnecte?state=invented&state=%ff"):
        assert "à cet espace" in words(browser.client.get(address))


def test_signing_out_works_here_when_the_provider_is_away(browser, provider):
    browser.sign_in()
    _issuer_of(browser)._metadata_read_at -= 60
    provider.stop()

    answer = browser.submit(browser.client.get("/logout"), "/logout")

    assert "à cet espace" in words(answer)
    assert not is_signed_in(browser)


def _issuer_of(browser):
    """The issuer object behind the app: the desk's method carries the site."""
    return browser.client.application.view_functions["signin.login"].__self__._site.provider.issuer


def test_signing_out_twice_is_no_trouble(browser):
    assert "à cet espace" in words(browser.get("/logout"))
    assert "à cet espace" in words(browser.post("/logout", {}))


def test_a_logout_token_ends_the_session_it_names(browser, provider):
    browser.sign_in()

    answer = order(browser, provider.logout_token())

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert not is_signed_in(browser)


def test_a_session_id_names_one_session_a_subject_names_all(space_app, provider):
    first, second = Browser(space_app), Browser(space_app)
    first.sign_in()
    provider.sid = "session-2"
    second.sign_in()

    order(first, provider.logout_token(sid="session-2"))
    assert (is_signed_in(first), is_signed_in(second)) == (True, False)

    second.sign_in()
    order(first, provider.logout_token(sid=None, jti="logout-2"))
    assert (is_signed_in(first), is_signed_in(second)) == (False, False)


def test_a_logout_token_of_one_door_leaves_the_others_alone(browser, provider):
    browser.sign_in("elu")

    assert order(browser, provider.logout_token(aud="espace-adherent")).status_code == 200
    assert is_signed_in(browser)
    assert order(browser, provider.logout_token(aud="espace-elu")).status_code == 200
    assert not is_signed_in(browser)


def test_a_logout_token_is_obeyed_once(browser, provider):
    token = provider.logout_token(sid=None)
    assert order(browser, token).status_code == 200
    browser.sign_in()

    assert order(browser, token).status_code == 400
    assert is_signed_in(browser)


def test_a_logout_that_overtakes_a_sign_in_wins(browser, provider):
    assert order(browser, provider.logout_token()).status_code == 200

    answer = browser.sign_in()

    assert answer.status_code == 400
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"iss": "http://127.0.0.1:9"},
        {"aud": "another-client"},
        {"aud": None},
        {"events": None},
        {"events": {}},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": 7}},
        {"events": "http://schemas.openid.net/event/backchannel-logout"},
        {"nonce": "any"},
        {"sub": None, "sid": None},
        {"sid": 7},
        {"jti": None},
        {"jti": 7},
        {"iat": None},
        {"iat": 1_700_000_000},
        {"iat": 4_000_000_000},
        {"exp": None},
        {"exp": 1_700_000_000},
        {"key": SigningKey("first")},
        {"key": SigningKey("unknown")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_logout_token_that_does_not_hold_together_is_refused(browser, provider, changes):
    browser.sign_in()

    answer = order(browser, provider.logout_token(**changes))

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "invalid_request"
    assert is_signed_in(browser)


@pytest.mark.parametrize(
    "data", [{}, {"logout_token": ""}, {"logout_token": "x" * 30_000}, {"logout_token": "é.b.c"}]
)
def test_garbage_is_refused(browser, data):
    answer = browser.client.post("/backchannel-logout", data=data)

    assert answer.status_code == 400


def test_two_tokens_in_one_call_are_refused(browser, provider):
    tokens = [provider.logout_token(), provider.logout_token(jti="logout-2")]

    assert browser.client.post("/backchannel-logout", data={"logout_token": tokens}).status_code == 400


def test_an_id_token_never_passes_for_a_logout_token(browser, provider):
    browser.sign_in()
    page = browser.client.post("/logout", data={"csrf_token": _csrf(browser)})
    [hint] = parse_qs(urlsplit(page.headers["Location"]).query)["id_token_hint"]
    browser.sign_in()

    assert order(browser, hint).status_code == 400
    assert is_signed_in(browser)


def _csrf(browser):
    return re.search(r'name="csrf_token" value="([^"]+)"', browser.client.get("/logout").text)[1]


def test_a_logout_is_answered_quickly(browser, provider):
    browser.sign_in()
    started = time.perf_counter()

    order(browser, provider.logout_token())

    assert time.perf_counter() - started < 2
