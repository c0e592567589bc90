"""The small scripts: they help where they run, and judge nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.member import Demo

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("demo")]

STRENGTH = ".strength strong"


@pytest.fixture
def enrolment(demo: Demo, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="fr-FR", viewport={"width": 320, "height": 800})
    page = context.new_page()
    page.goto(f"{demo.provider}/inscription")
    yield page
    context.close()


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("a", "Faible"),
        ("Abcdefghij123", "Faible"),
        ("azertyazertyazertyazertyazerty", "Faible"),
        ("Soleil2026!!", "Moyenne"),
        ("Ardoise!Prairie27", "Bonne"),
        ("un train bleu passe sous la pluie fine", "Excellente"),
        ("xK7$mQ2z!LrW9vBe", "Excellente"),
    ],
)
def test_a_new_password_is_judged_in_one_word_while_it_is_typed(enrolment: Page, password: str, word: str):
    expect(enrolment.locator(STRENGTH)).to_be_hidden()

    enrolment.fill("#password", password)

    expect(enrolment.locator(STRENGTH)).to_have_text(word)
    expect(enrolment.locator(STRENGTH)).to_be_visible()


def test_the_word_is_written_again_only_when_it_changes(enrolment: Page):
    enrolment.evaluate(
        """() => {
            window.spoken = [];
            const word = document.querySelector(".strength strong");
            new MutationObserver(() => window.spoken.push(word.textContent)).observe(word, { childList: true });
        }"""
    )

    enrolment.type("#password", "xK7$mQ2z!LrW9vBe")

    assert enrolment.evaluate("window.spoken") == ["Faible", "Moyenne", "Bonne", "Excellente"]


def test_rules_are_ticked_as_they_are_met_and_a_password_is_shown_on_demand(enrolment: Page):
    enrolment.fill("#password", "Ardoise")
    met = enrolment.locator("[data-rules-of=password] .met")
    assert met.evaluate_all("all => all.map((one) => one.dataset.rule)") == ["upper", "lower", "no-accents"]

    enrolment.click("[data-reveal=password]")

    expect(enrolment.locator("#password")).to_have_attribute("type", "text")
    expect(enrolment.locator("[data-reveal=password]")).to_contain_text("Masquer")
