"""Warnings: which mails carry « Ce n'était pas moi », and what their page says of each."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from idp.core import mail_catalogue
from idp.core.mail_templates import Kind
from idp.recovery.alarm_views import HAPPENED
from idp.subjects import notices
from idp.subjects.notices import KEPT_AFTER, Notice
from idp.subjects.one_time import OneTimeSecret, Purpose
from idp.web import owner
from tests.support.alarming import account_of, visiting

LINKED = sorted(set(Kind) - owner.WITHOUT_LINK)


@pytest.mark.parametrize("kind", LINKED)
def test_a_mail_with_the_link_has_a_place_for_it_and_its_page_a_sentence(kind):
    assert "not_me_url" in mail_catalogue.speaks_of(kind)
    assert kind in HAPPENED


def test_one_cause_has_one_mail_and_one_notice(browser, member, mailbox, parts):
    with visiting(browser) as visit:
        for _ in range(3):
            owner.warn(visit, account_of(visit, member), "new-sign-in", cause="once")

    with parts.database.reading() as session:
        assert len(session.execute(select(Notice)).scalars().all()) == 1
        links = select(OneTimeSecret).where(OneTimeSecret.purpose == Purpose.NOT_ME_LINK)
        assert len(session.execute(links).scalars().all()) == 1
    assert mailbox.last(to=member.email).link().startswith(notices.PATH)


@pytest.mark.parametrize(("age", "kept"), [(KEPT_AFTER - timedelta(minutes=1), 1), (KEPT_AFTER, 0)])
def test_a_notice_is_kept_a_week_after_its_link_ended(browser, member, parts, age, kept):
    with visiting(browser) as visit:
        owner.warn(visit, account_of(visit, member), "new-sign-in", cause="once")
        notices.purge(visit.session, now=visit.now + notices.GOOD_FOR + age)

    with parts.database.reading() as session:
        assert len(session.execute(select(Notice)).scalars().all()) == kept
