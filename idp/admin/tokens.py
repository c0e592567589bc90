"""The design tokens as the style sheets hold them: their values in both modes, and the contrast of pairs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from idp.core.contrast import ratio, told

_BLOCK = re.compile(r":root \{(.*?)\}", re.DOTALL)
_TOKEN = re.compile(r"--([\w-]+): ([^;]+);")
_DARK = "prefers-color-scheme: dark"
_LONG_HEX = 7

TEXT = 4.5
SHAPE = 3.0
# Each colour with the grounds that pages put it on, and the ratio that WCAG 2.2 asks for (1.4.3, 1.4.11).
PAIRS = (
    ("ink", "paper", TEXT),
    ("ink", "ground", TEXT),
    ("soft", "paper", TEXT),
    ("soft", "ground", TEXT),
    ("edge", "paper", SHAPE),
    ("edge", "ground", SHAPE),
    ("primary", "paper", TEXT),
    ("primary", "ground", TEXT),
    ("on-primary", "primary", TEXT),
    ("on-band", "band", TEXT),
    ("ink", "info-ground", TEXT),
    ("primary", "info-ground", TEXT),
    ("good", "good-ground", TEXT),
    ("good", "paper", TEXT),
    ("warn", "warn-ground", TEXT),
    ("bad", "bad-ground", TEXT),
    ("bad", "paper", TEXT),
    ("bad", "ground", TEXT),
)


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour on its ground, in one mode."""

    colour: str
    ground: str
    needed: float

    @property
    def contrast(self) -> str:
        """The ratio as people write it, never rounded up."""
        return told(ratio(self.colour, self.ground))

    @property
    def passes(self) -> bool:
        """Whether it is enough for what the pair is used for."""
        return ratio(self.colour, self.ground) >= self.needed


def light_of(sheet: str) -> dict[str, str]:
    """The tokens of a style sheet, without `--`."""
    return _read(sheet.partition(_DARK)[0])


def dark_of(sheet: str) -> dict[str, str]:
    """The tokens as they are in the dark: those of the light mode where the dark one has no others."""
    return light_of(sheet) | _read(sheet.partition(_DARK)[2].partition("@media")[0])


def swatches(light: Mapping[str, str], dark: Mapping[str, str]) -> list[tuple[str, str, Swatch, Swatch]]:
    """Every pair by its two names, as light and as dark mode show it."""
    return [
        (name, ground, _swatch(light, name, ground, needed), _swatch(dark, name, ground, needed))
        for name, ground, needed in PAIRS
    ]


def _swatch(mode: Mapping[str, str], name: str, ground: str, needed: float) -> Swatch:
    return Swatch(_hex(mode[name]), _hex(mode[ground]), needed)


def _read(text: str) -> dict[str, str]:
    return {name: value for block in _BLOCK.findall(text) for name, value in _TOKEN.findall(block)}


def _hex(colour: str) -> str:
    return colour if len(colour) == _LONG_HEX else "#" + "".join(2 * digit for digit in colour[1:])
