"""A member who comes from a service goes back to it, also after creating an account."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idp.oidc import client_rows
from tests.support.people import Person, fill_enrolment, give_password, is_signed_in, sign_in

CALLBACK = "http://127.0.0.1:8002/callback/adherent"
ASKED = {
    "response_type": "code",
    "client_id": "espace-adherent",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "state-of-the-service",
    "nonce": "n",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
SECRET = f'client_secret_sha256 = "{"0" * 64}"\n'


@pytest.fixture(autouse=True)
def services(parts, tmp_path, settings):
    """The shipped client files, with a secret."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for file in settings.clients_dir.glob("*.toml"):
        (folder / file.name).write_text(SECRET + file.read_text())
    with parts.database.transaction() as session:
        client_rows.apply(session, folder, spaces=parts.spaces, development=True, now=parts.clock.now())


def authorize(browser, **changes):
    return browser.get("/oauth2/authorize?" + urlencode({**ASKED, **changes}))


def answer_in(page):
    """What the redirect to the service carries."""
    assert page.location.startswith(CALLBACK + "?"), page.location or page.words
    return {name: value[0] for name, value in parse_qs(urlsplit(page.location).query).items()}


def test_a_sign_in_ends_at_the_service_with_a_code(browser, mailbox, member):
    page = authorize(browser)
    assert page.h1 == "Connexion à votre compte"
    assert "Espace Adhérent" in page.words

    page = sign_in(browser, mailbox, member, address=page.address)

    answer = answer_in(page)
    assert answer["state"] == ASKED["state"]
    assert answer["iss"] == "http://127.0.0.1:8000"
    assert len(answer["code"]) >= 43


def test_a_signed_in_member_goes_straight_back(browser, mailbox, member):
    sign_in(browser, mailbox, member, address=authorize(browser).address)

    assert "code" in answer_in(authorize(browser))


def test_cancelling_goes_back_without_a_code(browser, member):
    authorize(browser)

    page = browser.press("Annuler")

    answer = answer_in(page)
    assert answer["error"] == "access_denied"
    assert "code" not in answer


def test_a_sign_in_is_given_up_on_its_later_pages_too_and_signs_nobody_in(browser, mailbox, member):
    for page in ("/connexion/code", "/connexion/appareil"):
        authorize(browser)
        give_password(browser, member)
        if page == "/connexion/appareil":
            browser.submit(code=mailbox.last(to=member.email, subject="code").code())
        assert browser.page.path == page

        answer = answer_in(browser.press("Annuler la connexion"))

        assert answer["error"] == "access_denied"
    assert not is_signed_in(browser)


def test_a_sign_in_is_given_up_while_the_enrolment_waits_for_its_code(browser, mailbox, newcomer):
    fill_enrolment(browser, newcomer)
    page = give_password(browser, newcomer, address=authorize(browser).address)
    assert page.h1 == "Inscription en cours"

    answer = answer_in(browser.press("Annuler la connexion"))

    assert answer["error"] == "access_denied"


def test_a_sign_in_is_given_up_after_too_many_wrong_codes(browser, mailbox, member):
    give_password(browser, member, address=authorize(browser).address)
    right = mailbox.last(to=member.email, subject="code").code()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(6):
        page = browser.submit(code=wrong)
    assert page.h1 == "Trop de codes ont été essayés"

    answer = answer_in(browser.press("Annuler la connexion"))

    assert answer["error"] == "access_denied"


def test_a_sign_in_is_given_up_at_a_space_of_others(browser, register):
    delegate = Person("7700001", "efghjkmn", "elue@example.org", population="elu")
    register.open_account(delegate)
    page = give_password(browser, delegate, address=authorize(browser).address)
    assert page.h1 == "Cet espace ne vous est pas destiné"

    answer = answer_in(browser.press("Annuler la connexion"))

    assert answer["error"] == "access_denied"


def test_a_member_who_came_alone_has_nothing_to_give_up(browser, member):
    page = give_password(browser, member)

    assert page.path == "/connexion/code"
    assert "Annuler" not in page.words


def test_after_creating_an_account_the_request_is_still_alive(browser, mailbox, newcomer, clock):
    authorize(browser)
    browser.click("Première connexion ? Créer son compte")
    typed = {"member_number": newcomer.number, "access_code": newcomer.code, "email": newcomer.email}
    passwords = {"password": newcomer.password, "password_confirm": newcomer.password}
    browser.submit(**typed, **passwords, terms="y")
    clock.advance(minutes=50)
    browser.get(mailbox.last(to=newcomer.email).link())
    page = browser.submit()
    assert page.h1 == "Bienvenue, votre compte est actif"

    page = browser.click("Me connecter")

    assert page.h1 == "Connexion à votre compte"
    assert "code" in answer_in(sign_in(browser, mailbox, newcomer, address=page.address))


def test_after_an_hour_me_connecter_starts_at_the_service(browser, mailbox, newcomer, clock):
    authorize(browser)
    browser.click("Première connexion ? Créer son compte")
    typed = {"member_number": newcomer.number, "access_code": newcomer.code, "email": newcomer.email}
    passwords = {"password": newcomer.password, "password_confirm": newcomer.password}
    browser.submit(**typed, **passwords, terms="y")
    clock.advance(hours=1, seconds=1)
    browser.get(mailbox.last(to=newcomer.email).link())

    page = browser.submit()

    (way_on,) = [link["href"] for link in page.soup.find_all("a") if "Me connecter" in link.text]
    assert way_on == "http://127.0.0.1:8002/login/adherent"


def test_a_delegate_is_refused_at_the_adherents_service_and_shown_their_own(browser, register):
    delegate = Person("7700001", "efghjkmn", "elue@example.org", population="elu")
    register.open_account(delegate)

    page = give_password(browser, delegate, address=authorize(browser).address)

    assert (page.status, page.number) == (403, "P-2001")
    assert "Espace Élu" in page.words
    assert page.soup.find("a", href="http://127.0.0.1:8002/login/elu") is not None


def test_a_trusted_device_gives_the_code_when_the_service_demands_it(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust="Oui, se fier à cet appareil", address=authorize(browser).address)
    browser.close()
    page = authorize(browser, acr_values="urn:parvis:acr:2sv")

    page = give_password(browser, member, address=page.address)

    assert page.path == "/connexion/code"
    page = browser.submit(code=mailbox.last(subject="code de connexion").code(), follow=True)
    assert "code" in answer_in(page)


def test_a_remembered_session_is_raised_by_the_code_alone(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust="Oui, se fier à cet appareil", address=authorize(browser).address)
    browser.close()
    give_password(browser, member, address=authorize(browser).address)

    page = authorize(browser, acr_values="urn:parvis:acr:2sv")

    assert page.path == "/connexion/code"
    page = browser.submit(code=mailbox.last(subject="code de connexion").code())
    assert "code" in answer_in(page)


def test_a_finished_sign_in_is_taken_once_and_only_by_its_browser(browser, open_browser, mailbox, member):
    page = authorize(browser)
    give_password(browser, member, address=page.address)
    browser.submit(code=mailbox.last(subject="code de connexion").code())
    page = browser.press("Non merci", follow=False)
    assert page.location.startswith("/oauth2/authorize/suite")

    assert open_browser().get(page.location).number == "P-2002"
    assert "code" in answer_in(browser.get(page.location))
    assert browser.get(page.location).number == "P-2002"
