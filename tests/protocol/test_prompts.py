"""OIDC Core 3.1.2.1: prompt, max_age, acr_values, and the hints that must never hurt."""

from datetime import timedelta

import pytest

from tests.protocol.party import REMEMBERED, back_at, verified


def goes_to_a_page(response, path="/connexion"):
    assert response.status_code == 303
    assert response.location.startswith(path), response.location


def test_prompt_none_without_a_session_is_login_required(rp, world):
    asked = rp.ask(prompt="none", state="s" * 128)

    answer = back_at(world.browser().get(asked.url))

    assert answer["error"] == "login_required"
    assert answer["state"] == "s" * 128


def test_prompt_none_with_a_session_gives_a_code_for_the_same_sign_in(rp, member, world):
    first = verified(rp.tokens(member)["id_token"], world, audience="reader")
    world.clock.advance(timedelta(minutes=2))

    second = verified(rp.tokens(member, prompt="none")["id_token"], world, audience="reader")

    assert second["auth_time"] == first["auth_time"]
    assert second["sub"] == first["sub"]


def test_prompt_none_after_the_idle_limit_is_login_required(rp, member, world):
    world.clock.advance(timedelta(minutes=31))

    assert back_at(member.get(rp.ask(prompt="none").url))["error"] == "login_required"


def test_use_keeps_a_session_alive_and_the_absolute_limit_ends_it(rp, member, world):
    for _ in range(24):
        world.clock.advance(timedelta(minutes=29))
        assert "code" in back_at(member.get(rp.ask(prompt="none").url))

    world.clock.advance(timedelta(minutes=25))

    assert back_at(member.get(rp.ask(prompt="none").url))["error"] == "login_required"


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_some_prompts_ask_a_signed_in_member_again(rp, member, prompt):
    goes_to_a_page(member.get(rp.ask(prompt=prompt).url))


def test_after_prompt_login_the_sign_in_is_later_and_the_same_members(rp, world):
    browser = world.browser()
    before = rp.ask()
    first_code = back_at(browser.sign_in(browser.get(before.url)))["code"]
    first = verified(rp.redeem(first_code, before).json["id_token"], world, audience="reader")
    world.clock.advance(timedelta(seconds=61))

    again = rp.ask(prompt="login")
    second_code = back_at(browser.sign_in(browser.get(again.url)))["code"]
    second = verified(rp.redeem(second_code, again).json["id_token"], world, audience="reader")

    assert second["auth_time"] > first["auth_time"]
    assert second["sub"] == first["sub"]


def test_prompt_consent_asks_nothing_at_a_service_of_the_mutual_itself(rp, member):
    assert "code" in back_at(member.get(rp.ask(prompt="consent").url))


def test_prompt_create_leads_to_enrolment(rp, world, member):
    goes_to_a_page(world.browser().get(rp.ask(prompt="create").url), "/inscription?i=")
    goes_to_a_page(member.get(rp.ask(prompt="create").url), "/inscription?i=")


def test_an_old_sign_in_is_not_enough_for_max_age(rp, member, world):
    # Authlib ignores max_age.
    world.clock.advance(timedelta(seconds=2))

    goes_to_a_page(member.get(rp.ask(max_age="1").url))
    assert back_at(member.get(rp.ask(max_age="1", prompt="none").url))["error"] == "login_required"


def test_max_age_0_always_asks_again(rp, member):
    goes_to_a_page(member.get(rp.ask(max_age="0").url))


def test_after_max_age_0_the_member_is_let_through(rp, world):
    browser = world.browser()
    asked = rp.ask(max_age="0")

    answer = back_at(browser.sign_in(browser.get(asked.url)))

    claims = verified(rp.redeem(answer["code"], asked).json["id_token"], world, audience="reader")
    assert claims["auth_time"] == int(world.clock.now().timestamp())


def test_a_recent_sign_in_is_enough_for_max_age_and_auth_time_says_when(rp, member, world):
    first = verified(rp.tokens(member, max_age="15000")["id_token"], world, audience="reader")
    world.clock.advance(timedelta(minutes=10))

    second = verified(rp.tokens(member, max_age="10000")["id_token"], world, audience="reader")

    assert second["auth_time"] == first["auth_time"]


def test_a_trusted_device_is_not_enough_when_the_code_is_demanded(rp, world):
    # Authlib ignores acr_values.
    browser = world.signed_in(methods=REMEMBERED)

    goes_to_a_page(browser.get(rp.ask(acr_values="urn:parvis:acr:2sv").url), "/connexion/code")
    silent = back_at(browser.get(rp.ask(acr_values="urn:parvis:acr:2sv", prompt="none").url))
    assert silent["error"] == "interaction_required"


def test_what_was_demanded_is_given_and_said(rp, world):
    browser = world.signed_in(methods=REMEMBERED)
    asked = rp.ask(acr_values="urn:parvis:acr:2sv")
    sent = browser.get(asked.url)
    page = browser.get(sent.location)

    sent = browser.submit(page, code=world.mailed_code())
    while sent.location.startswith("/connexion"):
        sent = browser.submit(browser.get(sent.location), trust="no")
    answer = back_at(browser.get(sent.location))

    claims = verified(rp.redeem(answer["code"], asked).json["id_token"], world, audience="reader")
    assert claims["acr"] == "urn:parvis:acr:2sv"


def test_a_clients_own_floor_holds_without_being_asked_for(world):
    browser = world.signed_in(methods=REMEMBERED)
    party = world.party("floor")

    goes_to_a_page(browser.get(party.ask().url), "/connexion/code")
    goes_to_a_page(browser.get(party.ask(acr_values="urn:parvis:acr:2sv-remembered").url), "/connexion/code")


@pytest.mark.parametrize(
    "acr_values",
    ["urn:parvis:acr:2sv-remembered", "urn:parvis:acr:2sv urn:parvis:acr:2sv-remembered", "1 2", "phr"],
)
def test_a_weaker_wish_or_one_we_do_not_know_succeeds(rp, world, acr_values):
    browser = world.signed_in(methods=REMEMBERED)

    assert "code" in back_at(browser.get(rp.ask(acr_values=acr_values).url))


@pytest.mark.parametrize(
    "hint",
    [
        {"display": "page"},
        {"display": "popup"},
        {"display": "hologram"},
        {"ui_locales": "se"},
        {"ui_locales": "fr en"},
        {"claims_locales": "se"},
        {"login_hint": "buffy@127.0.0.1"},
        {"login_hint": '"><script>alert(1)</script>'},
        {"login_hint": "x" * 4000},
    ],
)
def test_hints_are_never_an_error(rp, member, world, hint):
    assert "code" in back_at(member.get(rp.ask(**hint).url))

    browser = world.browser()
    sent = browser.get(rp.ask(**hint).url)
    page = browser.get(sent.location)

    assert page.status_code == 200
    assert "<script>alert(1)" not in page.text
