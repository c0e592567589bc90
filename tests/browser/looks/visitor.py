"""Somebody in front of Chromium, on a network of their own, who goes through the pages quickly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.support.browser import Browser
from tests.support.people import Person

WaitUntil = Literal["commit", "domcontentloaded", "load"]
COOKIE = "__Host-parvis_"
# All fields at once; each must be one that somebody can see and type into.
FILL = """(typed) => {
    for (const [name, value] of Object.entries(typed)) {
        const fields = [...document.querySelectorAll(`:is(input, select, textarea)[name="${name}"]`)].filter(
            (each) => each.type !== "radio" || each.value === value,
        );
        const field = fields[0];
        const isThere = fields.length === 1 && field.checkVisibility({ visibilityProperty: true });
        if (!isThere || field.disabled || field.readOnly) throw new Error(`nobody can type into ${name}`);
        if (field.type === "checkbox" || field.type === "radio") field.checked = true;
        else field.value = value;
        for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
}"""
# A button under something else cannot be pressed.
PRESS = """(button) => {
    button.scrollIntoView({ block: "center", behavior: "instant" });
    const { x, y, width, height } = button.getBoundingClientRect();
    if (button.disabled || !button.contains(document.elementFromPoint(x + width / 2, y + height / 2)))
        throw new Error(`nobody can press « ${button.innerText} »`);
    button.click();
}"""


class Visitor:
    """One browser without cookies, in front of one provider."""

    def __init__(self, page: Page, world: World, *, network: str) -> None:
        self.page = page
        self.world = world
        self.address = network
        self.person: Person | None = None
        self._quick: Browser | None = None
        self._left_at = ""
        self.forget()
        self.speak("fr")

    def speak(self, language: str) -> None:
        """Prefer a language from now on."""
        self.language = language
        headers = {"X-Forwarded-For": self.address, "Accept-Language": language}
        self.page.set_extra_http_headers(headers)

    @contextmanager
    def quickly(self) -> Iterator[None]:
        """A way on which nothing is looked at: the same pages, forms and cookies, without Chromium.

        Chromium has the cookies afterwards, and goes on with `open` or `stay`.
        """
        if self._quick is not None:
            yield
            return
        agent = self.page.evaluate("navigator.userAgent")
        quick = Browser(self.world.app, network=self.address, agent=agent, speaks=self.language)
        for cookie in self.page.context.cookies():
            quick.set_cookie(cookie["name"].removeprefix(COOKIE), cookie["value"])
        self._quick = quick
        try:
            yield
        finally:
            self._quick = None
        self.page.context.clear_cookies()
        self._give_cookies(quick.cookies)
        self._left_at = quick.page.location or quick.page.address

    def stay(self) -> None:
        """Chromium opens the page to which the way has led."""
        if self._quick is None:
            self.open(self.url)

    @property
    def url(self) -> str:
        """Where the way has led so far."""
        if self._quick is None:
            return self._left_at or self.page.url
        return self._quick.page.location or self._quick.page.address

    def open(self, address: str, **query: str) -> None:
        """Go to a page of the provider."""
        path = address.removeprefix(self.world.url) + ("?" + urlencode(query) if query else "")
        if self._quick is not None:
            self._quick.get(path)
        else:
            self._left_at = ""
            self.page.goto(self.world.url + path)

    def forget(self) -> None:
        """Every cookie goes: another browser, from here on."""
        if self._quick is not None:
            self._quick.client.reset()
        else:
            self.page.context.clear_cookies()

    def fill(self, **typed: str) -> None:
        """Type into the fields of these names; a box is ticked, of several circles the one with this value."""
        self.page.evaluate(FILL, typed)

    def press(self, words: str) -> None:
        """Press a button of the main part, by its French words, and wait for the page that follows."""
        said = catalogue.one(words, self.language)
        if self._quick is not None:
            self._quick.press(said)
            return
        with self.page.expect_navigation():
            self.page.locator("main button", has_text=said).first.evaluate(PRESS)

    def follow(self, words: str) -> None:
        """Follow a link of the main part, by its French words."""
        said = catalogue.one(words, self.language)
        with self.page.expect_navigation():
            self.page.locator("main a", has_text=said).first.evaluate(PRESS)

    def send(self, **typed: str) -> None:
        """Fill in the main form and send it by its own button; the picture of the captcha is read."""
        if self._quick is not None:
            self._quick.submit(**typed)
            return
        if "captcha" not in typed and self.page.locator("input[name=captcha]").count():
            typed["captcha"] = self.read_captcha()
        self.fill(**typed)
        with self.page.expect_navigation():
            self.page.locator("#main-form button.main").first.evaluate(PRESS)

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
        asked = self.world.request_of(client, **more)
        if self._quick is not None:
            self.open("/oauth2/authorize", **asked)
        else:
            self._left_at = ""
            address = f"{self.world.url}/oauth2/authorize?{urlencode(asked)}"
            self.page.goto(address, wait_until=wait_until)

    def give_password(self, person: Person) -> None:
        """« Connexion à votre compte », without a service."""
        self.open("/connexion")
        self.send(identifier=person.email, password=person.password)

    def give_code(self) -> None:
        """The code of the mail."""
        self.send(code=self.newest_mail()["code"])

    def sign_in(self, person: Person, *, answer: str = "Non merci", **typed: str) -> None:
        """The whole sign-in, from whichever first page is open."""
        self.send(identifier=person.email, password=person.password, **typed)
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
        if self._quick is not None:
            self._quick.set_cookie("session", secret)
        else:
            self._give_cookies({"session": secret})

    def enrol(self, person: Person, **changes: str) -> None:
        """« Créer son compte »: the form, filled in and sent."""
        self.open("/inscription", espace="adherent")
        self.fill_enrolment(person, **changes)

    def fill_enrolment(self, person: Person, **changes: str) -> None:
        """« Mes infos », from whichever such page is open."""
        typed = {
            "terms": "y",
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
        return parse_qs(urlsplit(self.url).query)["i"][0]

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

    def _give_cookies(self, cookies: dict[str, str]) -> None:
        kind = {
            "domain": urlsplit(self.world.url).hostname, "path": "/", "secure": True, "httpOnly": True,
            "sameSite": "Lax",
        }  # fmt: skip
        told = [{"name": COOKIE + name, "value": value, **kind} for name, value in cookies.items()]
        self.page.context.add_cookies(told)


def _change(row: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
