"""« Créer son compte », steps 2 and 3: the mail, its link, its code, and « Bienvenue »."""

import pytest

from tests.support.browser import HOME
from tests.support.people import CAMILLE, SACHA, Person, enrol, fill_enrolment, give_password, sign_in
from tests.support.rows import all_rows, count_rows, events

OTHER = {"network": "203.0.113.9"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request):
    return request.getfixturevalue(f"{request.param}_database")


@pytest.fixture
def waiting(browser, mailbox, newcomer):
    """Camille, who enrolled in `browser` and has the mail."""
    fill_enrolment(browser, newcomer)
    return mailbox.last(to=newcomer.email)


def test_the_mail_carries_one_link_and_one_code_each_alone_on_its_line(waiting):
    assert waiting.subject == "Validez votre inscription"
    assert waiting.link().startswith("/inscription/activer/")
    assert len(waiting.code()) == 8
    assert "24 heures" in waiting.words
    assert "Merci de ne pas y répondre" in waiting.text


def test_the_waiting_page_follows_the_delivery(browser, mailbox, newcomer, smtp):
    assert "Envoi en cours" in fill_enrolment(browser, newcomer).words

    mailbox.deliver()

    assert "Email envoyé" in browser.get("/inscription/validation").words


def test_the_waiting_page_tells_that_the_mail_server_refused_the_address(browser, mailbox, newcomer, smtp):
    fill_enrolment(browser, newcomer)
    smtp.script("RCPT", "550 no such user")

    mailbox.deliver()

    assert "n’a pas pu être remis" in browser.get("/inscription/validation").words


def test_the_waiting_page_reloads_itself_without_javascript(browser, newcomer):
    page = fill_enrolment(browser, newcomer)

    assert page.soup.select_one("noscript meta[http-equiv=refresh]") is not None
    assert (
        browser.get("/inscription/validation?corriger=1").soup.select_one("meta[http-equiv=refresh]") is None
    )


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_link_changes_nothing_whoever_looks(open_browser, browser, waiting, parts, method):
    before = all_rows(parts.database)

    for looker in (browser, open_browser(**OTHER)):
        assert getattr(looker, method)(waiting.link()).status == 200

    assert all_rows(parts.database) == before


def test_a_scanner_that_submits_forms_cannot_activate(open_browser, waiting, parts):
    scanner = open_browser(**OTHER)
    scanner.get(waiting.link())

    page = scanner.submit(password="")

    assert page.errors.keys() == {"password"}
    assert events(parts.database, "account.activated") == []


def test_in_another_browser_the_link_needs_the_password_just_chosen(open_browser, waiting, newcomer):
    phone = open_browser(**OTHER)
    assert phone.get(waiting.link()).asks_for("password")

    assert phone.submit(password="not the one").errors.keys() == {"password"}
    page = phone.submit(password=newcomer.password)

    assert page.path == "/inscription/bienvenue"


def test_the_waiting_page_moves_on_when_another_device_activates(open_browser, browser, waiting, newcomer):
    phone = open_browser(**OTHER)
    phone.get(waiting.link())
    phone.submit(password=newcomer.password)

    page = browser.get("/inscription/validation")

    assert page.path == "/inscription/bienvenue"


def test_five_passwords_may_be_tried_on_a_link_and_the_own_browser_still_has_its_button(
    open_browser, browser, waiting, newcomer
):
    stranger = open_browser(**OTHER)
    stranger.get(waiting.link())
    for left in (4, 3, 2, 1):
        assert f"Il vous reste {left} essai" in stranger.submit(password="guess!").words
    page = stranger.submit(password="guess!")
    assert page.h1 == "Trop de mots de passe ont été essayés"

    assert stranger.get(waiting.link()).h1 == "Trop de mots de passe ont été essayés"
    page = stranger.post(waiting.link(), {"csrf_token": _csrf(stranger), "password": newcomer.password})
    assert page.h1 == "Trop de mots de passe ont été essayés"

    browser.get(waiting.link())
    assert browser.submit().path == "/inscription/bienvenue"


def _csrf(browser):
    """A form token of this browser, from a page that has a form."""
    return browser.get("/connexion").value("csrf_token")


def test_a_link_is_used_once_and_says_so_the_second_time(browser, waiting, parts):
    browser.get(waiting.link())
    browser.submit()

    page = browser.get(waiting.link())

    assert page.h1 == "Votre compte est déjà actif"
    assert len(events(parts.database, "account.activated")) == 1


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 5000, "%00", "%C3%A9", "..%2f..", "%ff"])
def test_a_link_that_is_not_ours_is_a_clear_page(browser, token):
    page = browser.get(f"/inscription/activer/{token}")

    assert page.status == 404
    assert page.number in {"P-1001", "P-4004"}


def test_the_code_of_the_mail_activates_in_the_browser_that_enrolled(browser, waiting, mailbox, newcomer):
    browser.get("/inscription/validation")
    browser.click("Entrer mon code d’activation")

    page = browser.submit(code=f"{waiting.code()[:4]} {waiting.code()[4:]}")

    assert page.path == "/inscription/bienvenue"
    assert sign_in(browser, mailbox, newcomer).h1 == "Mon compte"


def test_the_right_password_before_activation_leads_to_the_page_that_takes_the_code(
    open_browser, waiting, mailbox, newcomer
):
    phone = open_browser(**OTHER)
    page = give_password(phone, newcomer)
    assert page.h1 == "Inscription en cours"
    assert "c****e@example.org" in page.words
    assert newcomer.email not in page.words

    page = phone.submit(code=waiting.code())

    assert page.path == "/inscription/bienvenue"
    assert sign_in(phone, mailbox, newcomer).h1 == "Mon compte"


def test_five_activation_codes_may_be_tried_for_a_mail_and_a_fresh_mail_gives_five_more(
    browser, waiting, mailbox, clock, newcomer
):
    browser.get("/inscription/code")
    wrong = "00000000" if waiting.code() != "00000000" else "11111111"
    for _ in range(5):
        assert "pas le bon" in browser.submit(code=wrong).errors["code"]
    assert "Trop de codes" in browser.submit(code=waiting.code()).errors["code"]

    clock.advance(seconds=61)
    browser.get("/inscription/code")
    browser.press("Renvoyer un email")
    browser.get("/inscription/code")

    assert browser.submit(code=mailbox.last(to=newcomer.email).code()).path == "/inscription/bienvenue"


def test_the_mail_is_sent_again_after_a_minute_and_not_before(browser, waiting, mailbox, clock, newcomer):
    browser.get("/inscription/validation")
    assert not browser.has_button("Renvoyer l’email") or "secondes" in browser.page.words
    _resend_by_hand(browser)
    assert len(mailbox.all(to=newcomer.email)) == 1

    clock.advance(seconds=60)
    browser.get("/inscription/validation")
    browser.press("Renvoyer l’email")

    first, second = mailbox.all(to=newcomer.email)
    assert first.link() != second.link()


def _resend_by_hand(browser):
    return browser.post("/inscription/renvoyer", {"csrf_token": _csrf(browser)})


def test_five_more_mails_may_be_asked_for_and_no_more(browser, waiting, mailbox, clock, newcomer):
    for _ in range(8):
        clock.advance(seconds=61)
        _resend_by_hand(browser)

    assert len(mailbox.all(to=newcomer.email)) == 6


def test_every_mail_of_an_attempt_stays_good(browser, waiting, mailbox, clock, newcomer):
    clock.advance(seconds=61)
    _resend_by_hand(browser)

    browser.get(waiting.link())

    assert browser.submit().path == "/inscription/bienvenue"


def test_no_mail_is_sent_again_once_the_account_is_active(browser, waiting, mailbox, clock, newcomer):
    browser.get(waiting.link())
    browser.submit()
    clock.advance(seconds=61)

    _resend_by_hand(browser)

    assert len(mailbox.all(to=newcomer.email)) == 1


def test_a_corrected_address_gets_the_mail_and_the_first_link_and_code_are_void(
    open_browser, browser, mailbox, newcomer, clock
):
    fill_enrolment(browser, newcomer, email="camile@example.org")
    first = mailbox.last(to="camile@example.org")
    clock.advance(seconds=20)
    browser.get("/inscription/validation")
    browser.click("Corriger mon adresse email")
    page = browser.post("/inscription/corriger", {"csrf_token": _csrf_here(browser), "email": newcomer.email})
    assert newcomer.email in page.words

    stranger = open_browser(**OTHER)
    assert stranger.get(first.link()).h1 == "Ce lien n’est plus valable"
    page = give_password(stranger, newcomer, identifier="camile@example.org")
    assert page.errors.keys() == {"password"}

    browser.get(mailbox.last(to=newcomer.email).link())
    assert browser.submit().path == "/inscription/bienvenue"


def _csrf_here(browser):
    return browser.page.soup.find(attrs={"name": "csrf_token"})["value"]


def test_a_wrong_correction_is_told_at_its_field(browser, waiting):
    browser.get("/inscription/validation?corriger=1")

    page = browser.post("/inscription/corriger", {"csrf_token": _csrf_here(browser), "email": "camille@"})

    assert page.errors.keys() == {"email"}


def test_after_a_day_the_link_says_kindly_that_it_lapsed_and_starts_again_without_retyping(
    browser, waiting, mailbox, clock, newcomer
):
    clock.advance(hours=24, seconds=1)
    page = browser.get(waiting.link())
    assert page.h1 == "Ce lien n’est plus valable"

    page = browser.press("Recommencer mon inscription")
    assert page.path == "/inscription/validation"

    browser.get(mailbox.last(to=newcomer.email).link())
    assert browser.submit().path == "/inscription/bienvenue"
    assert sign_in(browser, mailbox, newcomer).h1 == "Mon compte"


def test_whoever_starts_a_lapsed_link_again_elsewhere_still_needs_the_password(
    open_browser, waiting, mailbox, clock, newcomer
):
    clock.advance(hours=24, seconds=1)
    scanner = open_browser(**OTHER)
    scanner.get(waiting.link())
    scanner.press("Recommencer mon inscription")

    page = scanner.get(mailbox.last(to=newcomer.email).link())

    assert page.asks_for("password")
    assert scanner.submit(password="").errors.keys() == {"password"}
    assert scanner.submit(password=newcomer.password).path == "/inscription/bienvenue"


def test_after_a_day_the_code_and_the_password_open_nothing(browser, waiting, clock, newcomer):
    clock.advance(hours=24, seconds=1)

    browser.get("/inscription/code")
    assert browser.submit(code=waiting.code()).errors.keys() == {"code"}
    assert give_password(browser, newcomer).errors.keys() == {"password"}


def test_a_lapsed_link_started_again_too_often_says_so(browser, waiting, mailbox, clock, newcomer):
    for _ in range(4):
        fill_enrolment(browser, newcomer)
    clock.advance(hours=24, seconds=1)
    for _ in range(5):
        fill_enrolment(browser, newcomer)
    browser.get(waiting.link())

    page = browser.press("Recommencer mon inscription")

    assert page.status == 429


def test_of_two_attempts_the_first_activation_voids_the_other(open_browser, mailbox, newcomer):
    computer, phone = open_browser(), open_browser(**OTHER)
    fill_enrolment(computer, newcomer)
    fill_enrolment(
        phone,
        newcomer,
        email="camille.autre@example.org",
        password="Falaise?Bouton63",
        password_confirm="Falaise?Bouton63",
    )
    first, second = mailbox.last(to=newcomer.email), mailbox.last(to="camille.autre@example.org")

    phone.get(second.link())
    assert phone.submit().path == "/inscription/bienvenue"

    assert computer.get(first.link()).h1 == "Votre compte est déjà actif"
    assert computer.get("/inscription/code").soup.find(id="main-form") is not None
    assert computer.submit(code=first.code()).path != "/compte"
    assert give_password(computer, newcomer).errors.keys() == {"password"}
    page = give_password(
        computer, newcomer, identifier="camille.autre@example.org", password="Falaise?Bouton63"
    )
    assert page.path == "/connexion/code"


def test_enrolling_again_sends_a_fresh_mail_and_both_links_are_good(browser, waiting, mailbox, newcomer):
    fill_enrolment(browser, newcomer)
    assert len(mailbox.all(to=newcomer.email)) == 2

    browser.get(waiting.link())

    assert browser.submit().path == "/inscription/bienvenue"


def test_the_address_that_somebody_else_activated_first_is_told_kindly(open_browser, mailbox, register):
    register.add(CAMILLE, SACHA)
    hers, his = open_browser(), open_browser(**OTHER)
    fill_enrolment(hers, CAMILLE)
    first = mailbox.last(to=CAMILLE.email)
    fill_enrolment(his, SACHA, email=CAMILLE.email)
    second = mailbox.last(to=CAMILLE.email)
    hers.get(first.link())
    hers.submit()

    his.get(second.link())
    page = his.submit()

    assert page.h1 == "Votre inscription ne peut pas être terminée en ligne"
    his.get("/inscription/code")
    assert "ne peut pas être terminée en ligne" in his.submit(code=second.code()).errors["code"]


def test_a_member_who_left_meanwhile_cannot_activate(browser, waiting, register, parts):
    register.add(Person(status="left"))

    browser.get(waiting.link())
    page = browser.submit()

    assert page.path != "/inscription/bienvenue"
    assert page.h1 == "Votre inscription ne peut pas être terminée en ligne"
    assert events(parts.database, "account.activated") == []


def test_a_member_who_left_cannot_sign_in_any_more(browser, mailbox, member, register):
    sign_in(browser, mailbox, member)
    register.add(Person(status="left"))

    assert browser.get("/compte").path == "/connexion"
    assert give_password(browser, member).errors.keys() == {"password"}


def test_another_contact_of_the_register_is_told_of_the_new_account(browser, mailbox, register):
    known = Person(known_email="camille.ancienne@example.net")
    register.add(known)

    enrol(browser, mailbox, known)

    assert mailbox.last(to="camille.ancienne@example.net").subject == "Votre compte est ouvert"
    assert len(mailbox.all(to=known.email)) == 1


def test_the_registers_own_contact_is_not_told_twice(browser, mailbox, register):
    known = Person(known_email="Camille@Example.org")
    register.add(known)

    enrol(browser, mailbox, known)

    assert len(mailbox.all()) == 1


def test_the_code_page_without_an_enrolment_leads_to_the_sign_in(browser):
    assert browser.get("/inscription/code").path == "/connexion"
    assert browser.get("/inscription/validation").path == "/inscription"


def test_the_pages_of_an_enrolment_belong_to_its_browser(open_browser, waiting):
    stranger = open_browser(network=HOME)

    assert stranger.get("/inscription/validation").path == "/inscription"


def test_an_attempt_that_never_ended_leaves_no_account(browser, waiting, parts):
    rows = count_rows(parts.database)

    assert rows["account"] == 0
    assert rows["enrolment"] == 1
