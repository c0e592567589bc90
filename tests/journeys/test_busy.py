"""R21: where too many passwords wait for their hash, the page says so, keeps what was typed, and can be sent again."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.alarming import raise_alarm
from tests.support.people import fill_enrolment, give_password

pytestmark = pytest.mark.settings(captcha={"login": "off"}, password={"gate_places": 1})


@pytest.fixture
def full_gate(parts) -> Iterator[Callable[[], None]]:
    """A gate whose only place is taken until this is called, which waits until the place is free again."""
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        done.wait(30)

    holders = [threading.Thread(target=parts.passwords.gate.run, args=(hold,), daemon=True) for _ in range(2)]
    holders[0].start()
    begun.wait(10)
    holders[1].start()
    while parts.passwords.gate.statistics().waiting < 1:
        threading.Event().wait(0.01)

    def let_go() -> None:
        done.set()
        for holder in holders:
            holder.join(30)

    yield let_go
    let_go()


def test_a_sign_in_that_finds_no_place_keeps_its_form_and_passes_the_second_time(browser, member, full_gate):
    page = give_password(browser, member)

    assert page.status == 503
    assert int(page.response.headers["Retry-After"]) >= 1
    assert "P-5004" in page.words
    assert page.value("identifier") == member.email

    full_gate()
    assert browser.submit(password=member.password).path == "/connexion/code"


def test_the_password_that_ends_an_alarm_waits_its_turn_and_passes_the_second_time(
    browser, member, mailbox, request
):
    raise_alarm(browser, member)
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email, subject="code").code())
    browser.submit(access_code=member.code)
    full_gate = request.getfixturevalue("full_gate")
    new = {"password": "Sentier!Boussole84", "password_confirm": "Sentier!Boussole84"}

    page = browser.submit(**new)

    assert page.status == 503
    assert "P-5004" in page.words
    full_gate()
    assert browser.submit(**new).path == "/connexion/appareil"


def test_an_enrolment_that_finds_no_place_costs_none_of_the_days_attempts(browser, newcomer, full_gate):
    for _ in range(6):
        page = fill_enrolment(browser, newcomer)
        assert page.status == 503
        assert page.value("email") == newcomer.email

    full_gate()
    again = {"password": newcomer.password, "password_confirm": newcomer.password}
    assert browser.submit(**again).path == "/inscription/validation"
