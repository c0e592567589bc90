"""Contrast of two colours as WCAG 2.2 measures it, and the nearest shade that has enough of it."""

import colorsys
import math
from collections.abc import Iterable, Iterator

# WCAG 2.2, success criterion 1.4.3. Edges and shapes need 3:1 (1.4.11): whatever has a theme's colour as its
# edge has it as its text too, or stands where the same colour is text, so the higher ratio covers both.
TEXT = 4.5

_STEPS = 255
# Below this an sRGB channel is linear (IEC 61966-2-1; older texts print 0.03928, which no 8-bit colour can tell).
_LINEAR_BELOW = 0.04045


def ratio(one: str, other: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2, « relative luminance »: 0 for black, 1 for white."""
    red, green, blue = (_linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def told(measured: float) -> str:
    """`4.49:1`, cut and never rounded up: a ratio that fails must not read like one that passes."""
    return f"{math.floor(measured * 100) / 100:g}:1"


def passes(colour: str, grounds: Iterable[str], needed: float = TEXT) -> bool:
    """Whether a colour can be read on each of these grounds."""
    return all(ratio(colour, ground) >= needed for ground in grounds)


def nearest_shade(colour: str, grounds: Iterable[str], needed: float = TEXT) -> str | None:
    """The colour itself, or its nearest shade of the same hue that passes on all grounds; None if none does."""
    grounds = list(grounds)
    return next((shade for shade in _shades(colour) if passes(shade, grounds, needed)), None)


def _shades(colour: str) -> Iterator[str]:
    """The colour, then ever darker and ever lighter ones, down to black and up to white."""
    yield colour
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    for step in range(1, _STEPS + 1):
        for moved in (lightness - step / _STEPS, lightness + step / _STEPS):
            yield _written(colorsys.hls_to_rgb(hue, min(1.0, max(0.0, moved)), saturation))


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (value / 255 for value in bytes.fromhex(colour[1:]))
    return red, green, blue


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= _LINEAR_BELOW else ((channel + 0.055) / 1.055) ** 2.4)


def _written(channels: tuple[float, float, float]) -> str:
    return "#" + bytes(round(channel * 255) for channel in channels).hex()
