"""A member's telephone with an authenticator app, and how an account comes to have one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp
from bs4 import BeautifulSoup
from sqlalchemy.orm import Session

from idp.authenticators import authenticator_app, recovery_codes
from idp.authenticators.passkey import Passkey
from idp.subjects import accounts
from idp.subjects.accounts import Account
from tests.support.people import Person

STEP = timedelta(seconds=30)


@dataclass
class Phone:
    """An app that holds one secret, with its own idea of the time."""

    secret: str
    clock: Any

    def code(self, *, late: timedelta = timedelta(0)) -> str:
        """What the app shows when its clock is that late."""
        return pyotp.TOTP(self.secret).at(self.clock.now() - late)


def scan(soup: BeautifulSoup, clock: Any) -> Phone:
    """Type the secret that the page shows into an app."""
    return Phone("".join(soup.select_one("details .example").text.split()), clock)


def give_app(parts: Any, person: Person, *, recovery: bool = False) -> tuple[Phone, list[str]]:
    """An account whose app is set up, without the pages; its recovery codes when it has them."""
    clock, vault = parts.clock, parts.vault
    with parts.database.transaction() as session:
        account = accounts.by_email(session, person.email)
        app = authenticator_app.begin(session, account, vault=vault, holder="test", now=clock.now())
        phone = Phone(authenticator_app.secret_of(app, vault=vault), clock)
        taken = authenticator_app.confirm(session, app, phone.code(), vault=vault, now=clock.now())
        assert isinstance(taken, authenticator_app.Verified)
        codes = recovery_codes.make(session, account, vault=vault, now=clock.now()) if recovery else []
    # The code that confirmed it is used up.
    clock.advance(STEP)
    return phone, codes


def give_passkey(session: Session, account: Account, name: str, *, now: datetime) -> None:
    """A passkey of the account that no device holds."""
    session.add(
        Passkey(
            id=name, account_id=account.id, credential_id=name, public_key=b"", sign_count=0, transports="",
            name=name, created_at=now,
        )
    )  # fmt: skip
