"""Themes: every colour can be read on what it stands on, or the space is refused with both numbers."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from idp.admin import tokens
from idp.core import themes
from idp.core.contrast import ratio
from idp.core.spaces import BadSpace, Spaces
from idp.core.themes import MAIL_GROUNDS, PAGE_GROUNDS, Colours, contrast_faults, pairs, theme_css

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "config" / "spaces"
PAGE_SHEET = ROOT / "idp" / "web" / "static" / "parvis.css"
MAIL_SHEET = ROOT / "idp" / "core" / "mails" / "mail.css.jinja"
SHIPPED_PAIRS = [pytest.param(pair, id=f"{space.name}-{pair.key}-{pair.ground_name}")
                 for space in Spaces.read(SHIPPED) for pair in pairs(space.colours)]  # fmt: skip
ADVICE = re.compile(r'colours\.(dark\.)?(\w+) = "(#[0-9a-f]{6})"')
DARK = "@media (prefers-color-scheme: dark)"


def colours(**changes) -> Colours:
    dark = {"primary": "#a3cdf5", "on_primary": "#0a1f35", "accent": "#f0a35a"}
    light = {"primary": "#0a4a86", "on_primary": "#ffffff", "accent": "#e8862e"}
    changed = {name.removeprefix("dark_"): value for name, value in changes.items() if name[:5] == "dark_"}
    kept = {name: value for name, value in changes.items() if name[:5] != "dark_"}
    return Colours.model_validate({**light, **kept, "dark": {**dark, **changed}})


def grounds_of(found: dict[str, str]) -> dict[str, str]:
    """The tokens that things stand on, each colour in six digits."""
    return {
        name: "#" + "".join(digit * 2 for digit in value[1:]) if len(value) == 4 else value
        for name, value in found.items()
        if name in {"paper", "ground"} or name.endswith("-ground")
    }


@pytest.mark.parametrize("pair", SHIPPED_PAIRS)
def test_every_pair_of_a_shipped_theme_can_be_read_easily(pair):
    # WCAG AAA; a theme needs AA only.
    assert pair.measured >= 7, str(pair)


def test_a_theme_that_cannot_be_read_is_refused_with_file_key_colours_and_both_numbers(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "spaces")
    path = tmp_path / "spaces" / "adherent" / "space.toml"
    path.write_text(path.read_text().replace('primary = "#0a4a86"', 'primary = "#9cc7f2"', 1))

    with pytest.raises(BadSpace) as refused:
        Spaces.read(tmp_path / "spaces")

    lines = str(refused.value).splitlines()
    assert lines[0] == (
        f"P-9007: {path}: colours.primary #9cc7f2 on #ffffff (paper, mail sheet) has a contrast of 1.76:1; "
        "it needs 4.5:1"
    )
    assert all(line.startswith(f"P-9007: {path}: ") for line in lines)
    assert "the nearest shades that pass: colours.primary = " in lines[-1]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"primary": "#9cc7f2", "on_primary": "#0a1f35"}, "colours.primary"),
        ({"on_primary": "#4a7fb0"}, "colours.on_primary"),
        ({"band": "#dff1ea", "on_band": "#ffffff"}, "colours.on_band"),
        ({"band": "#dff1ea"}, "colours.on_band"),
        ({"dark_primary": "#0a4a86", "dark_on_primary": "#ffffff"}, "colours.dark.primary"),
        ({"dark_on_primary": "#ffffff"}, "colours.dark.on_primary"),
        ({"dark_band": "#12304f", "dark_on_band": "#0a1f35"}, "colours.dark.on_band"),
    ],
)
def test_each_pair_is_checked_in_each_mode(changes, key):
    *faults, _advice = contrast_faults(colours(**changes))

    assert {fault.split()[0] for fault in faults} == {key}


def test_all_that_fails_is_told_at_once_in_all_spaces(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "spaces")
    for space in ("adherent", "elu"):
        path = tmp_path / "spaces" / space / "space.toml"
        path.write_text(re.sub(r'on_primary = "#\w+"', 'on_primary = "#777777"', path.read_text()))

    with pytest.raises(BadSpace) as refused:
        Spaces.read(tmp_path / "spaces")

    told = str(refused.value)
    for space in ("adherent", "elu"):
        assert f"{space}/space.toml: colours.on_primary #777777" in told
        assert f"{space}/space.toml: colours.dark.on_primary #777777" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"primary": "#9cc7f2", "on_primary": "#0a1f35"},
        {"primary": "#ffff00", "dark_primary": "#000000"},
        {"primary": "#c8640a", "on_primary": "#808080", "band": "#808080", "on_band": "#7f7f7f"},
    ],
)
def test_a_theme_with_the_shades_that_are_advised_is_accepted(changes):
    advice = contrast_faults(colours(**changes))[-1]

    better = {("dark_" if dark else "") + key: shade for dark, key, shade in ADVICE.findall(advice)}

    assert better
    assert contrast_faults(colours(**{**changes, **better})) == []


def test_decoration_is_free_and_a_band_of_its_own_is_not_needed():
    plain = colours(accent="#ffffff")

    assert contrast_faults(plain) == []
    assert (plain.band, plain.on_band) == (plain.primary, plain.on_primary)
    assert plain.dark.band == "#a3cdf5"


def test_the_grounds_that_are_checked_are_those_of_the_pages():
    sheet = PAGE_SHEET.read_text(encoding="utf-8")

    assert grounds_of(tokens.light_of(sheet)) == {ground.name: ground.light for ground in PAGE_GROUNDS}
    assert grounds_of(tokens.dark_of(sheet)) == {ground.name: ground.dark for ground in PAGE_GROUNDS}


def test_the_grounds_that_are_checked_are_those_of_the_mails():
    light, _, dark = MAIL_SHEET.read_text(encoding="utf-8").partition(DARK)
    sheet = re.compile(r"\.sheet(?:, \.quiet)? \{ background: (#[0-9a-f]{6})")
    (ground,) = MAIL_GROUNDS

    assert sheet.search(light)[1] == ground.light
    assert sheet.search(dark)[1] == ground.dark


def test_theme_colours_are_the_only_ones_that_differ_between_spaces():
    sheet = theme_css(colours(band="#dff1ea", on_band="#0b4237"))

    light, _, dark = sheet.partition(DARK)
    assert "--primary: #0a4a86;" in light
    assert "--on-band: #0b4237;" in light
    assert "--primary: #a3cdf5;" in dark
    assert "--band: #a3cdf5;" in dark


def test_a_ground_that_nobody_can_read_on_would_be_seen(monkeypatch):
    grey = themes.Ground("grey", "#777777", "#777777")
    monkeypatch.setattr(themes, "PAGE_GROUNDS", (*PAGE_GROUNDS, grey))

    assert ratio("#0a4a86", "#777777") < 4.5
    assert any("(grey)" in fault for fault in contrast_faults(colours()))


def test_every_shipped_space_has_its_own_look():
    read = [tomllib.loads(path.read_text()) for path in SHIPPED.glob("*/space.toml")]

    for key in ("primary", "accent"):
        assert len({data["colours"][key] for data in read}) == len(read)
    for name in ("logo.svg", "logo-dark.svg", "logo.png"):
        assert len({path.read_bytes() for path in SHIPPED.glob(f"*/{name}")}) == len(read)
