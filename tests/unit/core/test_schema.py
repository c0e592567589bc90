"""The migrations make the tables that the models describe, on both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from idp import schema
from idp.core.db import Database


@pytest.fixture
def empty_sqlite(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new/parvis.db")
    yield database
    database.dispose()


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), schema.metadata())


def test_an_empty_sqlite_file_is_brought_to_the_models(empty_sqlite):
    schema.upgrade(empty_sqlite)

    assert schema.current(empty_sqlite) == schema.newest()
    assert differences(empty_sqlite) == []


def test_upgrading_twice_changes_nothing(empty_sqlite):
    schema.upgrade(empty_sqlite)
    schema.upgrade(empty_sqlite)

    assert differences(empty_sqlite) == []


@pytest.mark.postgres
def test_the_models_on_postgresql_are_what_the_migrations_make(postgres_database):
    assert schema.current(postgres_database) == schema.newest()
    assert differences(postgres_database) == []
