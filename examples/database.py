"""A small SQLite database that several threads and processes share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, create_engine, event
from sqlalchemy.orm import Session, sessionmaker

# A writer waits this long (seconds) for the one write lock before the request fails with a 503.
_BUSY_SECONDS = 5


class Database:
    """An engine and the one way to use it: a transaction."""

    def __init__(self, path: Path, metadata: MetaData) -> None:
        """Open the file, readable by its owner alone, and create the tables that are missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        with self._engine.begin() as connection:
            metadata.create_all(connection)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self._sessions() as session, session.begin():
            yield session

    def close(self) -> None:
        """Give every connection back to the system."""
        self._engine.dispose()


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 (the driver's own class)
    # The driver must not begin transactions by itself: `_begin` does, and takes the write lock at once,
    # because a transaction that reads first and writes later fails when another wrote in between.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
