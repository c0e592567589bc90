"""The export of letters: one batch of files for the print shop, on disk before its letters count as exported."""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import and_, delete, select, update
from sqlalchemy.orm import Session

from idp.core import audit, secrets
from idp.core.db import Database
from idp.core.mail_templates import ZONE
from idp.core.secrets import Vault
from idp.core.spaces import Spaces
from idp.subjects import invitations, letters
from idp.subjects.accounts import Account
from idp.subjects.letter_pages import Progress, Sheet, write_letters, write_requests
from idp.subjects.letters import Kind, Letter
from idp.subjects.members import Member
from idp.subjects.refused_file import harmless

LETTER_COLUMNS = (
    "letter_id", "kind", "population", "member_number", "family_name", "given_name", "code", "expires_on",
    "requested_at",
)  # fmt: skip
REQUEST_COLUMNS = tuple(name for name in LETTER_COLUMNS if name not in {"code", "expires_on"})
SETTLED_AT_ONCE = 500

Write = Callable[[BinaryIO], None]


class NotRecorded(Exception):
    """The files are there and the database did not confirm the batch: perhaps its letters still wait."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Remember the files."""
        super().__init__("the batch was not confirmed")
        self.files = files


@dataclass(frozen=True, slots=True)
class Exported:
    """What one export wrote: files, letters of each kind, and how many were dropped unprinted."""

    batch: str = ""
    files: tuple[Path, ...] = ()
    printed: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Exporter:
    """Exports the letters of one database."""

    database: Database
    vault: Vault
    spaces: Spaces
    issuer: str

    def run(self, folder: Path, *, now: datetime, started: Progress, progress: Progress) -> Exported:
        """Export what waits: all or nothing. `started` is told how much there is to do, `progress` of each step.

        The letters stay locked meanwhile: a second export passes them by (PostgreSQL) or waits (SQLite). They
        count as exported, and their codes are gone, only once the files are on disk: who is killed before that
        exports the same letters again. Raises OSError, `secrets.BadSeal`, NotRecorded.
        """
        files: tuple[Path, ...] = ()
        session = self.database.open()
        try:
            due, gone = _due(session, now)
            if not due and not gone:
                return Exported()
            batch = f"{now:%Y%m%d-%H%M%S}-{secrets.digits(4)}"
            sheets = [self._sheet(letter, member) for letter, member in due]
            started(2 * len(sheets))
            files = _write_all(folder, self._writers(batch, sheets, now=now, progress=progress))
            counts = dict(sorted(Counter(sheet.kind.value for sheet in sheets).items()))
            _settle(session, [letter.id for letter, _ in due], gone, now=now)
            _record(session, batch, counts, dropped=len(gone), now=now)
            _commit(session, files)
        finally:
            session.close()
        return Exported(batch, files, counts, len(gone))

    def _writers(
        self, batch: str, sheets: Sequence[Sheet], *, now: datetime, progress: Progress
    ) -> dict[str, Write]:
        """The files of a batch by their names; requests that hold no code of ours have files of their own."""
        today = now.astimezone(ZONE).date()
        printed = [sheet for sheet in sheets if sheet.kind is not Kind.ACCESS_CODE]
        asked = [sheet for sheet in sheets if sheet.kind is Kind.ACCESS_CODE]
        writers: dict[str, Write] = {}
        if printed:
            writers[f"letters-{batch}.csv"] = _table(LETTER_COLUMNS, printed, progress)
            writers[f"letters-{batch}.pdf"] = lambda file: write_letters(
                file, printed, issuer=self.issuer, today=today, progress=progress
            )
        if asked:
            writers[f"access-codes-{batch}.csv"] = _table(REQUEST_COLUMNS, asked, progress)
            writers[f"access-codes-{batch}.pdf"] = lambda file: write_requests(
                file, asked, today=today, progress=progress
            )
        return writers

    def _sheet(self, letter: Letter, member: Member) -> Sheet:
        return Sheet(
            letter_id=letter.id,
            kind=Kind(letter.kind),
            space=self.spaces.get(letter.space) or self.spaces.default,
            population=member.population,
            member_number=member.member_number,
            family_name=member.family_name,
            given_name=member.given_name,
            # The last whole day: who reads a day tries until its evening.
            expires_on=(letter.expires_at.astimezone(ZONE) - timedelta(days=1)).date(),
            requested_at=letter.created_at,
            code=letters.code_of(letter, self.vault) or "",
        )


def _due(session: Session, now: datetime) -> tuple[list[tuple[Letter, Member]], list[str]]:
    """The letters to print, locked, and the identifiers of those whose reason is over."""
    waiting = (
        select(Letter, Member, Account)
        .join(Member, Letter.member_id == Member.id)
        .outerjoin(Account, and_(Account.member_id == Member.id, Account.ended_at.is_(None)))
        .where(Letter.exported_at.is_(None))
        .order_by(Letter.created_at, Letter.id)
        .with_for_update(of=Letter, skip_locked=True)
    )
    open_invitations = invitations.open_ids(session, now=now)
    due: list[tuple[Letter, Member]] = []
    gone: list[str] = []
    for letter, member, account in session.execute(waiting):
        is_good = member.is_active and letter.expires_at > now
        if is_good and _is_wanted(letter, account, open_invitations):
            due.append((letter, member))
        else:
            gone.append(letter.id)
    return due, gone


def _is_wanted(letter: Letter, account: Account | None, open_invitations: frozenset[str]) -> bool:
    match Kind(letter.kind):
        case Kind.RECOVERY:
            # Something voided all that the account gave: the code opens nothing any more.
            return account is not None and letter.subject == letters.recovery_subject(account)
        case Kind.INVITATION:
            return account is None and letter.subject in open_invitations
        case Kind.ACCESS_CODE:
            return True


def _settle(session: Session, printed: Sequence[str], gone: Sequence[str], *, now: datetime) -> None:
    plain = {"synchronize_session": False}
    for ids in _slices(printed):
        mark = update(Letter).where(Letter.id.in_(ids)).values(exported_at=now, sealed=None)
        session.execute(mark, execution_options=plain)
    for ids in _slices(gone):
        session.execute(delete(Letter).where(Letter.id.in_(ids)), execution_options=plain)


def _slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + SETTLED_AT_ONCE] for start in range(0, len(ids), SETTLED_AT_ONCE))


def _commit(session: Session, files: Sequence[Path]) -> None:
    try:
        session.commit()
    except Exception as failure:
        # Whether the database took it is unknown: the codes may be in these files and nowhere else.
        raise NotRecorded(files) from failure


def _record(session: Session, batch: str, counts: Mapping[str, int], *, dropped: int, now: datetime) -> None:
    audit.record(
        session,
        now=now,
        event="letters.exported",
        batch=batch,
        recovery=counts.get(Kind.RECOVERY, 0),
        invitation=counts.get(Kind.INVITATION, 0),
        access_code=counts.get(Kind.ACCESS_CODE, 0),
        dropped=dropped,
    )


def _table(columns: Sequence[str], sheets: Sequence[Sheet], progress: Progress) -> Write:
    def write(file: BinaryIO) -> None:
        # With the mark that tells spreadsheets that this is UTF-8.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
        table = csv.writer(text)
        table.writerow(columns)
        for sheet in sheets:
            table.writerow([harmless(_cell(sheet, column)) for column in columns])
            progress(1)
        text.detach()

    return write


def _cell(sheet: Sheet, column: str) -> str:
    if column == "requested_at":
        return sheet.requested_at.isoformat(timespec="seconds")
    return str(getattr(sheet, column))


def _write_all(folder: Path, writers: Mapping[str, Write]) -> tuple[Path, ...]:
    """Write every file under a temporary name, then rename all; none is left when one fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as undo:
        drafts = []
        for name, write in writers.items():
            draft = folder / f"{name}.part"
            undo.callback(draft.unlink, missing_ok=True)
            _write_private(draft, write)
            drafts.append(draft)
        files = []
        for draft in drafts:
            file = draft.with_suffix("")
            undo.callback(file.unlink, missing_ok=True)
            files.append(draft.rename(file))
        _sync(folder)
        undo.pop_all()
    return tuple(files)


def _write_private(path: Path, write: Write) -> None:
    """A new file for its owner's eyes only, on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
