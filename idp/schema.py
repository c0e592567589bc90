"""The schema: all tables, and the migrations that make and change them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from idp.core.db import Base, Database

FOLDER = Path(__file__).parent / "migrations"


def metadata() -> MetaData:
    """Every table: the imports of the app declare them."""
    return Base.metadata


def upgrade(database: Database) -> None:
    """Bring the database to the newest version; all or nothing, and safe when two processes do it at once."""
    database.prepare_folder()
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # One process migrates, the others wait for it.
            connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7070701)")
        command.upgrade(_config(connection), "head")


def current(database: Database) -> str | None:
    """The version that the database has."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str | None:
    """The version that this code needs."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def config() -> Config:
    """Alembic's configuration without a connection."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    return settings


def _config(connection: Connection) -> Config:
    settings = config()
    settings.attributes["connection"] = connection
    return settings
