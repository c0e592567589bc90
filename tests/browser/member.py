"""A member in front of Chromium: types, reads mails in the mailbox page, copies captchas."""

import json
import re
import time
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page
from sqlalchemy import select

from idp.captcha import challenge
from idp.captcha.challenge import CaptchaChallenge
from idp.core.db import Database
from idp.core.secrets import Vault

PATIENCE = timedelta(seconds=60)
LINK = r"^http\S+/inscription/activer/\S+$"
CODE = r"^\d{3} ?\d{3}$"


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: its addresses, its folder, and the members that it printed."""

    base: int
    folder: Path
    members: list[tuple[str, str]]

    @property
    def provider(self) -> str:
        """The issuer."""
        return f"http://127.0.0.1:{self.base}"

    @property
    def member_space(self) -> str:
        """The public page's address."""
        return f"http://127.0.0.1:{self.base + 2}"

    @property
    def mailbox(self) -> str:
        """The mailbox page's address."""
        return f"http://127.0.0.1:{self.base + 25}"

    def captcha_answer(self, picture_url: str) -> str:
        """What a person reads in the picture: opened with the demo's own secret."""
        vault = Vault.from_root((self.folder / "secrets" / "secret_key").read_text(encoding="ascii").strip())
        name = picture_url.rsplit("/", 1)[-1].removesuffix(".png")
        database = Database(f"sqlite:///{self.folder / 'parvis.db'}")
        until = time.monotonic() + PATIENCE.total_seconds()
        sealed = None
        while sealed is None and time.monotonic() < until:
            with database.reading() as session:
                wanted = select(CaptchaChallenge.answer).where(CaptchaChallenge.id == name)
                sealed = session.execute(wanted).scalar_one_or_none()
            time.sleep(0 if sealed is not None else 0.1)
        database.dispose()
        assert sealed is not None, f"the demo of {self.folder} never showed the picture {picture_url}"
        return vault.unseal(challenge.SEAL, sealed, bound_to=name).decode()

    def mail(self, to: str, *, holding: str) -> str:
        """The text of the newest mail to an address that holds a pattern; waits for the worker."""
        until = time.monotonic() + PATIENCE.total_seconds()
        while time.monotonic() < until:
            with urllib.request.urlopen(f"{self.mailbox}/api/messages?to={to}") as answer:
                messages = json.load(answer)
            texts = [message["text"].replace("\r\n", "\n") for message in messages]
            found = [text for text in texts if re.search(holding, text, re.MULTILINE)]
            if found:
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"no mail to {to} that holds {holding}")


@dataclass
class Member:
    """One person with one browser."""

    page: Page
    demo: Demo
    number: str
    code: str
    email: str
    password: str = "Ardoise!Prairie27"

    def read_captcha(self) -> str:
        """What is in the picture."""
        return self.demo.captcha_answer(self.page.locator(".captcha img").get_attribute("src") or "")

    def copy_captcha(self) -> None:
        """Read the picture and type it."""
        self.page.fill("input[name=captcha]", self.read_captcha())

    def activation_link(self) -> str:
        """The link of the mail."""
        text = self.demo.mail(self.email, holding=LINK)
        found = re.search(LINK, text, re.MULTILINE)
        assert found is not None
        return found[0]

    def mailed_code(self) -> str:
        """The code of the mail."""
        text = self.demo.mail(self.email, holding=CODE)
        found = re.search(CODE, text, re.MULTILINE)
        assert found is not None
        return found[0]

    def enrol(self) -> None:
        """« Mes infos »."""
        page = self.page
        page.fill("input[name=member_number]", self.number)
        page.fill("input[name=access_code]", self.code.upper())
        page.fill("input[name=email]", self.email)
        page.fill("input[name=password]", self.password)
        page.fill("input[name=password_confirm]", self.password)
        page.check("input[name=terms]")
        self.copy_captcha()
        page.click("text=Créer mon compte")

    def activate(self) -> None:
        """Open the link of the mail and press its button."""
        self.page.goto(self.activation_link())
        self.page.click("button:has-text('Je valide mon inscription')")

    def give_password(self) -> None:
        """« Connexion à votre compte »."""
        self.page.fill("input[name=identifier]", self.email)
        self.page.fill("input[name=password]", self.password)
        if self.page.locator(".captcha img").count():
            self.copy_captcha()
        self.page.click("button:has-text('Se connecter')")

    def give_code(self) -> None:
        """The code of the mail."""
        self.page.fill("input[name=code]", self.mailed_code())
        self.page.click("button:has-text('Valider')")
