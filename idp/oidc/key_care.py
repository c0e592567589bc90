"""Care of the key ring from outside a request: keys are made first, then one short transaction changes the ring."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc import key_changes, key_copy, key_rows, key_schedule, keys, revisions
from idp.oidc.key_changes import Change, Refused, Rotated, Spares
from idp.oidc.key_schedule import Due, Schedule
from idp.oidc.keys import Algorithm, KeyState

log = structlog.get_logger(__name__)


def complete(database: Database, *, vault: Vault, now: datetime, by: str) -> None:
    """Make the ring on an empty store, and what an upgrade added; of several processes one makes each key."""
    with database.reading() as session:
        lacking = keys.missing((record.algorithm, record.state) for record in key_rows.records(session))
    if not lacking:
        return
    spares = Spares(algorithm for algorithm, _ in lacking)
    with database.transaction() as session:
        key_changes.complete(key_changes.begin(session, vault=vault, spares=spares, now=now, by=by))


def keep(database: Database, *, vault: Vault, schedule: Schedule, folder: Path, now: datetime) -> Due:
    """Do what the schedule asks for, and tell what it was; twice at once is the same as once."""
    with database.reading() as session:
        asked = key_schedule.due(key_rows.records(session), schedule=schedule, now=now)
    if not asked:
        return asked
    spares = Spares(asked.needed)
    with database.transaction() as session:
        change = key_changes.begin(session, vault=vault, spares=spares, now=now, by="schedule")
        # Another worker may have been quicker: judge again, now that nobody else can change the ring.
        asked = key_schedule.due(key_rows.records(session), schedule=schedule, now=now)
        _do(change, asked)
    copy(database, vault=vault, folder=folder)
    return asked


def _do(change: Change, asked: Due) -> None:
    if asked.missing:
        key_changes.complete(change)
    for algorithm in asked.rotations:
        key_changes.rotate(change, algorithm)
    for record in asked.over:
        key_changes.drop(change, record)


def rotate(
    database: Database, algorithms: Sequence[Algorithm], *, vault: Vault, emergency: bool, now: datetime
) -> list[Rotated]:
    """Let the next keys sign now, whatever the schedule says; in an emergency the former ones are refused at once."""
    spares = Spares(algorithms)
    with database.transaction() as session:
        change = key_changes.begin(session, vault=vault, spares=spares, now=now, by="command")
        return [key_changes.rotate(change, algorithm, refuse_former=emergency) for algorithm in algorithms]


def refuse(database: Database, kid: str, *, vault: Vault, now: datetime) -> Refused | None:
    """Take one key out at once; None when there is no such key."""
    with database.reading() as session:
        found = next((record for record in key_rows.records(session) if record.kid == kid), None)
    if found is None:
        return None
    spares = Spares(() if found.state is KeyState.RETIRED else (found.algorithm,))
    with database.transaction() as session:
        change = key_changes.begin(session, vault=vault, spares=spares, now=now, by="command")
        return key_changes.refuse(change, kid)


def copy(database: Database, *, vault: Vault, folder: Path) -> None:
    """Let the sealed copy of this host follow the ring; when it cannot, the next reading of the ring tries again."""
    try:
        with database.reading() as session:
            mark = revisions.read(session).get(revisions.KEYS)
            found = key_rows.read(session)
    except SQLAlchemyError as failure:
        log.warning("keys.copy_not_written", reason=type(failure).__name__)
        return
    if mark is not None:
        key_copy.write(folder, found, mark=mark, vault=vault)
