"""Journeys run on SQLite; a module whose stories lean on the database runs them on PostgreSQL as well."""

import pytest

from idp.core.db import Database


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database
