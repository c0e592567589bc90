"""Passkeys with Chromium's own virtual authenticator: the page's script, the browser and the server together."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.looks.visitor import Visitor
from tests.browser.looks.world import World
from tests.support.people import Person

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(120),
]
BUTTON = "button:has-text('Me connecter avec une clé d’accès')"
# A browser whose list of identifiers knows no passkeys: only the button asks.
NO_LIST = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A provider with a domain name: browsers bind no passkey to an address of numbers."""
    with World(tmp_path_factory.mktemp("passkeys"), host="localhost") as world:
        yield world


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 320, "height": 640}, locale="fr-FR")
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def visitor(page: Page, world: World) -> Visitor:
    return Visitor(page, world, network="10.9.9.9")


@pytest.fixture
def device(page: Page) -> tuple[CDPSession, str]:
    """A telephone that recognises its owner and holds passkeys; and its name in the protocol."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, added["authenticatorId"]


def add_key(visitor: Visitor, name: str) -> Person:
    """Signed in, add a passkey under a name."""
    person = visitor.world.member()
    visitor.be_signed_in(person)
    visitor.open("/compte/securite")
    visitor.page.click("a:has-text('Ajouter une clé d’accès')")
    visitor.page.fill("#name", name)
    visitor.page.click("button:has-text('Créer la clé d’accès')")
    expect(visitor.page.locator("h1")).to_have_text("Sécurité de ma connexion")
    expect(visitor.page.locator(".device strong")).to_have_text(name)
    return person


def test_a_passkey_is_made_signs_in_alone_and_is_worth_nothing_once_removed(
    visitor: Visitor, device: tuple[CDPSession, str]
):
    page = visitor.page
    page.add_init_script(NO_LIST)
    add_key(visitor, "Mon téléphone")
    page.context.clear_cookies()

    # Whoever gives up at the device stays on the page, and reads what happened.
    cdp, authenticator = device
    for is_verified in (False, True):
        answer = {"authenticatorId": authenticator, "isUserVerified": is_verified}
        cdp.send("WebAuthn.setUserVerified", answer)
        visitor.open("/connexion")
        page.click(BUTTON)
        if not is_verified:
            told = page.locator("form[data-passkey] [role=status]")
            expect(told).to_contain_text("Vous pouvez recommencer")

    expect(page.locator("h1")).to_have_text("Mon compte")
    visitor.open("/compte/securite")
    page.click("a:has-text('modifier')")
    page.click("button:has-text('Retirer cette clé')")
    expect(page.locator(".device")).to_have_count(0)
    page.context.clear_cookies()
    visitor.open("/connexion")
    page.click(BUTTON)
    expect(page.locator(".notice.bad")).to_contain_text("n’a pas pu être vérifiée")


def test_the_browser_offers_the_passkey_at_the_identifier_by_itself(
    visitor: Visitor, device: tuple[CDPSession, str]
):
    page = visitor.page
    add_key(visitor, "Mon téléphone")
    page.context.clear_cookies()

    # The virtual authenticator answers a conditional question at once, as a member who picks the passkey.
    visitor.open("/connexion")

    expect(page.locator("h1")).to_have_text("Mon compte")


def test_a_browser_without_webauthn_shows_the_password_alone(visitor: Visitor):
    visitor.page.add_init_script("delete window.PublicKeyCredential")

    visitor.open("/connexion")

    expect(visitor.page.locator(BUTTON)).to_be_hidden()
    expect(visitor.page.locator("#password")).to_be_visible()
