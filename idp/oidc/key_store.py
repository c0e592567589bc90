"""The process's key ring: read at start, checked in each transaction, refreshed while it is served."""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc import key_care, key_changes, key_copy, key_rows, keys, revisions
from idp.oidc.key_changes import Spares
from idp.oidc.keys import KeyRing

log = structlog.get_logger(__name__)

# How long ago, in seconds, the ring may have been looked at before serving it also has it read again.
REFRESH_AFTER = 0.5
# How long, in seconds, an answer waits for that: much longer than a look takes, and no outage yet.
PATIENCE = 1.0


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
        self._spares = Spares()
        self._checked_at = float("-inf")
        self._refreshing = threading.Lock()

    @property
    def ring(self) -> KeyRing | None:
        """The ring as last read, without asking the database; None when it was never had."""
        return self._ring

    def start(self, *, now: datetime) -> None:
        """Make the ring, or what it lacks, and read it; from its copy when the database is down.

        Raises WrongRootSecret.
        """
        try:
            key_care.complete(self._database, vault=self._vault, now=now, by="start")
            self._read()
        except SQLAlchemyError as failure:
            log.warning("keys.database_down", kind=type(failure).__name__)
            self._start_from_copy()

    def _start_from_copy(self) -> None:
        found = key_copy.read(self._folder, vault=self._vault)
        if found is not None:
            sealed, mark = found
            self._ring = key_rows.open_ring(sealed, vault=self._vault, mark=mark)
        # What the database may lack is made now: the first transaction, once it is back, waits for no RSA key.
        lacking = keys.PLACES if self._ring is None else self._ring.missing
        self._spares = Spares(algorithm for algorithm, _ in lacking)

    def current(self, session: Session, *, mark: str | None, now: datetime) -> KeyRing:
        """The ring that holds in this transaction, whose mark was just read."""
        self._checked_at = self._monotonic()
        ring = self._ring
        if mark is not None and (ring is None or ring.mark != mark):
            ring = self._load(session, mark)
        if mark is None or ring is None or ring.missing:
            ring = self._make(session, now=now)
        return ring

    def _make(self, session: Session, *, now: datetime) -> KeyRing:
        key_changes.complete(
            key_changes.begin(session, vault=self._vault, spares=self._spares, now=now, by="start")
        )
        return self._load(session, revisions.read(session)[revisions.KEYS])

    def _read(self) -> None:
        """Read the ring when the database has another than ours."""
        with self._database.reading() as session:
            mark = revisions.read(session).get(revisions.KEYS)
            if mark is not None and (self._ring is None or self._ring.mark != mark):
                self._load(session, mark)

    def _load(self, session: Session, mark: str) -> KeyRing:
        sealed = key_rows.read(session)
        ring = key_rows.open_ring(sealed, vault=self._vault, mark=mark, known=self._ring)
        self._ring = ring
        key_copy.write(self._folder, sealed, mark=mark, vault=self._vault)
        return ring

    def refresh_soon(self) -> None:
        """Have a ring that was not looked at for a moment read again, in the background.

        Whoever began the reading waits a moment for it, so that the answer is fresh; nobody waits for a database
        that does not answer.
        """
        if self._monotonic() - self._checked_at < REFRESH_AFTER or not self._refreshing.acquire(
            blocking=False
        ):
            return
        self._checked_at = self._monotonic()
        done = threading.Event()
        threading.Thread(target=self._refresh, args=(done,), name="key-ring", daemon=True).start()
        done.wait(PATIENCE)

    def _refresh(self, done: threading.Event) -> None:
        try:
            self._read()
        except SQLAlchemyError as failure:
            log.warning("keys.not_refreshed", kind=type(failure).__name__)
        except key_rows.WrongRootSecret as failure:
            log.warning("keys.wrong_root_secret", reason=str(failure))
        finally:
            self._refreshing.release()
            done.set()
