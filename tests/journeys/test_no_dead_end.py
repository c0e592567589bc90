"""No dead ends: from every page, after every mishap, whoever does what the page offers ends at the same service."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import func, select

from idp.login import interaction as interactions
from idp.login.interaction import Interaction
from idp.oidc import client_rows
from tests.support.browser import Browser, Page
from tests.support.mailbox import Mailbox
from tests.support.people import Person

DOOR = "http://127.0.0.1:8002/login/carnet"
CALLBACK = "http://127.0.0.1:8002/callback/carnet"
# Not the first service of its space, so that the space's own door would be the wrong one.
SERVICE = f"""
client_id = "zz-carnet"
client_name = "Carnet de soins"
client_secret_sha256 = "{"0" * 64}"
space = "adherent"
redirect_uris = ["{CALLBACK}"]
initiate_login_uri = "{DOOR}"
scope = "openid"
"""
ASKED = {
    "response_type": "code",
    "client_id": "zz-carnet",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "s",
    "nonce": "n",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
PAUSE = timedelta(minutes=31)
# Drawing pictures would take most of the time; other tests copy them.
pytestmark = pytest.mark.settings(captcha={"login": "off"})
MOST_STEPS = 16


@dataclass
class Walker:
    """A member with one browser, who only ever uses what the page in front of them offers."""

    browser: Browser
    mailbox: Mailbox
    person: Person
    open_browser: Callable[..., Browser]
    has_account: bool

    def come(self) -> Page:
        """From the service, as its door sends everybody."""
        return self.browser.get(f"/oauth2/authorize?{urlencode(ASKED)}")

    def arrives(self) -> list[str]:
        """Walk on until the service has its answer; the titles on the way."""
        seen = []
        for _ in range(MOST_STEPS):
            page = self.browser.page
            if page.location.startswith(f"{CALLBACK}?code="):
                return seen
            assert not page.location, f"led to {page.location} after {seen}"
            seen.append(page.h1)
            self.step()
        raise AssertionError(f"walked in circles: {seen}")

    @property
    def has_begun(self) -> bool:
        return bool(self.mailbox.all(to=self.person.email))

    def step(self) -> None:
        page = self.browser.page
        if page.path == "/acces-perdus":
            self.browser.click("Mot de passe oublié")
        elif page.path == "/connexion" and not self.has_account and not self.has_begun:
            self.browser.click("Créer son compte")
        elif page.path == "/inscription/validation":
            self.browser.get(self.mailbox.last(to=self.person.email).link())
        elif page.soup.find("form", id="main-form"):
            self.fill_in()
        else:
            self.take_the_main_way()

    def fill_in(self, **otherwise: str) -> Page:
        """The main form, with what this member knows or reads in the last mail."""
        known = {
            "identifier": self.person.email,
            "password": self.person.password,
            "password_confirm": self.person.password,
            "member_number": self.person.number,
            "access_code": self.person.code,
            "email": self.person.email,
            "terms": "y",
        }
        asks = self.browser.page.asks_for
        typed = {name: value for name, value in known.items() if asks(name)}
        if asks("code"):
            typed["code"] = self.mailbox.last(to=self.person.email).code()
        if asks("trust"):
            typed["trust"] = "no"
        return self.browser.submit(**(typed | otherwise))

    def take_the_main_way(self) -> None:
        page = self.browser.page
        way = page.soup.select_one("main .main")
        assert way is not None, f"a dead end: « {page.h1} » {page.words}"
        if way.name == "button":
            self.browser.press(way.get_text())
        elif way["href"] == DOOR:
            self.come()
        else:
            address = urlsplit(way["href"])
            assert not address.netloc, f"« {page.h1} » leads to {way['href']}"
            self.browser.get(way["href"])


# The pages that a member can stand on.
def at_the_password(walker):
    walker.come()


def at_a_wrong_password(walker):
    walker.come()
    walker.fill_in(password="Pas celui-ci !")


def at_the_code(walker):
    walker.come()
    walker.fill_in()
    walker.mailbox.deliver()


def at_a_wrong_code(walker):
    at_the_code(walker)
    walker.fill_in(code="000000")


def at_the_last_wrong_code(walker):
    at_the_code(walker)
    for _ in range(6):
        if walker.browser.page.asks_for("code"):
            walker.fill_in(code="000000")
    assert walker.browser.page.h1 == "Trop de codes ont été essayés"


def at_the_device(walker):
    at_the_code(walker)
    walker.fill_in()


def at_the_enrolment(walker):
    walker.come()
    walker.browser.click("Première connexion ? Créer son compte")


def at_a_refused_enrolment(walker):
    at_the_enrolment(walker)
    walker.fill_in(email="sans-arobase")


def at_the_validation(walker):
    at_the_enrolment(walker)
    walker.fill_in()


def at_the_link(walker):
    at_the_validation(walker)
    walker.browser.get(walker.mailbox.last(to=walker.person.email).link())


def at_the_link_elsewhere(walker):
    at_the_validation(walker)
    walker.browser = walker.open_browser()
    walker.browser.get(walker.mailbox.last(to=walker.person.email).link())


def at_a_mistyped_link(walker):
    at_the_validation(walker)
    walker.browser.get("/inscription/activer/mal-recopie")


def at_the_activation_code(walker):
    at_the_validation(walker)
    walker.browser.click("Entrer mon code d’activation")


def at_the_pending_enrolment(walker):
    at_the_validation(walker)
    walker.come()
    walker.fill_in()
    assert walker.browser.page.h1 == "Inscription en cours"


def at_the_welcome(walker):
    at_the_link(walker)
    walker.fill_in()


def at_the_lost_access(walker):
    walker.come()
    walker.browser.click("J'ai perdu mes accès de connexion")


def at_the_forgotten_password(walker):
    at_the_lost_access(walker)
    walker.browser.click("Mot de passe oublié")
    walker.fill_in()
    walker.mailbox.deliver()


def at_the_new_password(walker):
    at_the_forgotten_password(walker)
    walker.fill_in()
    assert walker.browser.page.path == "/mot-de-passe/nouveau"


MEMBERS = [
    at_the_forgotten_password,
    at_the_new_password,
    at_the_password,
    at_a_wrong_password,
    at_the_code,
    at_a_wrong_code,
    at_the_last_wrong_code,
    at_the_device,
]
NEWCOMERS = [
    at_the_enrolment,
    at_a_refused_enrolment,
    at_the_validation,
    at_the_link,
    at_the_link_elsewhere,
    at_a_mistyped_link,
    at_the_activation_code,
    at_the_pending_enrolment,
    at_the_welcome,
]


# What can happen there.
def nothing(walker, clock):
    """They just go on."""


def reload(walker, clock):
    walker.browser.get(walker.browser.page.address)


def back_and_sent_again(walker, clock):
    """The page is sent, then « back », then sent once more."""
    page = walker.browser.page
    walker.step()
    walker.browser.page = page
    walker.step()


def sent_twice(walker, clock):
    page = walker.browser.page
    if page.soup.find("form", id="main-form"):
        address, fields = walker.browser._action(page.form), walker.browser.fields()
        walker.browser.post(address, fields)
        walker.browser.post(address, fields)


def a_second_tab(walker, clock):
    page = walker.browser.page
    walker.come()
    walker.browser.page = page
    walker.step()


def thirty_minutes_then_sent(walker, clock):
    clock.advance(PAUSE)
    walker.step()


def overnight(walker, clock):
    clock.advance(hours=14)
    reload(walker, clock)


def cookies_gone_then_sent(walker, clock):
    walker.browser.client.cookiejar.clear()
    walker.step()


def cookies_gone_then_reload(walker, clock):
    walker.browser.client.cookiejar.clear()
    reload(walker, clock)


MISHAPS = [
    nothing,
    reload,
    back_and_sent_again,
    sent_twice,
    a_second_tab,
    thirty_minutes_then_sent,
    overnight,
    cookies_gone_then_sent,
    cookies_gone_then_reload,
]


# A mistyped address in a browser that was never here says nothing of where its reader came from.
LOST = {(at_a_mistyped_link, cookies_gone_then_sent), (at_a_mistyped_link, cookies_gone_then_reload)}


@pytest.fixture(autouse=True)
def service(parts, tmp_path):
    folder = tmp_path / "clients"
    folder.mkdir()
    (folder / "zz-carnet.toml").write_text(SERVICE, encoding="utf-8")
    other = re.sub("zz-carnet", "aa-autre", SERVICE).replace("/carnet", "/autre")
    (folder / "aa-autre.toml").write_text(other, encoding="utf-8")
    with parts.database.transaction() as session:
        client_rows.apply(session, folder, spaces=parts.spaces, development=True, now=parts.clock.now())


@pytest.fixture
def walk(open_browser, mailbox, register):
    """A new member each time, with or without an account."""

    def walk(number: int, *, has_account: bool) -> Walker:
        person = Person(str(2000001 + number), "abcdefgh", f"membre{number}@example.org")
        register.open_account(person) if has_account else register.add(person)
        return Walker(open_browser(), mailbox, person, open_browser, has_account)

    return walk


@pytest.mark.parametrize("place", [*MEMBERS, *NEWCOMERS])
def test_everybody_arrives(walk, clock, subtests, place):
    for number, mishap in enumerate(MISHAPS):
        if (place, mishap) in LOST:
            continue
        with subtests.test(mishap.__name__):
            walker = walk(number, has_account=place in MEMBERS)
            place(walker)

            mishap(walker, clock)

            walker.arrives()


def test_a_third_party_is_no_door_of_ours(walk, parts, tmp_path, open_browser):
    folder = tmp_path / "clients"
    theirs = SERVICE.replace("aa-autre", "zz-carnet") + "first_party = false\n"
    (folder / "zz-carnet.toml").write_text(theirs, encoding="utf-8")
    with parts.database.transaction() as session:
        client_rows.apply(session, folder, spaces=parts.spaces, development=True, now=parts.clock.now())
    address = walk(0, has_account=True).come().address

    stranger = open_browser()
    stranger.get("/aide")
    page = stranger.get(address)

    assert page.number == "P-2002"
    assert DOOR not in page.response.text


def test_a_sign_in_that_was_proved_is_not_reset_by_an_enrolment_without_its_proof(walk, open_browser):
    walker = walk(0, has_account=True)
    walker.come()
    handle = walker.browser.handle
    walker.fill_in()
    thief = walk(1, has_account=False)
    thief.browser.set_cookie("browser", walker.browser.cookies["browser"])
    thief.browser.get(f"/inscription?i={handle}")
    thief.fill_in()

    page = walker.browser.get(f"/connexion?i={handle}")

    assert page.path == "/connexion/code"
    assert thief.person.email not in page.response.text


def test_one_browser_fills_no_table(walk, parts):
    walker = walk(0, has_account=True)
    for _ in range(interactions.LIVE_PER_BROWSER + 5):
        walker.come()

    with parts.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Interaction)) == interactions.LIVE_PER_BROWSER
    walker.arrives()


def test_of_a_sign_in_that_is_long_over_the_request_is_forgotten_and_the_service_is_not(walk, parts, clock):
    walker = walk(0, has_account=True)
    address = walker.come().address
    clock.advance(hours=2)
    with parts.database.transaction() as session:
        interactions.purge(session, now=clock.now())

    with parts.database.reading() as session:
        assert session.scalars(select(Interaction)).one().parameters is None
    page = walker.browser.get(address)
    assert page.soup.select_one("main a.main")["href"] == DOOR


def test_a_browser_without_cookies_is_told_how_to_allow_them(walk):
    walker = walk(0, has_account=True)
    walker.come()
    walker.browser.client.cookiejar.clear()

    page = walker.fill_in()

    assert (page.status, page.number) == (400, "P-2003")
    assert "Comment autoriser les cookies" in page.words
    assert page.soup.select_one("main a.main")["href"] == DOOR


def test_a_page_of_a_finished_sign_in_leads_on_to_the_service(walk):
    walker = walk(0, has_account=True)
    walker.come()
    left_open = walker.browser.page.address
    walker.arrives()

    page = walker.browser.get(left_open)

    assert (page.status, page.number) == (410, "P-2007")
    walker.take_the_main_way()
    assert walker.browser.page.location.startswith(f"{CALLBACK}?code=")


def test_a_failure_shows_the_look_of_the_space_that_the_member_came_to(walk, parts):
    page = walk(0, has_account=True).browser.get("/nulle-part?espace=elu")

    assert (page.status, page.number) == (404, "P-4004")
    assert parts.spaces["elu"].title in page.soup.title.text


def test_whoever_wanted_their_account_comes_back_to_it_after_the_sign_in(walk, clock):
    walker = walk(0, has_account=True)
    walker.browser.get("/compte")
    assert "Votre session est terminée" not in walker.browser.page.words
    for _ in range(3):
        walker.step()
    assert walker.browser.page.h1 == "Mon compte"

    clock.advance(PAUSE)
    page = walker.browser.get("/compte")

    assert "Votre session est terminée" in page.words
    for _ in range(3):
        walker.step()
    assert walker.browser.page.h1 == "Mon compte"


def test_a_form_that_expired_leads_back_to_its_page(walk, clock):
    walker = walk(0, has_account=True)
    page = walker.browser.get("/inscription?espace=adherent")
    clock.advance(hours=13)
    fields = walker.browser.fields()

    page = walker.browser.post("/inscription?espace=adherent", {**fields, "csrf_token": "x"})

    assert page.number == "P-4001"
    walker.take_the_main_way()
    assert walker.browser.page.h1 == "Créer son compte"


@pytest.mark.parametrize("path", ["//evil.example", "/%5Cevil.example", "/\\evil.example"])
def test_a_failed_page_never_leads_to_another_site(browser, path):
    answer = browser.client.get(path, expect_errors=True)

    assert 'href="//' not in answer.text
    assert "evil" not in "".join(re.findall(r'href="([^"]*)"', answer.text))
