"""Apps and passkeys that are added or taken off while something else happens to the account: PostgreSQL locks rows."""

import threading
from functools import partial

import pytest
from sqlalchemy import select, text

from idp.authenticators import passkey, recovery_codes, strong
from idp.authenticators.passkey import Passkey
from idp.core.db import new_id
from idp.recovery import lifting
from idp.sessions import alarms, credentials
from idp.subjects.staff import Role, Staff
from tests.support.alarming import account_of, visiting
from tests.support.browser import Browser
from tests.support.keyring import add_key, key_answer
from tests.support.people import give_password, sign_in
from tests.support.racing import at_once, copies, last_code
from tests.support.rows import events
from tests.support.second_device import give_app, scan
from tests.support.software_key import ORIGIN, SoftwareKey

pytestmark = [pytest.mark.postgres, pytest.mark.settings(issuer=ORIGIN, captcha={"login": "off"})]
NEW_KEY = "/compte/securite/cle/nouvelle"
ENOUGH = 10


@pytest.fixture
def database(postgres_database):
    return postgres_database


def join_staff(browser, member):
    with visiting(browser) as visit:
        member_id = account_of(visit, member).member_id
        visit.session.add(
            Staff(id=new_id(), member_id=member_id, role=Role.HELPDESK.value, created_at=visit.now)
        )


def setups(browser, mailbox, member, clock):
    """The posts that finish an app and a passkey, in « Mon compte » and in a sign-in of another browser."""
    sign_in(browser, mailbox, member)
    join_staff(browser, member)
    other = Browser(browser.client.app, network="203.0.113.9")
    give_password(other, member)
    other.submit(code=last_code(browser.parts))
    assert other.page.path == "/connexion/renforcer", other.page.words
    posts = []
    for each in (browser, other):
        if each is browser:
            each.get(NEW_KEY)
        posts.append((each, *key_answer(each, SoftwareKey())))
        if each is browser:
            each.get("/compte/securite/application")
            each.press("Commencer")
        phone = scan(each.page.soup, clock)
        posts.append((each, each.page.address, each.fields(code=phone.code())))
    return [
        partial(copies(each.client.app, each, 1)[0].post, address, fields, follow=False)
        for each, address, fields in posts
    ]


def waiting(database):
    """How many transactions wait for a lock."""
    with database.reading() as session:
        return session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )


class Sent:
    """Posts on their way: each waits for a lock of ours, or was answered already."""

    def __init__(self, database, posts):
        self.answers = []
        self._threads = [threading.Thread(target=self._run, args=(post,), daemon=True) for post in posts]
        for thread in self._threads:
            thread.start()
        pause = threading.Event()
        while waiting(database) + len(self.answers) < len(posts):
            pause.wait(0.01)

    def _run(self, post):
        self.answers.append(post())

    def all(self):
        for thread in self._threads:
            thread.join(ENOUGH)
        return self.answers


def by_alarm(visit, account):
    alarms.raise_alarm(visit.session, account, vault=visit.kit.vault, space="adherent", now=visit.now)


def by_letter(visit, account):
    lifting.lift_all(visit.session, account, now=visit.now)
    credentials.change_password(visit.session, account, "x", now=visit.now)


def what_it_has(browser, member):
    with visiting(browser) as visit:
        account = account_of(visit, member)
        has = strong.of(visit.session, account)
        return has.app, has.passkey, recovery_codes.left(visit.session, account.id)


@pytest.mark.parametrize("end", [by_alarm, by_letter])
def test_what_is_sent_while_the_account_is_taken_back_adds_nothing(browser, member, mailbox, clock, end):
    parts = browser.parts
    posts = setups(browser, mailbox, member, clock)

    with visiting(browser) as visit:
        end(visit, account_of(visit, member))
        visit.session.flush()
        sent = Sent(parts.database, posts)
        assert sent.answers == [], "each waits for the account"

    assert len(sent.all()) == len(posts)
    assert what_it_has(browser, member) == (False, False, 0)
    assert events(parts.database, "passkey.added") + events(parts.database, "app.added") == []


def test_what_is_added_at_the_same_moment_does_not_survive_the_alarm(browser, member, mailbox, clock, parts):
    posts = setups(browser, mailbox, member, clock)

    def alarm():
        with visiting(browser) as visit:
            by_alarm(visit, account_of(visit, member))

    at_once([*posts, alarm])

    assert what_it_has(browser, member) == (False, False, 0)


def test_of_two_last_means_of_the_staff_one_stays(app, browser, member, mailbox, parts):
    sign_in(browser, mailbox, member)
    add_key(browser)
    give_app(parts, member)
    join_staff(browser, member)
    with visiting(browser) as visit:
        (key,) = passkey.of(visit.session, account_of(visit, member).id)
    browser.get("/compte/securite/application")
    token = {"csrf_token": browser.page.soup.find(attrs={"name": "csrf_token"})["value"]}
    removals = [f"/compte/securite/cle/{key.id}/retirer", "/compte/securite/application/retirer"]
    windows = copies(app, browser, len(removals))

    posts = [
        partial(window.post, path, token, follow=False)
        for window, path in zip(windows, removals, strict=True)
    ]

    with visiting(browser) as visit:
        # The removal of the passkey is under way when that of the app begins.
        visit.session.execute(select(Passkey.id).where(Passkey.id == key.id).with_for_update())
        sent = Sent(parts.database, posts)

    assert len(sent.all()) == len(posts)
    has_app, has_key, _ = what_it_has(browser, member)
    assert has_app != has_key
