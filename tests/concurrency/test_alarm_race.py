"""An alarm ends once, and what is added to the account while it is raised never survives it."""

import threading
from functools import partial

import pytest

from idp.sessions import alarms
from tests.support.alarming import account_of, raise_alarm, visiting
from tests.support.browser import Browser
from tests.support.people import give_password
from tests.support.racing import at_once, copies, last_code
from tests.support.rows import events

NEW = "Sentier!Boussole84"
AT_THE_CHOICE = "/connexion/alerte"

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def to_choice(browser, parts, member):
    """Password, code and access code of a blocked account; the form of its last page."""
    give_password(browser, member)
    browser.submit(code=last_code(parts))
    page = browser.submit(access_code=member.code)
    assert page.asks_for("password_confirm"), page.words
    return page.address, browser.fields(password=NEW, password_confirm=NEW)


def account_now(browser, member):
    with visiting(browser) as visit:
        return account_of(visit, member)


def test_of_two_browsers_and_their_windows_one_ends_the_alarm(app, browser, member, parts):
    raise_alarm(browser, member)
    other = Browser(app, network="203.0.113.9")
    jobs = []
    for each in (browser, other):
        address, fields = to_choice(each, parts, member)
        kept = {**each.fields(), "keep_password": "yes"}
        first, second = copies(app, each, 2)
        jobs += [
            partial(first.post, address, fields, follow=False),
            partial(second.post, address, kept, follow=False),
        ]

    pages = at_once(jobs)

    assert len(events(parts.database, "alarm.undone")) == 1
    # The other window of the browser that won is led on as well; the other browser begins anew.
    assert any(page.location.startswith("/connexion/appareil") for page in pages)
    assert all(page.location.startswith("/connexion") or page.number == "P-2002" for page in pages)
    account = account_now(browser, member)
    assert account.alarm_at is None
    is_new = parts.passwords.verify(NEW, account.password_hash).matches
    assert is_new == bool(events(parts.database, "password.changed"))


@pytest.mark.settings(captcha={"login": "off"}, password={"gate_places": 1})
def test_a_stronger_alarm_while_the_password_waits_for_its_hash_wins(app, browser, member, parts):
    raise_alarm(browser, member)
    address, fields = to_choice(browser, parts, member)
    stored = account_now(browser, member).password_hash
    taken, done = threading.Event(), threading.Event()
    holder = threading.Thread(
        target=parts.passwords.gate.run, args=(lambda: (taken.set(), done.wait(30)),), daemon=True
    )
    holder.start()
    taken.wait(10)
    (window,) = copies(app, browser, 1)
    pages = []
    sender = threading.Thread(target=lambda: pages.append(window.post(address, fields)))
    sender.start()
    while not parts.passwords.gate.statistics().waiting:
        threading.Event().wait(0.01)

    with visiting(browser) as visit:
        alarms.raise_alarm(
            visit.session, account_of(visit, member), vault=parts.vault, space="adherent", now=visit.now,
            is_code_known=True,
        )  # fmt: skip
    done.set()
    sender.join(30)
    holder.join(30)

    assert pages[0].number == "P-2002"
    account = account_now(browser, member)
    assert (account.alarm_proof, account.password_hash) == ("letter", stored)
