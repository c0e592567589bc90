"""An import of the register that is killed (kill -9) leaves the register whole: old, or as the file says."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from idp.core.db import Database
from idp.subjects.members import Member, RegisterImport
from idp.subjects.register_rows import HEADER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ROWS = 4_000
COMMAND = "from idp.cli_members import members; members()"
# Stops for good in the middle of the transaction: the new rows are written, nothing is committed.
STOPPED_HALFWAY = """
import sys, time
from pathlib import Path
import idp.subjects.accounts
def stop(session, member_ids, *, now):
    Path(sys.argv.pop()).touch()
    time.sleep(600)
idp.subjects.accounts.end_for_members = stop
from idp.cli_members import members
members(sys.argv[1:3])
"""


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    started: list[subprocess.Popen] = []
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PARVIS_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "PARVIS_SPACES_DIR": str(ROOT / "config" / "spaces"),
        "PARVIS_SECRET_KEY": "a root secret of the tests, long enough",
        "PARVIS_PEPPER": "another secret of the tests, long enough",
    }

    def run(code: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def file_of(path: Path, given_name: str, *, status: str = "active") -> Path:
    lines = [",".join(HEADER)]
    # The first member leaves with every second file, so that something must be ended in the transaction.
    lines += [
        f"adherent,{100_000 + row},abcdefgh,Aubépin,{given_name},,,{status if row == 0 else 'active'}"
        for row in range(ROWS)
    ]
    path.write_text("\n".join(lines), "utf-8")
    return path


def contents(database: Database) -> tuple[dict[str, int], int]:
    """How many members bear which name, and how many imports say that they were applied."""
    with database.reading() as session:
        names = session.execute(select(Member.given_name, func.count()).group_by(Member.given_name)).all()
        imports = session.execute(select(func.count()).select_from(RegisterImport)).scalar_one()
    return dict(tuple(row) for row in names), imports


def test_killed_at_any_moment_an_import_is_applied_whole_or_not_at_all(database, start, tmp_path):
    files = [file_of(tmp_path / "one.csv", "Camille"), file_of(tmp_path / "two.csv", "Maël", status="left")]
    begun = time.monotonic()
    assert start(COMMAND, "import", files[0]).wait() == 0
    takes = time.monotonic() - begun
    before = contents(database)
    assert before == ({"Camille": ROWS}, 1)

    dice = random.Random(20260302)
    seen = set()
    for _ in range(5):
        name, file = ("Maël", files[1]) if "Camille" in before[0] else ("Camille", files[0])
        process = start(COMMAND, "import", file)
        time.sleep(dice.uniform(0.3, 1.1) * takes)
        process.send_signal(signal.SIGKILL)
        process.wait()

        after = contents(database)
        assert after in (before, ({name: ROWS}, before[1] + 1))
        seen.add(after == before)
        before = after
    # Told when the machine was too slow or too quick for the story, rather than passing for nothing.
    assert True in seen

    assert start(COMMAND, "import", files[0]).wait() == 0
    assert contents(database)[0] == {"Camille": ROWS}


def test_killed_inside_its_transaction_an_import_changes_nothing(database, start, tmp_path):
    assert start(COMMAND, "import", file_of(tmp_path / "one.csv", "Camille")).wait() == 0
    two = file_of(tmp_path / "two.csv", "Maël", status="left")
    marker = tmp_path / "halfway"

    process = start(STOPPED_HALFWAY, "import", two, marker)
    deadline = time.monotonic() + 60
    while not marker.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert contents(database) == ({"Camille": ROWS}, 1)
    assert start(COMMAND, "import", two).wait() == 0
    assert contents(database) == ({"Maël": ROWS}, 2)
