"""R7: a limit of five tries means at most five comparisons, however many arrive at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from idp.core import throttles
from idp.core.throttles import Schedule
from tests.support.people import give_password
from tests.support.racing import at_once, begin_enrolment, copies, last_code
from tests.support.rows import count_rows, events

MANY = 50
LIMIT = 5

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.settings(captcha={"login": "off"}, server={"threads": 60}),
]


def answered(pages):
    """No accident; on SQLite, whose writers take turns, one may be asked to come back."""
    assert {page.status for page in pages} <= {200, 303, 400, 503}
    return pages


def test_fifty_wrong_passwords_at_once_are_compared_five_times(app, open_browser, member, parts):
    browsers = [open_browser() for _ in range(MANY)]
    for browser in browsers:
        browser.get("/connexion")
    compared = parts.passwords.gate.statistics().done
    jobs = [
        lambda browser=browser: browser.submit(identifier=member.email, password="not the one")
        for browser in browsers
    ]

    answered(at_once(jobs))

    assert len(events(parts.database, "password.wrong")) == LIMIT
    assert parts.passwords.gate.statistics().done - compared == LIMIT


def test_fifty_wrong_codes_at_once_are_compared_five_times(app, browser, member, parts):
    give_password(browser, member)
    right = last_code(parts)
    fields = browser.fields(code=f"{(int(right) + 1) % 1_000_000:06d}")
    windows = copies(app, browser, MANY)

    answered(at_once([lambda w=w: w.post("/connexion/code", fields, follow=False) for w in windows]))

    assert len(events(parts.database, "code.wrong")) <= LIMIT
    assert browser.post("/connexion/code", {**fields, "code": right}).h1 != "Souhaitez-vous"
    assert events(parts.database, "code.verified") == []


def test_fifty_guesses_of_a_links_password_are_compared_five_times(app, open_browser, newcomer, parts):
    owner, stranger = open_browser(), open_browser(network="203.0.113.9")
    link, _ = begin_enrolment(parts, newcomer, owner)
    stranger.get(link)
    fields = stranger.fields(password="not the one")
    compared = parts.passwords.gate.statistics().done
    windows = copies(app, stranger, MANY)

    answered(at_once([lambda w=w: w.post(link, fields, follow=False) for w in windows]))

    assert parts.passwords.gate.statistics().done - compared == LIMIT
    assert len(events(parts.database, "activation.wrong_password")) == LIMIT


def test_fifty_guesses_of_an_activation_code_are_compared_five_times(app, browser, newcomer, parts):
    _, code = begin_enrolment(parts, newcomer, browser)
    browser.get("/inscription/code")
    fields = browser.fields(code=f"{(int(code) + 1) % 100_000_000:08d}")
    windows = copies(app, browser, MANY)

    pages = answered(
        at_once([lambda w=w: w.post("/inscription/code", fields, follow=False) for w in windows])
    )

    assert sum("pas le bon" in str(page.errors) for page in pages) <= LIMIT
    assert count_rows(parts.database)["account"] == 0
    assert "Trop de codes" in browser.post("/inscription/code", {**fields, "code": code}).errors["code"]


def test_one_code_is_mailed_for_fifty_presses_of_send_again(app, browser, member, parts, clock):
    give_password(browser, member)
    fields = browser.fields()
    clock.advance(seconds=61)
    windows = copies(app, browser, MANY)

    answered(at_once([lambda w=w: w.post("/connexion/code/renvoyer", fields, follow=False) for w in windows]))

    assert len(events(parts.database, "code.sent")) == 2


def test_a_budget_is_never_overspent(database, clock):
    def spend(_):
        with database.transaction() as session:
            return throttles.spend(session, "budget", limit=LIMIT, window=timedelta(hours=1), now=clock.now())

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(spend, range(MANY)))

    assert results.count(True) == LIMIT


def test_growing_delays_let_exactly_the_free_tries_through(database, clock):
    schedule = Schedule(free=LIMIT, first=timedelta(seconds=2), longest=timedelta(minutes=1))

    def attempt(_):
        with database.transaction() as session:
            return throttles.attempt(session, "delay", schedule=schedule, now=clock.now())

    with ThreadPoolExecutor(10) as pool:
        waits = list(pool.map(attempt, range(MANY)))

    assert waits.count(None) == LIMIT
    assert {wait for wait in waits if wait is not None} == {timedelta(seconds=2)}
