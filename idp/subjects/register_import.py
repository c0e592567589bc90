"""The import of the register: a file is read, compared, and applied whole or not at all."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TypeAlias

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from idp.core import audit
from idp.core.db import READ_ONLY, Database, insert_into, new_id
from idp.core.secrets import Vault
from idp.subjects import register_staging as staging
from idp.subjects.members import RegisterImport, access_code_mac
from idp.subjects.refused_file import write_refused
from idp.subjects.register_rows import BadHeader, Line, RefusedRow, RegisterRow, RowRules, read_lines
from idp.subjects.register_staging import Counts, RefusedLine, StagedRow

GONE_AT_MOST_PERCENT = 5
_LINES_AT_ONCE = 2000

OnLeft: TypeAlias = Callable[[Session, list[str]], None]
Progress: TypeAlias = Callable[[int], None]


class Refusal(StrEnum):
    """Why a whole file was refused; the numbers of the error catalogue."""

    NOT_A_REGISTER = "P-9011"
    TOO_MANY_GONE = "P-9012"
    OVERTAKEN = "P-9013"


@dataclass(frozen=True, slots=True)
class ImportRefused:
    """The file was refused whole: the register is as it was."""

    refusal: Refusal
    sentence: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do; `read` = new + changed + unchanged + refused."""

    read: int
    new: int
    changed: int
    unchanged: int
    gone: int
    refused: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is to be taken."""

    dry_run: bool = False
    """Look and report, change nothing."""
    full: bool = False
    """The file holds every member: who is missing from it is gone."""
    force: bool = False
    """Let more than 5 % of the members go, or all of a population."""


@dataclass(frozen=True, slots=True)
class RegisterImporter:
    """Imports files into one database, under one key and one set of rules."""

    database: Database
    vault: Vault
    rules: RowRules
    on_left: OnLeft
    """Ends what members held, called in the import's own transaction with some identifiers at a time."""

    def run(
        self,
        stream: BinaryIO,
        *,
        now: datetime,
        options: ImportOptions,
        refused_file: Path,
        progress: Progress,
    ) -> ImportReport | ImportRefused:
        """Import one file; `progress` is told how many bytes were read since it was last told.

        Everything before the last step happens in temporary tables. The last step, one short transaction,
        writes the differences: a process killed at any moment leaves the register whole, old or new.
        """
        with _own_connection(self.database.engine) as connection:
            staging.prepare(connection)
            with connection.begin():
                try:
                    self._stage(connection, stream, now, progress)
                except BadHeader as bad:
                    return ImportRefused(Refusal.NOT_A_REGISTER, str(bad))
                base = _last_import(connection)
                counts = staging.compare(connection, full=options.full)
                write_refused(refused_file, staging.refused_lines(connection), any_refused=counts.refused > 0)
                refused = None if options.force else _too_many_gone(connection)
            if refused is not None:
                return refused
            if not options.dry_run and not self._apply(connection, base + 1, counts, options, now):
                return ImportRefused(
                    Refusal.OVERTAKEN, "another import was applied meanwhile; run this one again"
                )
        return _report(counts, options)

    def _stage(self, connection: Connection, stream: BinaryIO, now: datetime, progress: Progress) -> None:
        told = 0
        for lines in _batches(read_lines(stream, self.rules, today=now.date())):
            rows, refused = [], []
            for line in lines:
                if isinstance(line.row, RefusedRow):
                    refused.append(RefusedLine(line.number, *line.row))
                else:
                    rows.append(self._staged(line.number, line.row))
            staging.add(connection, rows, refused)
            progress(lines[-1].bytes_read - told)
            told = lines[-1].bytes_read

    def _staged(self, line: int, row: RegisterRow) -> StagedRow:
        mac = ""
        if row.access_code:
            mac = access_code_mac(self.vault, row.population, row.member_number, row.access_code)
        said = (mac, row.family_name, row.given_name, row.birth_date, row.email, row.status)
        # No cell holds a control character, so that no two rows join to the same text.
        digest = hashlib.blake2b("\n".join(cell or "" for cell in said).encode(), digest_size=16).hexdigest()
        return StagedRow(line, new_id(), row.population, row.member_number, *said, digest)

    def _apply(
        self, connection: Connection, import_id: int, counts: Counts, options: ImportOptions, now: datetime
    ) -> bool:
        """Write the differences; False when another import came first, and nothing was written."""
        connection.execution_options(**{READ_ONLY: False})
        with connection.begin():
            session = Session(connection)
            if not _is_next(session, import_id, counts, options, now):
                return False
            staging.write_differences(session, import_id=import_id, now=now)
            for member_ids in staging.leaving(session):
                self.on_left(session, member_ids)
            _record(session, import_id, counts, now)
            session.flush()
        return True


def _own_connection(engine: Engine) -> Connection:
    """A connection that never goes back to the pool: its patience and its temporary tables end with it."""
    connection = engine.connect().execution_options(**{READ_ONLY: True})
    connection.detach()
    return connection


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _LINES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _last_import(connection: Connection) -> int:
    return connection.execute(select(func.max(RegisterImport.id))).scalar_one() or 0


def _is_next(session: Session, import_id: int, counts: Counts, options: ImportOptions, now: datetime) -> bool:
    """Take the next number; the differences are true only while nobody else took it since they were found."""
    take = (
        insert_into(session, RegisterImport)
        .values(id=import_id, applied_at=now, is_full=options.full, **_facts(counts))
        .on_conflict_do_nothing()
        .returning(RegisterImport.id)
    )
    return session.execute(take).scalar_one_or_none() is not None


def _record(session: Session, import_id: int, counts: Counts, now: datetime) -> None:
    audit.record(
        session,
        now=now,
        event="register.imported",
        number=import_id,
        new=counts.new,
        changed=counts.changed,
        gone=counts.gone,
        refused=counts.refused,
    )


def _too_many_gone(connection: Connection) -> ImportRefused | None:
    by_population = staging.active_and_gone(connection)
    active = sum(active for active, _ in by_population.values())
    gone = sum(gone for _, gone in by_population.values())
    if gone * 100 > active * GONE_AT_MOST_PERCENT:
        sentence = f"{gone} of {active} active members are missing from the file, more than 5 %; see --force"
        return ImportRefused(Refusal.TOO_MANY_GONE, sentence)
    # A file of one population only is not full, however few the others are.
    emptied = sorted(name for name, (active, gone) in by_population.items() if gone == active)
    if emptied:
        sentence = f"every active member of {', '.join(emptied)} is missing from the file; see --force"
        return ImportRefused(Refusal.TOO_MANY_GONE, sentence)
    return None


def _unchanged(counts: Counts) -> int:
    return counts.staged - counts.new - counts.changed


def _facts(counts: Counts) -> dict[str, int]:
    return {
        "rows_read": counts.staged + counts.refused,
        "rows_new": counts.new,
        "rows_changed": counts.changed,
        "rows_unchanged": _unchanged(counts),
        "rows_refused": counts.refused,
        "members_gone": counts.gone,
    }


def _report(counts: Counts, options: ImportOptions) -> ImportReport:
    return ImportReport(
        read=counts.staged + counts.refused,
        new=counts.new,
        changed=counts.changed,
        unchanged=_unchanged(counts),
        gone=counts.gone,
        refused=counts.refused,
        dry_run=options.dry_run,
    )
