"""« Mon mot de passe »: the current one is asked for, and everything else that was open ends."""

import pytest

from tests.support.account import NEW_PASSWORD, change_password
from tests.support.browser import CHROME
from tests.support.people import give_password, is_signed_in, sign_in
from tests.support.rows import events

pytestmark = pytest.mark.settings(captcha={"login": "off"})

YES = "Oui, se fier à cet appareil"
OTHER = {"network": "203.0.113.9"}


def test_a_new_password_ends_all_but_this_session_and_its_owner_is_told(
    open_browser, browser, mailbox, member, parts
):
    phone, thief = open_browser(agent=CHROME, **OTHER), open_browser(**OTHER)
    sign_in(phone, mailbox, member, trust=YES)
    sign_in(browser, mailbox, member, trust=YES)
    thief.steal_cookies(browser)

    page = change_password(browser, member)

    assert "Votre mot de passe est changé" in page.words
    assert is_signed_in(browser)
    assert not is_signed_in(phone)
    assert not is_signed_in(thief), "a copy of the cookie is worth nothing after the change"
    assert "Aucun appareil de confiance" in browser.get("/compte/appareils").words
    assert browser.device_cookies() == {}
    mail = mailbox.last(to=member.email)
    assert mail.subject == "Votre mot de passe a été changé"
    assert "Firefox" in mail.text
    assert give_password(phone, member).errors.keys() == {"password"}
    assert give_password(phone, member, password=NEW_PASSWORD).path == "/connexion/code"
    assert len(events(parts.database, "password.changed")) == 1


REFUSED = [
    ({"current_password": ""}, "current_password", "Écrivez votre mot de passe actuel"),
    ({"current_password": "not the one"}, "current_password", "pas votre mot de passe actuel"),
    ({"password": "short", "password_confirm": "short"}, "password", "trop court"),
    ({"password_confirm": "Autre&Cerisier84"}, "password_confirm", "différents"),
    ({"password": "Camille&1234567", "password_confirm": "Camille&1234567"}, "password", ""),
    ({"password": "Prairie!Ardoise27", "password_confirm": "Prairie!Ardoise27"}, "password", "actuel"),
]


def test_what_does_not_do_changes_nothing(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member)

    for changes, field, words in REFUSED:
        assert words in change_password(browser, member, **changes).errors[field]

    assert events(parts.database, "password.changed") == []
    browser.close()
    assert give_password(browser, member).path == "/connexion/code"


def test_wrong_current_passwords_wait_as_at_the_sign_in(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member)
    for _ in range(5):
        assert (
            "pas votre" in change_password(browser, member, current_password="x").errors["current_password"]
        )

    page = change_password(browser, member)

    assert "attendez" in page.errors["current_password"]
    assert len(events(parts.database, "password.wrong")) == 5
    assert len(events(parts.database, "password.delayed")) == 1


def test_a_form_sent_twice_changes_once(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member)
    browser.get("/compte/mot-de-passe")
    sent = browser.fields(
        current_password=member.password, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD
    )
    browser.post("/compte/mot-de-passe", sent)

    page = browser.post("/compte/mot-de-passe", sent)

    assert page.errors.keys() == {"current_password"}
    assert len(events(parts.database, "password.changed")) == 1


def test_a_session_that_ends_while_the_hash_is_made_changes_nothing(
    browser, mailbox, member, parts, monkeypatch
):
    from sqlalchemy import update

    from idp.sessions.service import SessionRow

    sign_in(browser, mailbox, member)
    make = parts.passwords.hash

    def slowly(password):
        with parts.database.transaction() as session:
            session.execute(update(SessionRow).values(ended_at=parts.clock.now()))
        return make(password)

    monkeypatch.setattr(parts.passwords, "hash", slowly)

    page = change_password(browser, member)

    assert page.path == "/connexion"
    assert events(parts.database, "password.changed") == []
    assert give_password(browser, member).path == "/connexion/code"
