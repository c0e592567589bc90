"""What an alarm's stories need: the link of a mail, its button, and a change of address that somebody made."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from idp.sessions import alarms, credentials
from idp.subjects import accounts, address_changes
from idp.subjects.accounts import Account
from idp.subjects.address_changes import Origin
from idp.web import owner
from idp.web.kit import Visit
from tests.support.browser import FIREFOX, HOME, Browser, Page
from tests.support.mailbox import Mailbox
from tests.support.people import Person


def not_me(mailbox: Mailbox, *, to: str, subject: str = "") -> str:
    """The link « Ce n'était pas moi » of the last such mail."""
    (link,) = [link for link in mailbox.last(to, subject).links() if "/ce-n-est-pas-moi/" in link]
    return link


def press(browser: Browser, link: str, number: str) -> Page:
    """Open a link, type the member number, press the button."""
    browser.get(link)
    return browser.submit(member_number=number)


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    """A request to the provider of this browser, committed at the end."""
    app, parts = browser.client.app, browser.parts
    headers = {"User-Agent": FIREFOX}
    with (
        app.test_request_context(headers=headers, environ_overrides={"REMOTE_ADDR": HOME}),
        parts.database.transaction() as session,
    ):
        yield parts.kit._new_visit(session, parts.clock.now(), "x", is_first=False)


def account_of(visit: Visit, person: Person) -> Account:
    account = accounts.by_member_number(visit.session, person.number, frozenset({person.population}))
    assert account is not None
    return account


def change_address(
    browser: Browser, person: Person, address: str, *, origin: Origin = Origin.ACCOUNT, is_done: bool = True
) -> None:
    """Somebody changes the address, as « Mon compte » and recovery do it; the former address is told."""
    with visiting(browser) as visit:
        account = account_of(visit, person)
        change = address_changes.begin(
            visit.session, account, origin=origin, address=address, browser="", space="adherent", locale="fr",
            now=visit.now, lifetime=timedelta(days=30),
        )  # fmt: skip
        if is_done:
            assert credentials.change_address(visit.session, account, address, now=visit.now)
            change.done_at = visit.now
        owner.warn_of_change(visit, account, change)


def raise_alarm(browser: Browser, person: Person, **more: Any) -> None:
    """The account is shut, without the pages."""
    with visiting(browser) as visit:
        account = account_of(visit, person)
        raised = alarms.raise_alarm(
            visit.session, account, vault=visit.kit.vault, space="adherent", now=visit.now, **more
        )
        assert raised is not None
