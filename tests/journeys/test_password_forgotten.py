"""« Mot de passe oublié »: a link and a code by mail, the same answer for everybody, and what ends with it."""

import re
from datetime import timedelta

import pytest

from idp.subjects import accounts
from tests.support.alarming import raise_alarm
from tests.support.browser import Browser, Page
from tests.support.people import (
    CAMILLE,
    SACHA,
    Person,
    fill_enrolment,
    give_password,
    is_signed_in,
    sign_in,
)
from tests.support.rows import all_rows, events, statements
from tests.support.second_device import give_app, give_passkey

OTHER = {"network": "203.0.113.9"}
NEW = "Sentier!Boussole84"
ASKED = "Choisissez un nouveau mot de passe"

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def ask(browser: Browser, identifier: str) -> Page:
    browser.get("/mot-de-passe-oublie")
    return browser.submit(identifier=identifier)


def choose(browser: Browser, password: str = NEW, **more: str) -> Page:
    return browser.submit(password=password, password_confirm=password, **more)


def csrf(page: Page) -> str:
    return page.soup.find(attrs={"name": "csrf_token"})["value"]


@pytest.fixture
def asked(browser, member, mailbox):
    """Camille asked for a new password, and has the mail."""
    ask(browser, member.email)
    return mailbox.last(to=member.email, subject=ASKED)


def test_the_link_of_the_mail_sets_a_new_password_in_any_browser(asked, open_browser, mailbox, member):
    assert "30 minutes" in asked.words
    phone = open_browser(**OTHER)
    phone.get(asked.link())

    page = choose(phone)

    assert (page.path, page.h1) == ("/mot-de-passe/fait", "C’est fait")
    assert not is_signed_in(phone)
    told = mailbox.last(to=member.email)
    assert told.subject == "Votre mot de passe a été changé"
    assert "valable" not in told.words
    assert give_password(phone, member).errors.keys() == {"password"}
    renewed = Person(password=NEW)
    assert sign_in(phone, mailbox, renewed).h1 == "Mon compte"


def test_the_code_of_the_mail_opens_the_same_page_in_the_browser_that_asked(
    asked, browser, open_browser, mailbox
):
    browser.get("/mot-de-passe-oublie/code")
    page = browser.submit(code=f"{asked.code()[:4]} {asked.code()[4:]}")
    assert page.path == "/mot-de-passe/nouveau"

    page = choose(browser)

    assert page.path == "/mot-de-passe/fait"
    assert give_password(open_browser(), Person(password=NEW)).path == "/connexion/code"


def test_the_code_is_worth_nothing_in_another_browser(asked, open_browser):
    stranger = open_browser()
    assert stranger.get("/mot-de-passe-oublie/code").path == "/mot-de-passe-oublie"
    ask(stranger, "personne@example.org")

    page = stranger.submit(code=asked.code())

    assert page.errors.keys() == {"code"}
    assert stranger.get("/mot-de-passe/nouveau").path == "/acces-perdus"


def test_what_a_code_proved_stays_with_its_browser(asked, browser, open_browser):
    thief = open_browser()
    thief.steal_cookies(browser)
    browser.get("/mot-de-passe-oublie/code")
    browser.submit(code=asked.code())

    assert thief.get("/mot-de-passe/nouveau").path == "/acces-perdus"


def test_a_scanner_that_opens_the_link_and_sends_empty_forms_changes_nothing(asked, open_browser, parts):
    scanner = open_browser(**OTHER)
    scanner.get(asked.link())
    # It looked, and has its cookie and its look's rows.
    before = all_rows(parts.database)

    scanner.head(asked.link())
    scanner.get(asked.link())
    page = scanner.submit()
    scanner.post(asked.link(), {"csrf_token": page.value("csrf_token")})

    assert page.errors.keys() == {"password", "password_confirm"}
    assert all_rows(parts.database) == before
    assert choose(scanner).path == "/mot-de-passe/fait"


def test_link_and_code_of_one_request_void_each_other_and_serve_once(asked, browser, open_browser):
    phone = open_browser(**OTHER)
    phone.get(asked.link())
    form = phone.page
    browser.get("/mot-de-passe-oublie/code")
    browser.submit(code=asked.code())
    choose(phone)

    page = choose(browser, "Lanterne?Muguet39")
    assert (page.status, page.h1, page.number) == (410, "Ce lien n’est plus valable", "P-6002")
    phone.page = form
    assert choose(phone, "Lanterne?Muguet39").number == "P-6002"
    assert phone.get(asked.link()).number == "P-6002"
    assert give_password(open_browser(), Person(password=NEW)).path == "/connexion/code"


def test_after_thirty_minutes_link_and_code_say_kindly_that_they_lapsed(asked, browser, clock):
    clock.advance(minutes=30, seconds=1)

    page = browser.get(asked.link())
    assert page.h1 == "Ce lien n’est plus valable"
    assert page.soup.select_one("main a.main")["href"].startswith("/mot-de-passe-oublie?")
    fields = {"csrf_token": csrf(page), "code": asked.code()}
    page = browser.post("/mot-de-passe-oublie/code", fields)
    assert page.h1 == "Votre demande est trop ancienne"
    assert not page.asks_for("code")


@pytest.mark.parametrize("token", ["mal-recopie", "a" * 500, "%00"])
def test_a_link_that_never_was_leads_to_a_new_request(browser, token):
    page = browser.get(f"/mot-de-passe/nouveau/{token}")

    assert page.status == 404
    assert page.number in {"P-6001", "P-4004"}


def test_five_codes_may_be_tried_and_no_more_whoever_is_meant(asked, browser, open_browser, clock):
    stranger = open_browser(**OTHER)
    ask(stranger, "personne@example.org")
    for one in (browser, stranger):
        one.get("/mot-de-passe-oublie/code")
        for left in (4, 3, 2, 1, 0):
            page = one.submit(code="00000000")
            assert "pas le bon" in page.errors["code"]
            assert f"Il vous reste {left} essai" in page.words
        assert "Trop de codes" in one.submit(code=asked.code()).errors["code"]


def test_a_mail_is_sent_again_after_a_minute_five_in_all_and_the_last_ones_are_good(
    asked, browser, mailbox, clock, member
):
    assert "Vous pourrez le demander dans" in browser.get("/mot-de-passe-oublie/code").words
    browser.press("Renvoyer l’email")
    assert len(mailbox.all(to=member.email)) == 1

    for _ in range(6):
        clock.advance(seconds=61)
        browser.get("/mot-de-passe-oublie/code")
        if browser.has_button("Renvoyer l’email"):
            browser.press("Renvoyer l’email")

    mails = mailbox.all(to=member.email)
    assert len(mails) == 5
    browser.get("/mot-de-passe-oublie/code")
    assert browser.submit(code=mails[2].code()).path == "/mot-de-passe/nouveau"


def test_a_newer_request_leaves_the_former_mails_alive_until_one_is_used(browser, mailbox, member, clock):
    mails = []
    for _ in range(4):
        ask(browser, member.email)
        mails.append(mailbox.last(to=member.email))
        clock.advance(seconds=1)

    browser.get(mails[0].link())
    assert choose(browser).path == "/mot-de-passe/fait"
    assert browser.get(mails[3].link()).number == "P-6002"


def test_everything_that_the_former_password_opened_ends(asked, open_browser, mailbox, member, parts):
    computer = open_browser(**OTHER)
    sign_in(computer, mailbox, member, trust="Oui, se fier à cet appareil")
    waiting = open_browser()
    give_password(waiting, member)
    code = mailbox.last(subject="code de connexion").code()
    phone = open_browser()
    phone.get(asked.link())

    choose(phone)

    assert not is_signed_in(computer)
    assert waiting.submit(code=code).number == "P-2002"
    page = give_password(computer, Person(password=NEW))
    assert page.path == "/connexion/code", "the device is trusted no more"
    assert [event["way"] for event in events(parts.database, "password.reset")] == ["password"]


def test_a_password_that_says_who_its_owner_is_is_refused_in_words(asked, browser):
    browser.get(asked.link())

    page = choose(browser, f"{CAMILLE.given_name}!Prairie27")

    assert page.errors.keys() == {"password"}
    assert browser.get(asked.link()).h1 == ASKED


@pytest.mark.parametrize("identifier", [CAMILLE.number, f" {CAMILLE.number[:3]} {CAMILLE.number[3:]}"])
def test_the_member_number_does_as_well_and_the_page_names_no_address(browser, mailbox, member, identifier):
    page = ask(browser, identifier)

    assert "example.org" not in page.words
    assert CAMILLE.number in page.words
    assert mailbox.last(to=member.email).subject == ASKED


def test_a_stranger_reads_the_same_and_costs_the_same(open_browser, mailbox, register, parts):
    register.open_account(CAMILLE)
    register.add(SACHA)
    fill_enrolment(open_browser(), SACHA)
    identifiers = {
        "known": CAMILLE.email, "pending": SACHA.email, "unknown": "xamille@example.org",
        "number": CAMILLE.number, "no number": "7654321",
    }  # fmt: skip
    seen, cost = {}, {}
    for name, identifier in identifiers.items():
        browser = open_browser()
        browser.get("/mot-de-passe-oublie")
        with statements(parts.database) as spent:
            page = browser.submit(identifier=identifier, follow=False)
        cost[name] = tuple(spent)
        assert (page.status, page.location.partition("?")[0]) == (303, "/mot-de-passe-oublie/code")
        seen[name] = browser.get(page.location).without_chance().replace(identifier, "")

    assert seen["known"] == seen["pending"] == seen["unknown"]
    assert seen["number"] == seen["no number"]
    assert cost["known"] == cost["pending"] == cost["unknown"]
    assert cost["number"] == cost["no number"]
    mailbox.deliver()
    assert mailbox.last(to="xamille@example.org").subject == "Aucun compte avec cette adresse email"
    assert mailbox.last(to=SACHA.email).subject == "Aucun compte avec cette adresse email"
    assert len(mailbox.all(subject=ASKED)) == 2
    assert len(mailbox.all()) == 5, "a number that nobody has brings no mail"


def test_a_stranger_gets_three_mails_a_day_and_an_owner_is_not_kept_out_by_them(
    open_browser, mailbox, member, clock
):
    for number in range(5):
        ask(open_browser(network=f"203.0.{number}.9"), "xamille@example.org")
    for number in range(22):
        ask(open_browser(network="203.0.113.9" if number else "203.0.1.9"), member.email)
    browser = open_browser()

    assert len(mailbox.all(to="xamille@example.org")) == 3
    mails = mailbox.all(to=member.email)
    assert len(mails) == 20
    browser.get(mails[-1].link())
    assert choose(browser).path == "/mot-de-passe/fait"


def test_the_identifier_and_the_picture_are_asked_for_in_words(browser):
    browser.get("/mot-de-passe-oublie")
    assert browser.submit(captcha="").errors.keys() == {"identifier"}
    assert browser.submit(identifier="camille@").errors.keys() == {"identifier"}

    assert browser.submit(identifier=CAMILLE.email, captcha="?????").errors.keys() == {"captcha"}
    assert browser.page.value("identifier") == CAMILLE.email


def test_a_member_who_left_is_nobody(asked, browser, register):
    register.add(Person(status="left"))

    assert browser.get(asked.link()).number == "P-6002"


def test_the_warning_speaks_the_owners_language_whatever_the_browser_speaks(asked, open_browser, mailbox):
    english = open_browser(speaks="en")
    english.get(asked.link())

    page = choose(english)

    assert page.language in {"fr", "en"}
    assert mailbox.last().subject == "Votre mot de passe a été changé"


def test_thirty_minutes_are_over_while_the_form_is_open(asked, browser, clock, parts):
    browser.get(asked.link())
    clock.advance(timedelta(minutes=31))

    assert choose(browser).number == "P-6002"
    assert events(parts.database, "password.reset") == []


def test_the_mail_about_the_new_password_names_what_still_opens_the_account(
    asked, browser, mailbox, member, parts
):
    give_app(parts, member)
    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        for name in ("one", "two"):
            give_passkey(session, account, name, now=parts.clock.now())
    browser.get(asked.link())

    choose(browser)

    mail = mailbox.last(to=member.email, subject="a été changé")
    assert "Restent valables : votre application d’authentification et 2 clés d’accès" in mail.words
    assert "Ce n’était pas moi" in mail.words
    # The page may be read by anybody who has the link.
    assert "clé" not in browser.page.words


def test_in_an_alarm_the_mailbox_alone_sets_no_password_and_the_paper_ends_it(browser, mailbox, member):
    raise_alarm(browser, member)
    ask(browser, member.email)
    browser.get(mailbox.last(to=member.email, subject=ASKED).link())

    assert choose(browser).errors.keys() == {"access_code"}
    assert choose(browser, access_code="zyxwvuts").errors.keys() == {"access_code"}
    assert choose(browser, access_code=member.code).path == "/mot-de-passe/fait"
    assert sign_in(browser, mailbox, Person(password=NEW)).h1 == "Mon compte"


def test_where_a_stranger_knows_the_access_code_no_password_is_set_by_mail(browser, mailbox, member):
    raise_alarm(browser, member, is_code_known=True)
    ask(browser, member.email)
    link = mailbox.last(to=member.email, subject=ASKED).link()

    page = browser.get(link)

    assert page.h1 == "Votre compte est bloqué"
    assert page.soup.find("a", href=re.compile("^/adresse-perdue/lettre"))
    assert not page.soup.select("main input[type=password]")
    posted = {"csrf_token": csrf(page), "password": NEW, "password_confirm": NEW, "access_code": member.code}
    assert browser.post(link, posted).h1 == "Votre compte est bloqué"
    assert give_password(browser, Person(password=NEW)).errors.keys() == {"password"}
