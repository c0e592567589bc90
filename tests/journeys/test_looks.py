"""What a member sees of a space: its colours, logos, words and addresses, on pages and in mails."""

import shutil

import pytest

from idp.core.settings import Settings
from tests.conftest import ROOT
from tests.support.browser import Page
from tests.support.people import fill_enrolment

WORDS = """
[words.fr]
sign_in_lead = "Bienvenue chez nous & chez vous !"
enrolment_lead = "Prenez votre carte."
member_number_hint = "Sept chiffres, au dos de la carte."
access_code_hint = "Huit lettres, sous le numéro."
welcome_lead = "C’est fait, merci."
lost_access_lead = "Dites-nous ce que vous avez perdu."
help_intro = "Nos réponses aux questions de tous les jours."
activation_mail_intro = "Plus qu’un pas avant votre espace."
mail_signature = "Les gens d’Horizon"
mail_footer = "Organisme imaginaire, régi par personne."
"""


@pytest.fixture
def settings(settings: Settings, tmp_path) -> Settings:
    """The shipped spaces, where the first one speaks in its own words."""
    folder = shutil.copytree(ROOT / "config" / "spaces", tmp_path / "spaces")
    path = folder / "adherent" / "space.toml"
    path.write_text(path.read_text().partition("# What this mutual says")[0] + WORDS)
    (folder / "elu" / "logo-dark.svg").unlink()
    return settings.model_copy(update={"spaces_dir": folder})


def loaded(page: Page) -> dict[str, str]:
    """What the page of a space loads for its look."""
    return {
        "colours": page.soup.find("link", href=lambda address: address.startswith("/theme/"))["href"],
        "logo": page.soup.header.img["src"],
        "dark logo": (source := page.soup.header.find("source")) and source["srcset"],
    }


def fetch(browser, address):
    return browser.client.get(address, expect_errors=True)


def test_pages_say_what_the_space_says_in_its_own_words(browser):
    told = {
        "/connexion": "Bienvenue chez nous & chez vous !",
        "/inscription": "Prenez votre carte. ",
        "/acces-perdus": "Dites-nous ce que vous avez perdu.",
        "/aide": "Nos réponses aux questions de tous les jours.",
    }

    for address, words in told.items():
        assert words.strip() in browser.get(address).words, address
    page = browser.get("/inscription")
    assert "Sept chiffres, au dos de la carte." in page.words
    assert "Huit lettres, sous le numéro." in page.words
    assert "Munissez-vous" not in page.words


def test_the_other_spaces_keep_the_words_of_the_product(browser):
    page = browser.get("/aide?espace=elu")

    assert "Nos réponses" not in page.words


def test_mails_have_the_colours_the_logo_the_words_and_the_address_of_the_space(browser, mailbox, newcomer):
    fill_enrolment(browser, newcomer)

    mail = mailbox.last(to=newcomer.email)

    for part in (mail.text, mail.html):
        for words in ("Plus qu’un pas", "Les gens d’Horizon", "régi par personne", "00000 Exempleville"):
            assert words in part
        assert "Vous avez demandé" not in part
    assert mail.codes() == [mail.code()]
    assert "#0a4a86" in mail.html
    (picture,) = (part for part in mail.message.walk() if part.get_content_type() == "image/png")
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in mail.html
    assert picture.get_content() == (ROOT / "config" / "spaces" / "adherent" / "logo.png").read_bytes()


def test_the_welcome_page_says_it_in_the_mutuals_words(browser, mailbox, newcomer):
    fill_enrolment(browser, newcomer)
    browser.get(mailbox.last(to=newcomer.email).link())

    assert "C’est fait, merci." in browser.submit().words


def test_colours_and_logos_may_be_kept_for_good_since_their_addresses_change_with_them(browser):
    look = loaded(browser.get("/aide"))

    for address in look.values():
        answer = fetch(browser, address)
        assert answer.status_int == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        # An address of yesterday, or of nobody, is answered with what is true today, and not kept.
        for other in (address.partition("?")[0], address[:-1] + "x"):
            assert fetch(browser, other).headers["Cache-Control"] == "no-cache"
            assert fetch(browser, other).body == answer.body
    assert fetch(browser, look["logo"]).body != fetch(browser, look["dark logo"]).body


def test_a_logo_is_a_picture_that_runs_loads_and_frames_nothing(browser):
    answer = fetch(browser, loaded(browser.get("/aide"))["logo"])

    assert answer.content_type == "image/svg+xml"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_space_with_one_logo_shows_it_in_both_modes(browser):
    look = loaded(browser.get("/aide?espace=elu"))

    assert look["dark logo"] is None
    assert fetch(browser, "/theme/elu-dark.svg").body == fetch(browser, look["logo"]).body


@pytest.mark.parametrize("name", ["autre.css", "autre.svg", "autre-dark.svg", "-dark.svg", "adherent.png"])
def test_the_look_of_a_space_that_does_not_exist_is_not_found(browser, name):
    assert fetch(browser, f"/theme/{name}").status_int == 404


def test_the_pages_say_who_answers_for_the_space_and_where_to_write(browser):
    told = {
        "/mentions-legales": "courrier@horizon.example",
        "/cgu": "courrier@horizon.example",
        "/confidentialite": "donnees-personnelles@horizon.example",
        "/accessibilite": "accessibilite@horizon.example",
    }

    for address, contact in told.items():
        page = browser.get(address)
        assert page.soup.main.find("a", href=f"mailto:{contact}"), address
        assert "Mutuelle Horizon, 1 rue de l’Exemple, 00000 Exempleville" in page.soup.footer.get_text()
