"""« Mon compte »: the way to each page, who may come, and what the lists take away."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select

from idp.account import neighbours
from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.sessions.service import SessionRow
from tests.support.account import confirm
from tests.support.browser import CHROME
from tests.support.people import MAELLE, SACHA, is_signed_in, sign_in
from tests.support.rows import all_rows, events
from tests.support.spaces import spaces_with

pytestmark = pytest.mark.settings(captcha={"login": "off"})

YES = "Oui, se fier à cet appareil"
OTHER = {"network": "203.0.113.9"}
OPEN = ("/compte", "/compte/appareils", "/compte/connexions", "/compte/services", "/compte/historique")
SENSITIVE = ("/compte/mot-de-passe", "/compte/adresse", "/compte/donnees", "/compte/fermer")
# Every form below « Mon compte », with what it would send.
FORMS = {
    "/compte/appareils/supprimer": {"device": "all"},
    "/compte/connexions/fermer": {"session": "others"},
    "/compte/mot-de-passe": {"current_password": "x", "password": "x", "password_confirm": "x"},
    "/compte/adresse": {"email": "new@example.net"},
    "/compte/adresse/validation": {"code": "00000000"},
    "/compte/adresse/renvoyer": {},
    "/compte/adresse/annuler": {},
    "/compte/adresse/some-token": {},
    "/compte/services/retirer": {"service": "espace-adherent"},
    "/compte/fermer": {"current_password": "x"},
}


def test_the_overview_names_its_owner_and_leads_to_every_page(browser, mailbox, member):
    sign_in(browser, mailbox, member)

    page = browser.get("/compte")

    assert "Bonjour Camille" in page.words
    assert "c****e@example.org" in page.words
    links = [tag["href"] for tag in page.soup.select("a.choice")]
    assert set(links) == {*OPEN, *SENSITIVE, neighbours.SECURITY} - {"/compte"}
    for link in links:
        assert browser.get(link).status == 200
    assert browser.get("/compte").soup.find("a", href="/deconnexion")


def test_each_line_of_the_last_week_may_be_denied(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member)
    links = denials(browser)
    assert len(links) == 1
    assert links[0].startswith("/compte/alerte?evenement=")
    assert browser.get(links[0]).status == 200

    clock.advance(days=7, seconds=1)
    sign_in(browser, mailbox, member)

    assert len(denials(browser)) == 1
    assert links[0] not in denials(browser)


def denials(browser):
    """The links « Ce n'était pas moi » of the history."""
    return [tag["href"] for tag in browser.get("/compte/historique").soup.select("li.device a")]


def test_who_is_not_signed_in_signs_in_and_comes_back(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust=YES)

    for address in (*OPEN, *SENSITIVE):
        browser.close()
        assert browser.get(address).path == "/connexion"
        page = browser.submit(identifier=member.email, password=member.password)
        if page.path == "/connexion/code":
            page = confirm(browser, mailbox, member)
        assert page.path == address


def test_nothing_below_is_open_to_who_is_not_signed_in(browser, mailbox, member, parts):
    browser.get("/connexion")
    token = browser.page.value("csrf_token")
    before = all_rows(parts.database, ignoring=frozenset({"interaction"}))

    for address, fields in FORMS.items():
        assert browser.post(address, {"csrf_token": token, **fields}).path == "/connexion", address

    assert browser.get("/compte/donnees.json").path == "/connexion"
    assert all_rows(parts.database, ignoring=frozenset({"interaction"})) == before


def test_no_form_is_taken_from_another_site(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member, trust=YES)
    before = all_rows(parts.database)

    for address, fields in FORMS.items():
        assert browser.post(address, fields).number == "P-4001", address

    assert all_rows(parts.database) == before


def test_the_second_step_is_asked_again_after_five_minutes_and_not_before(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member)

    for address in SENSITIVE:
        clock.advance(minutes=5)
        assert browser.get(address).path == address
        assert browser.get("/compte/donnees.json").response.content_type == "application/json"
        clock.advance(seconds=1)
        assert browser.get("/compte/donnees.json").path == "/connexion/code"
        assert browser.get(address).path == "/connexion/code"
        assert confirm(browser, mailbox, member).path == address


def test_a_trusted_device_does_not_stand_in_for_the_second_step(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member, trust=YES)
    browser.close()
    clock.advance(days=1)
    browser.get("/connexion")
    assert browser.submit(identifier=member.email, password=member.password).path == "/compte"

    assert browser.get("/compte/fermer").path == "/connexion/code"


def test_a_form_that_was_open_meanwhile_is_taken_up_to_fifteen_minutes(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member)
    browser.get("/compte/fermer")
    clock.advance(minutes=15)
    assert browser.submit(current_password="not the one").errors.keys() == {"current_password"}

    clock.advance(seconds=1)

    assert browser.submit(current_password=member.password).path == "/connexion/code"


@pytest.fixture
def settings(settings, tmp_path, request):
    if "idle" in request.node.name:
        folder = spaces_with(tmp_path, "professionnel", session_idle='"10m"')
        return settings.model_copy(update={"spaces_dir": folder})
    return settings


def test_idle_time_is_that_of_the_space_in_which_the_session_was_opened(browser, mailbox, register, clock):
    # The default space lets a session idle for 30 minutes; here the one of professionals for 10.
    doctor = replace(MAELLE, number="10003456789", population="professionnel")
    register.open_account(doctor)
    sign_in(browser, mailbox, doctor, address="/connexion?espace=professionnel")
    clock.advance(minutes=10)
    assert is_signed_in(browser)

    clock.advance(minutes=10, seconds=1)

    page = browser.get("/compte")
    assert page.path == "/connexion"
    assert "Professionnel" in page.soup.title.text


def test_open_sessions_are_listed_and_one_is_ended(open_browser, browser, mailbox, member, parts):
    sign_in(browser, mailbox, member)
    phone = open_browser(agent=CHROME, **OTHER)
    sign_in(phone, mailbox, member)

    page = browser.get("/compte/connexions")
    assert "Firefox sur Linux cette connexion" in page.words
    assert "Chrome Mobile sur Android" in page.words
    assert "12 mars 2026 à 10 h 00" in page.words
    browser.press("fermer")

    assert not is_signed_in(phone)
    assert is_signed_in(browser)
    assert "Chrome" not in browser.get("/compte/connexions").words
    assert [each["by_owner"] for each in events(parts.database, "session.ended")] == [True]


def test_all_other_sessions_are_ended_at_once(open_browser, browser, mailbox, member):
    others = [open_browser(agent=CHROME, **OTHER) for _ in range(2)]
    for each in (*others, browser):
        sign_in(each, mailbox, member)
    browser.get("/compte/connexions")

    browser.press("Fermer toutes les autres")

    assert is_signed_in(browser)
    assert [is_signed_in(each) for each in others] == [False, False]


def test_nothing_of_another_account_is_taken_away(open_browser, mailbox, member, register, parts):
    mine, theirs = open_browser(), open_browser(**OTHER)
    sign_in(mine, mailbox, member, trust=YES)
    register.open_account(SACHA)
    sign_in(theirs, mailbox, SACHA, trust=YES)
    with parts.database.reading() as session:
        ids = [*session.execute(select(SessionRow.id)).scalars()]
        ids += session.execute(select(TrustedDeviceRow.id)).scalars()
    token = theirs.get("/deconnexion").value("csrf_token")
    before = all_rows(parts.database, ignoring=frozenset({"interaction", "audit_event"}))
    own = {tag["value"] for tag in theirs.get("/compte/appareils").soup.select("button[name=device]")} - {
        "all"
    }

    for each in set(ids) - own:
        theirs.post("/compte/connexions/fermer", {"csrf_token": token, "session": each})
        theirs.post("/compte/appareils/supprimer", {"csrf_token": token, "device": each})
        theirs.post("/compte/services/retirer", {"csrf_token": token, "service": each})

    assert is_signed_in(mine)
    assert all_rows(parts.database, ignoring=frozenset({"interaction", "audit_event"})) == before


def test_the_history_tells_in_words_what_happened_and_from_where(open_browser, browser, mailbox, member):
    phone = open_browser(agent=CHROME, **OTHER)
    phone.get("/connexion")
    phone.submit(identifier=member.email, password="not the one")
    sign_in(browser, mailbox, member, trust=YES)

    words = browser.get("/compte/historique").words

    assert "Un mot de passe faux a été entré. 12 mars 2026 à 10 h 00, Chrome Mobile sur Android" in words
    assert "Un appareil de confiance a été enregistré. 12 mars 2026 à 10 h 00, Firefox sur Linux" in words
    assert words.index("Connexion à votre compte.") < words.index("Un mot de passe faux")


def test_the_history_has_fifty_lines_a_page_and_none_of_another_person(  # noqa: PLR0917 (fixtures)
    browser, mailbox, member, register, parts, clock
):
    from idp.core import audit

    sign_in(browser, mailbox, member)
    other = register.open_account(SACHA)
    with parts.database.transaction() as session:
        mine = session.execute(select(SessionRow.account_id)).scalar_one()
        for _ in range(60):
            audit.record(session, now=clock.now(), event="device.trusted", account_id=mine)
        audit.record(session, now=clock.now(), event="device.theft", account_id=other)
        audit.record(session, now=clock.now(), event="tokens.issued", account_id=mine)

    page = browser.get("/compte/historique")
    assert len(page.soup.select("li.device")) == 50
    assert "par sécurité" not in page.words
    page = browser.click("Voir plus ancien")
    assert len(page.soup.select("li.device")) == 11
    assert browser.click("Revenir au plus récent").h1 == "Mon historique de sécurité"
    assert browser.get("/compte/historique?avant=x").status == 200
    assert "Rien de plus ancien" in browser.get("/compte/historique?avant=0").words


def test_what_is_held_can_be_read_and_downloaded_and_holds_no_secret(browser, mailbox, member, parts):
    sign_in(browser, mailbox, member, trust=YES)

    page = browser.get("/compte/donnees")
    assert "Aubépin" in page.words
    assert "1234567" in page.words
    assert "Code de connexion" in page.words
    answer = browser.get("/compte/donnees.json").response

    document = json.loads(answer.body)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mes-donnees.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert document["member"]["family_name"] == "Aubépin"
    assert document["account"]["email"] == member.email
    assert document["terms"]["version"]
    assert [each["name"] for each in document["trusted_devices"]] == ["Firefox sur Linux"]
    assert [each["browser"] for each in document["sessions"]] == ["Firefox sur Linux"]
    assert {"one-time-code", "trusted-device-added"} <= {each["kind"] for each in document["mails"]}
    assert {"session.opened", "device.trusted"} <= {each["event"] for each in document["history"]}
    told = answer.text + str(page.soup)
    for secret in _secrets(parts.database):
        assert secret not in told
    assert member.password not in told
    assert member.code not in told


def _secrets(database):
    """Every hash, key and secret that the tables hold about anybody."""
    from idp import schema

    named = ("hash", "mac", "secret", "sealed", "series", "digest")
    with database.reading() as session:
        for table in schema.metadata().sorted_tables:
            columns = [each for each in table.c if any(word in each.name for word in named)]
            if columns:
                for row in session.execute(select(*columns)):
                    yield from (str(value) for value in row if value is not None and len(str(value)) > 16)
