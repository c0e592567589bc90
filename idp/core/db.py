"""The database: one engine, short transactions, and the same models on SQLite and PostgreSQL."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import DateTime, Dialect, Engine, MetaData, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import QueuePool
from sqlalchemy.types import TypeDecorator

# A writer waits this long for SQLite's one write lock before the request is refused with a 503.
SQLITE_BUSY_SECONDS = 5
READ_ONLY = "parvis_read_only"

UpsertInsert: TypeAlias = sqlite.Insert | postgresql.Insert


class Base(DeclarativeBase):
    """The mother of all rows; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, always aware and in UTC in Python, on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime: it would silently mean the host's own zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a datetime without a zone cannot be stored"
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware datetime in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def new_id() -> str:
    """A random identifier of 128 bits in 22 url-safe characters; identifiers are never used again.

    None begins with a hyphen: a command line would take it for an option, a spreadsheet for a formula.
    """
    while (identifier := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return identifier


def insert_into(session: Session, table: type[Base] | Table) -> UpsertInsert:
    """An INSERT of the session's dialect, which offers ON CONFLICT … RETURNING."""
    return _insert_for(session.get_bind().dialect.name, table)


def _insert_for(dialect: str, table: type[Base] | Table) -> UpsertInsert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


class Database:
    """An engine and the two ways to use it: a transaction, or a look."""

    def __init__(self, url: str, *, pool_size: int = 10, checkout_seconds: float = 2.0) -> None:
        """Open nothing yet; the first transaction connects. A connection not had in time raises."""
        self.engine: Engine = _make_engine(url, pool_size, checkout_seconds)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        reader = self.engine.execution_options(**{READ_ONLY: True})
        self._readers = sessionmaker(reader, expire_on_commit=False)

    def open(self) -> Session:
        """A session whose transactions may write; the caller commits and closes."""
        return self._sessions()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent look that takes no write lock on SQLite."""
        with self._readers() as session, session.begin():
            yield session

    def insert(self, table: type[Base] | Table) -> UpsertInsert:
        """An INSERT of this database's dialect, which offers ON CONFLICT … RETURNING."""
        return _insert_for(self.engine.dialect.name, table)

    def prepare_folder(self) -> None:
        """Make the folder of a SQLite file."""
        path = self.engine.url.database
        if self.engine.dialect.name == "sqlite" and path and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)

    def dispose(self) -> None:
        """Close every pooled connection (before a fork, at the end of a process)."""
        self.engine.dispose()


def _make_engine(url: str, pool_size: int, checkout_seconds: float) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=checkout_seconds,
            hide_parameters=True,
            connect_args={"connect_timeout": 2, "options": "-c statement_timeout=10000 -c lock_timeout=5000"},
        )
    engine = create_engine(
        parsed,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=SQLITE_BUSY_SECONDS,
        # Errors are logged; what they were about (addresses, hashes) is not.
        hide_parameters=True,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 (the driver's own class)
    # The driver must not begin transactions by itself: `_begin_sqlite` does, and says which kind.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:  # noqa: ANN401 (sqlalchemy.Connection, whatever its engine)
    # A deferred transaction that reads and then writes fails at once when another wrote in between;
    # an immediate one waits its turn, so that a request either has the write lock or never began.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
