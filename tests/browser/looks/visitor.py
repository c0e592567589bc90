"""Somebody in front of Chromium, on a network of their own, who goes through the pages quickly."""

import json
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page

from idp.captcha.challenge import SEAL, CaptchaChallenge
from idp.core.outbox import PURPOSE as OUTBOX
from idp.core.outbox import OutboxMessage
from idp.login.interaction import Interaction
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.subjects.enrolments import Enrolment
from idp.web import words as catalogue
from tests.browser.looks.world import World
from tests.support.people import Person

WaitUntil = Literal["commit", "domcontentloaded", "load"]


class Visitor:
    """One browser without cookies, in front of one provider."""

    def __init__(self, page: Page, world: World, *, network: str) -> None:
        self.page = page
        self.world = world
        self.address = network
        self.person: Person | None = None
        page.context.clear_cookies()
        self.speak("fr")

    def speak(self, language: str) -> None:
        """Prefer a language from now on."""
        self.language = language
        headers = {"X-Forwarded-For": self.address, "Accept-Language": language}
        self.page.set_extra_http_headers(headers)

    def open(self, path: str, **query: str) -> None:
        """Go to a page of the provider."""
        self.page.goto(self.world.url + path + ("?" + urlencode(query) if query else ""))

    def fill(self, **typed: str) -> None:
        """Type into the fields of these names."""
        for name, value in typed.items():
            self.page.fill(f"[name={name}]", value)

    def press(self, words: str) -> None:
        """Press a button of the main part, by its French words, and wait for the page that follows."""
        said = catalogue.one(words, self.language)
        with self.page.expect_navigation():
            self.page.locator("main button", has_text=said).first.click()

    def send(self, **typed: str) -> None:
        """Fill in the main form and send it by its own button; the picture of the captcha is read."""
        if self.page.locator("input[name=captcha]").count() and "captcha" not in typed:
            typed["captcha"] = self.read_captcha()
        self.fill(**typed)
        with self.page.expect_navigation():
            self.page.locator("#main-form button.main").first.click()

    def read_captcha(self) -> str:
        """What a person reads in the picture."""
        shown = self.page.locator("input[name=captcha_id]").get_attribute("value")
        with self.world.rows() as session:
            row = session.get(CaptchaChallenge, shown)
            return self.world.parts.vault.unseal(SEAL, row.answer, bound_to=shown).decode()

    def post(self, path: str, body: str = "") -> None:
        """Send a form that no page has; `body` is the value of its only field."""
        script = """([path, value]) => {
            const form = document.createElement("form");
            form.method = "post";
            form.action = path;
            const field = document.createElement("input");
            field.name = "body";
            field.value = value;
            form.append(field);
            document.body.append(form);
            form.submit();
        }"""
        with self.page.expect_navigation():
            self.page.evaluate(script, [path, body])

    # Where most stories begin.

    def come_from(
        self, client: str = "espace-adherent", *, wait_until: WaitUntil = "load", **more: str
    ) -> None:
        """Arrive from a service."""
        query = urlencode(self.world.request_of(client, **more))
        self.page.goto(f"{self.world.url}/oauth2/authorize?{query}", wait_until=wait_until)

    def give_password(self, person: Person) -> None:
        """« Connexion à votre compte », without a service."""
        self.open("/connexion")
        self.send(identifier=person.email, password=person.password)

    def give_code(self) -> None:
        """The code of the mail."""
        self.send(code=self.newest_mail()["code"])

    def sign_in(self, person: Person, *, answer: str = "Non merci") -> None:
        """The whole sign-in, from whichever first page is open."""
        self.send(identifier=person.email, password=person.password)
        self.give_code()
        self.press(answer)

    def be_signed_in(self, person: Person, space: str = "adherent") -> None:
        """Somebody who has just signed in with password and code; the pages of the sign-in have scenes of their own."""
        parts, now = self.world.parts, self.world.clock.now()
        with self.world.rows() as session:
            _row, secret = sessions.open_session(
                session,
                account=accounts.by_email(session, person.email),
                space=parts.spaces[space],
                methods=frozenset({Method.PASSWORD, Method.MAIL_CODE}),
                device_id=None,
                browser_name="Chrome sur Linux",
                auth_time=now,
                second_step_at=now,
                now=now,
            )
        host = urlsplit(self.world.url).hostname
        cookie = {"name": "__Host-parvis_session", "value": secret, "domain": host, "path": "/"}
        self.page.context.add_cookies([{**cookie, "secure": True, "httpOnly": True, "sameSite": "Lax"}])

    def enrol(self, person: Person, **changes: str) -> None:
        """« Créer son compte »: the form, filled in and sent."""
        self.open("/inscription", espace="adherent")
        self.fill_enrolment(person, **changes)

    def fill_enrolment(self, person: Person, **changes: str) -> None:
        """« Mes infos », from whichever such page is open."""
        self.page.check("[name=terms]")
        typed = {
            "member_number": person.number,
            "access_code": person.code,
            "email": person.email,
            "password": person.password,
            "password_confirm": person.password,
        }
        self.send(**{**typed, **changes})

    # What only the provider knows.

    def newest_mail(self, kind: str = "") -> dict[str, Any]:
        """The values of the mail that was written last, of one kind if it matters."""
        with self.world.rows() as session:
            rows = session.query(OutboxMessage).order_by(OutboxMessage.id.desc())
            row = (rows.filter_by(kind=kind) if kind else rows).first()
            text = self.world.parts.vault.unseal(OUTBOX, row.sealed, bound_to=row.cause).decode()
        return json.loads(text)["context"]

    @property
    def interaction_id(self) -> str:
        """The sign-in that the page's address names."""
        return parse_qs(urlsplit(self.page.url).query)["i"][0]

    def change_interaction(self, **values: Any) -> None:
        """The sign-in of this page is as another request left it."""
        with self.world.rows() as session:
            _change(session.get_one(Interaction, self.interaction_id), values)

    def change_account(self, person: Person, **values: Any) -> None:
        """An account is as others left it."""
        with self.world.rows() as session:
            account = accounts.by_email(session, person.email)
            _change(session.get_one(Account, account.id), values)

    def change_enrolment(self, person: Person, **values: Any) -> Enrolment:
        """The newest attempt of somebody is as others left it; the attempt."""
        with self.world.rows() as session:
            wanted = session.query(Enrolment).filter_by(email=person.email)
            row = wanted.order_by(Enrolment.mails.desc()).first()
            _change(row, values)
            session.flush()
            session.refresh(row)
            session.expunge(row)
        return row

    def change_mail(self, **values: Any) -> None:
        """The mail that was written last has come this far."""
        with self.world.rows() as session:
            _change(session.query(OutboxMessage).order_by(OutboxMessage.id.desc()).first(), values)


def _change(row: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
