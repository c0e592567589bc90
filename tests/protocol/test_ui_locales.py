"""OIDC Core 3.1.2.1: `ui_locales` is the language of the pages; what we do not speak is no error."""

import pytest
from bs4 import BeautifulSoup


def page_for(world, rp, **asked):
    browser = world.browser()
    sent = browser.get(rp.ask(**asked).url)
    return browser, BeautifulSoup(browser.get(sent.location).text, "html.parser")


@pytest.mark.parametrize(
    ("wish", "language", "heading"),
    [
        ("en", "en", "Sign in to your account"),
        ("en-GB fr", "en", "Sign in to your account"),
        ("se en", "en", "Sign in to your account"),
        ("fr-CA en", "fr", "Connexion à votre compte"),
        ("se", "fr", "Connexion à votre compte"),
        ("  ", "fr", "Connexion à votre compte"),
    ],
)
def test_the_first_language_of_the_wish_that_we_speak_is_the_pages(world, rp, wish, language, heading):
    _browser, page = page_for(world, rp, ui_locales=wish)

    assert page.html["lang"] == language
    assert page.h1.text == heading


def test_a_silent_request_is_answered_whatever_language_it_wishes(rp, member):
    sent = member.get(rp.ask(prompt="none", ui_locales="xx en").url)

    assert "code=" in sent.location


def test_discovery_names_both_languages(world):
    document = world.app.test_client().get("/.well-known/openid-configuration").json

    assert document["ui_locales_supported"] == ["fr", "en"]
