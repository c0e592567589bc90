"""Letters: what the help desk begins and the print shop prints, told as the member reads it."""

import pytest

from idp.sessions import credentials
from idp.subjects import accounts, letters
from idp.subjects.letter_export import Exporter
from idp.subjects.letters import Kind, StartedBy
from tests.support.inviting import print_letters
from tests.support.paper import pages

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def letter(parts, member):
    """Camille called: a letter was begun."""
    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        return letters.start(
            session, vault=parts.vault, kind=Kind.RECOVERY, member_id=account.member_id,
            subject=letters.recovery_subject(account), space="adherent", started_by=StartedBy.HELP_DESK,
            now=parts.clock.now(),
        )  # fmt: skip


def test_the_letter_says_what_to_do_with_its_code_and_that_nobody_asks_for_it(parts, letter, tmp_path):
    exporter = Exporter(parts.database, parts.vault, parts.spaces, parts.settings.issuer)
    done = exporter.run(tmp_path, now=parts.clock.now(), started=lambda _: None, progress=lambda _: None)

    (page,) = pages(next(file for file in done.files if file.suffix == ".pdf").read_bytes())

    for said in (
        "Camille",
        "1234567",
        "01 99 00 12 34",
        "1er avril 2026",
        "Ce que vous devez faire",
        "jamais ce code",
    ):
        assert said in page
    assert f"{parts.settings.issuer}/adresse-perdue/lettre" in page
    assert letter.id in page


def test_a_password_that_changes_meanwhile_voids_the_letter_that_waits(parts, member, letter, tmp_path):
    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        credentials.change_password(session, account, "another hash", now=parts.clock.now())

    assert print_letters(parts, tmp_path) == {}


def test_a_member_who_left_is_sent_nothing(parts, member, letter, register, tmp_path):
    register.replace()

    assert print_letters(parts, tmp_path) == {}


def test_a_code_that_is_guessed_is_used_up_after_five_tries(parts, member, letter, tmp_path):
    code = print_letters(parts, tmp_path)[member.number]
    with parts.database.transaction() as session:
        subject = letters.recovery_subject(accounts.by_email(session, member.email))
        given = [*["000000000000"] * letters.TRIES, code]
        outcomes = [
            letters.redeem(
                session,
                vault=parts.vault,
                kind=Kind.RECOVERY,
                subject=subject,
                entry=entry,
                now=parts.clock.now(),
            )
            for entry in given
        ]

    assert outcomes == [letters.Refusal.WRONG] * letters.TRIES + [letters.Refusal.EXHAUSTED]
