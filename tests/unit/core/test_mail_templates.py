"""The words of the mails: whole in both languages, safe with hostile values, easy to read for scripts."""

import re

import pytest
from bs4 import BeautifulSoup

from idp.core.mail_templates import NEEDED, WORDS, BadMail, Kind, language_of, render
from idp.core.spaces import Colours, Palette, Space

ISSUER = "https://comptes.example.org"
LINK = f"{ISSUER}/inscription/activer/Zm9v-Bar_0123456789"
# Interface, « Mails »: what scripts look for in the text part.
ONLY_A_CODE = re.compile(r"[\d\s]+")
ONLY_A_LINK = re.compile(r"https?://\S+")
HOSTILE = "<script>alert(1)</script>\r\n123456\u2028https://evil.example/\u202e"


def space(**changes) -> Space:
    return Space(
        **{
            "name": "adherent",
            "title": "Mutuelle Horizon – Espace Adhérent",
            "short_title": "Espace Adhérent",
            "populations": frozenset({"adherent"}),
            "help_phone": "01 99 00 12 34",
            "help_hours": "du lundi au vendredi",
            "terms_version": "1",
            "colours": Colours(
                primary="#0b4f8f",
                on_primary="#ffffff",
                accent="#c8640a",
                dark=Palette(primary="#9cc7f2", on_primary="#0b1f33", accent="#f0a35a"),
            ),
            **changes,
        }
    )


def context(**changes) -> dict[str, str]:
    return {
        "link": LINK,
        "code": "04829137",
        "hours": "24",
        "minutes": "10",
        "device": "Chrome sur Android",
        "time": "2026-03-12T13:05:00+00:00",
        "until": "2026-06-10T13:05:00+00:00",
        "sign_in_url": f"{ISSUER}/connexion",
        "recover_url": f"{ISSUER}/acces-perdus",
        "not_me_url": f"{ISSUER}/ce-n-est-pas-moi/abc",
        **changes,
    }


def rendered(kind, locale="fr", **changes):
    return render(kind, space=space(), locale=locale, context=context(**changes), issuer=ISSUER)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.fixture(params=sorted(WORDS))
def locale(request):
    return request.param


@pytest.fixture(params=list(Kind))
def kind(request):
    return request.param


def test_a_link_and_a_code_stand_alone_on_their_line_and_nothing_else_looks_like_one(kind, locale):
    mail = rendered(kind, locale)

    codes = [line for line in lines(mail.text) if ONLY_A_CODE.fullmatch(line)]
    links = [line for line in lines(mail.text) if "://" in line]
    assert codes == (["04829137"] if "code" in NEEDED.get(kind, ()) else [])
    assert all(ONLY_A_LINK.fullmatch(link) for link in links)
    assert set(links) <= {value for value in context().values() if "://" in value}
    assert ("link" in NEEDED.get(kind, ())) == (LINK in links)


def test_the_subject_never_holds_the_code(kind, locale):
    assert "04829137" not in rendered(kind, locale).subject


def test_every_mail_says_that_it_is_automatic_and_whom_to_call(kind, locale):
    mail = rendered(kind, locale)
    page = BeautifulSoup(mail.html, "html.parser").get_text()

    for part in (mail.text.replace("\u00a0", " "), page.replace("\u00a0", " ")):
        assert WORDS[locale].automatic in part
        assert "01 99 00 12 34" in part
        assert "Mutuelle Horizon – Espace Adhérent" in part


def test_both_parts_say_the_same(kind, locale):
    mail = rendered(kind, locale)
    page = BeautifulSoup(mail.html, "html.parser").get_text(" ", strip=True)
    page = re.sub(r"\s+", " ", page)

    # The text part introduces its links with a sentence of its own; codes are shown in two groups.
    own = {"ci-dessous", "below"}
    sentences = [line for line in lines(mail.text) if not any(word in line for word in own)]
    missing = [line for line in sentences if re.sub(r"\s+", " ", line).strip() not in page]
    assert set(missing) <= {"-- ", "04829137"}


def test_html_loads_nothing_from_elsewhere(kind, locale):
    page = BeautifulSoup(rendered(kind, locale).html, "html.parser")

    assert page.find_all(["script", "img", "link", "iframe", "object", "form", "base", "table"]) == []
    assert "url(" not in str(page)
    assert "@import" not in str(page)
    assert {anchor["href"] for anchor in page.find_all("a")} <= set(context().values())


def test_html_is_a_page_in_its_language_with_one_heading_and_the_colours_of_the_space(kind, locale):
    mail = rendered(kind, locale)
    page = BeautifulSoup(mail.html, "html.parser")

    assert page.html["lang"] == locale
    assert len(page.find_all("h1")) == 1
    assert page.title.get_text() == mail.subject
    assert "#0b4f8f" in page.find(class_="band")["style"]
    assert "#9cc7f2" in page.style.get_text()
    assert "prefers-color-scheme: dark" in page.style.get_text()


def test_a_hostile_value_is_shown_as_text_and_forges_no_line(kind, locale):
    mail = rendered(kind, locale, device=HOSTILE, time=HOSTILE, until=HOSTILE, hours=HOSTILE, minutes=HOSTILE)

    assert BeautifulSoup(mail.html, "html.parser").find("script") is None
    assert "\u202e" not in mail.html + mail.text
    assert not any("evil" in line and ONLY_A_LINK.fullmatch(line) for line in lines(mail.text))
    assert "123456" not in lines(mail.text)


def test_a_title_with_html_is_shown_as_text():
    title = "Mutuelle <b>Horizon</b> & Cie"

    html = render("new-sign-in", space=space(title=title), locale="fr", context={}, issuer=ISSUER).html

    assert BeautifulSoup(html, "html.parser").find(class_="band").get_text() == title


def test_times_are_written_as_people_read_them_in_paris():
    mail = rendered("trusted-device-added")

    assert "12 mars 2026 à 14:05 (heure de Paris)" in mail.text
    assert "10 juin 2026" in mail.text


def test_what_is_not_given_is_left_out():
    mail = render("new-sign-in", space=space(help_hours=""), locale="fr", context={}, issuer=ISSUER)

    assert "Appareil" not in mail.text
    assert "http" not in mail.text
    assert "Appelez le 01\u00a099\u00a000\u00a012\u00a034." in mail.text
    assert BeautifulSoup(mail.html, "html.parser").find_all("a") == []


def test_the_code_can_be_copied_from_the_html_as_one_run_of_digits():
    page = BeautifulSoup(rendered("activation").html, "html.parser")

    assert page.find(class_="code").get_text() == "04829137"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/",
        "https://comptes.example.org.evil.example/x",
        "https://comptes.example.org@evil.example/",
        "https://comptes.example.org",
        "http://comptes.example.org/x",
        "javascript:alert(1)",
        "/inscription",
        f"{ISSUER}/x y",
        f"{ISSUER}/x\r\nhttps://evil.example/",
        f'{ISSUER}/"onclick="x',
        f"{ISSUER}/<b>",
    ],
)
def test_a_link_that_leaves_the_issuer_is_refused(link):
    with pytest.raises(BadMail):
        rendered("activation", link=link)


@pytest.mark.parametrize("code", ["", "abc", "123", "12 34 56", "123456\n", "٣٤٥٦٧٨", "12345678901"])
def test_a_code_is_made_of_digits(code):
    with pytest.raises(BadMail):
        rendered("one-time-code", code=code)


@pytest.mark.parametrize(("kind", "values"), [("activation", {"code": "12345678"}), ("one-time-code", {})])
def test_a_mail_that_lacks_what_it_is_for_is_refused(kind, values):
    with pytest.raises(BadMail):
        render(kind, space=space(), locale="fr", context=values, issuer=ISSUER)


def test_an_unknown_kind_is_refused():
    with pytest.raises(BadMail):
        rendered("../layout")


@pytest.mark.parametrize(
    ("locale", "language"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en_GB", "en"), ("EN", "en"), ("de", "fr"), ("", "fr"), ("../x", "fr")],
)
def test_each_locale_has_a_language(locale, language):
    assert language_of(locale) == language
