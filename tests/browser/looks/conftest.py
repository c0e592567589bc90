"""One provider, one Chromium, and each scene visited once, by whichever test asks for it first."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError

from tests.browser.looks.look import Look, Onlooker
from tests.browser.looks.scenes import Scene
from tests.browser.looks.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("looks")) as world:
        yield world


@pytest.fixture(scope="session")
def look(world: World, chromium: Browser) -> Iterator[Callable[[Scene], Look]]:
    """What is found on a scene."""
    onlooker = Onlooker(chromium, world)
    known: dict[str, Look | Exception] = {}

    def at(scene: Scene) -> Look:
        if scene.name not in known:
            try:
                known[scene.name] = onlooker.look(scene)
            except (PlaywrightError, AssertionError, LookupError) as no_way:
                known[scene.name] = no_way
        found = known[scene.name]
        if isinstance(found, Exception):
            raise found
        return found

    yield at
    onlooker.close()
