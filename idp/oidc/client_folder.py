"""The folder of client files, changed together with the database: both, or neither."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.orm import Session

from idp.core.db import Database
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.oidc import client_files
from idp.oidc.clients import Client

# What a change of a file means for the database.
Make: TypeAlias = Callable[[Session, datetime], None]


@dataclass(frozen=True, slots=True)
class ClientFolder:
    """The folder, and what its files are judged by."""

    settings: Settings
    spaces: Spaces

    @classmethod
    def of(cls, settings: Settings) -> "ClientFolder":
        """The folder of this installation. Raises BadSpace."""
        return cls(settings, Spaces.read(settings.spaces_dir))

    def file_of(self, client_id: str) -> Path:
        """The file that a new client of this identifier gets."""
        return self.settings.clients_dir / f"{client_id}.toml"

    def find(self, client_id: str) -> Path | None:
        """The file of a client: the one that bears its name, or any that names it."""
        own = self.file_of(client_id)
        others = (path for path in sorted(self.settings.clients_dir.glob("*.toml")) if path != own)
        return next((path for path in (own, *others) if _client_id(path) == client_id), None)

    def checked(self, text: str, path: Path) -> Client:
        """The client of a text, judged as any file is. Raises BadClient."""
        return client_files.read_text(
            text, where=str(path), spaces=self.spaces, development=self.settings.is_development
        )

    def write(self, path: Path, text: str, *, before: str | None, make: Make | None, now: datetime) -> None:
        """Write a file and, with `make`, the database; `before` is what the file held, None when it is new."""
        _put(path, text, is_new=before is None)
        if make is None:
            return
        database = Database(self.settings.database_url.get_secret_value(), pool_size=1)
        try:
            with database.transaction() as session:
                make(session, now)
        except BaseException:
            if before is None:
                path.unlink()
            else:
                _put(path, before, is_new=False)
            raise
        finally:
            database.dispose()


def _client_id(path: Path) -> object:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8")).get("client_id")
    except (OSError, ValueError, RecursionError):
        return None


def _put(path: Path, text: str, *, is_new: bool) -> None:
    """Write a file whole or not at all; a new one never over another."""
    if is_new:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(text.encode())
        return
    target = path.resolve()
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(text.encode())
    beside.chmod(target.stat().st_mode)
    beside.replace(target)
