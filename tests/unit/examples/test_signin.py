"""Signing in at the member space: what leaves, what may come back, and to which browser."""

import hashlib
import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from examples.member_space.app import create_app
from tests.support.tiny_provider import SigningKey
from tests.unit.examples.conftest import BASE_URL, SECRETS, Browser, words

SPACES = ("adherent", "professionnel", "elu")


def leave(browser, space="adherent"):
    """The address that the browser is sent to, as a dictionary of its parameters."""
    answer = browser.get(f"/login/{space}", follow=False)
    assert answer.status_code == 303
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def come_back(browser, asked, *, space="adherent", follow=False, **changes):
    """Bring an answer of the provider to the callback, with some parameters changed or left out."""
    answer = {"state": asked["state"], "code": "none", **changes}
    query = {name: value for name, value in answer.items() if value is not None}
    response = browser.client.get(f"/callback/{space}", query_string=query)
    return browser._follow(response) if follow else response


def is_signed_in(browser):
    return browser.client.get("/espace").status_code == 200


def test_the_request_carries_pkce_state_nonce_and_the_scopes_of_the_door(browser, provider):
    asked = leave(browser)

    assert asked["response_type"] == "code"
    assert asked["client_id"] == "espace-adherent"
    assert asked["redirect_uri"] == f"{BASE_URL}/callback/adherent"
    assert asked["scope"].split() == [
        "openid",
        "profile",
        "email",
        "member",
        "member_data",
        "account:devices",
    ]
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43


def test_no_two_requests_share_a_secret(browser):
    first, second = leave(browser), leave(browser)

    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("space", SPACES)
def test_each_door_signs_in_as_its_own_client(browser, provider, space):
    answer = browser.sign_in(space)

    assert answer.status_code == 200
    assert "Bienvenue dans votre espace" in words(answer)
    assert provider.requests[-1]["client_id"] == f"espace-{space}"
    assert ("member_data" in provider.requests[-1]["scope"].split()) == (space == "adherent")


def test_the_cookie_is_locked_down_and_leaves_with_the_browser(browser):
    answer = browser.get("/login/adherent", follow=False)

    [header] = [line for line in answer.headers.getlist("Set-Cookie") if "space_session" in line]
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert header.startswith("__Host-space_session=")
    assert attributes == {"secure", "httponly", "samesite=lax", "path=/"}


def test_the_session_gets_a_new_id_at_sign_in(browser):
    browser.get("/login/adherent", follow=False)
    before = browser.cookie()

    browser.sign_in()

    assert browser.cookie() != before


def test_neither_tokens_nor_the_cookie_can_be_read_in_the_browser_or_the_file(browser, settings):
    home = browser.sign_in()

    with sqlite3.connect(settings.database) as database:
        [(hashed, token)] = database.execute(
            "SELECT browser_hash, access_token FROM space_session"
        ).fetchall()
    database.close()
    assert hashed == hashlib.sha256(browser.cookie().encode()).hexdigest()
    assert token not in home.text
    assert "eyJ" not in home.text
    assert settings.database.stat().st_mode & 0o077 == 0


def test_a_callback_in_another_browser_opens_nothing(browser, space_app, provider):
    browser.get("/login/adherent")
    asked = leave(browser)
    provider.codes["stolen"] = asked

    stranger = Browser(space_app)
    answer = come_back(stranger, asked, code="stolen", iss=provider.url)

    assert answer.status_code == 400
    assert not is_signed_in(stranger)
    assert "stolen" in provider.codes


def test_a_strangers_link_does_not_sign_a_victim_in(browser, space_app, provider):
    thief = Browser(space_app)
    asked = leave(thief)
    provider.codes["of-the-thief"] = asked
    leave(browser)

    answer = come_back(browser, asked, code="of-the-thief", iss=provider.url)

    assert answer.status_code == 400
    assert not is_signed_in(browser)


def test_an_answer_for_one_door_is_not_taken_at_another(browser, provider):
    asked = leave(browser, "elu")
    provider.codes["code"] = asked

    assert come_back(browser, asked, space="adherent", code="code", iss=provider.url).status_code == 400
    assert provider.calls["/token"] == 0


@pytest.mark.parametrize("issuer", [None, "", "http://127.0.0.1:9", "{url}/", "{url}.evil.example"])
def test_an_answer_must_name_our_provider(browser, provider, issuer):
    asked = leave(browser)
    provider.codes["code"] = asked

    answer = come_back(browser, asked, code="code", iss=issuer and issuer.format(url=provider.url))

    assert answer.status_code == 502
    assert not is_signed_in(browser)
    assert "code" in provider.codes


def test_an_answer_is_taken_once(browser):
    browser.sign_in()
    browser.client.delete_cookie("__Host-space_session")

    assert browser.client.get(browser.last_callback).status_code == 400


def test_reloading_the_callback_while_signed_in_leads_home(browser):
    browser.sign_in()

    answer = browser.get(browser.last_callback)

    assert "Bienvenue dans votre espace" in words(answer)


def test_of_two_callbacks_at_once_one_opens_a_session(browser, provider, space_app):
    asked = leave(browser)
    provider.codes["code"] = asked
    cookie = browser.cookie()
    statuses = []

    def come():
        client = space_app.test_client()
        client.set_cookie("__Host-space_session", cookie)
        query = {"state": asked["state"], "code": "code", "iss": provider.url}
        statuses.append(client.get("/callback/adherent", query_string=query).status_code)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [303, *[400] * 7]
    assert provider.calls["/token"] == 1


def test_a_sign_in_begun_too_long_ago_starts_again(settings, provider):
    shift = {"seconds": 0}

    def clock():
        return datetime.now(UTC) + timedelta(**shift)

    browser = Browser(create_app(settings, clock=clock))
    asked = leave(browser)
    provider.codes["code"] = asked
    shift["seconds"] = 2 * 3600 + 1

    answer = come_back(browser, asked, code="code", iss=provider.url)

    assert answer.status_code == 400
    assert "Recommençons" in words(answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://127.0.0.1:9"},
        {"iss": None},
        {"aud": "espace-elu"},
        {"aud": None},
        {"aud": ["espace-adherent", "other"]},
        {"aud": ["espace-adherent", "other"], "azp": "other"},
        {"azp": "other"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"nonce": None},
        {"nonce": "another"},
        {"nonce": 7},
        {"at_hash": "another"},
        {"at_hash": 7},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"key": SigningKey("first")},
        {"key": SigningKey("unknown")},
        {"key": SigningKey("first", "EdDSA")},
    ],
    ids=lambda changes: (
        ",".join(f"{name}={str(value)[:20]}" for name, value in changes.items() if name != "key") or "key"
    ),
)
def test_an_id_token_that_does_not_hold_together_signs_nobody_in(browser, provider, changes):
    provider.id_token_changes = changes

    answer = browser.sign_in()

    assert answer.status_code == 502
    assert not is_signed_in(browser)


def test_an_id_token_without_at_hash_or_with_several_audiences_and_azp_is_good(browser, provider):
    provider.id_token_changes = {
        "at_hash": None,
        "aud": ["espace-adherent", "other"],
        "azp": "espace-adherent",
    }

    assert browser.sign_in().status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token": None},
        {"id_token": "x" * 20_000},
        {"id_token": "e30.e30.e30"},
        {"id_token": "W1tb" * 2_000 + ".e30.e30"},
        {"access_token": None},
        {"access_token": ["a"]},
        {"access_token": "with\nnewline"},
        {"access_token": "é"},
        {"token_type": "DPoP"},
        {"token_type": None},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_token_answer_that_makes_no_sense_signs_nobody_in(browser, provider, changes):
    provider.answer_changes = changes

    assert browser.sign_in().status_code == 502
    assert not is_signed_in(browser)


@pytest.mark.parametrize("expires_in", [None, "300", -1, 0, 10**12, True])
def test_a_strange_lifetime_is_read_as_five_minutes(browser, provider, settings, expires_in):
    provider.answer_changes = {"expires_in": expires_in}

    browser.sign_in()

    with sqlite3.connect(settings.database) as database:
        [(expires_at,)] = database.execute("SELECT access_expires_at FROM space_session").fetchall()
    database.close()
    assert abs(expires_at - time.time() - 300) < 10


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/jwks", "/.well-known/openid-configuration"])
@pytest.mark.parametrize(("status", "body"), [(500, b"oops"), (200, b"<html>"), (200, b"[]"), (302, b"")])
def test_a_provider_in_trouble_is_a_clear_page_never_a_session(browser, provider, path, status, body):
    provider.statuses[path], provider.bodies[path] = status, body

    answer = browser.sign_in()

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "La connexion est momentanément indisponible" in words(answer)
    assert not is_signed_in(browser)


def test_a_provider_that_is_switched_off_is_a_503_page_and_found_again(settings, provider):
    browser = Browser(create_app(settings))
    provider.stop()

    answer = browser.get("/login/adherent")

    assert answer.status_code == 503
    assert browser.get("/").status_code == 200


def test_userinfo_about_somebody_else_is_refused(browser, provider):
    provider.userinfo_changes = {"sub": "somebody-else"}

    assert browser.sign_in().status_code == 502
    assert not is_signed_in(browser)


def test_a_code_that_is_no_longer_good_offers_to_start_again(browser, provider):
    answer = come_back(browser, leave(browser), code="spent", iss=provider.url)

    assert answer.status_code == 400
    assert "il suffit de recommencer" in words(answer)


def test_a_wrong_client_secret_is_our_trouble_not_the_members(browser, provider):
    provider.secrets["espace-adherent"] = "changed"

    answer = browser.sign_in()

    assert answer.status_code == 503


def test_secrets_with_odd_characters_travel_whole(browser, provider):
    # They are form-encoded inside the Basic header; the tiny provider decodes them (RFC 6749 2.3.1).
    assert any(character in SECRETS["adherent"] for character in " :+/%é")

    assert browser.sign_in().status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("access_denied", 403, "Chaque espace est réservé"),
        ("login_required", 403, "vous identifier à nouveau"),
        ("server_error", 502, "Un incident empêche la connexion"),
        ("<script>alert(1)</script>", 502, "Un incident empêche la connexion"),
    ],
)
def test_a_refusal_of_the_provider_is_a_kind_page(browser, provider, error, status, sentence):
    provider.error = error

    answer = browser.sign_in()

    assert answer.status_code == status
    assert sentence in words(answer)
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    "query",
    ["", "state=", "state=%00", "code=a&code=b", "state=" + "x" * 5000, "iss=a&iss=b&state=%ff", "error="],
    ids=lambda query: query[:12] or "nothing",
)
def test_a_hostile_callback_is_a_page(browser, query):
    leave(browser)

    assert browser.client.get(f"/callback/adherent?{query}").status_code == 400


def test_a_repeated_parameter_is_worth_nothing(browser, provider):
    asked = leave(browser)
    provider.codes["code"] = asked

    answer = browser.client.get(
        f"/callback/adherent?state={asked['state']}&iss={provider.url}&code=code&code=code"
    )

    assert answer.status_code == 502
    assert not is_signed_in(browser)


def test_unknown_doors_do_not_exist(browser):
    for path in ("/login/admin", "/callback/admin", "/login/%00"):
        assert browser.client.get(path).status_code == 404


def test_a_third_party_may_start_a_sign_in_for_our_provider_only(browser, provider):
    answer = browser.get(f"/login/adherent?iss={provider.url}&login_hint=camille@example.org", follow=False)

    assert "login_hint=camille%40example.org" in answer.headers["Location"]
    assert browser.get("/login/adherent?iss=http://127.0.0.1:9", follow=False).status_code == 400


def test_nothing_in_the_address_chooses_where_a_sign_in_ends(browser):
    answer = browser.get("/login/adherent?return_to=//evil.example&target_link_uri=https://evil.example")

    assert "Bienvenue" in words(answer)


def test_a_second_door_replaces_the_first_session(browser, settings):
    browser.sign_in("adherent")
    browser.sign_in("elu")

    with sqlite3.connect(settings.database) as database:
        spaces = database.execute("SELECT space FROM space_session").fetchall()
    database.close()
    assert spaces == [("elu",)]


def test_the_verifier_sent_matches_the_challenge(browser, provider):
    # Every good sign-in proves that they match; this one, that the tiny provider compares.
    asked = leave(browser)
    provider.codes["code"] = asked | {"code_challenge": "another"}

    answer = come_back(browser, asked, code="code", iss=provider.url)

    assert answer.status_code == 400
    assert provider.calls["/token"] == 1


def test_members_without_a_name_are_welcome_too(browser, provider):
    provider.member = {"sub": "nameless", "member_number": "55", "given_name": ["not", "a", "name"]}

    answer = browser.sign_in()

    assert "Bienvenue dans votre espace Numéro d'adhérent : 55" in words(answer)
    assert "en tant que <strong>vous-même</strong>" in answer.text
