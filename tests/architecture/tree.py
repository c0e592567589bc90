"""What the architecture tests look at: the repository's own files, as the next clone will hold them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A copy without git (an archive) is looked at too; these folders are never part of it.
_NOT_OURS = {".git", ".venv", "var", "build", "dist", "node_modules", "__pycache__"}


def own_files() -> list[Path]:
    """Every file that is tracked, or would be by `git add .`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(ROOT))
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """The Python files under these folders, migrations left out: Alembic writes those."""
    roots = [ROOT / folder for folder in folders]
    files = [path for path in own_files() if path.suffix == ".py" and "migrations" not in path.parts]
    return [path for path in files if any(path.is_relative_to(root) for root in roots)]


def text_files() -> Iterator[tuple[Path, str]]:
    """Each of our files that is text, with its text."""
    for path in own_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def name_of(path: Path) -> str:
    """The path as the reader of a failure wants it."""
    return path.relative_to(ROOT).as_posix()


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_OURS or path.name.endswith("_cache"):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.parent != ROOT / "keys" or path.name == "README.md":
            yield path
