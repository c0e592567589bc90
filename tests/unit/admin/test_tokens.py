"""The design tokens: read from the style sheets as a browser reads them, and good to see in both modes."""

import pytest

from idp.admin import tokens
from idp.web.templates import FOLDER

SHEET = """
:root { --ink: #000000; --paper: #fff; --s1: .25rem; }
@media (prefers-color-scheme: dark) { :root { --ink: #ffffff; } }
@media (prefers-contrast: more) { :root { --ink: #777777; } }
"""
THEME = {"primary": "#0b4f8f", "on-primary": "#ffffff", "band": "#0b4f8f", "on-band": "#ffffff"}


def own_sheet() -> str:
    return (FOLDER / "static" / "parvis.css").read_text(encoding="utf-8")


def test_each_mode_has_its_own_values_and_the_dark_one_keeps_the_others():
    assert tokens.light_of(SHEET) == {"ink": "#000000", "paper": "#fff", "s1": ".25rem"}
    assert tokens.dark_of(SHEET) == {"ink": "#ffffff", "paper": "#fff", "s1": ".25rem"}


@pytest.mark.parametrize(("colour", "ground", "contrast", "passes"), [
    ("#000000", "#ffffff", "21:1", True),
    ("#767676", "#ffffff", "4.54:1", True),
    ("#777777", "#ffffff", "4.47:1", False),
])  # fmt: skip
def test_a_swatch_tells_its_contrast_and_whether_it_is_enough(colour, ground, contrast, passes):
    swatch = tokens.Swatch(colour, ground, tokens.TEXT)

    assert swatch.contrast == contrast
    assert swatch.passes is passes


def test_every_pair_of_our_own_colours_can_be_read_in_both_modes():
    light, dark = tokens.light_of(own_sheet()) | THEME, tokens.dark_of(own_sheet()) | THEME

    weak = [
        (name, ground, swatch.contrast)
        for name, ground, *both in tokens.swatches(light, dark)
        for swatch in both
        if not swatch.passes and name not in THEME
    ]

    assert weak == []
