"""Passkeys: added in « Mon compte », the whole sign-in or its second step, and worth nothing once removed."""

from datetime import timedelta

import pytest

from tests.support.keyring import add_key, answer_with, options_of, passkey_form
from tests.support.people import SACHA, Person, give_password, is_signed_in, sign_in
from tests.support.rows import events
from tests.support.second_device import give_app
from tests.support.software_key import ORIGIN

pytestmark = pytest.mark.settings(issuer=ORIGIN, captcha={"login": "off"})
REFUSED = "Cette clé d’accès n’a pas pu être vérifiée."


def sign_in_with(browser, key, address="/connexion"):
    browser.get(address)
    return answer_with(browser, key)


@pytest.fixture
def key(browser, mailbox, member):
    """Camille's passkey, added by the pages."""
    sign_in(browser, mailbox, member)
    return add_key(browser)


def test_a_passkey_alone_signs_in_and_its_owner_was_told_of_it(key, mailbox, member, open_browser):
    assert "clé d’accès a été ajoutée" in mailbox.last(to=member.email).subject
    elsewhere = open_browser()

    page = sign_in_with(elsewhere, key)

    assert page.path == "/compte"
    assert is_signed_in(elsewhere)


def test_the_offer_waits_for_its_script_and_names_nobody(key, browser, open_browser):
    stranger = open_browser()
    stranger.get("/connexion")

    form = passkey_form(stranger)

    assert form.has_attr("hidden")
    assert stranger.page.soup.find(id="identifier")["autocomplete"] == "username webauthn"
    assert not options_of(stranger).get("allowCredentials")


@pytest.mark.parametrize(
    "flaw", [{"origin": "https://localhost.example"}, {"verifies": False}, {"handle": ""}]
)
def test_every_answer_that_is_not_right_reads_the_same(key, open_browser, flaw):
    for name, value in flaw.items():
        setattr(key, name, value)
    stranger = open_browser()

    page = sign_in_with(stranger, key)

    assert page.path == "/connexion"
    assert REFUSED in page.words
    assert "P-6401" in page.words
    assert not is_signed_in(stranger)


def test_an_answer_that_another_browser_was_asked_for_is_refused(key, open_browser):
    mine, thief = open_browser(), open_browser()
    mine.get("/connexion")
    stolen = key.use(options_of(mine))
    thief.get("/connexion")
    fields = {tag["name"]: tag.get("value", "") for tag in passkey_form(thief).find_all("input")}

    page = thief.post("/connexion/cle", {**fields, "credential": stolen})

    assert REFUSED in page.words


def test_a_passkey_is_a_second_step_after_the_password_of_its_own_account_only(
    key, register, mailbox, member, open_browser
):
    register.open_account(SACHA)
    browser = open_browser()
    sign_in(browser, mailbox, SACHA)
    theirs = add_key(browser)
    mine = open_browser()
    assert give_password(mine, member).path == "/connexion/code"

    assert REFUSED in answer_with(mine, theirs).words
    assert not is_signed_in(mine)
    give_password(mine, member)
    assert answer_with(mine, key).path == "/compte"


def test_a_passkey_stands_in_the_place_of_the_app_code(key, parts, member, open_browser):
    give_app(parts, member)
    browser = open_browser()
    assert give_password(browser, member).path == "/connexion/application"

    assert answer_with(browser, key).path == "/compte"


def test_the_entry_rule_holds_for_passkeys(key, open_browser):
    browser = open_browser()

    page = sign_in_with(browser, key, "/connexion?espace=elu")

    assert page.status == 403
    assert page.number == "P-2001"
    assert not is_signed_in(browser)


def test_a_member_who_left_signs_in_no_more(key, register, member, open_browser):
    register.add(Person(**{**{name: getattr(member, name) for name in member.__slots__}, "status": "left"}))
    browser = open_browser()

    assert REFUSED in sign_in_with(browser, key).words
    assert not is_signed_in(browser)


def test_a_passkey_is_renamed_and_one_of_somebody_else_cannot_be_touched(
    key, browser, register, mailbox, open_browser
):
    browser.get("/compte/securite")
    assert "Firefox sur Linux" in browser.page.words
    browser.click("modifier")
    own = browser.page.path
    browser.submit(name="  Mon téléphone  ")
    assert "Mon téléphone" in browser.page.words

    register.open_account(SACHA)
    stranger = open_browser()
    sign_in(stranger, mailbox, SACHA)
    stranger.get("/compte/securite/cle/nouvelle")
    token = stranger.page.soup.find("input", attrs={"name": "csrf_token"})["value"]

    assert stranger.get(own).number == "P-4004"
    assert stranger.post(f"{own}/retirer", {"csrf_token": token}).number == "P-4004"
    assert "Mon téléphone" in browser.get("/compte/securite").words


def test_a_removed_passkey_signs_in_no_more_and_what_it_opened_ends(
    key, browser, mailbox, member, open_browser
):
    elsewhere = open_browser()
    sign_in_with(elsewhere, key)
    browser.get("/compte/securite")
    browser.click("modifier")
    assert "un code par email vous seront demandés" in browser.page.words

    browser.press("Retirer cette clé")

    assert "retirée" in mailbox.last(to=member.email).subject
    assert not is_signed_in(elsewhere)
    assert is_signed_in(browser)
    assert REFUSED in sign_in_with(open_browser(), key).words


def test_a_copied_passkey_is_refused_and_its_owner_warned_once_a_day(
    key, mailbox, member, parts, open_browser
):
    browser = open_browser()
    sign_in_with(browser, key)
    for _ in range(2):
        key.counter = 0
        thief = open_browser()
        assert REFUSED in sign_in_with(thief, key).words

    assert len(mailbox.all(to=member.email, subject="refusée par sécurité")) == 1
    assert len(events(parts.database, "passkey.copied")) == 2


def test_who_signed_in_by_a_passkey_gives_it_again_before_a_sensitive_change(key, clock, open_browser):
    browser = open_browser()
    sign_in_with(browser, key)
    clock.advance(timedelta(minutes=6))

    page = browser.get("/compte/securite/application")

    assert page.path == "/connexion/application"
    assert page.h1 == "Confirmez avec votre clé d’accès"
    assert answer_with(browser, key).path == "/compte/securite/application"


def test_a_key_is_added_only_after_a_fresh_second_step_of_the_same_session(key, browser, clock):
    browser.get("/compte/securite/cle/nouvelle")
    form = passkey_form(browser)
    fields = {tag["name"]: tag.get("value", "") for tag in form.find_all("input")}
    clock.advance(timedelta(minutes=16))

    page = browser.post(form["data-options"], fields)

    assert page.path == "/connexion/code"
