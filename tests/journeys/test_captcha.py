"""« Vérification de sécurité »: where it is asked, and the proof of work that spares it."""

import base64
import json

import altcha
import pytest

from tests.support.listening import digits_of
from tests.support.pages import squeeze
from tests.support.people import fill_enrolment, give_password, sign_in

YES = "Oui, se fier à cet appareil"


def solve(browser):
    """What a browser's script would put into the hidden field."""
    answer = browser.client.get("/captcha/altcha")
    challenge = altcha.Challenge.from_dict(answer.json)
    solution = altcha.solve_challenge(challenge)
    payload = {"challenge": answer.json, "solution": solution.to_dict()}
    return base64.b64encode(json.dumps(payload).encode()).decode()


def test_the_sign_in_asks_for_the_picture_always(browser, member):
    assert browser.get("/connexion").asks_for("captcha")

    page = give_password(browser, member, captcha="")

    assert page.errors.keys() == {"captcha"}
    assert page.asks_for("captcha")


def test_a_wrong_answer_shows_another_picture_and_compares_no_password(browser, member, parts):
    page = browser.get("/connexion")
    first = page.value("captcha_id")
    done = parts.passwords.gate.statistics().done

    page = browser.submit(identifier=member.email, password=member.password, captcha="?????")

    assert page.errors.keys() == {"captcha"}
    assert page.value("captcha_id") != first
    assert parts.passwords.gate.statistics().done == done


def test_an_answer_is_used_once(browser, member):
    browser.get("/connexion")
    fields = browser.fields(identifier=member.email, password="not the one")
    browser.post("/connexion", fields)

    page = browser.post("/connexion", fields)

    assert page.errors.keys() == {"captcha"}
    assert "expiré" in page.errors["captcha"]


def test_an_answer_is_good_for_five_minutes(browser, member, clock):
    browser.get("/connexion")
    fields = browser.fields(identifier=member.email, password=member.password)
    clock.advance(minutes=5)

    assert browser.post("/connexion", fields).errors.keys() == {"captcha"}


def test_the_picture_of_another_browser_is_worthless(open_browser, member):
    mine, other = open_browser(), open_browser()
    other.get("/connexion")
    answer, shown = other.read_captcha(), other.page.value("captcha_id")
    mine.get("/connexion")

    page = mine.submit(identifier=member.email, password=member.password, captcha=answer, captcha_id=shown)

    assert page.errors.keys() == {"captcha"}
    assert mine.client.get(f"/captcha/{shown}.png", expect_errors=True).status_int == 404


def test_change_the_text_shows_another_picture(browser):
    page = browser.get("/connexion")
    first = page.value("captcha_id")

    page = browser.press("Changer le texte")

    assert page.path == "/connexion"
    assert page.value("captcha_id") != first
    assert browser.client.get(f"/captcha/{page.value('captcha_id')}.png").content_type == "image/png"


def test_the_enter_key_sends_the_form_and_changes_no_picture(browser):
    page = browser.get("/connexion")

    buttons = [button for button in page.form.find_all("button") if button.get("type", "submit") == "submit"]
    first = next(button for button in buttons if not button.get("form"))

    assert first.text.strip() == "Se connecter"


@pytest.mark.settings(captcha={"login": "off"})
def test_off_means_none_at_the_sign_in_but_always_at_the_enrolment(browser, member):
    assert not browser.get("/connexion").asks_for("captcha")
    assert give_password(browser, member).path == "/connexion/code"
    assert browser.get("/inscription").asks_for("captcha")


@pytest.mark.settings(captcha={"login": "after-failures"})
def test_after_failures_means_after_three_wrong_passwords_from_a_network(open_browser, member):
    browser = open_browser()
    for _ in range(3):
        assert not browser.get("/connexion").asks_for("captcha")
        give_password(browser, member, password="not the one")

    assert browser.get("/connexion").asks_for("captcha")
    assert give_password(browser, member, captcha="").errors.keys() == {"captcha"}
    assert give_password(browser, member).path == "/connexion/code"
    assert not open_browser(network="203.0.113.9").get("/connexion").asks_for("captcha")


@pytest.mark.settings(captcha={"login": "after-failures"})
def test_leaving_the_field_out_does_not_avoid_the_captcha(open_browser, member):
    browser = open_browser()
    for _ in range(3):
        give_password(browser, member, password="not the one")

    page = give_password(browser, member, captcha=None, captcha_id=None)

    assert page.errors.keys() == {"captcha"}


def test_a_trusted_device_is_never_asked(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust=YES)
    browser.close()

    assert not browser.get("/connexion").asks_for("captcha")
    assert give_password(browser, member).path == "/compte"


def test_the_cookie_of_one_person_spares_nobody_else_the_captcha(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust=YES)
    browser.close()

    browser.get("/connexion")
    page = browser.submit(identifier="inconnue@example.org", password=member.password)

    assert page.errors.keys() == {"captcha"}


@pytest.mark.settings(captcha={"provider": "altcha"})
def test_the_proof_of_work_needs_no_typing(browser, member):
    page = browser.get("/connexion")
    assert page.value("altcha") == ""

    page = browser.submit(
        identifier=member.email, password=member.password, captcha="", altcha=solve(browser)
    )

    assert page.path == "/connexion/code"


@pytest.mark.settings(captcha={"provider": "altcha"})
def test_a_proof_of_work_is_used_once(browser, member):
    browser.get("/connexion")
    proof = solve(browser)
    browser.submit(identifier=member.email, password="not the one", captcha="", altcha=proof)

    page = browser.submit(identifier=member.email, password=member.password, captcha="", altcha=proof)

    assert page.errors.keys() == {"captcha"}


@pytest.mark.settings(captcha={"provider": "altcha"})
def test_without_javascript_the_picture_suffices(browser, member):
    assert give_password(browser, member).path == "/connexion/code"


@pytest.mark.parametrize("altcha_field", ["x", "e30=", "A" * 4000, "é", "bnVsbA=="])
@pytest.mark.settings(captcha={"provider": "altcha"})
def test_a_proof_that_is_none_is_refused(browser, member, altcha_field):
    page = give_password(browser, member, captcha="", altcha=altcha_field)

    assert page.errors.keys() == {"captcha"}


def test_who_can_neither_see_nor_hear_finds_another_way_and_the_help_line(browser):
    page = browser.get("/connexion")

    other_way = page.soup.select_one(".captcha details")

    assert "Vous ne pouvez ni lire l’image ni écouter l’audio ?" in squeeze(other_way.summary.text)
    assert other_way.select_one("a[href^='tel:']")
    assert page.value("altcha") == ""
    assert browser.client.get("/captcha/altcha").json.keys() == {"parameters", "signature"}


def test_a_proof_that_is_none_is_refused_with_the_image_too(browser, member):
    assert give_password(browser, member, captcha="", altcha="x").errors.keys() == {"captcha"}


def test_a_member_who_cannot_see_the_picture_signs_in_by_ear(browser, member):
    page = browser.get("/connexion")
    link = page.soup.select_one(".listen a")
    assert "Écouter un audio" in link.text
    assert page.soup.audio["src"] == link["href"]

    wav = browser.client.get(link["href"]).body
    page = browser.submit(
        identifier=member.email, password=member.password, captcha=digits_of(wav, language="fr")
    )

    assert page.path == "/connexion/code"


def test_a_member_enrols_by_the_slow_audio(browser, newcomer):
    browser.get("/inscription")
    slow = browser.page.soup.select(".listen a")[1]
    assert "Écouter plus lentement" in slow.text

    digits = digits_of(browser.client.get(slow["href"]).body, language="fr", folder="slow")
    page = fill_enrolment(browser, newcomer, captcha=digits, captcha_id=browser.page.value("captcha_id"))

    assert page.path == "/inscription/validation"


def test_a_page_in_english_speaks_english(browser, member):
    page = browser.get("/connexion", headers={"Accept-Language": "en"})
    address = page.soup.audio["src"]

    heard = digits_of(browser.client.get(address).body, language="en")
    page = browser.submit(identifier=member.email, password=member.password, captcha=heard)

    assert address.endswith(".wav?langue=en")
    assert page.path == "/connexion/code"


def test_digits_misheard_change_the_picture_and_the_audio(browser, member):
    first = browser.get("/connexion").soup.audio["src"]

    page = browser.submit(identifier=member.email, password=member.password, captcha="000 000")

    assert page.errors.keys() == {"captcha"}
    assert page.soup.audio["src"] != first
    assert browser.client.get(first, expect_errors=True).status_int == 404


def test_another_browser_hears_nothing(open_browser):
    mine, other = open_browser(), open_browser()
    address = other.get("/connexion").soup.audio["src"]
    mine.get("/connexion")

    assert mine.client.get(address, expect_errors=True).status_int == 404
    assert other.client.get(address).content_type == "audio/wav"
