"""What holds for every hosted page in every state."""

from collections.abc import Callable

import pytest

from tests.browser.looks.inventory import SCENES
from tests.browser.looks.look import Look
from tests.browser.looks.scenes import Scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
    pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name),
]
LookAt = Callable[[Scene], Look]
KILO = 1024


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_to_say(look: LookAt, scene: Scene, scheme: str):
    assert look(scene).axe[scheme] == []


def test_at_320_pixels_nothing_is_scrolled_sideways(look: LookAt, scene: Scene):
    assert look(scene).sideways == []


def test_text_at_twice_its_size_fits(look: LookAt, scene: Scene):
    assert look(scene).squeezed == []


def test_whatever_is_pressed_is_large_enough(look: LookAt, scene: Scene):
    assert look(scene).cramped == []


def test_with_forced_colours_buttons_and_fields_keep_their_borders(look: LookAt, scene: Scene):
    assert look(scene).borderless == []


def test_nothing_moves_for_those_who_want_less_motion(look: LookAt, scene: Scene):
    assert look(scene).moving == []


def test_on_paper_there_are_no_buttons_and_the_text_is_dark(look: LookAt, scene: Scene):
    assert look(scene).unprintable == []


def test_a_page_speaks_the_language_that_its_reader_prefers(look: LookAt, scene: Scene):
    assert look(scene).language == ("en" if scene.name.endswith("-en") else "fr")


def test_the_console_stays_empty(look: LookAt, scene: Scene):
    assert look(scene).console == []


def test_a_first_visit_costs_little(look: LookAt, scene: Scene):
    weight = look(scene).weight
    assert len(weight.requests) <= 5, weight.requests
    # The style guide is for developers, and shows everything at once.
    assert weight.transferred <= (45 if scene.part == "Style guide" else 30) * KILO
    assert weight.html <= 6 * KILO
    assert weight.css <= 6 * KILO
    assert weight.js <= 2 * KILO
