"""Requests that arrive at once, and the quick preparation of what they race for."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import select

from idp.core import secrets
from idp.core.db import new_id
from idp.core.outbox import PURPOSE, OutboxMessage
from idp.subjects import emails, members, one_time
from idp.subjects.enrolments import Enrolment, Outcome
from idp.subjects.one_time import Purpose
from tests.support.browser import Browser
from tests.support.people import Person

T = TypeVar("T")


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run the jobs in threads that start together; what they raise is raised."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def copies(app: Any, browser: Browser, count: int) -> list[Browser]:
    """So many windows of one browser, each of which can send at the same time."""
    windows = [Browser(app, network=browser.network) for _ in range(count)]
    for window in windows:
        window.steal_cookies(browser)
    return windows


def people(count: int) -> list[Person]:
    """So many members."""
    return [Person(f"{2_000_000 + number}", email=f"membre{number}@example.org") for number in range(count)]


def begin_enrolment(parts: Any, person: Person, browser: Browser) -> tuple[str, str]:
    """An attempt of this browser, as the form leaves it; the link's path and the code of its mail."""
    secret = secrets.token()
    browser.set_cookie("enrolment", secret)
    now, vault, space = parts.clock.now(), parts.vault, parts.spaces.default
    lifetime = parts.settings.enrolment.lifetime
    with parts.database.transaction() as session:
        member = members.by_number(session, person.population, person.number)
        attempt = Enrolment(
            id=new_id(), member_id=member.id, outcome=Outcome.NEW.value, browser=secrets.fingerprint(secret),
            space=space.name, locale="fr", email=person.email, email_folded=emails.fold(person.email),
            password_hash=parts.passwords.hash(person.password), terms_version=space.terms_version,
            terms_hash=space.terms_hash, terms_accepted_at=now, mails=1, mailed_at=now, created_at=now,
            proved_at=now, expires_at=now + lifetime,
        )  # fmt: skip
        session.add(attempt)
        session.flush()
        what = {"vault": vault, "binding": attempt.id, "now": now, "lifetime": lifetime}
        token = one_time.issue_link(session, purpose=Purpose.ENROLMENT_LINK, **what)
        code = one_time.issue_code(session, purpose=Purpose.ENROLMENT_CODE, digits=8, **what)
    return f"/inscription/activer/{token}", code


def last_code(parts: Any) -> str:
    """The code of the newest mail that waits to be sent."""
    with parts.database.reading() as session:
        rows = (
            select(OutboxMessage)
            .where(OutboxMessage.kind == "one-time-code")
            .order_by(OutboxMessage.id.desc())
        )
        row = session.execute(rows.limit(1)).scalar_one()
    return json.loads(parts.vault.unseal(PURPOSE, row.sealed, bound_to=row.cause))["context"]["code"]
