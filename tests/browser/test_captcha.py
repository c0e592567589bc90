"""« Vérification de sécurité » with JavaScript: the proof of work, the audio in the page, and what goes wrong."""

import re
import threading
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from idp.captcha import challenge
from idp.captcha.challenge import CaptchaChallenge

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("demo")]
ALTCHA = pytest.mark.settings(captcha={"provider": "altcha"})
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def site(app):
    """The real app, served on loopback; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium, site):
    """The sign-in page in a new browser; what its console complains of fails the test."""
    contexts, complaints = [], []

    def open_page(*, javascript=True, before=lambda page: None):
        contexts.append(chromium.new_context(locale="fr-FR", java_script_enabled=javascript))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if "policy" in message.text.lower() else None,
        )
        before(page)
        page.goto(f"{site}/connexion")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def give_password(page, member, password=None):
    page.fill("input[name=identifier]", member.email)
    page.fill("input[name=password]", password or member.password)
    page.press("input[name=password]", "Enter")


def told(page):
    return page.locator(".captcha [role=status]")


def read_picture(page, parts):
    name = page.input_value("input[name=captcha_id]")
    with parts.database.reading() as session:
        sealed = session.get(CaptchaChallenge, name).answer
    return parts.vault.unseal(challenge.SEAL, sealed, bound_to=name).decode()


@ALTCHA
def test_the_proof_is_made_while_the_member_types_and_a_form_sent_too_early_waits(open_page, member):
    page = open_page()
    expect(page.locator(".captcha img")).to_be_hidden()
    assert page.input_value("input[name=altcha]") == ""

    give_password(page, member)

    expect(page).to_have_url(re.compile("/connexion/code"))


@ALTCHA
def test_progress_is_told_and_a_proof_sent_twice_is_refused(open_page, member):
    page = open_page()
    page.focus("input[name=identifier]")
    expect(told(page)).to_have_text("Vérification réussie. Vous n’avez rien à recopier.")
    used = page.input_value("input[name=altcha]")
    give_password(page, member, "not the one")
    expect(page.locator(".summary")).to_be_visible()

    page.focus("input[name=identifier]")
    expect(told(page)).to_contain_text("réussie")
    fresh = page.input_value("input[name=altcha]")
    page.evaluate("used => { document.querySelector('input[name=altcha]').value = used }", used)
    give_password(page, member)

    expect(page.locator("#captcha-error")).to_contain_text("expiré")
    expect(page.locator(".captcha img")).to_be_visible()
    assert fresh not in {"", used}


@ALTCHA
def test_a_page_left_open_makes_another_proof_by_itself(open_page, member, clock):
    page = open_page(before=lambda page: page.clock.install())
    page.focus("input[name=identifier]")
    expect(told(page)).to_contain_text("réussie")
    first = page.input_value("input[name=altcha]")

    clock.advance(minutes=5)
    page.clock.run_for(FIVE_MINUTES.total_seconds() * 1000)
    expect(page.locator("input[name=altcha]")).not_to_have_value(first)
    give_password(page, member)

    expect(page).to_have_url(re.compile("/connexion/code"))


@ALTCHA
def test_when_the_proof_fails_the_picture_takes_its_place(open_page, member, parts):
    page = open_page(before=lambda page: page.route("**/captcha/altcha", lambda route: route.abort()))

    give_password(page, member)

    expect(told(page)).to_contain_text("n’a pas abouti. Recopiez les caractères de l’image")
    expect(page.locator("input[name=captcha]")).to_be_focused()
    page.fill("input[name=captcha]", read_picture(page, parts))
    page.press("input[name=captcha]", "Enter")
    expect(page).to_have_url(re.compile("/connexion/code"))


@ALTCHA
def test_without_javascript_the_picture_is_there_and_suffices(open_page, member, parts):
    page = open_page(javascript=False)

    page.fill("input[name=captcha]", read_picture(page, parts))
    give_password(page, member)

    expect(page).to_have_url(re.compile("/connexion/code"))


def test_who_can_neither_see_nor_hear_lets_the_device_answer(open_page, member):
    asked = []

    def hold(question):
        asked.append(question)

    page = open_page(before=lambda page: page.route("**/captcha/altcha", hold))
    page.fill("input[name=identifier]", member.email)
    page.fill("input[name=password]", member.password)
    assert page.input_value("input[name=altcha]") == ""

    # By keyboard alone.
    page.focus(".captcha summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(told(page)).to_have_text("Vérification en cours…")
    page.click("button:has-text('Se connecter')")
    # The device's work begins only now.
    while not asked:
        page.wait_for_timeout(10)
    asked[0].continue_()

    expect(page).to_have_url(re.compile("/connexion/code"))


def test_the_audio_plays_in_the_page_at_both_paces(open_page):
    page = open_page()
    audio = page.locator("audio")
    expect(audio).to_be_hidden()

    for label, seconds in (("Écouter un audio", 20), ("Écouter plus lentement", 30)):
        page.click(f"a:has-text('{label}')")
        expect(audio).to_be_visible()
        expect(audio).to_have_js_property("paused", value=False)
        audio.evaluate(
            "sound => new Promise(done => sound.addEventListener('timeupdate', done, {once: true}))"
        )
        assert seconds - 10 < audio.evaluate("sound => sound.duration") < seconds
    assert len(page.context.pages) == 1, "the form stays where it is"


@pytest.mark.parametrize("javascript", [True, False])
def test_another_text_keeps_what_was_typed_and_enter_sends_the_form(open_page, member, parts, javascript):
    page = open_page(javascript=javascript)
    page.fill("input[name=identifier]", member.email)
    first = page.input_value("input[name=captcha_id]")

    page.click("text=Changer le texte")
    expect(page.locator("input[name=captcha_id]")).not_to_have_value(first)
    if javascript:
        expect(page.locator("input[name=identifier]")).to_have_value(member.email)
    page.fill("input[name=identifier]", member.email)
    page.fill("input[name=password]", member.password)
    page.fill("input[name=captcha]", read_picture(page, parts))
    page.press("input[name=captcha]", "Enter")

    expect(page).to_have_url(re.compile("/connexion/code"))
