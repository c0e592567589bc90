"""The people of the stories, what they do all the time, and how they come to be in the register."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idp.core.spaces import Space
from idp.housekeeping import make_importer
from idp.subjects import accounts, emails, members
from idp.subjects.register_import import ImportOptions, ImportReport
from idp.subjects.register_rows import HEADER
from tests.support.browser import Browser, Page
from tests.support.mailbox import Mailbox


@dataclass(frozen=True, slots=True)
class Person:
    """A member and what they type."""

    number: str = "1234567"
    code: str = "abcdefgh"
    email: str = "camille@example.org"
    password: str = "Prairie!Ardoise27"
    given_name: str = "Camille"
    family_name: str = "Aubépin"
    population: str = "adherent"
    known_email: str = ""
    status: str = "active"
    birth_date: str = ""

    @property
    def line(self) -> str:
        """Their line of the register."""
        cells = (
            self.population, self.number, self.code, self.family_name,
            self.given_name, self.birth_date, self.known_email, self.status,
        )  # fmt: skip
        return ",".join(cells)


CAMILLE = Person()
SACHA = Person("1234568", "bcdefghj", "sacha@example.org", "Verger!Horloge58", "Sacha", "Valbruyère")
MAELLE = Person("1234569", "cdefghjk", "maelle@example.net", "Falaise?Bouton63", "Maëlle", "Montchêne")


class Register:
    """The mutual's register, imported by the real importer."""

    def __init__(self, parts: Any, folder: Path) -> None:
        self._parts = parts
        self._folder = folder

    def add(self, *people: Person) -> None:
        """Import them beside those who were there before."""
        self._take(people)

    def replace(self, *people: Person) -> ImportReport:
        """Import them as the whole register: whoever else was there is gone."""
        return self._take(people, full=True, force=True)

    def _take(self, people: Iterable[Person], **options: bool) -> ImportReport:
        content = "\n".join([",".join(HEADER), *(person.line for person in people)]) + "\n"
        now = self._parts.clock.now()
        report = make_importer(self._parts.settings, self._parts.database, now=now).run(
            io.BytesIO(content.encode()),
            now=now,
            options=ImportOptions(**options),
            refused_file=self._folder / "refused.csv",
            progress=lambda _read: None,
        )
        assert isinstance(report, ImportReport), report
        assert report.refused == 0, (self._folder / "refused.csv").read_text()
        return report

    def open_account(self, person: Person) -> str:
        """Register a person and open their account, without the pages; its id."""
        self.add(person)
        return self.give_account(person, self._parts.passwords.hash(person.password))

    def give_account(self, person: Person, stored: str) -> str:
        """Open the account of somebody in the register, with a password hashed before; its id."""
        parts = self._parts
        with parts.database.transaction() as session:
            member = members.by_number(session, person.population, person.number)
            space: Space = parts.spaces.default
            account_id = accounts.open_if_none(
                session,
                now=parts.clock.now(),
                mates=parts.spaces.mates(person.population),
                member_id=member.id,
                email=person.email,
                email_folded=emails.fold(person.email),
                password_hash=stored,
                terms_version=space.terms_version,
                terms_hash=space.terms_hash,
                terms_accepted_at=parts.clock.now(),
            )
        assert account_id is not None
        return account_id


def fill_enrolment(browser: Browser, person: Person, **changes: Any) -> Page:
    """« Créer son compte », filled in and sent; a change of None leaves a field out."""
    browser.get("/inscription")
    typed = {
        "member_number": person.number,
        "access_code": person.code,
        "email": person.email,
        "password": person.password,
        "password_confirm": person.password,
        "terms": "y",
    }
    return browser.submit(**{**typed, **changes})


def enrol(browser: Browser, mailbox: Mailbox, person: Person) -> Page:
    """The whole of « Créer son compte »: form, mail, link, button."""
    fill_enrolment(browser, person)
    browser.get(mailbox.last(to=person.email).link())
    page = browser.submit()
    assert page.path == "/inscription/bienvenue", page.words
    return page


def give_password(browser: Browser, person: Person, *, address: str = "/connexion", **changes: Any) -> Page:
    """The first page of the sign-in, filled in and sent."""
    browser.get(address)
    typed = {"identifier": person.email, "password": person.password, **changes}
    had_captcha = browser.page.asks_for("captcha")
    page = browser.submit(**typed)
    if not had_captcha and page.errors.keys() == {"captcha"} and "captcha" not in changes:
        # A trusted device of somebody else: the picture is asked for once the page knows who comes.
        page = browser.submit(**typed)
    return page


def sign_in(
    browser: Browser, mailbox: Mailbox, person: Person, *, trust: str = "Non merci", **changes: Any
) -> Page:
    """The whole sign-in: password, code by mail, and the answer about this browser."""
    page = give_password(browser, person, **changes)
    assert page.path == "/connexion/code", page.words
    page = browser.submit(code=mailbox.last(to=person.email, subject="code").code())
    assert page.path == "/connexion/appareil", page.words
    return browser.press(trust)


def is_signed_in(browser: Browser) -> bool:
    """Whether « Mon compte » opens."""
    return browser.get("/compte").h1 == "Mon compte"
