"""What holds for every hosted page in every state: each page is opened once, and each rule that it breaks is named."""

from collections.abc import Callable, Mapping

import pytest

from tests.browser.looks.inventory import SCENES
from tests.browser.looks.look import Look
from tests.browser.looks.scenes import Scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
]
LookAt = Callable[[Scene], Look]
KILO = 1024


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_page_keeps_every_rule(look: LookAt, subtests: pytest.Subtests, scene: Scene):
    seen = look(scene)

    for rule, complaints in _complaints_of(seen).items():
        with subtests.test(rule):
            assert complaints == []
    with subtests.test("a page speaks the language that its reader prefers"):
        assert seen.language == ("en" if scene.name.endswith("-en") else "fr")
    with subtests.test("a first visit costs little"):
        _check_weight(seen, scene)


def _complaints_of(seen: Look) -> Mapping[str, list[str]]:
    return {
        "axe has nothing to say in light": seen.axe["light"],
        "axe has nothing to say in dark": seen.axe["dark"],
        "at 320 pixels nothing is scrolled sideways": seen.sideways,
        "text at twice its size fits": seen.squeezed,
        "whatever is pressed is large enough": seen.cramped,
        "with forced colours buttons and fields keep their borders": seen.borderless,
        "nothing moves for those who want less motion": seen.moving,
        "on paper there are no buttons and the text is dark": seen.unprintable,
        "the console stays empty": seen.console,
    }


def _check_weight(seen: Look, scene: Scene) -> None:
    weight = seen.weight
    assert len(weight.requests) <= 5, weight.requests
    # The style guide is for developers, and shows everything at once.
    assert weight.transferred <= (45 if scene.part == "Style guide" else 30) * KILO
    assert weight.html <= 6 * KILO
    assert weight.css <= 6 * KILO
    assert weight.js <= 2 * KILO
