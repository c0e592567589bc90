"""R28: no deadlock between a lost address, a letter and an alarm of one member."""

import threading

import pytest
from sqlalchemy import event, text

from tests.support.alarming import raise_alarm
from tests.support.browser import Browser
from tests.support.lost_access import NEW, code_of_letter, give_letter, lose
from tests.support.people import give_password
from tests.support.racing import last_code

pytestmark = [pytest.mark.postgres, pytest.mark.settings(captcha={"login": "off"})]
OWN = "camille.nouvelle@example.net"


@pytest.fixture
def database(postgres_database):
    return postgres_database


class Pause:
    """Stops the thread of this name after the first such statement, until it is let go."""

    def __init__(self, database, is_the_one, name):
        self.reached, self.go = threading.Event(), threading.Event()
        self._is_the_one, self._name = is_the_one, name
        event.listen(database.engine, "after_cursor_execute", self.stop)

    def stop(self, _connection, _cursor, statement, parameters, *_):
        if threading.current_thread().name != self._name or self.reached.is_set():
            return
        if self._is_the_one(statement, parameters):
            self.reached.set()
            self.go.wait(8)


def post(name, window, address, fields, answers):
    def run():
        answers[name] = window.post(address, fields, follow=False)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def race(database, first, pause, second):
    """`first` runs up to its pause; then `second` goes until it waits or ends; then both go on."""
    answers = {}
    one = post("one", *first, answers)
    assert pause.reached.wait(8), answers
    two = post("two", *second, answers)
    for _ in range(400):
        with database.reading() as session:
            waits = session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
        if waits or "two" in answers:
            break
        threading.Event().wait(0.01)
    pause.go.set()
    one.join(15), two.join(15)
    return answers


def lost_form(app):
    stranger = Browser(app, network="203.0.113.9")
    stranger.get("/adresse-perdue")
    return stranger


def lost_fields(stranger, member):
    return stranger.fields(member_number=member.number, access_code=member.code, email="b@example.net")


def is_budget_of_changes(statement, parameters):
    return "INTO budget" in statement and any("address-changes:" in str(v) for v in parameters.values())


def is_budget_of_pairs(statement, parameters):
    return "INTO budget" in statement and "pairs" in [str(v) for v in parameters.values()]


def test_a_lost_address_and_the_letter_at_once(app, browser, member, parts):
    lose(browser, "a@example.net")
    give_letter(browser, code_of_letter(parts))
    letter = (
        browser,
        browser.page.address,
        browser.fields(mailbox="other", email=OWN, password=NEW, password_confirm=NEW),
    )
    stranger = lost_form(app)
    lost = (
        stranger,
        "/adresse-perdue",
        stranger.fields(member_number=member.number, access_code=member.code, email="b@example.net"),
    )

    answers = race(parts.database, lost, Pause(parts.database, is_budget_of_changes, "one"), letter)

    assert [(name, page.status, page.number) for name, page in answers.items() if page.status >= 500] == []


def test_a_lost_address_and_the_access_code_of_an_alarm_at_once(app, browser, member, parts):
    raise_alarm(browser, member)
    give_password(browser, member)
    browser.submit(code=last_code(parts))
    alarm = (browser, browser.page.address, browser.fields(access_code=member.code))
    stranger = lost_form(app)
    lost = (
        stranger,
        "/adresse-perdue",
        stranger.fields(member_number=member.number, access_code=member.code, email="b@example.net"),
    )

    answers = race(parts.database, lost, Pause(parts.database, is_budget_of_pairs, "one"), alarm)

    assert [(name, page.status, page.number) for name, page in answers.items() if page.status >= 500] == []
