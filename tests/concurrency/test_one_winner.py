"""R1: each link and each code has at most one success, however many present it at once."""

from functools import partial

import pytest

from tests.support.people import Person, give_password
from tests.support.racing import at_once, begin_enrolment, copies, last_code, people
from tests.support.rows import count_rows, events

AT_ONCE = 8
ROUNDS = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # The form is not what is raced for.
    pytest.mark.settings(
        captcha={"login": "off"}, sign_in={"codes_per_day": 1000, "wrong_codes_per_day": 1000}
    ),
]


def form_token(browser):
    return browser.get("/connexion").value("csrf_token")


def test_eight_presses_on_one_activation_link_open_one_account(app, browser, register, parts):
    everybody = people(ROUNDS)
    register.add(*everybody)
    fields = {"csrf_token": form_token(browser)}

    for person in everybody:
        link, _ = begin_enrolment(parts, person, browser)
        windows = copies(app, browser, AT_ONCE)
        pages = at_once([partial(window.post, link, fields, follow=False) for window in windows])
        assert sorted(page.status for page in pages) == [200] * (AT_ONCE - 1) + [303]
        assert {page.h1 for page in pages if page.status == 200} == {"Votre compte est déjà actif"}

    assert len(events(parts.database, "account.activated")) == ROUNDS
    assert count_rows(parts.database)["account"] == ROUNDS


def test_eight_entries_of_one_activation_code_open_one_account(app, browser, register, parts):
    everybody = people(ROUNDS)
    register.add(*everybody)
    token = form_token(browser)

    for person in everybody:
        _, code = begin_enrolment(parts, person, browser)
        fields = {"csrf_token": token, "code": code}
        windows = copies(app, browser, AT_ONCE)
        pages = at_once(
            [partial(window.post, "/inscription/code", fields, follow=False) for window in windows]
        )
        assert all(page.status in {200, 303} for page in pages)
        assert any(page.location.startswith("/inscription/bienvenue?") for page in pages)

    assert len(events(parts.database, "account.activated")) == ROUNDS
    assert count_rows(parts.database)["account"] == ROUNDS


def test_eight_entries_of_one_code_pass_the_second_step_once_and_its_browser_goes_on(
    app, open_browser, member, parts
):
    for number in range(1, ROUNDS + 1):
        browser = open_browser()
        give_password(browser, member)
        fields = browser.fields(code=last_code(parts))
        windows = copies(app, browser, AT_ONCE)
        pages = at_once([partial(window.post, "/connexion/code", fields, follow=False) for window in windows])
        assert all(page.status in {200, 303, 400} for page in pages), [page.status for page in pages]
        assert len(events(parts.database, "code.verified")) == number
        assert browser.get(browser.page.address).path == "/connexion/appareil"


def test_two_browsers_that_activate_one_member_open_one_account(app, open_browser, register, parts):
    everybody = people(20)
    register.add(*everybody)
    browsers = [open_browser(), open_browser(network="203.0.113.9")]
    tokens = [form_token(browser) for browser in browsers]

    for person in everybody:
        links = [begin_enrolment(parts, person, browser)[0] for browser in browsers]
        pages = at_once(
            [
                lambda one=one: one[0].post(one[1], {"csrf_token": one[2]}, follow=False)
                for one in zip(browsers, links, tokens, strict=True)
            ]
        )
        assert sorted(page.status for page in pages) == [200, 303]

    assert count_rows(parts.database)["account"] == 20


def test_two_members_with_one_address_get_one_account(app, open_browser, register, parts):
    for number in range(10):
        pair = [
            Person(f"3{number:06d}", email=f"couple{number}@example.org"),
            Person(f"4{number:06d}", email=f"couple{number}@example.org"),
        ]
        register.add(*pair)
        jobs = []
        for person in pair:
            browser = open_browser()
            link, _ = begin_enrolment(parts, person, browser)
            jobs.append(partial(browser.post, link, {"csrf_token": form_token(browser)}, follow=False))

        pages = at_once(jobs)

        assert sorted(page.status for page in pages) == [200, 303]
        (loser,) = [page for page in pages if page.status == 200]
        assert loser.h1 == "Votre inscription ne peut pas être terminée en ligne"

    assert count_rows(parts.database)["account"] == 10
