"""The words of the mails: whole in both languages, safe with hostile values, easy to read for scripts."""

import itertools
import re
from typing import NamedTuple

import pytest
from bs4 import BeautifulSoup

from idp.core import mail_catalogue
from idp.core.mail_templates import LINKS, NEEDED, WORDS, BadMail, Kind, Rendered, language_of, render
from idp.core.spaces import Colours, Palette, Space, Spaces
from tests.architecture.tree import ROOT

ISSUER = "https://comptes.example.org"
CODE = "04829137"
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


def context(kind, **changes) -> dict[str, str]:
    values = {
        **mail_catalogue.sample(Kind(kind), language="fr", issuer=ISSUER),
        "device": "Chrome sur Android",
        "time": "2026-03-12T13:05:00+00:00",
        **changes,
    }
    if "code" in values:
        values["code"] = CODE
    return values


def rendered(kind, locale="fr", **changes):
    return render(kind, space=space(), locale=locale, context=context(kind, **changes), issuer=ISSUER)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def page_of(mail) -> BeautifulSoup:
    return BeautifulSoup(mail.html, "html.parser")


def visible(mail) -> BeautifulSoup:
    """What the mail shows once it is open: the preview line is for lists and notifications."""
    page = page_of(mail)
    page.find(class_="preview").decompose()
    return page


def grounds(each) -> list[set[tuple[str, str]]]:
    """The colours of each text and of what it stands on, in light and in dark."""
    page = each.shown
    light = {id(tag): declared(tag["style"]) for tag in page.find_all(style=True)}
    dark = {name: dict(style) for name, style in light.items()}
    rules = each.mail.html.partition("@media (prefers-color-scheme: dark)")[2].partition("</style>")[0]
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", rules.lstrip(" {")):
        for tag in page.select(selector.strip()):
            dark.setdefault(id(tag), {}).update(declared(body))
    texts = [text.parent for text in page.body.find_all(string=re.compile(r"\w"))]
    return [
        {(found(tag, styles, "color"), found(tag, styles, "background")) for tag in texts}
        for styles in (light, dark)
    ]


def declared(style: str) -> dict[str, str]:
    return dict(re.findall(r"(?<![\w-])(color|background): ?(#[0-9a-f]{6})", style))


def found(tag, styles, name: str) -> str:
    return next(style[name] for one in [tag, *tag.parents] if name in (style := styles.get(id(one), {})))


class Each(NamedTuple):
    kind: Kind
    locale: str
    space: Space
    mail: Rendered
    values: dict[str, str]
    page: BeautifulSoup
    shown: BeautifulSoup


@pytest.fixture(scope="module")
def every_mail():
    """Each kind in each language in each space that is shipped."""
    mails = []
    for one in Spaces.read(ROOT / "config" / "spaces"):
        for kind, locale in itertools.product(Kind, WORDS):
            values = context(kind)
            mail = render(kind, space=one, locale=locale, context=values, issuer=ISSUER)
            mails.append(Each(kind, locale, one, mail, values, page_of(mail), visible(mail)))
    return mails


def faults(mails, check) -> dict[str, object]:
    """What `check` finds, by mail; nothing when all is well."""
    return {f"{each.kind} {each.locale} {each.space.name}": fault for each in mails if (fault := check(each))}


def test_a_link_and_a_code_stand_alone_on_their_line_and_nothing_else_looks_like_one(every_mail):
    def fault(each):
        codes = [line for line in lines(each.mail.text) if ONLY_A_CODE.fullmatch(line)]
        links = [line for line in lines(each.mail.text) if "://" in line]
        given = sorted(value for value in each.values.values() if "://" in value)
        expected = [each.values["code"]] if "code" in each.values else []
        return (codes, sorted(links)) != (expected, given) or not all(map(ONLY_A_LINK.fullmatch, links))

    assert len(every_mail) == len(Kind) * 2 * 4
    assert faults(every_mail, fault) == {}


def test_neither_the_subject_nor_the_line_of_the_notification_holds_the_code(every_mail):
    def fault(each):
        shown = each.mail.subject + each.page.find(class_="preview").get_text()
        return re.findall(r"[0-9]{4,}", shown.replace("2026", ""))

    assert faults(every_mail, fault) == {}


def test_the_line_of_the_notification_is_one_sentence_or_two_and_hidden_in_the_mail(every_mail):
    def fault(each):
        line = each.page.find(class_="preview")
        words = line.get_text().replace("\u034f", "").replace("\u200c", "").replace("\u00a0", " ").strip()
        is_short = 25 < len(words) < 110
        return None if is_short and words.endswith((".", "?")) and "display: none" in line["style"] else words

    assert faults(every_mail, fault) == {}


def test_subjects_are_short_and_each_kind_has_its_own():
    subjects = {(kind, locale): rendered(kind, locale).subject for kind in Kind for locale in WORDS}

    assert {subject: len(subject) for subject in subjects.values() if len(subject) > 55} == {}
    assert len(set(subjects.values())) == len(subjects)


def test_every_mail_says_that_it_is_automatic_and_whom_to_call(every_mail):
    def fault(each):
        said = (WORDS[each.locale].automatic, each.space.help_phone, each.space.title)
        parts = (each.mail.text, each.shown.get_text())
        return [line for line in said for part in parts if line not in part.replace("\u00a0", " ")]

    assert faults(every_mail, fault) == {}


def test_both_parts_say_the_same(every_mail):
    # The text part introduces its links with a sentence of its own; codes are shown in two groups.
    own = ("ci-dessous", "below")

    def fault(each):
        page = " ".join(each.shown.get_text(" ", strip=True).split())
        sentences = [line for line in lines(each.mail.text) if not any(word in line for word in own)]
        missing = {line for line in sentences if " ".join(line.split()) not in page}
        return missing - {"-- ", each.values.get("code")}

    assert faults(every_mail, fault) == {}


def test_every_security_mail_has_a_place_for_it_was_not_me(every_mail):
    others = {
        Kind.ACTIVATION, Kind.ALREADY_MEMBER, Kind.REQUEST_IMPOSSIBLE, Kind.ADDRESS_TAKEN, Kind.TERMS_CHANGED,
        Kind.INVITATION, Kind.TEST, Kind.NO_ACCOUNT,
    }  # fmt: skip

    def fault(each):
        labels = [link.get_text() for link in each.page.select("td.button a")]
        return (WORDS[each.locale].not_me_button in labels) == (each.kind in others)

    assert faults(every_mail, fault) == {}


@pytest.mark.parametrize(("locale", "call"), [("fr", "appelez"), ("en", "call")])
def test_without_its_link_a_security_mail_says_to_call(locale, call):
    # An unsolicited request to validate something needs no call: nothing happens without an answer to it.
    for kind in (kind for kind in Kind if "not_me_url" in mail_catalogue.may_have(kind)):
        values = {name: value for name, value in context(kind).items() if name != "not_me_url"}

        text = render(kind, space=space(), locale=locale, context=values, issuer=ISSUER).text

        in_sentence = 0 if kind is Kind.ADDRESS_NEW else 1
        assert len(re.findall(rf"\b{call}\b", text, re.IGNORECASE)) == 1 + in_sentence, kind


def test_french_lines_never_end_before_a_colon_or_after_a_figure_and_english_knows_nothing_of_it(every_mail):
    def fault(each):
        shown = each.shown.get_text().replace(each.space.help_phone.replace(" ", "\u00a0"), "")
        text = f"{each.mail.subject}\n{each.mail.text}\n{shown}"
        if each.locale == "fr":
            figures = re.findall(r"[0-9] (?:minutes|heures|h ).{3}", shown)
            return figures + re.findall(r".{3} [:;?!»]|« .{3}", text)
        return re.findall(r".{3}[\u00a0\u202f].{3}|[«»]| [:;?!]", text)

    assert faults(every_mail, fault) == {}


def test_words_and_figures_of_the_text_part_are_found_by_whoever_types_a_plain_space(every_mail):
    def fault(each):
        return re.findall(r"\w[\u00a0\u202f]\w", each.mail.text)

    assert faults(every_mail, fault) == {}


def test_html_loads_nothing_from_elsewhere(every_mail):
    def fault(each):
        page = each.page
        loading = page.find_all(["script", "link", "iframe", "object", "form", "base", "video", "audio"])
        # A logo travels with the mail (RFC 2392).
        pictures = [img for img in page.find_all("img") if not img["src"].startswith("cid:")]
        elsewhere = {anchor["href"] for anchor in page.find_all("a")} - set(each.values.values())
        return [*loading, *pictures, *elsewhere, *re.findall(r"url\(|@import|background=", str(page))]

    assert faults(every_mail, fault) == {}


def test_html_is_a_page_in_its_language_with_one_heading_and_the_colours_of_the_space(every_mail):
    def fault(each):
        page = each.page
        article = page.find(role="article")
        style = page.style.get_text()
        return [
            fact
            for fact, holds in {
                "lang": page.html["lang"] == article["lang"] == each.locale,
                "h1": [heading.get_text() for heading in page.find_all(re.compile("h[1-6]"))]
                == [each.mail.subject],
                "title": page.title.get_text() == each.mail.subject == article["aria-label"],
                "layout": all(table["role"] == "presentation" for table in page.find_all("table")),
                "band": each.space.colours.band in page.find(class_="band")["style"],
                "dark": each.space.colours.dark.primary in style and "prefers-color-scheme: dark" in style,
            }.items()
            if not holds
        ]

    assert faults(every_mail, fault) == {}


def test_each_button_has_a_label_of_its_own_and_its_address_written_out(every_mail):
    def fault(each):
        page = each.page
        buttons = {link.get_text(): link["href"] for link in page.select("td.button a")}
        written = [link.get_text() for link in page.select("a.link")]
        return list(buttons.values()) != written or len(buttons) != len(page.select("td.button a"))

    assert faults(every_mail, fault) == {}


def test_no_text_is_smaller_than_16_pixels(every_mail):
    def fault(each):
        return [size for size in re.findall(r"font-size: ?([0-9.]+)px", str(each.shown)) if float(size) < 16]

    assert faults(every_mail, fault) == {}


def test_no_mail_is_cut_by_a_program_that_shows_100_kilobytes(every_mail):
    assert max(len(each.mail.html.encode()) for each in every_mail) < 20_000


def test_every_colour_of_the_text_stands_out_in_light_and_in_dark(every_mail):
    def fault(each):
        light, dark = grounds(each)
        return [pair for pair in [*light, *dark] if contrast(*pair) < 4.5]

    assert faults(every_mail, fault) == {}


def test_a_hostile_value_is_shown_as_text_and_forges_no_line():
    for kind in Kind:
        for locale in WORDS:
            values = dict.fromkeys(mail_catalogue.speaks_of(kind) - LINKS - {"code"}, HOSTILE)
            mail = rendered(kind, locale, **values)

            assert page_of(mail).find("script") is None
            assert "\u202e" not in mail.html + mail.text + mail.subject
            assert not any("evil" in line and ONLY_A_LINK.fullmatch(line) for line in lines(mail.text))
            assert "123456" not in lines(mail.text)


def test_a_title_with_html_is_shown_as_text():
    title = "Mutuelle <b>Horizon</b> & Cie"

    html = render("new-sign-in", space=space(title=title), locale="fr", context={}, issuer=ISSUER).html

    assert BeautifulSoup(html, "html.parser").find(class_="band").get_text() == title


def test_times_are_written_as_people_read_them_in_paris():
    mail = rendered("trusted-device-added")

    text = mail.text.replace("\u00a0", " ")
    assert "12 mars 2026 à 14 h 05 (heure de Paris)" in text
    assert "10 juin 2026" in text
    assert "12 March 2026 at 14:05 (Paris time)" in rendered("trusted-device-added", "en").text


@pytest.mark.parametrize(
    ("locale", "given", "written"),
    [
        ("fr", "2026-07-01", "1er juillet 2026"),
        ("fr", "2026-07-11", "11 juillet 2026"),
        ("fr", "2026-06-30T22:30:00+00:00", "1er juillet 2026"),
        ("en", "2026-07-01", "1 July 2026"),
        ("fr", "dès demain", "dès demain"),
    ],
)
def test_a_day_is_written_as_in_a_letter(locale, given, written):
    text = rendered("terms-changed", locale, terms_date=given).text

    assert f" {written}\n" in text.replace("\u00a0", " ")


def test_what_is_not_given_is_left_out():
    mail = render("new-sign-in", space=space(help_hours=""), locale="fr", context={}, issuer=ISSUER)

    assert "Appareil" not in mail.text
    assert "http" not in mail.text
    assert "Appelez le 01 99 00 12 34." in mail.text
    assert BeautifulSoup(mail.html, "html.parser").find_all("a") == []


def test_the_code_can_be_copied_from_the_html_as_one_run_of_digits():
    page = page_of(rendered("activation"))

    assert page.find(class_="code").get_text() == CODE


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
    values = {**context("one-time-code"), "code": code}

    with pytest.raises(BadMail):
        render("one-time-code", space=space(), locale="fr", context=values, issuer=ISSUER)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in NEEDED.items() for name in sorted(names)]
)
def test_a_mail_that_lacks_what_it_is_for_is_refused(kind, name):
    values = context(kind)
    del values[name]

    with pytest.raises(BadMail, match=name):
        render(kind, space=space(), locale="fr", context=values, issuer=ISSUER)


def test_an_unknown_kind_is_refused():
    with pytest.raises(BadMail):
        render("../layout", space=space(), locale="fr", context={}, issuer=ISSUER)


@pytest.mark.parametrize(
    ("locale", "language"),
    [("fr", "fr"), ("fr-CA", "fr"), ("en_GB", "en"), ("EN", "en"), ("de", "fr"), ("", "fr"), ("../x", "fr")],
)
def test_each_locale_has_a_language(locale, language):
    assert language_of(locale) == language
