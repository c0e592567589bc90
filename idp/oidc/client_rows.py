"""Clients in the database: written from their files, read into an immutable registry of the process."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import JSON, Text, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, Database, UtcDateTime, insert_into
from idp.core.spaces import Spaces
from idp.oidc import addresses, client_files, revisions
from idp.oidc.client_files import BadClient
from idp.oidc.clients import Client

log = structlog.get_logger(__name__)


class ClientRow(Base):
    """One client: its file's document. `gone_at`: the file went away; `disabled_at`: an operator said so."""

    __tablename__ = "client"

    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # `file`, or `registered`: a client that registered itself has no file that could go away.
    origin: Mapped[str] = mapped_column(Text, server_default="file")
    registration_token_hash: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an application of the client files changed, by client_id."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registry:
    """The enabled clients of this instant."""

    clients: Mapping[str, Client]
    mark: str | None
    browser_origins: frozenset[str]

    @classmethod
    def of(cls, found: Mapping[str, Client], *, mark: str | None) -> "Registry":
        """A registry, with the origins of public clients (their scripts call us across origins)."""
        public = (uri for client in found.values() if client.is_public for uri in client.redirect_uris)
        origins = frozenset(origin for uri in public if (origin := addresses.origin(uri)) is not None)
        return cls(clients=found, mark=mark, browser_origins=origins)

    def get(self, client_id: str) -> Client | None:
        """The enabled client of this id."""
        return self.clients.get(client_id)

    def door_of(self, space: str) -> str | None:
        """Where the members of a space begin, when no request is pending."""
        doors = (client.initiate_login_uri for client in self.clients.values() if client.space == space)
        return next((door for door in doors if door is not None), None)


_table = Base.metadata.tables["client"]
_STORED = select(_table.c.client_id, _table.c.digest, _table.c.gone_at)
_ENABLED = (
    select(_table.c.client_id, _table.c.document)
    .where(_table.c.gone_at.is_(None), _table.c.disabled_at.is_(None))
    .order_by(_table.c.client_id)
)


def apply(session: Session, folder: Path, *, spaces: Spaces, development: bool, now: datetime) -> Applied:
    """Make the clients of the database those of the folder. Raises BadClient: then nothing was written."""
    found = client_files.documents(client_files.read_folder(folder, spaces=spaces, development=development))
    stored = {row.client_id: row for row in session.execute(_STORED)}
    digests = {client_id: _digest(document) for client_id, document in found.items()}
    added = tuple(client_id for client_id in found if client_id not in stored)
    changed = tuple(
        client_id
        for client_id, digest in digests.items()
        if client_id in stored
        and (stored[client_id].digest != digest or stored[client_id].gone_at is not None)
    )
    gone = tuple(key for key, row in stored.items() if key not in found and row.gone_at is None)
    for client_id in (*added, *changed):
        _write(session, client_id, found[client_id], digests[client_id], now=now)
    if gone:
        session.execute(
            update(_table).where(_table.c.client_id.in_(gone)).values(gone_at=now, updated_at=now)
        )
    if added or changed or gone:
        revisions.bump(session, revisions.CLIENTS)
    return Applied(added, changed, gone)


def _write(session: Session, client_id: str, document: dict[str, Any], digest: str, *, now: datetime) -> None:
    values = {"document": document, "digest": digest, "updated_at": now, "gone_at": None}
    session.execute(
        insert_into(session, _table)
        .values(client_id=client_id, **values)
        .on_conflict_do_update(index_elements=[_table.c.client_id], set_=values)
    )


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


class ClientStore:
    """The process's registry, read again when its mark in the database has changed."""

    def __init__(self, *, database: Database, spaces: Spaces, development: bool) -> None:
        """Know nobody yet."""
        self._database = database
        self._spaces = spaces
        self._development = development
        self._registry = Registry.of({}, mark=None)

    @property
    def known(self) -> Registry:
        """The clients as last read, without asking the database."""
        return self._registry

    def start(self) -> None:
        """Read the clients, unless the database is down: then the first transaction does."""
        try:
            with self._database.reading() as session:
                self.current(session, mark=revisions.read(session).get(revisions.CLIENTS))
        except SQLAlchemyError as failure:
            log.warning("clients.database_down", kind=type(failure).__name__)

    def look_up(self, client_id: str) -> Client | None:
        """A client outside any transaction; one that is not known yet has the database asked."""
        if self._registry.get(client_id) is None:
            self.start()
        return self._registry.get(client_id)

    def current(self, session: Session, *, mark: str | None) -> Registry:
        """The clients that hold in this transaction, whose mark was just read."""
        if self._registry.mark != mark:
            self._registry = self._load(session, mark)
        return self._registry

    def _load(self, session: Session, mark: str | None) -> Registry:
        found: dict[str, Client] = {}
        for row in session.execute(_ENABLED):
            try:
                found[row.client_id] = client_files.parse(
                    row.document,
                    where=f"client {row.client_id}",
                    spaces=self._spaces,
                    development=self._development,
                )
            except BadClient as problem:
                # A file accepted before may not be any more (its space went away): that client alone is out.
                log.warning("client.refused", reason=str(problem))
        return Registry.of(found, mark=mark)
