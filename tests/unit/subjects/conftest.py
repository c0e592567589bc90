"""The mutual's back office, which sends registers."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from idp.core.db import Database
from idp.core.secrets import Vault
from idp.subjects.members import Member
from idp.subjects.register_import import ImportOptions, ImportRefused, ImportReport, RegisterImporter
from idp.subjects.register_rows import HEADER, RowRules

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class BackOffice:
    """Imports lines written in a test, and tells what the register then says."""

    def __init__(self, database: Database, vault: Vault, folder: Path) -> None:
        self.database = database
        self.refused_file = folder / "register.refused.csv"
        self.left: list[str] = []
        self.told = 0
        rules = RowRules.of(number_pattern="[0-9]{5,12}", code_pattern="[a-z]{6,12}")
        self.importer = RegisterImporter(
            database=database, vault=vault, rules=rules, on_left=lambda _, ids: self.left.extend(ids)
        )

    def take(
        self, *lines: str | bytes, now: datetime = NOW, header: str = ",".join(HEADER), **options: bool
    ) -> ImportReport | ImportRefused:
        content = b"".join(
            (line if isinstance(line, bytes) else line.encode()) + b"\n" for line in (header, *lines)
        )
        return self.importer.run(
            io.BytesIO(content),
            now=now,
            options=ImportOptions(**options),
            refused_file=self.refused_file,
            progress=self.progress,
        )

    def progress(self, read: int) -> None:
        self.told += read

    def members(self) -> dict[str, Member]:
        with self.database.reading() as session:
            return {member.member_number: member for member in session.execute(select(Member)).scalars()}

    def refused(self) -> str:
        return self.refused_file.read_text("utf-8")


@pytest.fixture
def back_office(database: Database, vault: Vault, tmp_path: Path) -> BackOffice:
    return BackOffice(database, vault, tmp_path)


@pytest.fixture
def line() -> Callable[..., str]:
    """One line of a register; a test names only the cells that its story is about."""

    def write(number: str = "1234567", code: str = "abcdefgh", **cells: str) -> str:
        usual = {
            "population": "adherent",
            "member_number": number,
            "access_code": code,
            "family_name": "Aubépin",
            "given_name": "Camille",
            "birth_date": "",
            "email": "",
            "status": "active",
        }
        return ",".join((usual | cells).values())

    return write
