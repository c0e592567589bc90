"""`urn:parvis:acr:mfa`: said only of an app or a passkey, demanded by a client, and set up on the way (RFC 8176)."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from idp.authenticators import authenticator_app, recovery_codes
from idp.sessions.assurance import MULTI_FACTOR, TWO_STEPS, Method
from idp.subjects.accounts import Account
from tests.protocol.party import PASSWORD, back_at, verified
from tests.support.second_device import STEP, Phone, scan

BY_APP = frozenset({Method.PASSWORD, Method.APP_CODE})
BY_PASSKEY = frozenset({Method.PASSKEY})
BY_RECOVERY = frozenset({Method.PASSWORD, Method.RECOVERY_CODE})
NUMBER = "1234567"
TERMS = "2026-01"


def give_app(world) -> tuple[Phone, str]:
    clock, vault = world.clock, world.parts.vault
    with world.database.transaction() as session:
        account = session.get_one(Account, world.accounts[NUMBER])
        app = authenticator_app.begin(session, account, vault=vault, holder="test", now=clock.now())
        phone = Phone(authenticator_app.secret_of(app, vault=vault), clock)
        authenticator_app.confirm(session, app, phone.code(), vault=vault, now=clock.now())
        codes = recovery_codes.make(session, account, vault=vault, now=clock.now())
    clock.advance(STEP)
    return phone, codes[0]


def path_of(response) -> str:
    assert response.status_code == 303, response.text
    return urlsplit(response.location).path


@pytest.mark.parametrize(
    ("methods", "acr", "amr"),
    [
        (BY_APP, MULTI_FACTOR, ["pwd", "otp", "mfa"]),
        (BY_PASSKEY, MULTI_FACTOR, ["pop", "user", "mfa"]),
        (BY_RECOVERY, TWO_STEPS, ["pwd", "otp"]),
        (BY_PASSKEY | {Method.PASSWORD}, MULTI_FACTOR, ["pwd", "pop", "user", "mfa"]),
    ],
    ids=["app", "passkey", "recovery", "password+passkey"],
)
def test_tokens_say_what_was_proved(world, rp, methods, acr, amr):
    tokens = rp.tokens(world.signed_in(NUMBER, methods=methods))

    claims = verified(tokens["id_token"], world, audience="reader")
    assert (claims["acr"], claims["amr"]) == (acr, amr)


def test_discovery_lists_it(world):
    document = world.browser().get("/.well-known/openid-configuration").json

    assert document["acr_values_supported"][-1] == MULTI_FACTOR


def test_a_session_of_two_steps_is_asked_for_the_app_and_then_reaches_it(world, rp, member):
    phone, _ = give_app(world)
    asked = rp.ask(acr_values=MULTI_FACTOR)
    sent = member.get(asked.url)
    assert path_of(sent) == "/connexion/application"

    sent = member.submit(member.get(sent.location), code=phone.code())

    answer = back_at(member.get(sent.location))
    claims = verified(rp.redeem(answer["code"], asked).json["id_token"], world, audience="reader")
    assert claims["acr"] == MULTI_FACTOR
    assert "code" in back_at(member.get(rp.ask(acr_values=MULTI_FACTOR, prompt="none").url))


def test_a_client_may_demand_it_of_everybody(world, rp, member):
    world.change_client("reader", min_acr=MULTI_FACTOR)
    give_app(world)

    assert path_of(member.get(rp.ask().url)) == "/connexion/application"


def test_who_has_neither_sets_an_app_up_after_password_and_code(world, rp):
    world.happens("UPDATE account SET terms_version = :version", version=TERMS)
    browser = world.browser()
    asked = rp.ask(acr_values=MULTI_FACTOR)
    sent = browser.get(asked.url)
    page = browser.get(sent.location)
    sent = browser.submit(page, identifier=f"m{NUMBER}@example.org", password=PASSWORD)
    assert path_of(sent) == "/connexion/code"
    sent = browser.submit(browser.get(sent.location), code=world.mailed_code())
    assert path_of(sent) == "/connexion/renforcer"
    page = browser.get(sent.location)
    phone = scan(BeautifulSoup(page.text, "html.parser"), world.clock)

    wrong = browser.submit(page, url=sent.location, code="000000")
    assert "Ce code n’est pas le bon." in wrong.text
    sent = browser.submit(page, url=sent.location, code=phone.code())

    answer = back_at(browser.get(sent.location))
    claims = verified(rp.redeem(answer["code"], asked).json["id_token"], world, audience="reader")
    assert claims["acr"] == MULTI_FACTOR
    assert claims["amr"] == ["pwd", "otp", "mfa"]


def test_a_session_whose_code_is_old_gives_another_before_an_app_is_set_up(world, rp, member):
    sent = member.get(rp.ask(acr_values=MULTI_FACTOR).url)

    assert path_of(sent) == "/connexion/code"
    sent = member.submit(member.get(sent.location), code=world.mailed_code())
    assert path_of(sent) == "/connexion/renforcer"


def test_a_recovery_code_leads_to_another_app_where_one_is_demanded(world, rp, member):
    _, code = give_app(world)
    sent = member.get(rp.ask(acr_values=MULTI_FACTOR).url)

    sent = member.submit(member.get(sent.location + "&autre=1"), recovery_code=code)

    assert path_of(sent) == "/connexion/renforcer"


def test_an_old_recovery_code_does_not_open_the_set_up(world, rp):
    give_app(world)
    browser = world.signed_in(NUMBER, methods=BY_RECOVERY)
    world.clock.advance(timedelta(minutes=6))

    assert path_of(browser.get(rp.ask(acr_values=MULTI_FACTOR).url)) == "/connexion/application"


@pytest.mark.parametrize(
    "claims", [None, json.dumps({"id_token": {"acr": {"essential": True, "value": MULTI_FACTOR}}})]
)
def test_without_a_page_it_is_interaction_required(world, rp, member, claims):
    asked = rp.ask(prompt="none", acr_values=MULTI_FACTOR, claims=claims)

    assert back_at(member.get(asked.url))["error"] == "interaction_required"


def test_an_essential_level_that_nobody_can_reach_is_unmet(rp, member):
    claims = '{"id_token":{"acr":{"essential":true,"value":"urn:parvis:acr:mfa-hw"}}}'

    assert back_at(member.get(rp.ask(claims=claims).url))["error"] == "unmet_authentication_requirements"
