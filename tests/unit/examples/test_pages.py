"""Every page of the member space, looked at as a browser and a screen reader do."""

import itertools

import pytest

from tests.unit.examples.conftest import soup
from tests.unit.examples.test_member_pages import PAGES

PUBLIC = {
    "/": 200,
    "/la-mutuelle": 200,
    "/services": 200,
    "/adhesion": 200,
    "/contact": 200,
    "/connectez-vous": 200,
    "/actualites/assemblee-generale": 200,
    "/deconnecte": 200,
    "/callback/adherent": 400,
    "/nowhere": 404,
    "/actualites/nothing": 404,
    "/backchannel-logout": 405,
}


def look_at(answer):
    page = soup(answer)
    identifiers = [tag["id"] for tag in page.select("[id]")]
    assert page.html["lang"] == "fr"
    assert page.title.get_text().strip(" –")
    assert len(page.select("h1")) == 1
    assert len(identifiers) == len(set(identifiers))
    assert page.select_one("a.skip")["href"] == f"#{page.select_one('main')['id']}"
    for field in page.select("input:not([type=hidden]), textarea, select"):
        assert page.select_one(f'label[for="{field.get("id")}"]') or field.find_parent("label"), field
    for reference in page.select("[aria-describedby], [aria-labelledby]"):
        names = f"{reference.get('aria-describedby', '')} {reference.get('aria-labelledby', '')}".split()
        assert set(names) <= set(identifiers)
    for image in page.select("img"):
        assert image.has_attr("alt")
    levels = [int(heading.name[1]) for heading in page.select("h1, h2, h3, h4")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    assert not page.select("[style], style, script, [onclick], iframe")
    assert all(form.get("method") == "post" for form in page.select("form"))
    assert all(form.select_one("input[name=csrf_token]") for form in page.select("form"))


def check_headers(answer, provider_url):
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert f"form-action 'self' {provider_url}" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("path", "status"), PUBLIC.items())
def test_public_pages_and_error_pages_are_sound(browser, provider, path, status):
    answer = browser.client.get(path)

    assert answer.status_code == status
    look_at(answer)
    check_headers(answer, provider.url)


@pytest.mark.parametrize("path", [*PAGES, "/logout", "/espace/actualites/ateliers-equilibre"])
def test_pages_behind_the_door_are_sound(browser, provider, path):
    browser.sign_in()

    answer = browser.client.get(path)

    assert answer.status_code == 200
    look_at(answer)
    check_headers(answer, provider.url)
    assert soup(answer).select_one("header form[action='/logout'] button")


@pytest.mark.parametrize("space", ["professionnel", "elu"])
def test_the_other_homes_are_sound(browser, space):
    look_at(browser.sign_in(space))


def test_the_public_page_has_its_menu_its_news_and_three_doors(browser):
    home = soup(browser.client.get("/"))

    menu = [link.get_text() for link in home.select("nav a")]
    doors = {link.get_text(): link["href"] for link in home.select(".doors a")}
    assert menu == ["Accueil", "La mutuelle", "Services", "Adhésion", "Contact"]
    assert doors == {
        "Espace Adhérent": "/login/adherent",
        "Espace Professionnel de santé": "/login/professionnel",
        "Espace Élu": "/login/elu",
    }
    assert len([link for link in home.select("main a") if link.get_text() == "Lire la suite"]) == 3


def test_style_sheet_and_pictures_come_from_here(browser):
    page = soup(browser.client.get("/"))

    for tag in [*page.select("link[href]"), *page.select("img")]:
        address = tag.get("href") or tag.get("src")
        assert address.startswith("/static/")
        with browser.client.get(address) as answer:
            assert answer.status_code == 200


def test_methods_that_no_page_has_are_refused_kindly(browser):
    answer = browser.client.post("/")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    look_at(answer)
