"""Contrast as WCAG measures it, and the nearest shade that has enough."""

import colorsys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.core.contrast import nearest_shade, passes, ratio, told

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def hue(colour: str) -> float:
    return colorsys.rgb_to_hls(*(value / 255 for value in bytes.fromhex(colour[1:])))[0]


@pytest.mark.parametrize(
    ("one", "other", "measured"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        # Two that every table of contrasts names: the lightest grey that passes on white, and the next one.
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_ratios_are_those_of_the_recommendation_whichever_colour_comes_first(one, other, measured):
    assert ratio(one, other) == pytest.approx(measured, abs=0.006)
    assert ratio(other, one) == ratio(one, other)


@pytest.mark.parametrize(
    ("measured", "words"), [(4.4999, "4.49:1"), (1.0, "1:1"), (2.2, "2.2:1"), (1.7642, "1.76:1")]
)
def test_a_ratio_that_fails_never_reads_like_one_that_passes(measured, words):
    assert told(measured) == words


def test_a_colour_that_passes_is_its_own_nearest_shade():
    assert nearest_shade("#0a4a86", ["#ffffff"]) == "#0a4a86"


def test_the_nearest_shade_is_no_farther_than_it_must_be():
    shade = nearest_shade("#9cc7f2", ["#ffffff"])

    assert shade is not None
    assert 4.5 <= ratio(shade, "#ffffff") < 4.6
    assert hue(shade) == pytest.approx(hue("#9cc7f2"), abs=0.01)


def test_no_shade_passes_on_black_and_white_at_once():
    assert nearest_shade("#777777", ["#000000", "#ffffff"], needed=7) is None


@given(colours, colours)
@settings(max_examples=150, deadline=None)
def test_a_shade_for_one_ground_always_exists_and_passes(colour, ground):
    shade = nearest_shade(colour, [ground])

    assert shade is not None
    assert passes(shade, [ground])
