"""Recovery codes: shown once, good once, void when a new set is made; their owner is told of each use."""

import re

import pytest

from idp.authenticators.recovery_codes import LETTERS, RecoveryCode
from tests.support.people import SACHA, give_password, is_signed_in
from tests.support.rows import all_rows
from tests.support.second_device import STEP, give_app

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def use(browser, member, code):
    """Password, then a recovery code in the place of the app."""
    give_password(browser, member)
    browser.click("Utiliser un autre moyen")
    return browser.submit(recovery_code=code)


def test_a_code_signs_in_once_in_the_place_of_the_app_and_the_owner_is_told(
    browser, mailbox, member, parts, open_browser
):
    _, codes = give_app(parts, member, recovery=True)

    page = use(browser, member, codes[0].replace("-", " ").upper())

    assert page.path == "/connexion/appareil"
    browser.press("Non merci")
    assert is_signed_in(browser)
    mail = mailbox.last(to=member.email, subject="code de secours")
    assert "Codes encore valables : 9" in mail.words
    page = use(open_browser(), member, codes[0])
    assert page.errors["recovery_code"].startswith("Ce code de secours a déjà servi.")


def test_ten_codes_without_look_alikes_are_shown_once_and_kept_as_keyed_hashes(
    browser, mailbox, member, parts, clock
):
    phone, _ = give_app(parts, member)
    give_password(browser, member)
    browser.submit(code=phone.code())
    browser.press("Non merci")
    browser.get("/compte/securite")
    browser.click("Créer de nouveaux codes")

    page = browser.press("Créer 10 nouveaux codes")

    shown = [tag.text for tag in page.soup.select("li .example")]
    assert len(set(shown)) == 10
    assert all(re.fullmatch(rf"[{LETTERS}]{{4}}(-[{LETTERS}]{{4}}){{2}}", code) for code in shown)
    assert "codes de secours" in mailbox.last(to=member.email).subject
    assert shown[0] not in browser.get("/compte/securite/codes").response.text
    kept = repr(all_rows(parts.database))
    assert not any(code in kept or code.replace("-", "") in kept for code in shown)


def test_a_new_set_voids_the_old_one(browser, member, parts, clock, open_browser):
    phone, old = give_app(parts, member, recovery=True)
    give_password(browser, member)
    browser.submit(code=phone.code())
    browser.press("Non merci")
    browser.get("/compte/securite/codes")
    browser.press("Créer 10 nouveaux codes")
    new = browser.page.soup.select_one("li .example").text
    clock.advance(STEP)

    other = open_browser()
    assert "recovery_code" in use(other, member, old[0]).errors
    assert other.submit(recovery_code=new).path == "/connexion/appareil"


def test_a_code_of_somebody_else_is_worth_nothing(browser, register, member, parts):
    register.open_account(SACHA)
    _, theirs = give_app(parts, SACHA, recovery=True)
    give_app(parts, member, recovery=True)

    assert "recovery_code" in use(browser, member, theirs[0]).errors


def test_an_account_without_an_app_takes_no_recovery_code(browser, member, parts):
    page = give_password(browser, member)
    fields = browser.fields(recovery_code="abcd-efgh-jkmn")

    page = browser.post("/connexion/application", fields)

    assert page.path == "/connexion/code"
    with parts.database.reading() as session:
        assert session.query(RecoveryCode).count() == 0
