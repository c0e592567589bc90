"""What people do in « Mon compte »."""

from idp.core.db import Database
from idp.subjects.accounts import Account
from tests.support.browser import Browser, Page
from tests.support.mailbox import Mailbox
from tests.support.people import Person

NEW_PASSWORD = "Marmotte&Cerisier84"
NEW_ADDRESS = "camille.neuve@example.net"


def confirm(browser: Browser, mailbox: Mailbox, person: Person) -> Page:
    """Give the second step again, where it is asked for."""
    assert browser.page.path == "/connexion/code", browser.page.words
    return browser.submit(code=mailbox.last(to=person.email, subject="code").code())


def change_password(browser: Browser, person: Person, **changes: str) -> Page:
    """« Mon mot de passe », filled in and sent."""
    browser.get("/compte/mot-de-passe")
    typed = {
        "current_password": person.password,
        "password": NEW_PASSWORD,
        "password_confirm": NEW_PASSWORD,
        **changes,
    }
    return browser.submit(**typed)


def ask_for_address(browser: Browser, address: str = NEW_ADDRESS) -> Page:
    """« Mon adresse email », filled in and sent."""
    browser.get("/compte/adresse")
    return browser.submit(email=address)


def close(browser: Browser, person: Person) -> Page:
    """« Fermer mon compte », filled in and sent."""
    browser.get("/compte/fermer")
    return browser.submit(current_password=person.password)


def account_of(database: Database, account_id: str) -> Account | None:
    """The account's row as it is."""
    with database.reading() as session:
        return session.get(Account, account_id)
