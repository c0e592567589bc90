"""The whole journey by keyboard alone, on the demo's own processes."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.keyboard import Keyboard
from tests.browser.member import Demo, Member

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(180),
]


def test_a_member_enrols_and_signs_in_by_keyboard_alone(demo: Demo, chromium: Browser):
    context = chromium.new_context(locale="fr-FR", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    keyboard = Keyboard(page)
    number, code = demo.members[3]
    member = Member(page, demo, number, code, email="membre3@example.org")

    page.goto(f"{demo.member_space}/login/adherent")
    keyboard.arrive()
    keyboard.go_to("a[href^='/inscription']")
    keyboard.press("Enter")

    # What is missing is told first, and each sentence leads to its field.
    keyboard.go_to("#main-form button.main")
    keyboard.press("Space")
    assert keyboard.is_on(".summary")
    keyboard.stop()
    assert keyboard.is_on(".summary a[href='#member_number']")
    keyboard.touch("Enter")
    assert keyboard.is_on("input[name=member_number]")

    page.keyboard.type(member.number)
    keyboard.write("input[name=access_code]", member.code)
    keyboard.write("input[name=email]", member.email)
    keyboard.write("input[name=password]", member.password)
    keyboard.write("input[name=password_confirm]", member.password)
    keyboard.write("input[name=captcha]", member.read_captcha())
    keyboard.go_to("input[name=terms]")
    keyboard.touch("Space")
    keyboard.go_to("#main-form button.main")
    keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Consultez vos emails")

    page.goto(member.activation_link())
    keyboard.arrive()
    keyboard.go_to("#main-form button.main")
    keyboard.press("Space")
    keyboard.go_to("main a.button")
    keyboard.press("Enter")

    # Backwards as well; and Enter in a field sends the form, never « Changer le texte ».
    keyboard.write("input[name=password]", member.password)
    keyboard.go_to("input[name=identifier]", backwards=True)
    page.keyboard.press("Control+A")
    page.keyboard.type(member.email)
    keyboard.write("input[name=captcha]", member.read_captcha())
    keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Consultez vos emails")
    keyboard.write("input[name=code]", member.mailed_code())
    keyboard.press("Enter")
    keyboard.go_to("button[name=trust][value=no]")
    with page.expect_navigation(url=re.compile(re.escape(demo.member_space))):
        page.keyboard.press("Space")
    expect(page.locator("h1")).to_contain_text("Bienvenue dans votre espace")
    context.close()


def test_the_first_stop_of_a_page_skips_to_its_content(demo: Demo, chromium: Browser):
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    keyboard = Keyboard(page)
    page.goto(f"{demo.provider}/connexion")
    keyboard.arrive()

    keyboard.stop()
    assert keyboard.is_on("a.skip")
    keyboard.touch("Enter")

    assert keyboard.is_on("main")
    keyboard.stop()
    assert keyboard.is_on("main *")
    context.close()
