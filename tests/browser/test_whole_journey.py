"""The whole journey in Chromium, on the demo's own processes, and its end in all of them (R25)."""

import time

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.member import Demo, Member

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(180),
]


# How long the worker may take to tell the services of a signing out.
TOLD_WITHIN = 60


@pytest.mark.parametrize(("javascript", "width", "index"), [(False, 1280, 0), (True, 320, 1)])
def test_a_member_goes_from_the_public_page_to_their_reimbursements_and_out_everywhere(
    demo: Demo, chromium: Browser, javascript: bool, width: int, index: int
):
    context = chromium.new_context(
        java_script_enabled=javascript, locale="fr-FR", viewport={"width": width, "height": 800}
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    number, code = demo.members[index]
    member = Member(page, demo, number, code, email=f"membre{index}@example.org")

    page.goto(demo.member_space)
    page.click("a:has-text('Espace Adhérent')")
    page.click("text=Créer son compte")
    member.enrol()
    member.activate()
    page.click("text=Me connecter")
    member.give_password()
    member.give_code()
    page.click("text=Oui, se fier à cet appareil")

    expect(page.locator("h1")).to_contain_text("Bienvenue dans votre espace")
    expect(page.locator("main")).to_contain_text("Mes derniers remboursements")
    expect(page.locator("main")).to_contain_text("Remboursé le")

    # The next sign-in on this browser asks for the password and for no code, nor for the captcha.
    page.locator("button:has-text('Se déconnecter'), a:has-text('Se déconnecter')").first.click()
    if page.url.startswith(f"{demo.member_space}/logout"):
        page.click("main button:has-text('Se déconnecter')")
    expect(page.locator("h1")).to_contain_text("déconnecté")
    page.goto(demo.member_space)
    page.click("a:has-text('Espace Adhérent')")
    expect(page.locator("h1")).to_contain_text("Connexion à votre compte")
    assert page.locator(".captcha").count() == 0
    member.give_password()
    expect(page.locator("h1")).to_contain_text("Bienvenue dans votre espace")

    # Signed out at the provider is signed out of the service as well, with no click of the member's there.
    assert has_session(context, demo)
    page.goto(f"{demo.provider}/deconnexion")
    expect(page.locator("main")).to_contain_text("Espace Adhérent")
    page.click("main button:has-text('Se déconnecter')")
    expect(page.locator("h1")).to_contain_text("Vous êtes déconnecté(e)")
    until = time.monotonic() + TOLD_WITHIN
    while has_session(context, demo) and time.monotonic() < until:
        page.wait_for_timeout(100)
    page.goto(f"{demo.member_space}/espace")
    expect(page.locator("h1")).to_contain_text("Connectez-vous")
    assert complaints == []
    context.close()


def has_session(context: BrowserContext, demo: Demo) -> bool:
    """Whether the member space knows who is there."""
    return context.request.get(f"{demo.member_space}/espace", max_redirects=0).status == 200
