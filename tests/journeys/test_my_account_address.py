"""« Mon adresse email »: validated at the new one, told at the old one, and silent about who has an address."""

import pytest
from sqlalchemy import select

from idp.subjects.address_changes import AddressChange
from tests.support.account import NEW_ADDRESS, ask_for_address
from tests.support.browser import CHROME
from tests.support.people import SACHA, give_password, is_signed_in, sign_in
from tests.support.rows import all_rows, events

pytestmark = pytest.mark.settings(captcha={"login": "off"})

OTHER = {"network": "203.0.113.9"}
DONE = "Votre adresse email est changée"


@pytest.fixture
def at_home(browser, mailbox, member):
    """Camille's browser, signed in."""
    sign_in(browser, mailbox, member)
    return browser


def the_change(parts):
    with parts.database.reading() as session:
        return session.execute(
            select(AddressChange).order_by(AddressChange.created_at.desc())
        ).scalars().first()  # fmt: skip


def test_the_code_of_the_new_address_changes_it_and_both_are_told(
    open_browser, at_home, mailbox, member, parts
):
    phone = open_browser(agent=CHROME, **OTHER)
    sign_in(phone, mailbox, member)
    page = ask_for_address(at_home)
    assert page.path == "/compte/adresse/validation"
    assert NEW_ADDRESS in page.words
    mail = mailbox.last(to=NEW_ADDRESS)
    assert mail.subject == "Validez votre nouvelle adresse email"
    assert "Email envoyé" in at_home.get("/compte/adresse/validation").words

    page = at_home.submit(code=mail.code())

    assert DONE in page.words
    assert "c****e@example.net" in page.words
    assert is_signed_in(at_home)
    assert not is_signed_in(phone)
    old = mailbox.last(to=member.email)
    assert old.subject == "Changement de l’adresse email de votre compte"
    assert "c****e@example.net" in old.words
    assert "15 mars 2026" in old.words
    assert mailbox.last(to=NEW_ADDRESS).subject == "L’adresse email de votre compte a changé"
    change = the_change(parts)
    assert change.done_at == change.verified_at == parts.clock.now()
    assert change.former_email == member.email
    assert [each["change"] for each in events(parts.database, "address.changed")] == [change.id]
    assert give_password(phone, member).errors.keys() == {"password"}
    assert give_password(phone, member, identifier=NEW_ADDRESS).path == "/connexion/code"


def test_the_link_is_one_button_where_its_owner_is_signed_in(at_home, mailbox):
    ask_for_address(at_home)
    link = mailbox.last(to=NEW_ADDRESS).link()

    page = at_home.get(link)
    assert page.h1 == "Validez votre nouvelle adresse"
    assert at_home.get("/compte/adresse").words.count("camille@example.org") == 1, "a GET changes nothing"
    at_home.get(link)

    assert DONE in at_home.press("Je valide cette adresse").words
    assert at_home.get(link).h1 == "Ce lien n’est plus valable"


def test_in_another_browser_the_link_needs_signing_in(open_browser, at_home, mailbox, member, parts):
    ask_for_address(at_home)
    link = mailbox.last(to=NEW_ADDRESS).link()
    phone = open_browser(agent=CHROME, **OTHER)
    page = phone.get(link)
    assert page.path == "/connexion"
    # A mail scanner presses whatever it finds.
    phone.post(link, {"csrf_token": page.value("csrf_token")})
    assert the_change(parts).done_at is None

    phone.get(link)
    phone.submit(identifier=member.email, password=member.password)
    phone.submit(code=mailbox.last(to=member.email, subject="code").code())
    page = phone.press("Non merci")

    assert page.path == link
    assert DONE in phone.press("Je valide cette adresse").words
    assert link.rpartition("/")[2] not in str(all_rows(parts.database)), "a link is kept as a keyed hash only"


def test_the_link_of_one_account_does_nothing_for_another(open_browser, at_home, mailbox, register, parts):
    ask_for_address(at_home)
    link = mailbox.last(to=NEW_ADDRESS).link()
    register.open_account(SACHA)
    stranger = open_browser(**OTHER)
    sign_in(stranger, mailbox, SACHA)

    page = stranger.get(link)
    assert page.h1 == "Ce lien n’est plus valable"
    assert NEW_ADDRESS not in page.words
    stranger.post(link, {"csrf_token": stranger.get("/deconnexion").value("csrf_token")})

    assert the_change(parts).done_at is None


def test_an_address_that_is_taken_looks_the_same_and_only_its_mail_says_so(  # noqa: PLR0917 (fixtures)
    open_browser, at_home, mailbox, register, parts, clock
):
    register.open_account(SACHA)
    free = ask_for_address(at_home, "s****a@example.org")
    shown = {}
    for address in ("nobody@example.org", SACHA.email):
        page = ask_for_address(at_home, address)
        shown[address] = (page.status, page.words.replace(address, "…"), sorted(at_home.cookies))
    assert shown["nobody@example.org"] == shown[SACHA.email]
    assert free.status == 200

    mail = mailbox.last(to=SACHA.email)

    assert mail.subject == "Cette adresse email est déjà utilisée"
    assert mail.codes() == []
    assert all("adresse" not in link for link in mail.links())
    assert at_home.submit(code="12345678").errors["code"].startswith("Ce code n’est pas le bon")


def test_an_address_taken_meanwhile_is_refused_to_who_reads_its_mail(at_home, mailbox, register, member):
    from dataclasses import replace

    ask_for_address(at_home)
    code = mailbox.last(to=NEW_ADDRESS).code()
    register.open_account(replace(SACHA, email=NEW_ADDRESS))

    page = at_home.submit(code=code)

    assert "ne peut pas être utilisée" in page.errors["code"]
    assert member.email in at_home.get("/compte/adresse").words


def test_codes_have_five_tries_over_all_mails(at_home, mailbox, clock, parts):
    ask_for_address(at_home)
    for _ in range(4):
        assert "pas le bon" in at_home.submit(code="00000000").errors["code"]
    clock.advance(seconds=61)
    at_home.press("Renvoyer l’email")
    at_home.submit(code="00000000")

    page = at_home.submit(code=mailbox.last(to=NEW_ADDRESS).code())

    assert "Trop de codes" in page.errors["code"]
    assert the_change(parts).done_at is None


def test_the_mail_is_sent_again_after_a_minute_and_five_times_at_most(at_home, mailbox, clock):
    ask_for_address(at_home)
    at_home.press("Renvoyer l’email")
    assert len(mailbox.all(to=NEW_ADDRESS)) == 1

    for sent in (2, 3, 4, 5):
        clock.advance(seconds=61)
        at_home.press("Renvoyer l’email")
        assert len(mailbox.all(to=NEW_ADDRESS)) == sent

    clock.advance(seconds=61)
    assert not at_home.has_button("Renvoyer l’email")


def test_five_changes_a_day_may_be_begun(at_home, clock):
    for number in range(5):
        assert ask_for_address(at_home, f"a{number}@example.net").path == "/compte/adresse/validation"

    assert "Recommencez demain" in ask_for_address(at_home, "a6@example.net").errors["email"]


def test_what_is_no_new_address_is_explained(at_home):
    for typed, words in (("", "Écrivez"), ("nonsense", "pas complète"), ("CAMILLE@example.org", "déjà")):
        assert words in ask_for_address(at_home, typed).errors["email"]


def test_a_newer_change_voids_the_older_one(at_home, mailbox, parts):
    ask_for_address(at_home)
    first = mailbox.last(to=NEW_ADDRESS)
    ask_for_address(at_home, "other@example.net")

    assert "pas le bon" in at_home.submit(code=first.code()).errors["code"]
    assert at_home.get(first.link()).h1 == "Ce lien n’est plus valable"


def test_a_change_can_be_given_up_and_lapses_after_a_day(at_home, mailbox, member, clock):
    ask_for_address(at_home)
    link = mailbox.last(to=NEW_ADDRESS).link()
    at_home.press("Abandonner ce changement")
    assert at_home.get(link).h1 == "Ce lien n’est plus valable"

    ask_for_address(at_home)
    link = mailbox.last(to=NEW_ADDRESS).link()
    clock.advance(hours=24)
    sign_in(at_home, mailbox, member)
    assert at_home.get(link).h1 == "Ce lien n’est plus valable"
    assert at_home.get("/compte/adresse/validation").path == "/compte/adresse"


def test_whatever_voids_the_account_voids_a_pending_change(at_home, mailbox, member, parts):
    from tests.support.account import change_password

    ask_for_address(at_home)
    mail = mailbox.last(to=NEW_ADDRESS)
    change_password(at_home, member)

    assert at_home.get(mail.link()).h1 == "Ce lien n’est plus valable"
    assert at_home.get("/compte/adresse/validation").path == "/compte/adresse"
    assert the_change(parts).done_at is None


def test_the_former_address_undoes_the_change_within_72_hours(open_browser, at_home, mailbox, member, clock):
    ask_for_address(at_home)
    at_home.submit(code=mailbox.last(to=NEW_ADDRESS).code())
    link = mailbox.last(to=member.email, subject="Changement de l’adresse").link()
    elsewhere = open_browser(**OTHER)
    clock.advance(hours=71)

    elsewhere.get(link)
    elsewhere.submit(member_number=member.number)

    assert give_password(elsewhere, member, identifier=NEW_ADDRESS).errors.keys() == {"password"}
    assert give_password(elsewhere, member).path.startswith("/connexion/")
    assert not is_signed_in(at_home)
