"""What passkey.js does with a page's form: ask for options, let the device answer, send the form."""

import json

from bs4 import Tag

from tests.support.browser import Browser, Page
from tests.support.software_key import SoftwareKey


def passkey_form(browser: Browser) -> Tag | None:
    """The page's form for a passkey, which waits for its script."""
    return browser.page.soup.select_one("form[data-passkey]")


def options_of(browser: Browser) -> dict:
    """What the page's script is answered when it asks."""
    form = passkey_form(browser)
    here = browser.page
    answer = browser.post(form["data-options"], _fields(form), follow=False)
    browser.page = here
    assert answer.status == 200, answer.response.text
    return json.loads(answer.response.text)


def answer_with(browser: Browser, key: SoftwareKey, **typed: str) -> Page:
    """Press the button of the page's passkey form, with this key at hand."""
    address, fields = key_answer(browser, key)
    return browser.post(address, {**fields, **typed})


def key_answer(browser: Browser, key: SoftwareKey) -> tuple[str, dict[str, str]]:
    """What that button would send, and where."""
    form = passkey_form(browser)
    options = options_of(browser)
    answer = key.make(options) if form["data-passkey"] == "create" else key.use(options)
    return form["action"], {**_fields(form), "credential": answer}


def add_key(browser: Browser, **key: object) -> SoftwareKey:
    """« Ajouter une clé d'accès », in a browser whose second step is fresh."""
    browser.get("/compte/securite/cle/nouvelle")
    made = SoftwareKey(**key)
    page = answer_with(browser, made)
    assert page.path == "/compte/securite", page.words
    return made


def _fields(form: Tag) -> dict[str, str]:
    return {tag["name"]: tag.get("value", "") for tag in form.find_all("input")}
