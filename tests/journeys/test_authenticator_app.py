"""The authenticator app: set up in « Mon compte », asked for in the place of the mailed code, and taken off."""

from datetime import timedelta

import pytest

from idp.login.service import SECOND_STEP_FRESH_FOR
from tests.support.people import SACHA, give_password, is_signed_in, sign_in
from tests.support.rows import events
from tests.support.second_device import STEP, give_app, scan

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def set_up(browser, mailbox, member, clock):
    """Sign in, go to the page, scan, and confirm; the phone and the page with the codes."""
    sign_in(browser, mailbox, member)
    browser.get("/compte/securite")
    browser.click("Installer une application")
    browser.press("Commencer")
    phone = scan(browser.page.soup, clock)
    return phone, browser.submit(code=phone.code())


def test_a_member_installs_an_app_and_is_asked_for_its_code_from_then_on(
    browser, mailbox, member, clock, open_browser
):
    phone, page = set_up(browser, mailbox, member, clock)

    assert page.h1 == "Codes de secours"
    assert "Une application d’authentification a été ajoutée." in browser.get("/compte/historique").words
    assert "application d’authentification" in mailbox.last(to=member.email).subject
    clock.advance(STEP)
    mails = len(mailbox.all(to=member.email))

    elsewhere = open_browser()
    page = give_password(elsewhere, member)
    assert page.path == "/connexion/application"
    assert page.h1 == "Application d’authentification"
    page = elsewhere.submit(code=phone.code())

    assert page.path == "/connexion/appareil"
    elsewhere.press("Non merci")
    assert is_signed_in(elsewhere)
    assert all("code" not in mail.subject for mail in mailbox.all(to=member.email)[mails:])


def test_an_app_that_was_not_confirmed_asks_nobody_for_its_codes(
    browser, mailbox, member, clock, open_browser
):
    sign_in(browser, mailbox, member)
    browser.get("/compte/securite/application")
    browser.press("Commencer")
    page = browser.submit(code="000000")
    assert page.errors["code"].startswith("Ce code n’est pas le bon.")

    assert give_password(open_browser(), member).path == "/connexion/code"


def test_the_secret_is_shown_to_nobody_but_the_session_that_sets_it_up(
    browser, mailbox, member, clock, open_browser
):
    sign_in(browser, mailbox, member)
    other = open_browser()
    sign_in(other, mailbox, member)
    browser.get("/compte/securite/application")
    browser.press("Commencer")
    secret = scan(browser.page.soup, clock).secret

    page = other.get("/compte/securite/application")

    assert page.soup.select_one("details .example") is None
    assert secret not in page.response.text


def test_the_code_that_was_used_is_refused_and_the_next_one_is_taken(
    browser, member, parts, clock, open_browser
):
    phone, _ = give_app(parts, member)
    code = phone.code()
    give_password(browser, member)
    browser.submit(code=code)
    thief = open_browser()
    give_password(thief, member)

    page = thief.submit(code=code)

    assert page.errors["code"].startswith("Ce code a déjà servi.")
    clock.advance(STEP)
    assert thief.submit(code=phone.code()).path == "/connexion/appareil"


def test_five_wrong_codes_end_the_sign_in_whether_of_the_app_or_of_the_list(browser, member, parts):
    give_app(parts, member, recovery=True)
    give_password(browser, member)
    for code in ("000000", "111111", "222222"):
        browser.submit(code=code)
    browser.click("Utiliser un autre moyen")
    for code in ("aaaa-bbbb-cccc", "aaaabbbbdddd"):
        page = browser.submit(recovery_code=code)
        assert "recovery_code" in page.errors

    page = browser.submit(recovery_code="aaaabbbbeeee")

    assert page.number == "P-2004"
    assert browser.press("Recommencer la connexion").path == "/connexion"


@pytest.mark.settings(captcha={"login": "off"}, sign_in={"code_tries": 5, "wrong_codes_per_day": 4})
def test_wrong_codes_of_a_day_are_counted_with_the_mailed_ones_and_the_owner_is_warned(
    browser, mailbox, member, parts
):
    phone, _ = give_app(parts, member)
    give_password(browser, member)
    for code in ("000000", "111111", "222222"):
        browser.submit(code=code)
    fields = browser.fields(code=phone.code())

    page = browser.submit(code="333333")

    assert page.number == "P-2006"
    assert "suspendue" in mailbox.last(to=member.email).words
    # The right code is not even compared.
    assert browser.post("/connexion/application", fields).number == "P-2006"


def test_an_app_that_is_taken_off_brings_the_mailed_code_back_and_ends_what_it_opened(
    browser, mailbox, member, parts, open_browser
):
    phone, _ = give_app(parts, member, recovery=True)
    elsewhere = open_browser()
    for each in (elsewhere, browser):
        give_password(each, member)
        each.submit(code=phone.code())
        each.press("Non merci")
        parts.clock.advance(STEP)
    browser.get("/compte/securite/application")
    assert "C’est votre seul moyen renforcé" in browser.page.words

    browser.press("Retirer l’application")

    assert browser.page.path == "/compte/securite"
    assert not is_signed_in(elsewhere)
    assert is_signed_in(browser)
    assert "a été retirée" in mailbox.last(to=member.email).subject
    assert give_password(open_browser(), member).path == "/connexion/code"
    assert events(parts.database, "app.removed")


def test_a_page_that_changes_it_asks_for_the_second_step_again_by_the_app(browser, member, parts, clock):
    phone, _ = give_app(parts, member)
    give_password(browser, member)
    browser.submit(code=phone.code())
    browser.press("Non merci")
    clock.advance(SECOND_STEP_FRESH_FOR + timedelta(seconds=1))

    page = browser.get("/compte/securite/application")

    assert page.path == "/connexion/application"
    assert browser.submit(code=phone.code()).path == "/compte/securite/application"


def test_a_trusted_device_spares_the_app_and_no_longer_once_the_app_is_taken_off(
    browser, member, parts, clock
):
    phone, _ = give_app(parts, member)
    give_password(browser, member)
    browser.submit(code=phone.code())
    browser.press("Oui, se fier à cet appareil")
    browser.close()

    page = give_password(browser, member)

    assert page.path == "/compte"
    browser.get("/compte/securite/application")
    clock.advance(STEP)
    browser.submit(code=phone.code())
    browser.press("Retirer l’application")
    browser.close()
    assert give_password(browser, member).path == "/connexion/code"


def test_a_stranger_who_knows_nothing_reads_the_same_whether_an_account_has_an_app(
    browser, register, parts, member, open_browser
):
    register.open_account(SACHA)
    give_app(parts, member)

    with_app = give_password(browser, member, password="Une!Autre1phrase").without_chance()
    without = give_password(open_browser(), SACHA, password="Une!Autre1phrase").without_chance()

    assert with_app.replace(member.email, SACHA.email) == without


def test_a_sign_in_that_began_before_the_app_cannot_finish_without_it(
    browser, mailbox, member, parts, open_browser
):
    before = open_browser()
    page = give_password(before, member)
    assert page.path == "/connexion/code"
    code = mailbox.last(to=member.email).code()
    give_app(parts, member)

    page = before.submit(code=code)
    page = before.press("Non merci") if page.path == "/connexion/appareil" else page

    assert page.path == "/connexion/application"
    assert not is_signed_in(before)


def test_on_an_address_of_numbers_the_page_says_why_there_are_none(browser, mailbox, member):
    browser.get("/connexion")
    assert "clé d’accès" not in browser.page.words
    assert "passkey.js" not in browser.page.response.text
    sign_in(browser, mailbox, member)

    page = browser.get("/compte/securite")

    assert "ne sont pas possibles ici : ce service n’a pas de nom de domaine" in page.words
    assert "ne sont pas possibles ici" in browser.get("/compte/securite/cle/nouvelle").words
    assert browser.post("/connexion/cle/options", browser_fields(browser)).number == "P-6402"


def browser_fields(browser):
    browser.get("/deconnexion")
    token = browser.page.soup.find("input", attrs={"name": "csrf_token"})["value"]
    return {"csrf_token": token}
