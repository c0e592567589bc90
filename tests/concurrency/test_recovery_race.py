"""R1: the link and the code of a request for a new password have one success together, however many try at once."""

import json
from functools import partial

import pytest

from idp.core.outbox import PURPOSE, OutboxMessage
from idp.recovery import changes
from idp.recovery.changes import ChangeTools
from idp.subjects import accounts, address_changes
from idp.subjects.address_changes import Origin
from tests.support.racing import at_once, copies
from tests.support.rows import events

AT_ONCE = 6
NEW = "Sentier!Boussole84"

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def last_mail(parts):
    with parts.database.reading() as session:
        row = session.query(OutboxMessage).order_by(OutboxMessage.id.desc()).first()
        text = parts.vault.unseal(PURPOSE, row.sealed, bound_to=row.cause).decode()
    return json.loads(text)["context"]


def test_of_many_new_passwords_by_one_link_and_one_code_one_is_set(app, browser, member, parts):
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=member.email)
    mail = last_mail(parts)
    link = mail["link"].removeprefix(parts.settings.issuer)
    browser.submit(code=mail["code"])
    fields = browser.fields(password=NEW, password_confirm=NEW)
    windows = copies(app, browser, AT_ONCE)
    places = [link, "/mot-de-passe/nouveau"] * (AT_ONCE // 2)

    pages = at_once(
        [
            partial(window.post, place, fields, follow=False)
            for window, place in zip(windows, places, strict=True)
        ]
    )

    assert sorted(page.status for page in pages) == [303] + [410] * (AT_ONCE - 1)
    assert len(events(parts.database, "password.reset")) == 1


def test_two_workers_let_a_change_take_effect_once(parts, member, clock):
    now = clock.now()
    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        change = address_changes.begin(
            session, account, origin=Origin.LOST, address="neuve@example.net", browser="b", space="adherent",
            locale="fr", now=now, lifetime=address_changes.UNDO_WITHIN * 2,
        )  # fmt: skip
        change.verified_at = change.proved_at = change.told_at = now
    clock.advance(address_changes.UNDO_WITHIN)
    tools = ChangeTools(parts.settings, parts.vault, parts.spaces)

    done = at_once([partial(changes.settle, parts.database, tools=tools, now=clock.now()) for _ in range(4)])

    assert sum(done) == 1
    assert len(events(parts.database, "address.changed")) == 1
