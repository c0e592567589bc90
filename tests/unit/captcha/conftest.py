import pytest

from idp.captcha.picture import Picture, draw
from idp.core.secrets import Vault
from idp.core.spaces import Colours, Palette, Space


@pytest.fixture
def vault():
    return Vault.from_root("a root secret that is only for tests")


class Drawer:
    """Draws the same characters each time, so that a story knows the answer."""

    def take(self):
        return Picture("HJ7KM", draw("HJ7KM"))


@pytest.fixture
def pictures():
    return Drawer()


@pytest.fixture
def space():
    palette = Palette(primary="#0b4f6c", on_primary="#ffffff", accent="#e07a1f")
    return Space(
        name="adherent",
        title="Espace Adhérent",
        short_title="Adhérent",
        populations=frozenset({"adherent"}),
        help_phone="01 00 00 00 00",
        terms_version="1",
        colours=Colours(**palette.model_dump(), dark=palette),
    )
