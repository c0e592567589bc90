"""`/admin/styleguide`: a living page of every component, where people develop and nowhere else."""

import re

import pytest

from idp.admin import styleguide
from idp.core.errors import CATALOGUE
from idp.web.templates import FOLDER

COMPONENTS = "/admin/styleguide"
FOUNDATIONS = "/admin/styleguide/fondations"


def macros_of_the_kit() -> set[str]:
    """The public macros that draw something; those that write a number or a date are words, not components."""
    names = re.findall(r"{% macro ([a-z]\w*)\(", (FOLDER / "templates" / "kit.html").read_text())
    return set(names) - {"duration", "day", "hidden_fields"}


def called_in(text: str) -> set[str]:
    return set(re.findall(r"\bkit\.(\w+)\(", text)) | set(re.findall(r"{{-? (?:_?)(\w+)\(", text))


@pytest.mark.parametrize("space", ["adherent", "elu", "professionnel"])
@pytest.mark.parametrize("address", [COMPONENTS, FOUNDATIONS])
def test_the_page_holds_to_the_rules_of_all_pages_in_every_space(browser, address, space):
    page = browser.get(f"{address}?espace={space}")

    assert page.status == 200
    assert page.soup.find("meta", attrs={"name": "robots"})["content"] == "noindex"
    assert "(trop faible)" not in page.words


def test_every_component_of_the_kit_is_shown():
    folder = FOLDER.parent / "admin" / "templates" / "admin"
    shown = called_in("".join(path.read_text() for path in folder.glob("*.html")))
    within = called_in((FOLDER / "templates" / "kit.html").read_text())

    assert macros_of_the_kit() - shown - within == set()


def test_fields_are_shown_empty_filled_and_in_error_with_the_summary_that_leads_to_them(browser):
    page = browser.get(COMPONENTS)

    assert set(page.errors) == {f"wrong-{name}" for name in styleguide.WRONG}
    assert page.summary == [field["id"] for field in page.soup.select("[aria-invalid]")]
    assert page.soup.find(id="filled-email")["value"] == "bonjour@example.org"
    assert page.soup.find(id="plain-email")["value"] == ""
    assert [len(page.soup.select(f".stepper li:nth-child({step})[aria-current]")) for step in (1, 2, 3)] == [
        1,
        1,
        1,
    ]
    assert {tag["class"][1] for tag in page.soup.select(".notice")} == {"info", "good", "warn", "bad"}


def test_its_forms_change_nothing_and_come_back(browser):
    browser.get(COMPONENTS)

    assert browser.press("Oui, se fier à cet appareil").path == COMPONENTS


def test_the_values_are_those_of_the_style_sheet(browser):
    page = browser.get(FOUNDATIONS)

    written = dict(re.findall(r"--(s\d): ([.\drem]+);", (FOLDER / "static" / "parvis.css").read_text()))
    shown = {row.th.text.removeprefix("--"): row.td.text for row in page.soup.select("tr") if row.td}
    assert len(written) == 7
    assert {name: shown[name] for name in written} == written


@pytest.mark.settings(issuer="https://connexion.example.org")
@pytest.mark.parametrize("address", [COMPONENTS, FOUNDATIONS])
def test_a_service_in_production_has_no_such_page(browser, address):
    page = browser.get(address)

    assert page.status == 404
    assert page.h1 == CATALOGUE["P-4004"].title
    assert page.number == "P-4004"
