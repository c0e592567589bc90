"""The colours of a space, on pages and in mails: what they stand on, and whether they can be read there."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from idp.core.contrast import TEXT, nearest_shade, ratio, told

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Part(BaseModel):
    """A table of `space.toml`: fixed once read, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Palette(Part):
    """The colours of one mode."""

    primary: Colour
    """Links, buttons and their edges, the present step."""
    on_primary: Colour
    """The words on a filled button."""
    accent: Colour
    """Decoration only, the line under the band: nothing is written in it, so its contrast is not checked."""
    band: Colour = Field(default_factory=lambda known: known.get("primary", ""))
    """The band with logo and name, at the top of pages and mails; without it, `primary`."""
    on_band: Colour = Field(default_factory=lambda known: known.get("on_primary", ""))
    """The words in the band; without it, `on_primary`."""


class Colours(Palette):
    """The colours of the light mode, and those of the dark one."""

    dark: Palette
    """The same names for people whose device is set to dark: their grounds are nearly black."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A background of ours that every theme stands on."""

    name: str
    light: str
    dark: str


# As `idp/web/static/parvis.css` (its tokens) and `idp/core/mails/mail.css.jinja` have them; a test compares.
PAGE_GROUNDS = (
    Ground("paper", "#ffffff", "#1a1f29"),
    Ground("ground", "#f2f4f7", "#11151c"),
    Ground("info-ground", "#eaf0f8", "#1c2736"),
    Ground("good-ground", "#edf7f0", "#15291e"),
    Ground("warn-ground", "#fdf5e4", "#2c2412"),
    Ground("bad-ground", "#fdf0f0", "#331a1c"),
)
MAIL_GROUNDS = (Ground("mail sheet", "#ffffff", "#1b222b"),)


@dataclass(frozen=True, slots=True)
class Pair:
    """A colour of a theme, what it stands on, and the contrast that the two need."""

    key: str
    colour: str
    ground: str
    ground_name: str
    needed: float = TEXT

    @property
    def measured(self) -> float:
        """Their contrast ratio."""
        return ratio(self.colour, self.ground)

    @property
    def fails(self) -> bool:
        """Whether somebody could not read it."""
        return self.measured < self.needed

    def __str__(self) -> str:
        """The sentence with both numbers."""
        return (
            f"{self.key} {self.colour} on {self.ground} ({self.ground_name}) has a contrast of "
            f"{told(self.measured)}; it needs {self.needed:g}:1"
        )


def pairs(colours: Colours) -> Iterator[Pair]:
    """Every pair that the pages and the mails show, in both modes."""
    yield from _pairs("colours", colours, _grounds(dark=False))
    yield from _pairs("colours.dark", colours.dark, _grounds(dark=True))


def contrast_faults(colours: Colours) -> list[str]:
    """A sentence for each pair that fails, then one with the nearest shades that pass; empty for a good theme."""
    faults = [str(pair) for pair in pairs(colours) if pair.fails]
    if not faults:
        return []
    mended = [
        *_mended("colours", colours, _grounds(dark=False)),
        *_mended("colours.dark", colours.dark, _grounds(dark=True)),
    ]
    return [*faults, "the nearest shades that pass: " + ", ".join(mended)]


def theme_css(colours: Colours) -> str:
    """The style sheet that gives the pages a space's colours."""
    return (
        f":root {{ {_declarations(colours)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_declarations(colours.dark)} }} }}\n"
    )


def _grounds(*, dark: bool) -> dict[str, str]:
    """Each ground's colour once, with the names of all that have it."""
    named: dict[str, str] = {}
    for ground in (*PAGE_GROUNDS, *MAIL_GROUNDS):
        colour = ground.dark if dark else ground.light
        named[colour] = f"{named[colour]}, {ground.name}" if colour in named else ground.name
    return named


def _pairs(table: str, palette: Palette, grounds: dict[str, str]) -> Iterator[Pair]:
    for ground, name in grounds.items():
        yield Pair(f"{table}.primary", palette.primary, ground, name)
    yield Pair(f"{table}.on_primary", palette.on_primary, palette.primary, f"{table}.primary")
    if _has_own_band(palette):
        yield Pair(f"{table}.on_band", palette.on_band, palette.band, f"{table}.band")


def _has_own_band(palette: Palette) -> bool:
    return (palette.band, palette.on_band) != (palette.primary, palette.on_primary)


def _mended(table: str, palette: Palette, grounds: dict[str, str]) -> Iterator[str]:
    """The keys to change, as lines of the file; a shade always exists, since grounds are all light or all dark."""
    primary = nearest_shade(palette.primary, grounds) or palette.primary
    shades = {
        "primary": (palette.primary, primary),
        "on_primary": (palette.on_primary, nearest_shade(palette.on_primary, [primary])),
    }
    if _has_own_band(palette):
        shades["on_band"] = (palette.on_band, nearest_shade(palette.on_band, [palette.band]))
    for key, (before, after) in shades.items():
        if after != before:
            yield f'{table}.{key} = "{after}"'


def _declarations(palette: Palette) -> str:
    return " ".join(f"--{name.replace('_', '-')}: {getattr(palette, name)};" for name in Palette.model_fields)
