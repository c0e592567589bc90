"""Every page in French and in English, and a switch that loses nothing."""

from urllib.parse import urlencode

import pytest

from idp.oidc import client_rows
from tests.support.people import CAMILLE, fill_enrolment, give_password, sign_in
from tests.support.rows import all_rows

ASKED = {
    "response_type": "code",
    "client_id": "espace-adherent",
    "redirect_uri": "http://127.0.0.1:8002/callback/adherent",
    "scope": "openid",
    "state": "state-of-the-service",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
BRITISH = "en-GB,en;q=0.9"
OPEN_PAGES = [
    "/",
    "/aide",
    "/acces-perdus",
    "/cgu",
    "/mentions-legales",
    "/confidentialite",
    "/accessibilite",
]


@pytest.fixture
def service(parts, tmp_path, settings):
    """The member space, as the shipped file has it, with a secret."""
    (tmp_path / "clients").mkdir()
    file = settings.clients_dir / "espace-adherent.toml"
    secret = f'client_secret_sha256 = "{"0" * 64}"\n'
    (tmp_path / "clients" / file.name).write_text(secret + file.read_text())
    with parts.database.transaction() as session:
        client_rows.apply(
            session, tmp_path / "clients", spaces=parts.spaces, development=True, now=parts.clock.now()
        )


def authorize(browser, **more):
    return browser.get("/oauth2/authorize?" + urlencode({**ASKED, **more}))


def forge(browser, *, back="/aide", language="en", **more):
    """What the switch of this browser's page would send, with other values."""
    token = browser.get("/connexion").value("csrf_token")
    return browser.post(
        "/langue", {"csrf_token": token, "language": language, "back": back, **more}, follow=False
    )


def test_the_switch_turns_the_page_and_stays_in_the_sign_in_of_the_service(browser, mailbox, member, service):
    before = authorize(browser)
    handle = browser.handle

    page = browser.press("English")

    assert (page.language, page.h1) == ("en", "Sign in to your account")
    assert page.address == before.address
    assert browser.handle == handle
    assert "To continue to" in page.words
    page = sign_in(browser, mailbox, member, address=page.address, trust="No thank you")
    assert page.location.startswith(ASKED["redirect_uri"] + "?")
    assert mailbox.last(to=member.email, subject="sign-in code")


def test_the_switch_names_the_other_language_in_that_language(browser):
    buttons = browser.get("/connexion").soup.select("form[action='/langue'] button")
    assert [(button["lang"], button.text) for button in buttons] == [("en", "English")]

    buttons = browser.press("English").soup.select("form[action='/langue'] button")
    assert [(button["lang"], button.text) for button in buttons] == [("fr", "Français")]


def test_after_a_refused_form_the_switch_comes_back_to_its_page(browser, member, service):
    address = authorize(browser).address
    page = give_password(browser, member, address=address, password="not the one")
    assert page.errors

    page = browser.press("English")

    assert (page.h1, page.address) == ("Sign in to your account", address)


def test_after_a_refused_correction_the_switch_comes_back_to_the_correction(browser, newcomer):
    page = fill_enrolment(browser, newcomer)
    token = page.soup.find("input", attrs={"name": "csrf_token"})["value"]
    browser.post("/inscription/corriger", {"csrf_token": token, "email": "nonsense"})

    page = browser.press("English")

    assert (page.path, page.h1) == ("/inscription/validation", "Check your email")
    assert browser.has_button("Correct and send again")


def test_the_choice_goes_with_the_browser(browser):
    browser.get("/connexion")
    browser.press("English")
    assert browser.get("/aide").language == "en"

    browser.close()

    assert browser.get("/aide").language == "fr"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "aide",
        "/aide\r\nSet-Cookie: planted=1",
        "/" + "a" * 3000,
        "/connexion/code/renvoyer",
        "/langue",
        "/oauth2/token",
    ],
)
def test_the_switch_leads_to_no_other_site_and_to_no_page_that_only_takes_forms(browser, back):
    page = forge(browser, back=back)

    assert (page.status, page.location) == (303, "/")


def test_the_switch_is_a_protected_form_with_two_languages(browser):
    assert forge(browser, language="de").number == "P-4000"
    assert forge(browser, csrf_token="nonsense").number == "P-4001"
    assert browser.get("/langue").number == "P-4005"
    assert "language" not in browser.cookies


def test_a_service_names_the_language_until_the_member_chooses(browser, service):
    assert authorize(browser, ui_locales="en-GB fr").language == "en"
    assert browser.get("/aide").language == "en", "the pages beside the sign-in follow it"
    assert browser.get("/nowhere").language == "en"

    browser.get(authorize(browser, ui_locales="en").address)
    browser.press("Français")

    assert authorize(browser, ui_locales="en").language == "fr"
    assert browser.get("/aide").language == "fr"


def test_another_sign_in_forgets_the_language_of_the_last_service(open_browser, service):
    browser = open_browser(speaks=BRITISH)
    first = authorize(browser, ui_locales="fr")
    assert first.language == "fr"

    assert authorize(browser).language == "en"
    assert browser.get("/aide").language == "en"
    assert browser.get(first.address).language == "fr", "each sign-in keeps its own"


def test_an_english_member_enrols_and_signs_in_without_a_word_of_french(
    open_browser, mailbox, newcomer, parts
):
    browser = open_browser(speaks=BRITISH)
    page = fill_enrolment(browser, newcomer, terms=None)
    assert page.errors == {"terms": "To create your account, accept the general terms of use."}
    fill_enrolment(browser, newcomer)
    assert browser.page.h1 == "Check your email"
    mail = mailbox.last(to=newcomer.email)
    assert mail.subject == "Confirm your registration"
    browser.get(mail.link())
    page = browser.press("Confirm my registration")
    assert page.h1 == "Welcome, your account is active"

    page = sign_in(browser, mailbox, newcomer, trust="Yes, trust this device")

    assert (page.path, page.h1) == ("/compte", "My account")
    page = browser.get("/compte/appareils")
    assert "Firefox on Linux" in page.words
    assert "10 June 2026" in page.words
    assert "Firefox on Linux" in mailbox.last(subject="trusted device").text
    (device,) = all_rows(parts.database)["trusted_device"]
    assert "Firefox sur Linux" in device


def test_the_link_of_an_english_mail_opens_in_english_anywhere(open_browser, mailbox, newcomer):
    fill_enrolment(open_browser(speaks=BRITISH), newcomer)

    page = open_browser(speaks="fr").get(mailbox.last(to=newcomer.email).link())

    assert (page.language, page.h1) == ("en", "Confirm your registration")


def test_what_was_accepted_is_the_french_text_and_the_english_one_says_so(open_browser, parts, newcomer):
    browser = open_browser(speaks=BRITISH)
    assert "the French version prevails" in browser.get("/cgu").words
    fill_enrolment(browser, newcomer)

    (enrolment,) = all_rows(parts.database)["enrolment"]

    assert parts.spaces.default.terms_hash in enrolment


@pytest.mark.parametrize("space", ["adherent", "professionnel", "elu"])
def test_the_open_pages_are_in_english_for_who_reads_english(open_browser, space):
    browser = open_browser(speaks=BRITISH)
    pages = [browser.get(f"{path}?espace={space}") for path in OPEN_PAGES]

    assert {page.language for page in pages} == {"en"}
    # Nothing was left in French: what is said in it on purpose says so.
    assert [page.path for page in pages if page.soup.select("main [lang=fr]")] == []


def test_a_text_that_nobody_translated_is_shown_in_french_and_says_so(parts, open_browser, monkeypatch):
    monkeypatch.delitem(parts.spaces["adherent"].texts, "terms.en")

    page = open_browser(speaks=BRITISH).get("/cgu")

    assert page.h1 == "General terms of use"
    assert page.soup.select_one("main [lang=fr] h2").text == "1. Objet"


def test_the_pages_of_failures_and_of_waits_are_in_english(open_browser, mailbox, member, newcomer):
    browser = open_browser(speaks=BRITISH)
    assert browser.get("/nowhere").h1 == "Page not found"
    for _ in range(7):
        page = give_password(browser, CAMILLE, password="not the one")
    assert "wait" in page.words
    assert "second" in page.words

    other = open_browser(speaks=BRITISH, network="203.0.113.9")
    give_password(other, member)
    for _ in range(6):
        page = other.submit(code="000000") if other.page.soup.find(id="main-form") else page
    assert page.h1 == "Too many codes were tried"


def test_a_warning_speaks_its_readers_language_not_that_of_who_causes_it(open_browser, mailbox, member):
    stranger = open_browser()
    stranger.get("/inscription")
    stranger.press("English")
    page = fill_enrolment(stranger, member, email="voleur@example.net")

    assert page.language == "en"
    assert "Bonjour" in mailbox.last(to=member.email).text
    assert "Hello" in mailbox.last(to="voleur@example.net").text


def test_mails_follow_the_language_that_their_reader_chose(browser, mailbox, member, service):
    authorize(browser)
    browser.press("English")
    sign_in(browser, mailbox, member, address=browser.page.address, trust="No thank you")

    fill_enrolment(browser, member, email="autre@example.net")

    assert "Hello" in mailbox.last(to=member.email).text
