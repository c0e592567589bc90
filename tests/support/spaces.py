"""The shipped spaces with a key or two of one of them said otherwise."""

import shutil
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "config" / "spaces"


def spaces_with(folder: Path, name: str, *, words: str = "", **keys: str) -> Path:
    """A copy of the shipped spaces, in which `space.toml` of one has these keys (`terms_date="2026-03-01"`).

    `words` are more lines of its last table, which holds its English words.
    """
    copy = folder / "spaces"
    shutil.copytree(SHIPPED, copy)
    file = copy / name / "space.toml"
    kept = [line for line in file.read_text().splitlines() if line.partition(" =")[0] not in keys]
    file.write_text("\n".join([*(f"{key} = {value}" for key, value in keys.items()), *kept, words]) + "\n")
    return copy
