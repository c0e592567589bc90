"""How long answers take for who is known and who is not, for docs/explanation/enumeration.md: make bench.

Pairs of requests, one for each, in random order before the same store; the hash is the cheapest one, so that it hides
nothing. What an outsider could learn is the ratio of the two medians, with its interval.
"""

import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from idp import schema
from idp.app import create_app
from idp.captcha.challenge import digits_of
from idp.core.db import Database
from idp.core.settings import Settings
from tests.support.clock import ManualClock
from tests.support.observing import Observer, Visitor
from tests.support.people import Person, Register
from tests.support.states import (
    ACTIVE,
    DELEGATE,
    FROZEN,
    INVITED,
    LEFT,
    LETTERED,
    NEVER,
    NEW_ADDRESS,
    NOBODY,
    OTHER,
    PENDING,
    WRITTEN,
    prepare,
)

ROOT = Path(__file__).parent.parent
PAIRS = 300
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Request:
    """The page that is opened before, and what is then sent and timed."""

    page: str
    typed: dict[str, str]
    is_signed_in: bool = False


def sign_in(identifier: str) -> Request:
    """A wrong password."""
    return Request("/connexion", {"identifier": identifier, "password": "Un mot de passe faux 27!"})


def enrol(person: Person, address: str) -> Request:
    """« Mes infos »."""
    passwords = dict.fromkeys(("password", "password_confirm"), person.password)
    typed = {"member_number": person.number, "access_code": person.code, "email": address, "terms": "y"}
    return Request("/inscription", {**typed, **passwords})


def forget(identifier: str) -> Request:
    """« Mot de passe oublié »."""
    return Request("/mot-de-passe-oublie", {"identifier": identifier})


def lose_address(person: Person, address: str) -> Request:
    """« Je n'ai plus accès à mon email »."""
    return Request(
        "/adresse-perdue", {"member_number": person.number, "access_code": person.code, "email": address}
    )


def enter_letter(person: Person) -> Request:
    """A wrong code of a letter."""
    typed = {"member_number": person.number, "access_code": person.code, "code": "000000000000"}
    return Request("/adresse-perdue/lettre", typed)


def lose_code(person: Person) -> Request:
    """« Je n'ai plus mon numéro ou mon code »."""
    day = ".".join(reversed(person.birth_date.split("-"))) or "31.12.1951"
    names = {"family_name": person.family_name, "given_name": person.given_name}
    return Request("/acces-perdus/code", {**names, "birth_date": day})


def enter_invitation(person: Person) -> Request:
    """A wrong code of an invitation."""
    return Request("/invitation", {"member_number": person.number, "code": "00000000"})


def change_address(address: str) -> Request:
    """« Mon adresse email »."""
    return Request("/compte/adresse", {"email": address}, is_signed_in=True)


# What is compared: who is not known, and who is.
FLOWS: tuple[tuple[str, Request, Request], ...] = (
    ("wrong password, by address: active account", sign_in(NOBODY.email), sign_in(ACTIVE.email)),
    ("… enrolment that waits", sign_in(NOBODY.email), sign_in(PENDING.email)),
    ("… second step at rest", sign_in(NOBODY.email), sign_in(FROZEN.email)),
    ("… member who left", sign_in(NOBODY.email), sign_in(LEFT.email)),
    ("wrong password, by number: active account", sign_in(NOBODY.number), sign_in(ACTIVE.number)),
    ("… never enrolled", sign_in(NOBODY.number), sign_in(NEVER.number)),
    ("enrolment: has an account", enrol(NEVER, NEW_ADDRESS), enrol(ACTIVE, ACTIVE.email)),
    (
        "… at another address (its owner is told)",
        enrol(NEVER, NEW_ADDRESS),
        enrol(ACTIVE, "autre77@example.org"),
    ),
    ("… the address is taken", enrol(NEVER, NEW_ADDRESS), enrol(NEVER, OTHER.email)),
    (
        "wrong pair: number of a member",
        enrol(NOBODY, NEW_ADDRESS),
        enrol(replace(ACTIVE, code="zzzzzzzz"), NEW_ADDRESS),
    ),
    ("forgotten password, by address: active account", forget(NOBODY.email), forget(ACTIVE.email)),
    ("… enrolment that waits", forget(NOBODY.email), forget(PENDING.email)),
    ("forgotten password, by number: active account", forget(NOBODY.number), forget(ACTIVE.number)),
    ("lost address: has an account", lose_address(NEVER, NEW_ADDRESS), lose_address(ACTIVE, NEW_ADDRESS)),
    (
        "… and a letter on its way",
        lose_address(NEVER, NEW_ADDRESS),
        lose_address(LETTERED, NEW_ADDRESS),
    ),
    ("… the address is taken", lose_address(NEVER, NEW_ADDRESS), lose_address(ACTIVE, OTHER.email)),
    (
        "… wrong pair: number of a member",
        lose_address(NOBODY, NEW_ADDRESS),
        lose_address(replace(ACTIVE, code="zzzzzzzz"), NEW_ADDRESS),
    ),
    ("wrong code of a letter: a letter is there", enter_letter(NEVER), enter_letter(LETTERED)),
    ("… an account without letter", enter_letter(NEVER), enter_letter(ACTIVE)),
    ("lost access code: a letter is started", lose_code(NOBODY), lose_code(ACTIVE)),
    ("… asked for within the week", lose_code(NOBODY), lose_code(LETTERED)),
    ("wrong code of an invitation: by mail", enter_invitation(NOBODY), enter_invitation(INVITED)),
    ("… by letter", enter_invitation(NOBODY), enter_invitation(WRITTEN)),
    ("… not invited", enter_invitation(NOBODY), enter_invitation(DELEGATE)),
    ("new address in the account: taken", change_address(NEW_ADDRESS), change_address(OTHER.email)),
)


def make_observer(folder: Path) -> Observer:
    """An installation with somebody in every state."""
    url = f"sqlite:///{folder}/parvis.db"
    settings = Settings.model_validate(
        {
            "secret_key": "the root secret of the benchmark, long enough",
            "pepper": "the pepper of the benchmark, long enough too",
            "database_url": url,
            "keys_dir": folder / "keys",
            "spaces_dir": ROOT / "config" / "spaces",
            "clients_dir": ROOT / "config" / "clients",
            "limits": {"pages_per_minute": 10_000_000, "forms_per_minute": 10_000_000},
            "mail": {"url": f"file://{folder}/mail"},
            "password": {"bcrypt_cost": 4},
            "captcha": {"login": "off"},
        }
    )
    database = Database(url)
    schema.upgrade(database)
    app = create_app(settings, clock=ManualClock(), database=database)
    parts = app.extensions["parvis"]
    session_secret = prepare(app, Register(parts, folder))
    observer = Observer(app, session_secret)
    observer.keep()
    return observer


def milliseconds(observer: Observer, request: Request) -> float:
    """How long the answer to the form takes."""
    with observer.fresh() as visitor:
        if request.is_signed_in:
            visitor.is_signed_in()
        visitor.get(request.page)
        address, fields = _filled(observer, visitor, request)
        begun = time.perf_counter()
        answers = visitor.browser.post(address, fields, follow=False)
        took = (time.perf_counter() - begun) * 1_000
        if answers[0].status not in {200, 303}:
            raise RuntimeError(f"{answers[0].status} at {address}")
        return took


def _filled(observer: Observer, visitor: Visitor, request: Request) -> tuple[str, dict[str, str]]:
    form = next(form for form in visitor.browser.tabs[0].forms if request.typed.keys() <= form.fields.keys())
    fields = {**form.fields, **request.typed}
    if "captcha_id" in fields:
        fields["captcha"] = digits_of(observer.parts.vault, fields["captcha_id"])
    return form.action, fields


def compare(
    unknown: Callable[[], float], known: Callable[[], float], chance: random.Random
) -> tuple[list[float], list[float]]:
    """So many pairs, in random order within each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        for which in chance.sample((0, 1), 2):
            times[which].append((unknown, known)[which]())
    return times


def interval(unknown: list[float], known: list[float], chance: random.Random) -> tuple[float, float]:
    """The bootstrap interval (95 %) of the ratio of the medians, over pairs."""
    pairs = list(zip(unknown, known, strict=True))
    ratios = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(pairs, k=len(pairs))
        ratios.append(
            statistics.median(pair[1] for pair in drawn) / statistics.median(pair[0] for pair in drawn)
        )
    ratios.sort()
    return ratios[round(0.025 * RESAMPLES)], ratios[round(0.975 * RESAMPLES)]


def row(name: str, unknown: list[float], known: list[float], chance: random.Random) -> str:
    """One line of the table."""
    cells = [name]
    for times in (unknown, known):
        low, middle, high = statistics.quantiles(times, n=4)
        cells.append(f"{middle:.2f} ({low:.2f}–{high:.2f})")
    low, high = interval(unknown, known, chance)
    cells.append(f"{statistics.median(known) / statistics.median(unknown):.3f} ({low:.3f}–{high:.3f})")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    chance = random.Random(20260312)  # noqa: S311 (draws an order and samples)
    with tempfile.TemporaryDirectory() as folder:
        observer = make_observer(Path(folder))
        sys.stdout.write(
            "| flow | nobody, ms: median (quartiles) | somebody | ratio (95 %) |\n| --- | --- | --- | --- |\n"
        )
        for name, unknown, known in FLOWS:
            for request in (unknown, known) * 5:
                milliseconds(observer, request)
            times = compare(
                lambda request=unknown: milliseconds(observer, request),
                lambda request=known: milliseconds(observer, request),
                chance,
            )
            sys.stdout.write(row(name, *times, chance) + "\n")
            sys.stdout.flush()
        observer.close()


if __name__ == "__main__":
    main()
