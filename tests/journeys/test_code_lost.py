"""« Je n'ai plus mon numéro ou mon code »: a request to the back office, the same answer to everybody."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from idp.subjects.letters import Letter
from tests.support.people import CAMILLE, Person
from tests.support.rows import statements

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def born(register):
    """Maëlle Saint-Aubin, who has a birth date, and her twin of another name."""
    person = Person(
        "1234571", "efghjklm", given_name="Maëlle", family_name="Saint-Aubin", birth_date="1950-12-31"
    )
    register.add(person, replace(person, number="1234572", given_name="Noa"), CAMILLE)
    return person


def ask(browser, **changes):
    browser.get("/acces-perdus")
    browser.click("Je n'ai plus mon numéro ou mon code")
    typed = {"family_name": "Saint-Aubin", "given_name": "Maëlle", "birth_date": "31/12/1950"}
    return browser.submit(**typed | changes)


def letters_of(parts):
    with parts.database.reading() as session:
        return [(row.kind, row.sealed) for row in session.scalars(select(Letter))]


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"birth_date": "31 12 1950"},
        {"birth_date": "31121950"},
        {"birth_date": "1950-12-31"},
        {"family_name": "SAINT AUBIN", "given_name": "maelle"},
        {"member_number": "1234571"},
    ],
)
def test_the_mutual_is_asked_to_post_a_new_code(browser, born, parts, typed):
    page = ask(browser, **typed)

    assert page.h1 == "C’est noté"
    assert letters_of(parts) == [("access-code", None)]


def test_everybody_gets_the_same_answer_for_the_same_work(open_browser, born, parts):
    seen, cost = set(), set()
    for typed in (
        {"given_name": "Personne"},
        {"birth_date": "30/12/1950"},
        {"member_number": "7654321"},
        {},
    ):
        browser = open_browser()
        browser.get("/acces-perdus/code")
        fields = {"family_name": "Saint-Aubin", "given_name": "Maëlle", "birth_date": "31/12/1950"}
        with statements(parts.database) as spent:
            page = browser.submit(follow=False, **fields | typed)
        cost.add(len(spent))
        seen.add(browser.get(page.location).without_chance())

    assert len(seen) == len(cost) == 1
    assert len(letters_of(parts)) == 1


def test_one_request_a_week_is_passed_on(browser, born, parts, clock):
    ask(browser)
    ask(browser)
    assert len(letters_of(parts)) == 1

    clock.advance(days=7)
    ask(browser)
    assert len(letters_of(parts)) == 2


def test_two_members_of_one_name_and_day_are_nobody_without_the_number(browser, born, parts, register):
    register.add(replace(born, number="1234573"))
    ask(browser)
    assert letters_of(parts) == []

    ask(browser, member_number="1234573")
    assert len(letters_of(parts)) == 1


def test_a_day_that_is_none_is_told_in_words(browser, born):
    page = ask(browser, birth_date="31/02/1950")

    assert page.errors.keys() == {"birth_date"}
    assert "31/12/1950" in page.errors["birth_date"]


@pytest.mark.settings(recovery={"code_requests_per_network": 2})
def test_one_network_may_ask_so_often_and_no_more(browser, open_browser, born, parts):
    ask(browser, given_name="Personne")
    ask(browser, given_name="Personne")

    assert ask(browser).errors.keys() == {"family_name"}
    assert ask(open_browser(network="203.0.113.9")).h1 == "C’est noté"


def test_the_page_shows_where_they_are_printed(browser):
    page = browser.get("/acces-perdus/code")

    assert page.soup.select_one("figure.printed svg") is not None
