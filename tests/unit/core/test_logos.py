"""Logos: they only draw. An SVG stands at the issuer's own address, so it may neither run nor load anything."""

import shutil
from pathlib import Path

import pytest

from idp.core.logos import LARGEST_PNG, BadLogo, check_png, check_svg, with_logo_inside
from idp.core.spaces import BadSpace, Spaces

SHIPPED = Path(__file__).parents[3] / "config" / "spaces"
PNG = (SHIPPED / "adherent" / "logo.png").read_bytes()


def svg(inside: str = "", attributes: str = "") -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:h="http://www.w3.org/1999/xhtml" viewBox="0 0 48 48" {attributes}>{inside}</svg>'
    )


@pytest.mark.parametrize(
    "drawing",
    [
        '<title>Horizon</title><g fill="none"><path d="M0 0h48"/></g>',
        '<defs><linearGradient id="a"><stop stop-color="#fff"/></linearGradient></defs><rect fill="url(#a)"/>',
        "<style>.a { fill: url('#a'); } @media (prefers-color-scheme: dark) { .a { fill: #fff } }</style>",
        '<symbol id="s"><circle r="4"/></symbol><use href="#s"/><use xlink:href="#s"/>',
        "<!-- a comment --><text>A &amp; B</text>",
    ],
)
def test_shapes_gradients_and_text_are_a_logo(drawing):
    check_svg(svg(drawing))


@pytest.mark.parametrize(
    ("drawing", "told"),
    [
        (svg("<script>alert(1)</script>"), "<script>"),
        (svg("<h:script>alert(1)</h:script>"), "<script>"),
        (svg("<foreignObject/>"), "<foreignObject>"),
        (svg('<image href="#a"/>'), "<image>"),
        (svg('<a href="#a"><path/></a>'), "<a>"),
        (svg('<rect><set attributeName="onclick" to="x"/></rect>'), "<set>"),
        (svg('<rect><animate attributeName="href"/></rect>'), "<animate>"),
        (svg("<filter/>"), "<filter>"),
        (svg(attributes='onload="alert(1)"'), "onload"),
        (svg('<path ONCLICK="alert(1)"/>'), "onclick"),
        (svg('<use href="https://evil.example/x.svg#a"/>'), "https://evil.example"),
        (svg('<use xlink:href="//evil.example/x.svg#a"/>'), "//evil.example"),
        (svg('<use href="data:image/svg+xml,x"/>'), "data:"),
        (svg('<use href="jav&#x61;script:alert(1)"/>'), "javascript:"),
        (svg('<rect fill="url(https://evil.example/#a)"/>'), "must load nothing"),
        (svg("<rect style=\"background: URL( '//evil.example/' )\"/>"), "must load nothing"),
        (svg(r'<rect style="fill: u\72l(//evil.example)"/>'), "must load nothing"),
        (svg("<style>@import '//evil.example/x.css';</style>"), "<style>"),
        (svg("<style>@imp<!-- -->ort '//evil.example/x.css';</style>"), "<style>"),
        (svg("<style>@imp<![CDATA[ort]]> '//evil.example/x.css';</style>"), "<style>"),
        (svg("<style>.a { fill: url(<![CDATA[//evil.example)]]> }</style>"), "<style>"),
        (svg("<style>a<g/>b</style>"), "<style>"),
        ("<?xml-stylesheet href='//evil.example/x.css'?>" + svg(), "xml-stylesheet"),
        ("<!DOCTYPE svg SYSTEM 'https://evil.example/x.dtd'>" + svg(), "DOCTYPE"),
        ("<!DOCTYPE svg [<!ENTITY a 'aaaa'>]>" + svg("<text>&a;</text>"), "DOCTYPE"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "<html>"),
        ("<svg viewBox='0 0 1 1'/>", "<svg>"),
        ("<g xmlns='http://www.w3.org/2000/svg'/>", "one <svg>"),
        (svg(svg()), "one <svg>"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "viewBox"),
        (svg("<path>"), "not XML"),
        ("", "not XML"),
        (svg("<!--" + "x" * 17_000 + "-->"), "larger than 16 kB"),
    ],
)
def test_a_drawing_that_runs_loads_or_hides_something_is_refused(drawing, told):
    with pytest.raises(BadLogo) as refused:
        check_svg(drawing)

    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["logo.svg", "logo-dark.svg"])
def test_a_hostile_logo_stops_the_start_with_its_file(tmp_path, name):
    shutil.copytree(SHIPPED, tmp_path / "spaces")
    (tmp_path / "spaces" / "elu" / name).write_text(svg("<script>alert(1)</script>"))

    with pytest.raises(BadSpace) as refused:
        Spaces.read(tmp_path / "spaces")

    assert str(refused.value).startswith(
        f"P-9003: {tmp_path / 'spaces' / 'elu' / name}: must not hold <script>"
    )


def test_a_space_may_have_one_logo_for_both_modes_and_none_in_mails(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "spaces")
    for name in ("logo-dark.svg", "logo.png"):
        (tmp_path / "spaces" / "elu" / name).unlink()

    space = Spaces.read(tmp_path / "spaces")["elu"]

    assert space.logo_svg
    assert space.logo_dark_svg == ""
    assert space.logo_png == b""


@pytest.mark.parametrize(
    ("png", "told"),
    [
        (b"", "not a PNG"),
        (b"GIF89a", "not a PNG"),
        (svg().encode(), "not a PNG"),
        (PNG[:16] + bytes([0, 0, 0, 96, 0, 0, 0, 48]) + PNG[24:], "square"),
        (PNG[:16] + bytes([0, 0, 4, 0, 0, 0, 4, 0]) + PNG[24:], "square"),
        (PNG + b"x" * LARGEST_PNG, "larger"),
    ],
)
def test_the_logo_of_mails_is_a_small_square_png(png, told, tmp_path):
    check_png(PNG)
    with pytest.raises(BadLogo, match=told):
        check_png(png)

    shutil.copytree(SHIPPED, tmp_path / "spaces")
    (tmp_path / "spaces" / "elu" / "logo.png").write_bytes(png)
    with pytest.raises(BadSpace, match=rf"P-9003: .*logo\.png: .*{told}"):
        Spaces.read(tmp_path / "spaces")


def test_a_preview_shows_the_logo_without_the_mail_around_it():
    html = with_logo_inside('<img src="cid:logo@parvis.invalid"><img src="cid:other">', PNG)

    assert html.startswith('<img src="data:image/png;base64,iVBOR')
    assert html.endswith('<img src="cid:other">')
