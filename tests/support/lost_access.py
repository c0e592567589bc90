"""The ways back, as stories walk them: a lost address, a forgotten password, and the code of a letter."""

from typing import Any

from sqlalchemy import select

from idp.recovery import help_desk
from idp.recovery.changes import ChangeTools
from idp.recovery.help_desk import Unlocked
from idp.subjects import accounts, letters, members
from idp.subjects.accounts import Account
from idp.subjects.letters import Letter
from tests.support.browser import Browser, Page
from tests.support.mailbox import Mailbox
from tests.support.people import CAMILLE, Person

NEW = "Sentier!Boussole84"
CHOOSE = "Choisissez un nouveau"


def lose(browser: Browser, address: str, person: Person = CAMILLE) -> Page:
    """« Je n'ai plus accès à mon email »."""
    browser.get("/adresse-perdue")
    return browser.submit(member_number=person.number, access_code=person.code, email=address)


def asks_for_password(browser: Browser, mailbox: Mailbox, identifier: str = CAMILLE.email) -> Page:
    """« Mot de passe oublié », up to the link of the mail."""
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=identifier)
    return browser.get(mailbox.last(to=CAMILLE.email, subject=CHOOSE).link())


def code_of_letter(parts: Any) -> str:
    """What the printer reads on the newest letter."""
    with parts.database.reading() as session:
        newest = select(Letter).where(Letter.kind == "recovery").order_by(Letter.created_at.desc())
        return letters.code_of(session.scalars(newest).first(), parts.vault)


def give_letter(browser: Browser, code: str, person: Person = CAMILLE) -> Page:
    """Number, access code and the letter's code: the page of a new password follows."""
    browser.get("/adresse-perdue/lettre")
    return browser.submit(member_number=person.number, access_code=person.code, code=code)


def answer(browser: Browser, mailbox: str, address: str = "", password: str = NEW) -> Page:
    """The new password, and which mailbox is the reader's."""
    return browser.submit(mailbox=mailbox, email=address, password=password, password_confirm=password)


def account_of(parts: Any, person: Person = CAMILLE) -> Account:
    """The member's account as it is now."""
    with parts.database.reading() as session:
        return accounts.by_member_number(session, person.number, frozenset({person.population}))


def unlock(parts: Any, person: Person, **more: str) -> Unlocked:
    """The help desk."""
    with parts.database.transaction() as session:
        member = members.by_number(session, person.population, person.number)
        tools = ChangeTools(parts.settings, parts.vault, parts.spaces)
        return help_desk.unlock(session, member, tools=tools, now=parts.clock.now(), **more)
