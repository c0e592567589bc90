"""The mutual invites people of its register; the codes of its letters are read as the print shop reads them."""

import csv
from pathlib import Path
from typing import Any

from idp.subjects import invitations, members
from idp.subjects.letter_export import Exported, Exporter
from tests.support.browser import Browser, Page
from tests.support.people import Person

DELEGATE = Person("7700001", "efghjkmn", "elue@example.org", population="elu", known_email="elue@example.org")


def invite(parts: Any, person: Person, *, by: str = "mail", inviter: str = "") -> Any:
    """Invite somebody of the register by mail or by letter; the invitation, or why there is none."""
    now = parts.clock.now()
    with parts.database.transaction() as session:
        member = members.by_number(session, person.population, person.number)
        way = invitations.by_mail if by == "mail" else invitations.by_letter
        outcome = way(session, member, vault=parts.vault, space=person.population, now=now)
        if isinstance(outcome, invitations.Mailed):
            invitations.send(
                session, outcome, vault=parts.vault, issuer=parts.settings.issuer, inviter=inviter, now=now
            )
    return outcome


def print_letters(parts: Any, folder: Path) -> dict[str, str]:
    """Export what waits; the code of each member number."""
    exporter = Exporter(parts.database, parts.vault, parts.spaces, parts.settings.issuer)
    done = exporter.run(folder, now=parts.clock.now(), started=lambda _: None, progress=lambda _: None)
    return {row["member_number"]: row["code"] for row in _rows(done)}


def _rows(exported: Exported) -> list[dict[str, str]]:
    tables = [file for file in exported.files if file.name.startswith("letters-") and file.suffix == ".csv"]
    return [row for file in tables for row in csv.DictReader(file.read_text("utf-8-sig").splitlines())]


def open_by_link(browser: Browser, link: str, person: Person, **changes: Any) -> Page:
    """The page of an invitation, filled in and sent; a change of None leaves a field out."""
    page = browser.get(link)
    typed = {
        "email": person.email,
        "password": person.password,
        "password_confirm": person.password,
        "terms": "y",
    }
    if page.asks_for("member_number"):
        typed["member_number"] = person.number
    return browser.submit(**{**typed, **changes})


def give_code(browser: Browser, person: Person, code: str, **changes: Any) -> Page:
    """« Entrez votre code d'invitation », filled in and sent."""
    browser.get("/invitation")
    return browser.submit(**{"member_number": person.number, "code": code, **changes})
