"""Professionals, delegates and staff come by invitation: a mail or a letter, good once, for the person invited."""

from dataclasses import replace
from datetime import timedelta

import pytest

from idp.login.journey import StepName
from idp.subjects import accounts, invitations, staff
from idp.subjects.staff import Role
from tests.support.inviting import DELEGATE, give_code, invite, open_by_link, print_letters
from tests.support.people import MAELLE, Person, give_password, is_signed_in, sign_in
from tests.support.rows import count_rows, events

WRONG_CODE = "Ce numéro et ce code ne vont pas ensemble, ou ils ne sont plus valables. Vérifiez-les."
DOCTOR = Person(
    "10001234567", email="cabinet@example.org", population="professionnel", known_email="cabinet@example.org"
)
pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def link(parts, register, mailbox):
    """The link that the delegate received."""
    register.add(DELEGATE)
    invite(parts, DELEGATE, inviter="le secrétariat des instances")
    return mailbox.last(to=DELEGATE.email).link()


def test_a_delegate_opens_an_account_by_mail_and_signs_in(browser, mailbox, link):
    page = browser.get(link)
    assert page.h1 == "Ouvrir mon compte"
    assert "Espace Élu" in page.words
    assert page.value("email") == DELEGATE.email
    assert DELEGATE.given_name not in page.response.text
    assert DELEGATE.number not in page.words.replace("Exemple : 7700001", "")

    page = open_by_link(browser, link, DELEGATE)

    assert page.h1 == "Bienvenue, votre compte est actif"
    assert "Élu" in page.soup.title.text
    assert sign_in(browser, mailbox, DELEGATE, address="/connexion?espace=elu").h1 == "Mon compte"


def test_the_mail_says_who_invites_and_until_when(mailbox, link):
    mail = mailbox.last(to=DELEGATE.email)

    assert "le secrétariat des instances" in mail.words
    assert "10 avril 2026" in mail.words
    assert len(mail.code()) == 8


def test_a_professional_signs_in_by_the_number_of_the_profession(browser, mailbox, parts, register):
    register.add(DOCTOR)
    invite(parts, DOCTOR)
    open_by_link(browser, mailbox.last(to=DOCTOR.email).link(), DOCTOR)

    assert "numéro RPPS ou FINESS" in browser.get("/connexion?espace=professionnel").words
    page = give_password(
        browser, DOCTOR, address="/connexion?espace=professionnel", identifier="1000 123 4567"
    )

    assert page.path == "/connexion/code"


def test_a_finess_number_of_corsica_may_be_typed_in_small_letters(browser, mailbox, parts, register):
    clinic = replace(DOCTOR, number="2A0001234")
    register.add(clinic)
    invite(parts, clinic)

    page = open_by_link(browser, mailbox.last(to=clinic.email).link(), clinic, member_number="2a 000 1234")

    assert page.path == "/inscription/bienvenue"
    assert give_password(
        browser, clinic, address="/connexion?espace=professionnel", identifier="2a0001234"
    ).path == ("/connexion/code")


def test_another_address_is_validated_by_a_mail_of_its_own(browser, mailbox, link):
    other = replace(DELEGATE, email="autre@example.net")

    page = open_by_link(browser, link, other)

    assert page.path == "/inscription/validation"
    assert mailbox.all(to=DELEGATE.email, subject="ouvert") == []
    browser.get(mailbox.last(to=other.email).link())
    assert browser.submit().path == "/inscription/bienvenue"
    # The address that the register holds is told.
    assert mailbox.last(to=DELEGATE.email).subject == "Votre compte est ouvert"


def test_a_link_never_works_twice(browser, open_browser, link):
    open_by_link(browser, link, DELEGATE)

    page = open_browser().get(link)

    assert page.h1 == "Votre compte est déjà actif"
    assert not page.asks_for("password")


@pytest.mark.parametrize("posted", [{}, {"email": "robot@example.net"}, {"member_number": "7700001"}])
def test_a_scanner_that_sends_the_form_accepts_nothing(browser, parts, link, posted):
    browser.get(link)

    page = browser.submit(**posted, captcha="")

    assert page.h1 == "Ouvrir mon compte"
    assert count_rows(parts.database)["account"] == count_rows(parts.database)["enrolment"] == 0


def test_looking_changes_nothing(open_browser, parts, link):
    before = count_rows(parts.database)

    open_browser().get(link)

    assert count_rows(parts.database) == before


def test_the_number_of_another_person_opens_nothing_and_ten_tries_are_all(browser, parts, link):
    for _ in range(10):
        page = open_by_link(browser, link, DELEGATE, member_number="7700002")
        assert count_rows(parts.database)["enrolment"] == 0

    assert page.h1 == "Trop de numéros ont été essayés"
    assert not page.asks_for("password")
    assert len(events(parts.database, "invitation.wrong_number")) == 10


def test_a_newer_invitation_voids_the_former_and_what_was_begun_with_it(
    browser, open_browser, mailbox, parts, link
):
    other = replace(DELEGATE, email="autre@example.net")
    open_by_link(browser, link, other)
    begun = mailbox.last(to=other.email).link()

    invite(parts, DELEGATE)

    assert open_browser().get(link).h1 == "Cette invitation a été remplacée"
    browser.get(begun)
    assert browser.submit().h1 == "Votre inscription ne peut pas être terminée en ligne"
    assert open_by_link(open_browser(), mailbox.last(to=DELEGATE.email).link(), DELEGATE).path == (
        "/inscription/bienvenue"
    )


def test_after_thirty_days_the_link_says_so_and_leads_on(browser, clock, link):
    clock.advance(invitations.BY_MAIL)

    page = browser.get(link)

    assert page.h1 == "Cette invitation n’est plus valable"
    assert "01 99 00 12 36" in page.words
    assert browser.click("Entrer un code d’invitation").path == "/invitation"


def test_a_link_that_was_cut_leads_to_the_code(browser, link):
    page = browser.get(link[:-3])

    assert (page.status, page.number) == (404, "P-6101")
    assert browser.click("Entrer un code d’invitation").h1 == "Entrez votre code d’invitation"


def test_a_member_who_left_is_told_what_everybody_is(browser, register, link):
    register.add(replace(DELEGATE, status="left"))

    assert browser.get(link).h1 == "Cette invitation a été remplacée"


def test_an_address_that_opens_another_account_is_answered_by_mail(browser, mailbox, register, link):
    register.open_account(replace(MAELLE, email=DELEGATE.email))

    page = open_by_link(browser, link, DELEGATE)

    assert page.path == "/inscription/validation"
    assert mailbox.last(to=DELEGATE.email).subject == "Votre demande ne peut pas être terminée en ligne"


def test_the_code_of_a_letter_opens_an_account_whose_address_is_validated(
    browser, mailbox, parts, register, tmp_path
):
    register.add(DELEGATE)
    invite(parts, DELEGATE, by="letter")
    code = print_letters(parts, tmp_path)[DELEGATE.number]

    page = give_code(browser, DELEGATE, f"{code[:4]} {code[4:8]} {code[8:]}")
    assert page.h1 == "Ouvrir mon compte"
    assert not page.asks_for("member_number")
    page = open_by_link(browser, page.address, DELEGATE)

    assert page.path == "/inscription/validation"
    browser.get(mailbox.last(to=DELEGATE.email).link())
    assert browser.submit().path == "/inscription/bienvenue"


def test_the_code_of_a_mail_serves_when_its_link_fails(browser, mailbox, link):
    page = give_code(browser, DELEGATE, mailbox.last(to=DELEGATE.email).code())

    assert open_by_link(browser, page.address, DELEGATE).path == "/inscription/bienvenue"


def test_a_code_leads_on_once_and_what_it_led_to_lasts_a_day(browser, open_browser, clock, mailbox, link):
    code = mailbox.last(to=DELEGATE.email).code()
    page = give_code(browser, DELEGATE, code)

    assert give_code(open_browser(), DELEGATE, code).errors == {"code": WRONG_CODE}
    clock.advance(invitations.PROOF_LIFETIME)
    assert browser.get(page.address).h1 == "Cette invitation n’est plus valable"


@pytest.mark.parametrize(
    ("number", "code"), [("7700001", "000000000000"), ("7700009", "000000000000"), ("7700001", "x")]
)
def test_an_unknown_number_and_a_wrong_code_read_the_same(browser, number, code, link):
    page = give_code(browser, DELEGATE, code, member_number=number)

    assert page.errors == {"code": WRONG_CODE}


def test_wrong_codes_wait_ever_longer_for_their_network_and_not_for_the_owner(
    browser, open_browser, mailbox, link
):
    for _ in range(6):
        page = give_code(browser, DELEGATE, "00000000")
    assert "Trop d’essais" in page.errors["member_number"]

    elsewhere = open_browser(network="203.0.113.9")

    assert give_code(elsewhere, DELEGATE, mailbox.last(to=DELEGATE.email).code()).h1 == "Ouvrir mon compte"


def test_a_password_with_the_own_name_is_refused(browser, link):
    page = open_by_link(
        browser, link, DELEGATE, password="Aubépin!Camille27", password_confirm="Aubépin!Camille27"
    )

    assert "password" in page.errors


def test_the_staff_come_by_mail_with_a_number_told_otherwise(browser, mailbox, parts):
    with parts.database.transaction() as session:
        invited = staff.invite(
            session, "admin@example.org", role=Role.ADMINISTRATOR, names=("Alix", "Valbruyère"), vault=parts.vault,
            space="staff", again=False, now=parts.clock.now(),
        )  # fmt: skip
        invitations.send(
            session,
            invited.mailed,
            vault=parts.vault,
            issuer=parts.settings.issuer,
            inviter="",
            now=parts.clock.now(),
        )
    agent = Person(invited.number, email="admin@example.org")
    mail = mailbox.last(to=agent.email)
    assert agent.number not in mail.words

    page = open_by_link(browser, mail.link(), agent)

    assert page.path == "/inscription/bienvenue"
    with parts.database.reading() as session:
        account = accounts.by_email(session, agent.email)
        assert staff.role_of(session, account) is Role.ADMINISTRATOR
    assert "Équipe" not in browser.get("/").words
    # The first sign-in stops at an authenticator app or a passkey: nothing is open before.
    give_password(browser, agent, address="/connexion?espace=staff")
    page = browser.submit(code=mailbox.last(to=agent.email, subject="code").code())
    assert page.path == f"/connexion/{StepName.STRONG_SETUP.value}"
    assert not is_signed_in(browser)


def test_a_full_register_ends_nobody_of_the_staff(parts, register):
    with parts.database.transaction() as session:
        staff.invite(
            session, "admin@example.org", role=Role.AUDITOR, names=("a", ""), vault=parts.vault, space="staff",
            again=False, now=parts.clock.now(),
        )  # fmt: skip

    register.add(MAELLE)
    report = register.replace(MAELLE)

    assert report.gone == 0


def test_the_address_that_a_letter_prints_opens_in_the_colours_of_its_space(browser):
    page = browser.get("/invitation/elu")

    assert page.h1 == "Entrez votre code d’invitation"
    assert "Espace Élu" in page.soup.title.text


def test_a_space_on_invitation_leads_to_the_code(browser):
    browser.get("/connexion?espace=elu")

    page = browser.click("J’ai reçu un code d’invitation")

    assert page.path == "/invitation"
    assert "Numéro de délégué" in page.words


def test_the_day_of_an_invitation_is_not_stretched_by_the_post(parts, register, clock, tmp_path):
    register.add(DELEGATE)
    invite(parts, DELEGATE, by="letter")
    clock.advance(invitations.BY_LETTER - timedelta(days=1))

    assert list(print_letters(parts, tmp_path)) == [DELEGATE.number]
