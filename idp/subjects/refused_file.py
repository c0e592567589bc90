"""The report of refused lines: a CSV that a person opens in a spreadsheet, without a secret in it."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from idp.subjects.register_staging import RefusedLine

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_refused(path: Path, lines: Iterable[RefusedLine], *, any_refused: bool) -> None:
    """Replace the file by these lines; where none was refused, only a file of an earlier import is replaced.

    It names members, so only its owner may read it. Raises OSError when it cannot be written.
    """
    if not any_refused and not path.exists():
        return
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    private = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(private, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(RefusedLine._fields)
        for line in lines:
            table.writerow([line.line, *(harmless(cell) for cell in line[1:])])
    draft.replace(path)


def harmless(cell: str) -> str:
    """The cell as a text that no spreadsheet runs (ASVS V1.2.10); names and numbers seldom begin so."""
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
