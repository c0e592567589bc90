"""The process's key ring: read at start, checked in each transaction, refreshed behind what it serves."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc import key_copy, key_rows, revisions
from idp.oidc.keys import KeyRing, RingKey

log = structlog.get_logger(__name__)

# How old the ring may be, in seconds, before serving it also has it read again.
REFRESH_AFTER = 5.0


class KeyStore:
    """Holds one immutable ring and swaps it when the database has another."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        folder: Path,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet; `start` does."""
        self._database = database
        self._vault = vault
        self._folder = folder
        self._monotonic = monotonic
        self._ring: KeyRing | None = None
        self._checked_at = float("-inf")
        self._refreshing = threading.Lock()

    @property
    def ring(self) -> KeyRing | None:
        """The ring as last read, without asking the database; None when it was never had."""
        return self._ring

    def start(self, *, now: datetime) -> None:
        """Make the ring on an empty store, or read it; from its copy when the database is down.

        Raises WrongRootSecret.
        """
        try:
            if not self._read():
                drafted = key_rows.draft()
                with self._database.transaction() as session:
                    self._make(session, drafted, now=now)
        except SQLAlchemyError as failure:
            log.warning("keys.database_down", kind=type(failure).__name__)
            self._start_from_copy()

    def _start_from_copy(self) -> None:
        found = key_copy.read(self._folder, vault=self._vault)
        if found is not None:
            keys, mark = found
            self._ring = key_rows.open_ring(keys, vault=self._vault, mark=mark)

    def current(self, session: Session, *, mark: str | None, now: datetime) -> KeyRing:
        """The ring that holds in this transaction, whose mark was just read."""
        self._checked_at = self._monotonic()
        if self._ring is not None and self._ring.mark == mark:
            return self._ring
        return (
            self._load(session, mark) if mark is not None else self._make(session, key_rows.draft(), now=now)
        )

    def _make(self, session: Session, drafted: Sequence[RingKey], *, now: datetime) -> KeyRing:
        key_rows.ensure(session, drafted, vault=self._vault, now=now)
        return self._load(session, revisions.read(session)[revisions.KEYS])

    def _read(self) -> bool:
        """Read the ring when it is another than ours; whether the database has one."""
        with self._database.reading() as session:
            mark = revisions.read(session).get(revisions.KEYS)
            if mark is not None and (self._ring is None or self._ring.mark != mark):
                self._load(session, mark)
        return mark is not None

    def _load(self, session: Session, mark: str) -> KeyRing:
        keys = key_rows.read(session)
        ring = key_rows.open_ring(keys, vault=self._vault, mark=mark)
        self._ring = ring
        key_copy.write(self._folder, keys, mark=mark, vault=self._vault)
        return ring

    def refresh_soon(self) -> None:
        """Have a ring that is older than a few seconds read again, in the background: nobody waits for it."""
        if self._monotonic() - self._checked_at < REFRESH_AFTER or not self._refreshing.acquire(
            blocking=False
        ):
            return
        self._checked_at = self._monotonic()
        threading.Thread(target=self._refresh, name="key-ring", daemon=True).start()

    def _refresh(self) -> None:
        try:
            self._read()
        except SQLAlchemyError as failure:
            log.warning("keys.not_refreshed", kind=type(failure).__name__)
        except key_rows.WrongRootSecret as failure:
            log.warning("keys.wrong_root_secret", reason=str(failure))
        finally:
            self._refreshing.release()
