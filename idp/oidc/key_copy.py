"""The sealed copy of the key ring on disk: replaced atomically, read when the database is down at start."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from idp.core import secrets
from idp.core.secrets import BadSeal, Vault
from idp.oidc.key_rows import SealedKey

log = structlog.get_logger(__name__)

NAME = "ring.sealed"
PURPOSE = "key-ring-copy"


def write(folder: Path, keys: Sequence[SealedKey], *, mark: str, vault: Vault) -> None:
    """Replace the copy when it differs; a folder that cannot be written is a warning, not a failed start."""
    if read(folder, vault=vault) == (tuple(keys), mark):
        return
    document = {"mark": mark, "keys": [_to_json(key) for key in keys]}
    try:
        _replace(folder / NAME, vault.seal(PURPOSE, json.dumps(document).encode()))
    except OSError as failure:
        log.warning("keys.copy_not_written", reason=type(failure).__name__)


def read(folder: Path, *, vault: Vault) -> tuple[tuple[SealedKey, ...], str] | None:
    """The keys and the mark of the copy; None when there is none that this root secret opens."""
    try:
        document = json.loads(vault.unseal(PURPOSE, (folder / NAME).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, BadSeal) as failure:
        log.warning("keys.copy_not_read", reason=type(failure).__name__)
        return None
    return tuple(_from_json(key) for key in document["keys"]), str(document["mark"])


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two processes may write at once, and each file is whole.
    draft = path.with_name(f".{NAME}.{secrets.token()[:12]}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _to_json(key: SealedKey) -> dict[str, str]:
    sealed = base64.b64encode(key.sealed).decode("ascii")
    return {"kid": key.kid, "algorithm": key.algorithm, "state": key.state, "sealed": sealed}


def _from_json(document: dict[str, str]) -> SealedKey:
    sealed = base64.b64decode(document["sealed"])
    return SealedKey(document["kid"], document["algorithm"], document["state"], sealed)
