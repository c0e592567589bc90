"""R25, back-channel logout on the demo's own processes: signed out at the provider is signed out everywhere."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.member import Demo, Member

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(180),
]


def test_signing_out_at_the_provider_ends_the_session_of_the_member_space(demo: Demo, chromium: Browser):
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    number, code = demo.members[2]
    member = Member(page, demo, number, code, email="membre2@example.org")
    page.goto(f"{demo.member_space}/login/adherent")
    page.click("text=Créer son compte")
    member.enrol()
    member.activate()
    page.click("text=Me connecter")
    member.give_password()
    member.give_code()
    page.click("text=Oui, se fier à cet appareil")
    expect(page.locator("h1")).to_contain_text("Bienvenue dans votre espace")

    home = f"{demo.member_space}/espace"
    assert context.request.get(home, max_redirects=0).status == 200

    page.goto(f"{demo.provider}/deconnexion")
    expect(page.locator("main")).to_contain_text("Espace Adhérent")
    page.click("main button:has-text('Se déconnecter')")
    expect(page.locator("h1")).to_contain_text("Vous êtes déconnecté(e)")

    # The worker tells the member space; no click of the member's is needed there.
    for _ in range(40):
        if context.request.get(home, max_redirects=0).status != 200:
            break
        page.wait_for_timeout(250)
    page.goto(home)
    expect(page.locator("h1")).to_contain_text("Connectez-vous")
    context.close()
