"""Fixtures of a provider under test: the real app on SQLite, copied for each test from one prepared store.

Each folder that needs them imports them into its conftest; `prepared` is every folder's, so that it is made once.
"""

import shutil

import pytest

from idp import schema
from idp.core.db import Database
from tests.protocol import party
from tests.support.databases import make_haste


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with a migrated database, clients and keys, made once."""
    folder = tmp_path_factory.mktemp("protocol")
    party.write_clients(folder / "clients")
    database = make_haste(Database(f"sqlite:///{folder}/parvis.db"))
    schema.upgrade(database)
    world = party.make_world(folder, database, party.make_settings(folder, f"sqlite:///{folder}/parvis.db"))
    world.add_member("1234567")
    database.dispose()
    return folder, dict(world.accounts)


@pytest.fixture
def world(prepared, compiled_templates, tmp_path):
    source, accounts = prepared
    folder = tmp_path / "store"
    shutil.copytree(source, folder)
    database = make_haste(Database(f"sqlite:///{folder}/parvis.db"))
    world = party.make_world(folder, database, party.make_settings(folder, f"sqlite:///{folder}/parvis.db"))
    world.app.jinja_env.bytecode_cache = compiled_templates
    world.accounts.update(accounts)
    yield world
    database.dispose()


@pytest.fixture
def rp(world):
    """A confidential relying party with ES256 ID tokens."""
    return world.party("reader")


@pytest.fixture
def member(world):
    """A browser in which the member 1234567 is signed in."""
    return world.signed_in("1234567")
