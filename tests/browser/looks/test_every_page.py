"""What holds for every hosted page in every state: each page is opened once, and each rule that it breaks is named."""

from collections.abc import Callable, Mapping

import pytest

from tests.browser.looks.inventory import SCENES
from tests.browser.looks.look import Look, Weight
from tests.browser.looks.scenes import Scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
]
LookAt = Callable[[Scene], Look]
KILO = 1024
MOST_REQUESTS = 5


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_page_keeps_every_rule(look: LookAt, subtests: pytest.Subtests, scene: Scene):
    broken = {rule: told for rule, told in _complaints_of(look(scene), scene).items() if told}

    for rule, complaints in broken.items():
        with subtests.test(rule):
            assert complaints == []


def _complaints_of(seen: Look, scene: Scene) -> Mapping[str, list[str]]:
    language = "en" if scene.name.endswith("-en") else "fr"
    return {
        "axe has nothing to say in light": seen.axe["light"],
        "axe has nothing to say in dark": seen.axe["dark"],
        "at 320 pixels nothing is scrolled sideways": seen.sideways,
        "text at twice its size fits": seen.squeezed,
        "whatever is pressed is large enough": seen.cramped,
        "with forced colours buttons and fields keep their borders": seen.borderless,
        "nothing moves for those who want less motion": seen.moving,
        "on paper there are no buttons and the text is dark": seen.unprintable,
        "a page speaks the language that its reader prefers": [seen.language] * (seen.language != language),
        "the console stays empty": seen.console,
        "a first visit costs little": _costs(seen.weight, scene),
    }


def _costs(weight: Weight, scene: Scene) -> list[str]:
    """What is more than a first visit may cost."""
    # The style guide is for developers, and shows everything at once.
    most = {"transferred": 45 if scene.part == "Style guide" else 30, "html": 6, "css": 6, "js": 2}
    sizes = {name: getattr(weight, name) for name in most}
    too_large = [f"{name}: {size}" for name, size in sizes.items() if size > most[name] * KILO]
    return too_large + ([f"requests: {weight.requests}"] if len(weight.requests) > MOST_REQUESTS else [])
