"""Journeys run on SQLite; a module whose stories lean on the database runs them on PostgreSQL as well."""

from collections.abc import Iterator

import pytest

from idp.core.db import Database
from tests.support import states
from tests.support.observing import Observer


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    return sqlite_database


@pytest.fixture
def observer(app, register) -> Iterator[Observer]:
    """Notices everything, before a store with somebody in every state."""
    session_secret = states.prepare(app, register)
    observer = Observer(app, session_secret)
    # Whatever a process prepares once (its first hash, its first statements) is prepared.
    observer.keep()
    with observer.fresh() as visitor:
        visitor.get("/connexion")
        visitor.send({"identifier": states.NOBODY.email, "password": "Un mot de passe faux 27!"})
    yield observer
    observer.close()
