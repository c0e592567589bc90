"""A provider whose requests really run beside each other, on SQLite and on PostgreSQL."""

import pytest

from tests.protocol import party


@pytest.fixture
def world(database, tmp_path):
    party.write_clients(tmp_path / "clients")
    url = database.engine.url.render_as_string(hide_password=False)
    return party.make_world(tmp_path, database, party.make_settings(tmp_path, url))
