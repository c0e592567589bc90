"""Behind the doors: the guide's home page, each member's own data, forms, fresh tokens, and trouble."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from examples.member_space.app import create_app
from tests.support.tiny_provider import CAMILLE
from tests.unit.examples.conftest import Browser, soup, words

pytestmark = pytest.mark.slow  # in `make test`: `make check` has a minute

PAGES = {
    "/espace": "Bienvenue dans votre espace, Camille",
    "/espace/remboursements": "Mes remboursements",
    "/espace/contrat": "Mon contrat",
    "/espace/messagerie": "Messagerie",
    "/espace/devis": "Mes devis",
    "/espace/carte": "Ma carte de mutuelle",
    "/espace/services": "Services",
    "/espace/documents": "Mes documents",
    "/espace/prevention": "Prévention",
    "/espace/accident": "Déclarer un accident",
    "/espace/questions": "Questions fréquentes",
    "/espace/gouvernance": "Gouvernance",
    "/espace/remboursements/demander": "Demander un remboursement",
    "/espace/coordonnees-bancaires": "Mes coordonnées bancaires",
    "/espace/appareils": "Mes appareils",
}
WITHOUT_DATA = {"/espace/appareils", "/espace/accident", "/espace/remboursements/demander"}
GOOD_IBAN = "FR47 9999 9999 9977 8865 0136 597"


class MovedClock:
    """The real clock, moved forward by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def browser(settings, clock, compiled_templates):
    app = create_app(settings, clock=clock)
    app.jinja_env.bytecode_cache = compiled_templates
    return Browser(app)


def test_the_home_page_is_the_one_of_the_guide(browser, provider, data_url):
    home = browser.sign_in()

    text = words(home)
    assert "Bienvenue dans votre espace, Camille" in text
    assert "Vous êtes connecté(e) en tant que Camille Martin (Déconnexion)" in " ".join(
        soup(home).select_one("header").get_text().split()
    )
    assert soup(home).select_one("header form button").get_text() == "Se déconnecter"
    menu = [link.get_text() for link in soup(home).select("nav a")]
    assert menu[1:] == [
        "Mes documents",
        "Prévention",
        "Déclarer un accident",
        "Questions fréquentes",
        "Gouvernance",
    ]
    tiles = [link.get_text() for link in soup(home).select("a.tile")]
    assert tiles == [
        "Mes remboursements",
        "Mon contrat",
        "Messagerie",
        "Mes devis",
        "Ma carte de mutuelle",
        "Services",
    ]
    assert {"Actualité", "Mes derniers remboursements"} <= {h2.get_text() for h2 in soup(home).select("h2")}
    assert "Lire la suite" in text
    assert "+ Demander un remboursement" in text

    headers = {"Authorization": f"Bearer {provider.access_token()}"}
    answer = httpx.get(f"{data_url}/reimbursements", headers=headers, trust_env=False).json()
    latest = answer["reimbursements"][0]
    paid_on = "/".join(reversed(latest["paid_on"].split("-")))
    euros = f"{latest['amount_cents'] // 100},{latest['amount_cents'] % 100:02d} €"
    assert f"Relevé(s) disponible(s) Remboursé le {paid_on} Frais de santé {euros}" in text


@pytest.mark.parametrize(("path", "heading"), PAGES.items())
def test_every_tile_and_menu_entry_leads_to_a_page(browser, path, heading):
    browser.sign_in()

    answer = browser.client.get(path)

    assert answer.status_code == 200
    assert " ".join(soup(answer).h1.get_text().split()) == heading


def test_every_link_of_the_space_leads_somewhere(browser):
    browser.sign_in()
    seen, waiting = set(), {"/espace"}

    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = browser.client.get(path)
        assert answer.status_code == 200, path
        if answer.mimetype == "text/html":
            links = {link["href"] for link in soup(answer).select("a[href^='/']")}
            waiting |= links - seen - {"/logout"}

    assert set(PAGES) <= seen


@pytest.mark.parametrize(
    "path", sorted(set(PAGES) - WITHOUT_DATA - {"/espace/services", "/espace/messagerie"})
)
def test_two_members_read_different_pages(settings, provider, path):
    texts = []
    for number in ("1234567", "7654321"):
        provider.member = CAMILLE | {"member_number": number, "sub": f"subject-{number}"}
        browser = Browser(create_app(settings))
        browser.sign_in()
        texts.append(words(browser.client.get(path)))

    assert texts[0] != texts[1]


@pytest.mark.parametrize("path", [*PAGES, "/espace/documents/some", "/espace/accident/SOME"])
def test_without_a_session_every_page_leads_to_the_doors(browser, path):
    answer = browser.client.get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/connectez-vous"


@pytest.mark.parametrize(
    ("space", "title"), [("professionnel", "professionnel, Camille"), ("elu", "élu(e), Camille")]
)
def test_professionals_and_delegates_have_their_own_home(browser, provider, space, title):
    home = browser.sign_in(space)

    assert soup(home).h1.get_text().endswith(title)
    assert soup(home).body["class"] == [f"space-{space}"]
    for path in set(PAGES) - {"/espace"}:
        assert browser.client.get(path).status_code == 403
    [link] = soup(home).select("main a")
    assert browser.client.get(link["href"]).status_code == 200


def test_a_document_is_downloaded_and_anothers_does_not_exist(settings, provider):
    mine, theirs = Browser(create_app(settings)), Browser(create_app(settings))
    mine.sign_in()
    provider.member = CAMILLE | {"member_number": "7654321", "sub": "other"}
    theirs.sign_in()
    address = soup(mine.get("/espace/documents")).select_one("main a[href*='/documents/']")["href"]

    answer = mine.client.get(address)

    assert answer.mimetype == "application/pdf"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.data.startswith(b"%PDF")
    assert theirs.client.get(address).status_code == 404


@pytest.mark.parametrize("name", ["..%2fcard", "x" * 200, "%00", "é", "a b", '"'])
def test_hostile_document_names_do_not_exist(browser, name):
    browser.sign_in()

    assert browser.client.get(f"/espace/documents/{name}").status_code == 404


def test_an_expired_access_token_is_renewed_without_a_word_and_the_page_comes_back(browser, provider, clock):
    browser.sign_in()
    before = browser.cookie()
    clock.ahead = timedelta(seconds=295)

    first = browser.get("/espace/contrat", follow=False)
    page = browser._follow(first)

    assert first.headers["Location"].startswith(f"{provider.url}/authorize?")
    assert "prompt" not in provider.requests[-1]
    assert soup(page).h1.get_text() == "Mon contrat"
    assert browser.cookie() != before


def test_a_renewed_session_keeps_its_form_secret_and_its_first_hour(browser, clock):
    form = soup(browser.get("/logout")) if browser.sign_in() else None
    clock.ahead = timedelta(minutes=6)
    browser.get("/espace/contrat")

    after = soup(browser.get("/logout"))

    assert after.select_one("main input")["value"] == form.select_one("main input")["value"]


def test_a_session_ends_after_30_idle_minutes_and_after_12_hours_whatever_happens(browser, clock):
    browser.sign_in()
    clock.ahead = timedelta(minutes=29)
    assert browser.get("/espace").status_code == 200
    clock.ahead += timedelta(minutes=31)
    assert browser.client.get("/espace").status_code == 303

    browser.sign_in()
    begun = clock.ahead
    while clock.ahead - begun < timedelta(hours=12):
        assert browser.get("/espace/contrat").request.path == "/espace/contrat"
        clock.ahead += timedelta(minutes=25)
    assert browser.client.get("/espace").headers["Location"] == "/connectez-vous"


def test_a_token_refused_early_is_renewed_once_never_in_circles(browser, provider, clock):
    browser.sign_in()
    asked = len(provider.requests)
    # Tokens for another audience: the data service refuses them, however fresh.
    provider.access_token = lambda **changes: type(provider).access_token(
        provider, **changes, aud="elsewhere"
    )
    clock.ahead = timedelta(minutes=5)

    answer = browser.get("/espace/contrat")

    assert answer.status_code == 503
    assert len(provider.requests) == asked + 1


def test_a_token_without_the_scope_is_a_page_not_a_circle(browser, provider, clock):
    provider.access_token = lambda **changes: type(provider).access_token(
        provider, **changes | {"scope": "openid"}
    )

    assert browser.sign_in().status_code == 403


def test_without_the_data_service_the_home_page_opens_and_the_others_say_so(settings, provider):
    browser = Browser(create_app(replace(settings, member_data_url="http://127.0.0.1:9")))

    home = browser.sign_in()

    assert home.status_code == 200
    assert "Vos remboursements sont momentanément indisponibles" in words(home)
    answer = browser.client.get("/espace/contrat")
    assert answer.status_code == 503
    assert "Vos informations sont momentanément indisponibles" in words(answer)


@pytest.mark.parametrize(
    "body",
    [
        {"reimbursements": None},
        {"reimbursements": [7]},
        {"reimbursements": [{"paid_on": "12/03/2026"}]},
        {"reimbursements": [{}]},
        [],
    ],
    ids=str,
)
def test_garbage_from_the_data_service_is_trouble_not_a_crash(settings, provider, body):
    provider.bodies["/reimbursements"] = json.dumps(body).encode()
    browser = Browser(create_app(replace(settings, member_data_url=provider.url)))

    assert "momentanément indisponibles" in words(browser.sign_in())
    assert browser.client.get("/espace/remboursements").status_code == 503


def test_an_accident_is_declared_confirmed_and_listed(browser):
    browser.sign_in()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%d/%m/%Y")
    form = browser.get("/espace/accident")

    answer = browser.submit(
        form,
        "/espace/accident",
        happened_on=yesterday,
        place="route",
        third_party="oui",
        details="Un vélo <b>rouge</b>",
    )

    text = words(answer)
    reference = re.search(r"Référence à conserver : ([A-Z0-9]{10})", text)[1]
    assert "Votre déclaration est enregistrée" in text
    assert f"Date de l'accident {yesterday} Lieu Sur la route" in text
    assert "&lt;b&gt;rouge" in answer.text
    assert f"Référence {reference}" in words(browser.get("/espace/accident"))


def test_another_members_declaration_does_not_exist(browser, provider):
    browser.sign_in()
    form = browser.get("/espace/remboursements/demander")
    today = datetime.now(UTC).date().isoformat()
    sent = browser.submit(
        form, "/espace/remboursements/demander", care_on=today, care="optique", amount="1 023,10 €"
    )
    address = sent.request.path
    assert "Somme payée : 1023,10 €" in words(sent)

    provider.member = CAMILLE | {"sub": "other", "member_number": "7654321"}
    browser.sign_in()

    assert browser.client.get(address).status_code == 404
    assert browser.client.get(address.replace("remboursements/demander", "accident")).status_code == 404


def test_a_form_with_mistakes_keeps_what_was_typed_and_says_how_to_mend_it(browser):
    browser.sign_in()
    form = browser.get("/espace/remboursements/demander")

    answer = browser.submit(
        form, "/espace/remboursements/demander", care_on="demain", care="dentaire", amount='"><script>'
    )

    page = soup(answer)
    assert answer.status_code == 422
    assert {link["href"] for link in page.select("[role=alert] a")} == {"#care_on", "#amount"}
    assert all(page.select_one(link["href"]) for link in page.select("[role=alert] a"))
    assert page.select_one("input[value=dentaire]").has_attr("checked")
    assert page.select_one("#amount")["value"] == '"><script>'
    assert page.select_one("#amount")["aria-invalid"] == "true"


@pytest.mark.parametrize("path", ["/espace/accident", "/espace/remboursements/demander"])
def test_a_form_written_slowly_is_not_lost_when_the_access_token_expires(browser, clock, path):
    browser.sign_in()
    form = browser.get(path)
    clock.ahead = timedelta(minutes=20)
    today = datetime.now(UTC).date().isoformat()

    answer = browser.submit(
        form,
        path,
        happened_on=today,
        place="sport",
        third_party="non",
        care_on=today,
        care="autre",
        amount="5",
    )

    assert "est enregistrée" in words(answer)


@pytest.mark.parametrize(
    "path",
    ["/espace/accident", "/espace/remboursements/demander", "/espace/coordonnees-bancaires", "/logout"],
)
@pytest.mark.parametrize("token", [None, "", "wrong", "é", "\udcff"])
def test_a_form_from_elsewhere_is_refused(browser, path, token):
    browser.sign_in()

    answer = browser.client.post(path, data={"csrf_token": token.encode("utf-8", "replace")} if token else {})

    assert answer.status_code == 400
    assert browser.client.get("/espace").status_code == 200


def test_a_huge_form_is_a_page(browser):
    browser.sign_in()

    answer = browser.client.post("/espace/accident", data={"details": "x" * 100_000})

    assert answer.status_code == 413
    assert "trop long" in words(answer)


def test_a_change_of_bank_account_asks_for_a_step_up_and_keeps_what_was_typed(browser, provider):
    browser.sign_in()
    form = browser.get("/espace/coordonnees-bancaires")

    back = browser.submit(form, "/espace/coordonnees-bancaires", iban=GOOD_IBAN)

    asked = provider.requests[-1]
    assert (asked["acr_values"], asked["max_age"]) == ("urn:parvis:acr:2sv", "300")
    assert soup(back).select_one("#iban")["value"] == GOOD_IBAN.replace(" ", "")

    done = browser.submit(back, "/espace/coordonnees-bancaires")

    assert "C'est fait" in words(done)
    assert "FR47 •••• •••• 6597" in words(done)
    assert soup(browser.get("/espace/coordonnees-bancaires")).select_one("#iban")["value"] == ""


def test_a_step_up_that_is_too_old_is_not_taken(browser, provider):
    browser.sign_in()
    provider.id_token_changes = {"auth_time": 1_700_000_000}

    answer = browser.submit(
        browser.get("/espace/coordonnees-bancaires"), "/espace/coordonnees-bancaires", iban=GOOD_IBAN
    )

    assert answer.status_code == 502


def test_an_account_number_typed_when_the_token_expires_is_not_lost(browser, clock):
    browser.sign_in()
    form = browser.get("/espace/coordonnees-bancaires")
    clock.ahead = timedelta(minutes=6)

    answer = browser.submit(form, "/espace/coordonnees-bancaires", iban=GOOD_IBAN)

    assert soup(answer).select_one("#iban")["value"] == GOOD_IBAN.replace(" ", "")


@pytest.mark.parametrize(
    ("iban", "message"),
    [("DE00", "27 caractères"), ("", "27 caractères"), ("FR" + "0" * 25, "n'est pas exact")],
)
def test_a_wrong_account_number_is_explained(browser, provider, iban, message):
    provider.acr = "urn:parvis:acr:2sv"
    browser.sign_in()

    answer = browser.submit(
        browser.get("/espace/coordonnees-bancaires"), "/espace/coordonnees-bancaires", iban=iban
    )

    assert answer.status_code == 422
    assert message in words(answer)


def test_a_lost_database_is_a_503_page(settings):
    browser = Browser(create_app(settings))
    browser.sign_in()
    for file in settings.database.parent.glob("space.db*"):
        file.write_bytes(b"not a database" * 2_000)

    answer = browser.client.get("/espace")

    assert answer.status_code == 503
    assert "Le site est momentanément indisponible" in words(answer)
    assert browser.client.get("/").status_code == 200
