"""The second step: six digits by mail, bound to one sign-in, within exact budgets."""

import pytest

from tests.support.people import CAMILLE, SACHA, give_password, is_signed_in, sign_in
from tests.support.rows import all_rows, events

OTHER = {"network": "203.0.113.9"}


def wrong(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


@pytest.fixture
def asked(browser, mailbox, member):
    """Camille's browser stands at the second step; this is her mail."""
    give_password(browser, member)
    return mailbox.last(to=member.email)


def test_the_mail_carries_six_digits_alone_on_their_line(asked):
    assert asked.subject == "Votre code de connexion"
    assert len(asked.code()) == 6
    assert asked.links() == []
    assert "10 minutes" in asked.text


def test_the_page_names_the_masked_address_and_the_spam_folder(browser, asked, member):
    page = browser.get(browser.page.address)

    assert page.h1 == "Consultez vos emails"
    assert "c****e@example.org" in page.words
    assert member.email not in page.response.text
    assert "spam" in page.words
    assert browser.has_button("Renvoyer un code")
    assert "Retour à l'accueil" in page.words
    field = page.form.find(attrs={"name": "code"})
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")


def test_spaces_in_the_code_do_not_matter(browser, asked):
    page = browser.submit(code=f" {asked.code()[:3]} {asked.code()[3:]} ")

    assert page.path == "/connexion/appareil"


def test_a_wrong_code_is_refused_five_times_then_for_good(browser, asked, parts):
    code = asked.code()
    for left in (4, 3, 2, 1, 0):
        page = browser.submit(code=wrong(code))
        assert "pas le bon" in page.errors["code"]
        assert f"Il vous reste {left} essai" in page.words

    page = browser.submit(code=code)

    assert page.h1 == "Trop de codes ont été essayés"
    assert events(parts.database, "session.opened") == []


def test_after_too_many_codes_the_sign_in_starts_again_with_the_password(
    browser, asked, mailbox, member, clock
):
    for _ in range(5):
        browser.submit(code=wrong(asked.code()))
    browser.submit(code=asked.code())

    clock.advance(seconds=30)
    page = browser.press("Recommencer la connexion")
    assert page.h1 == "Connexion à votre compte"
    assert sign_in(browser, mailbox, member).h1 == "Mon compte"


def test_after_too_many_codes_the_start_page_works_too(browser, asked, mailbox, member, clock):
    for _ in range(5):
        browser.submit(code=wrong(asked.code()))
    browser.submit(code=asked.code())
    clock.advance(seconds=30)

    assert sign_in(browser, mailbox, member).h1 == "Mon compte"


def test_the_five_tries_count_over_all_codes_of_the_sign_in(browser, asked, mailbox, member, clock):
    for _ in range(3):
        browser.submit(code=wrong(asked.code()))
    clock.advance(seconds=60)
    browser.press("Renvoyer un code")
    second = mailbox.last(to=member.email)
    for _ in range(2):
        browser.submit(code=wrong(second.code()))

    assert browser.submit(code=second.code()).h1 == "Trop de codes ont été essayés"


def test_a_code_is_good_for_ten_minutes(browser, asked, clock):
    clock.advance(minutes=10)

    assert "plus valable" in browser.submit(code=asked.code()).errors["code"]


def test_a_code_is_good_until_then(browser, asked, clock):
    clock.advance(minutes=9, seconds=59)

    assert browser.submit(code=asked.code()).path == "/connexion/appareil"


def test_a_code_is_used_once(open_browser, browser, asked, member, mailbox):
    browser.submit(code=asked.code())
    browser.press("Non merci")

    other = open_browser(**OTHER)
    give_password(other, member)

    assert other.submit(code=asked.code()).errors.keys() == {"code"}


def test_reloading_never_sends_again(browser, asked, mailbox, member):
    for _ in range(3):
        browser.get(browser.page.address)
        browser.get("/connexion")
        browser.get("/connexion/code")
        browser.head("/connexion/code")

    assert len(mailbox.all(to=member.email)) == 1


def test_another_code_waits_sixty_seconds(browser, asked, mailbox, member, clock):
    clock.advance(seconds=59)
    browser.press("Renvoyer un code") if browser.has_button("Renvoyer un code") else None
    assert len(mailbox.all(to=member.email)) == 1

    clock.advance(seconds=1)
    browser.get(browser.page.address)
    browser.press("Renvoyer un code")

    assert len(mailbox.all(to=member.email)) == 2


def test_a_sign_in_asks_for_five_more_codes_and_no_more(browser, asked, mailbox, member, clock):
    for _ in range(8):
        clock.advance(seconds=61)
        _resend(browser)

    assert len(mailbox.all(to=member.email)) == 6


def _resend(browser):
    browser.get("/connexion/code")
    fields = {"csrf_token": browser.page.value("csrf_token"), "i": browser.handle}
    return browser.post("/connexion/code/renvoyer", fields)


def test_the_last_three_codes_are_alive(browser, asked, mailbox, member, clock):
    for _ in range(3):
        clock.advance(seconds=61)
        _resend(browser)
    first, second, third, fourth = (mail.code() for mail in mailbox.all(to=member.email))
    assert len({first, second, third, fourth}) == 4

    assert browser.submit(code=first).errors.keys() == {"code"}
    assert browser.submit(code=second).path == "/connexion/appareil"


def test_thirty_codes_a_day_then_a_clear_page_until_tomorrow(open_browser, mailbox, member, clock):
    for _ in range(30):
        page = give_password(open_browser(), member)
        assert page.h1 == "Consultez vos emails"

    page = give_password(open_browser(), member)
    assert page.h1 == "Trop de codes ont été envoyés aujourd’hui"
    assert len(mailbox.all(to=member.email)) == 30

    clock.advance(days=1)
    assert give_password(open_browser(), member).h1 == "Consultez vos emails"


def test_twenty_wrong_codes_a_day_freeze_the_second_step_for_an_hour_and_warn_the_owner(
    open_browser, mailbox, member, clock
):
    browser = open_browser()
    for number in range(20):
        if number % 5 == 0:
            browser = open_browser()
            give_password(browser, member)
            code = mailbox.last(to=member.email, subject="code de connexion").code()
        page = browser.submit(code=wrong(code))
    assert page.h1 == "Nous faisons une pause pour protéger votre compte"
    assert len(mailbox.all(to=member.email, subject="suspendue")) == 1

    last = open_browser(**OTHER)
    assert give_password(last, member).h1 == "Nous faisons une pause pour protéger votre compte"
    assert len(mailbox.all(to=member.email, subject="code de connexion")) == 4

    clock.advance(hours=1, seconds=1)
    assert sign_in(open_browser(), mailbox, member).h1 == "Mon compte"


def test_the_right_code_is_refused_while_the_second_step_rests(open_browser, mailbox, member, clock):
    waiting = open_browser()
    give_password(waiting, member)
    right = mailbox.last(to=member.email).code()
    for number in range(20):
        if number % 5 == 0:
            stranger = open_browser(**OTHER)
            give_password(stranger, member)
        stranger.submit(code=wrong(right))

    page = waiting.submit(code=right)

    assert page.h1 == "Nous faisons une pause pour protéger votre compte"
    assert not is_signed_in(waiting)


def test_the_code_of_one_sign_in_is_worthless_in_another(open_browser, mailbox, member):
    mine, theirs = open_browser(), open_browser(**OTHER)
    give_password(theirs, member)
    code_of_theirs = mailbox.last(to=member.email).code()
    give_password(mine, member)

    assert mine.submit(code=code_of_theirs).errors.keys() == {"code"}
    assert theirs.submit(code=code_of_theirs).path == "/connexion/appareil"


def test_the_code_of_one_account_is_worthless_for_another(open_browser, mailbox, register):
    register.open_account(CAMILLE)
    register.open_account(SACHA)
    mine, hers = open_browser(), open_browser(**OTHER)
    give_password(mine, SACHA)
    my_code = mailbox.last(to=SACHA.email).code()
    give_password(hers, CAMILLE)

    assert hers.submit(code=my_code).errors.keys() == {"code"}


def test_a_second_tab_follows_the_first(browser, asked):
    tab = browser.page.address
    browser.submit(code=asked.code())

    assert browser.get(tab).path == "/connexion/appareil"
    browser.press("Non merci")
    assert browser.get(tab).number == "P-2007"
    assert is_signed_in(browser)


def test_two_sign_ins_in_two_tabs_do_not_mix(browser, mailbox, member):
    give_password(browser, member)
    first, first_code = browser.page.address, mailbox.last(to=member.email).code()
    browser.get("/")
    fields = {"csrf_token": browser.get("/connexion/code").value("csrf_token")}
    browser.post("/connexion/recommencer", fields)

    page = browser.get(first)

    assert page.number == "P-2002"
    page = browser.post("/connexion/code", {**fields, "code": first_code})
    assert page.h1 == "Connexion à votre compte"


@pytest.mark.parametrize("typed", [None, "", "  ", "\t\u00a0"])
def test_an_empty_code_is_no_try(browser, asked, typed, parts):
    before = all_rows(parts.database)

    page = browser.submit(code=typed)

    assert page.errors.keys() == {"code"}
    assert all_rows(parts.database) == before


@pytest.mark.parametrize("typed", ["1" * 4000, "é" * 6, "１２３４５６", "12345", "1234567", "<b>", "0x1E24"])
def test_an_odd_code_is_a_wrong_one(browser, asked, typed):
    page = browser.submit(code=typed)

    assert page.status == 200
    assert page.errors.keys() == {"code"}


def test_without_the_right_form_token_no_code_is_judged(browser, asked, parts):
    before = all_rows(parts.database)

    page = browser.submit(code=asked.code(), csrf_token="x")

    assert page.number == "P-4001"
    assert all_rows(parts.database) == before


def test_the_code_is_not_in_the_database(asked, parts):
    everything = str(all_rows(parts.database))

    assert asked.code() not in everything.replace("2026", "")


def test_a_code_that_expired_in_the_queue_is_never_sent(browser, mailbox, member, clock):
    give_password(browser, member)
    clock.advance(minutes=11)

    assert mailbox.all(to=member.email) == []
