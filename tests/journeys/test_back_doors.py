"""What a thief with the mailbox, the paper or the same mailbox may try against an owner who comes back."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from idp.recovery import help_desk
from idp.subjects import accounts, letters, members, staff
from idp.subjects.letters import Letter
from idp.web import owner
from tests.support import alarming
from tests.support.alarming import change_address, not_me, press, visiting
from tests.support.browser import CHROME
from tests.support.lost_access import (
    CHOOSE,
    NEW,
    account_of,
    answer,
    asks_for_password,
    code_of_letter,
    give_letter,
    lose,
    unlock,
)
from tests.support.people import CAMILLE, SACHA, Person, enrol, give_password, sign_in
from tests.support.second_device import give_app
from tests.support.spaces import spaces_with

OWN = "camille.nouvelle@example.net"
THIEF = "voleur@example.net"
PARTNER = replace(SACHA, email=CAMILLE.email)

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def settings(settings, tmp_path, request):
    if "partner" in request.node.name:
        return settings.model_copy(
            update={"spaces_dir": spaces_with(tmp_path, "adherent", shared_mailboxes="true")}
        )
    if "idle" in request.node.name:
        return settings.model_copy(update={"spaces_dir": spaces_with(tmp_path, "elu", session_idle='"5m"')})
    return settings


@pytest.fixture
def thief(open_browser):
    return open_browser(network="203.0.113.9", agent=CHROME)


def test_whoever_reads_the_mailbox_cannot_void_the_letter_of_an_owner_on_their_way_back(
    browser, thief, mailbox, member, parts
):
    lose(browser, OWN)
    code = code_of_letter(parts)

    page = asks_for_password(thief, mailbox)

    assert page.asks_for("access_code")
    assert thief.submit(password=NEW, password_confirm=NEW).errors.keys() == {"access_code"}
    assert give_letter(browser, code).path == "/mot-de-passe/nouveau"


def test_of_two_on_a_mailbox_a_partner_sets_no_password_without_the_others_paper(browser, mailbox, register):
    register.open_account(CAMILLE)
    register.open_account(PARTNER)

    page = asks_for_password(browser, mailbox, CAMILLE.number)

    assert page.asks_for("access_code")
    assert browser.submit(password=NEW, password_confirm=NEW).errors.keys() == {"access_code"}


def test_a_refused_change_tells_the_alarm_that_a_stranger_has_the_access_code(
    browser, thief, mailbox, member, parts
):
    lose(thief, THIEF)
    press(browser, not_me(mailbox, to=member.email, subject="adresse"), member.number)

    browser.submit(member_number=member.number)

    assert account_of(parts).alarm_proof == "letter"


def test_a_stranger_who_raises_the_alarm_first_does_not_make_it_weak(
    browser, thief, mailbox, register, parts
):
    known = replace(CAMILLE, known_email="camille.registre@example.org")
    register.add(known)
    enrol(thief, mailbox, known)
    sign_in(thief, mailbox, known)
    thief.get("/compte/alerte")
    thief.submit(member_number=known.number)
    assert account_of(parts).alarm_proof == "access-code"

    press(browser, not_me(mailbox, to=known.known_email), known.number)

    assert account_of(parts).alarm_proof == "letter"


def test_a_new_letter_has_tries_of_its_own(browser, member, parts, clock):
    lose(browser, OWN)
    for last in range(letters.TRIES):
        give_letter(browser, f"00000000000{last}")
    clock.advance(days=8)
    lose(browser, OWN)

    assert give_letter(browser, code_of_letter(parts)).path == "/mot-de-passe/nouveau"


def test_after_a_strangers_letter_was_refused_the_owner_has_one(  # noqa: PLR0917 (fixtures)
    browser, thief, mailbox, member, parts, clock
):
    lose(thief, THIEF)
    press(browser, not_me(mailbox, to=member.email, subject="adresse"), member.number)
    clock.advance(days=1)

    lose(browser, OWN)

    with parts.database.reading() as session:
        subject = letters.recovery_subject(account_of(parts))
        assert letters.is_waiting(session, subject, now=clock.now())


def test_the_help_desk_confirms_only_the_address_that_the_caller_says(browser, thief, member, parts, clock):
    lose(browser, OWN)
    clock.advance(hours=1)
    lose(thief, THIEF)

    with pytest.raises(help_desk.OtherAddress):
        unlock(parts, member, identity_checked="called back", address=OWN)


def test_a_strangers_requests_neither_void_the_owners_mail_nor_keep_it_away(  # noqa: PLR0917 (fixtures)
    browser, open_browser, thief, mailbox, member, clock
):
    asks_for_password(browser, mailbox)
    link = mailbox.last(to=member.email, subject=CHOOSE).link()
    clock.advance(seconds=1)
    for _ in range(20):
        thief.get("/mot-de-passe-oublie")
        thief.submit(identifier=member.email)

    assert browser.get(link).asks_for("password")
    before = len(mailbox.all(to=member.email, subject=CHOOSE))
    asks_for_password(open_browser(network="192.0.2.77"), mailbox)
    assert len(mailbox.all(to=member.email, subject=CHOOSE)) == before + 1


def test_a_new_password_by_mail_gives_no_more_guesses_at_the_app(open_browser, mailbox, member, parts):
    give_app(parts, member)
    person, guesses = member, 0
    for attempt in range(8):
        thief = open_browser(network="203.0.113.9")
        page = give_password(thief, person)
        while page.asks_for("code"):
            page = thief.submit(code=f"{guesses:06d}")
            guesses += 1
        elsewhere = open_browser(network="203.0.113.9")
        asks_for_password(elsewhere, mailbox)
        person = Person(password=f"Sentier!Boussole8{attempt}x")
        elsewhere.submit(password=person.password, password_confirm=person.password)

    assert guesses == parts.settings.sign_in.wrong_codes_per_day


@pytest.mark.parametrize("path", ["/compte", "/compte/securite", "/compte/alerte"])
def test_every_page_of_the_account_keeps_the_idle_limit_of_the_sessions_own_space(
    browser, mailbox, register, clock, path
):
    person = replace(CAMILLE, population="elu")
    register.open_account(person)
    sign_in(browser, mailbox, person, address="/connexion?espace=elu")
    clock.advance(minutes=10)

    assert browser.get(path).path.startswith("/connexion")


def test_an_operator_ends_the_alarm_of_staff_who_have_no_papers(browser, mailbox, parts, clock):
    with parts.database.transaction() as session:
        invited = staff.invite(
            session,
            "agent@example.org",
            role=staff.Role.HELPDESK,
            names=("A", "B"),
            vault=parts.vault,
            space="staff",
            again=False,
            now=clock.now(),
        )
        member = members.by_number(session, "staff", invited.number)
        accounts.open_if_none(
            session,
            now=clock.now(),
            member_id=member.id,
            email="agent@example.org",
            email_folded="agent@example.org",
            password_hash=parts.passwords.hash("Prairie!Ardoise27"),
            terms_version="1",
            terms_hash="",
            terms_accepted_at=clock.now(),
        )
    agent = Person(number=invited.number, email="agent@example.org", population="staff")
    with visiting(browser) as visit:
        owner.warn(visit, alarming.account_of(visit, agent), "new-sign-in", cause="x")
    press(browser, not_me(mailbox, to=agent.email), agent.number)
    assert account_of(parts, agent).alarm_at is not None

    unlock(parts, agent, identity_checked="badge seen")

    assert account_of(parts, agent).alarm_at is None
    with parts.database.reading() as session:
        assert session.scalars(select(Letter)).all() == []


def test_a_stranger_who_enrolled_with_the_papers_is_not_back_by_mail_after_the_owners_letter(
    browser, thief, mailbox, register, parts
):
    known = replace(CAMILLE, known_email="camille.registre@example.org", email=THIEF)
    register.add(known)
    enrol(thief, mailbox, known)
    press(browser, not_me(mailbox, to=known.known_email), known.number)
    give_letter(browser, code_of_letter(parts))
    assert answer(browser, "other", OWN).path == "/adresse-perdue/fait"

    for identifier in (THIEF, known.number):
        thief.get("/mot-de-passe-oublie")
        assert thief.submit(identifier=identifier).path == "/mot-de-passe-oublie/code"

    assert mailbox.all(to=THIEF, subject=CHOOSE) == []
    assert give_password(thief, known).errors
    # Nor had they the password that the owner chose.
    assert give_password(thief, known, password=NEW).number == "P-6306"
    assert mailbox.all(to=THIEF, subject="Votre code") == []


def test_a_stranger_who_changed_the_address_days_ago_is_not_back_by_mail_after_the_owners_letter(  # noqa: PLR0917 (fixtures)
    browser, thief, mailbox, member, parts, clock
):
    change_address(browser, member, THIEF)
    link = not_me(mailbox, to=member.email, subject="adresse")
    clock.advance(days=4)
    press(browser, link, member.number)
    give_letter(browser, code_of_letter(parts))
    assert answer(browser, "other", member.email).path == "/adresse-perdue/fait"

    thief.get("/mot-de-passe-oublie")
    thief.submit(identifier=THIEF)

    assert mailbox.all(to=THIEF, subject=CHOOSE) == []
    assert give_password(thief, Person(email=THIEF, password=NEW)).number == "P-6306"
