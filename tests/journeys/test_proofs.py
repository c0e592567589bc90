"""What was proved in a sign-in goes on only where it was proved: there, for that account, while its session lives."""

from datetime import timedelta

import pytest

from idp.core import throttles
from idp.oidc import wiring
from tests.support.people import CAMILLE, SACHA, fill_enrolment, give_password, is_signed_in, sign_in
from tests.support.racing import people

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def test_a_browser_cookie_known_before_the_password_is_worthless_after_it(
    browser, open_browser, mailbox, member
):
    browser.get("/connexion")
    known_before = browser.cookies["browser"]
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email, subject="code").code())
    intruder = open_browser()
    intruder.set_cookie("browser", known_before)

    by_handle = intruder.get(f"/connexion/appareil?i={browser.handle}")
    newest = intruder.get("/connexion")

    assert by_handle.number == "P-2002"
    assert newest.h1 == "Connexion à votre compte"
    assert not is_signed_in(intruder)


def test_a_browser_cookie_known_before_the_enrolment_activates_nothing_without_the_password(
    browser, open_browser, mailbox, newcomer
):
    browser.get("/inscription")
    known_before = browser.cookies["browser"]
    fill_enrolment(browser, newcomer)
    link = mailbox.last(to=newcomer.email).link()
    intruder = open_browser()
    intruder.set_cookie("browser", known_before)

    page = intruder.get(link)
    waiting = intruder.get("/inscription/validation")

    assert page.asks_for("password")
    assert waiting.path == "/inscription"


def test_a_sign_in_left_open_in_a_tab_does_not_survive_the_sign_out(browser, mailbox, member):
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email, subject="code").code())
    left_open = browser.page.address
    browser.press("Non merci")
    # A second sign-in is begun and left at its last page, then the member signs out.
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email, subject="code").code())
    left_at_the_end = browser.page.address
    browser.get("/deconnexion")
    browser.submit()

    assert browser.get(left_open).number == "P-2002"
    assert browser.get(left_at_the_end).number == "P-2002"
    assert not is_signed_in(browser)


def test_a_code_of_one_account_never_passes_for_another(browser, mailbox, register):
    register.open_account(CAMILLE)
    register.open_account(SACHA)
    give_password(browser, CAMILLE)
    codes_of_camille = mailbox.last(to=CAMILLE.email, subject="code").code()
    address = browser.page.address
    for _ in range(5):
        browser.submit(code="000000" if codes_of_camille != "000000" else "000001")
    exhausted = browser.submit(code=codes_of_camille)

    give_password(browser, SACHA, address="/connexion")
    refused = browser.submit(code=codes_of_camille)

    assert exhausted.h1 == "Trop de codes ont été essayés"
    assert browser.get(address).number == "P-2002"
    assert refused.path == "/connexion/code"
    assert "code" in refused.errors


def test_tries_are_not_given_back_by_the_purge(browser, mailbox, member, parts, clock):
    give_password(browser, member)
    for _ in range(2):
        browser.submit(code="000000")
    clock.advance(timedelta(minutes=9, seconds=50))
    browser.press("Renvoyer un code")
    right = mailbox.last(to=member.email, subject="code").code()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(3):
        browser.submit(code=wrong)
    clock.advance(timedelta(minutes=1))
    with parts.database.transaction() as session:
        throttles.purge(session, now=clock.now())
        wiring.purge(session, now=clock.now())

    assert browser.submit(code=right).h1 == "Trop de codes ont été essayés"


def test_strangers_on_many_networks_do_not_keep_the_owner_out(open_browser, mailbox, member):
    for number in range(40):
        stranger = open_browser(network=f"203.0.{number}.9")
        give_password(stranger, member, password="Devine!Encore00")

    owner = open_browser(network="198.51.100.7")

    sign_in(owner, mailbox, member)
    assert is_signed_in(owner)


def test_a_village_behind_one_address_enrols_in_peace(open_browser, register):
    village = people(35)
    register.add(*village)
    pages = [fill_enrolment(open_browser(), person) for person in village]

    assert {page.path for page in pages} == {"/inscription/validation"}


def test_whoever_signs_in_to_an_attempt_reads_the_same_page_whether_its_address_was_free_or_taken(
    open_browser, register
):
    register.open_account(SACHA)
    register.add(CAMILLE)
    pages = []
    for address in ("libre@example.org", SACHA.email):
        browser = open_browser()
        fill_enrolment(browser, CAMILLE, email=address)
        pages.append(give_password(browser, CAMILLE, identifier=CAMILLE.number))

    assert {page.h1 for page in pages} == {"Inscription en cours"}
    assert pages[1].path == pages[0].path == "/connexion/activation"


def test_a_device_trusted_before_a_step_up_is_not_asked_about_again(browser, mailbox, member, parts, clock):
    sign_in(browser, mailbox, member, trust="Oui, se fier à cet appareil")
    browser.get("/deconnexion")
    browser.submit()
    give_password(browser, member)
    assert is_signed_in(browser)
    clock.advance(timedelta(minutes=5))

    # « Mon compte » is open by the device alone; signing in again by password asks for no code, nor for trust.
    page = give_password(browser, member)

    assert page.path == "/compte"
