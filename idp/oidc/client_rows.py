"""Clients in the database: written from their files or by themselves, read into a registry of the process."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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


class Origin(StrEnum):
    """Where a client comes from; one that registered itself has no file that could go away."""

    FILE = "file"
    REGISTERED = "registered"


class ClientRow(Base):
    """One client: its document. `gone_at`: its file went away, or it ended itself; `disabled_at`: by an operator."""

    __tablename__ = "client"

    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    origin: Mapped[str] = mapped_column(Text, server_default=Origin.FILE.value)
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
        # Only the mutual's own services are doors: a third party must not come between members and their space.
        own = (client for client in self.clients.values() if client.space == space and client.first_party)
        doors = (client.initiate_login_uri for client in own)
        return next((door for door in doors if door is not None), None)


_table = Base.metadata.tables["client"]
_STORED = select(_table.c.client_id, _table.c.digest, _table.c.gone_at, _table.c.origin)
_ENABLED = (
    select(_table.c.client_id, _table.c.document)
    .where(_table.c.gone_at.is_(None), _table.c.disabled_at.is_(None))
    .order_by(_table.c.client_id)
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the client files would make of the database: the changes, and the documents to write."""

    changes: Applied
    documents: Mapping[str, dict[str, Any]]


def plan(session: Session, folder: Path, *, spaces: Spaces, development: bool) -> Plan:
    """What `apply` would change. Raises BadClient."""
    files = client_files.read_folder(folder, spaces=spaces, development=development)
    found = {client.client_id: client_files.document(client) for client in files.values()}
    stored = {row.client_id: row for row in session.execute(_STORED)}
    _refuse_taken(files, {key for key, row in stored.items() if row.origin == Origin.REGISTERED})
    changed = tuple(
        client_id
        for client_id, document in found.items()
        if client_id in stored
        and (stored[client_id].digest != _digest(document) or stored[client_id].gone_at is not None)
    )
    of_files = (row for row in stored.values() if row.origin == Origin.FILE and row.gone_at is None)
    changes = Applied(
        added=tuple(client_id for client_id in found if client_id not in stored),
        changed=changed,
        gone=tuple(row.client_id for row in of_files if row.client_id not in found),
    )
    return Plan(changes, found)


def apply(session: Session, folder: Path, *, spaces: Spaces, development: bool, now: datetime) -> Applied:
    """Make the file clients of the database those of the folder. Raises BadClient: then nothing was written."""
    planned = plan(session, folder, spaces=spaces, development=development)
    changes = planned.changes
    for client_id in (*changes.added, *changes.changed):
        _write(session, client_id, planned.documents[client_id], now=now)
    if changes.gone:
        leaving = update(_table).where(_table.c.client_id.in_(changes.gone))
        session.execute(leaving.values(gone_at=now, updated_at=now))
    if changes.added or changes.changed or changes.gone:
        revisions.bump(session, revisions.CLIENTS)
    return changes


def apply_one(session: Session, path: Path, client: Client, *, now: datetime) -> None:
    """Make one file's client a client of the database, whatever the other files say. Raises BadClient."""
    row = session.get(ClientRow, client.client_id)
    _refuse_taken({path: client}, {row.client_id} if row and row.origin == Origin.REGISTERED else set())
    _write(session, client.client_id, client_files.document(client), now=now)
    revisions.bump(session, revisions.CLIENTS)


def _refuse_taken(files: Mapping[Path, Client], registered: Collection[str]) -> None:
    taken = [(path, client.client_id) for path, client in files.items() if client.client_id in registered]
    if taken:
        lines = (
            f"P-9002: {path}: client_id: {name} registered itself; choose another" for path, name in taken
        )
        raise BadClient("\n".join(lines))


def set_disabled(session: Session, client_id: str, *, disabled: bool, now: datetime) -> bool:
    """Take a client out of the registry, or let it in again; False when there is none of this id."""
    values = {"disabled_at": now if disabled else None, "updated_at": now}
    one = update(_table).where(_table.c.client_id == client_id).values(values).returning(_table.c.client_id)
    found = session.execute(one).first() is not None
    revisions.bump(session, revisions.CLIENTS)
    return found


def register(session: Session, client: Client, *, token_hash: str, now: datetime) -> None:
    """Keep a client that registered itself (RFC 7591); its identifier is new."""
    document = client_files.document(client)
    session.add(
        ClientRow(
            client_id=client.client_id,
            document=document,
            digest=_digest(document),
            updated_at=now,
            origin=Origin.REGISTERED.value,
            registration_token_hash=token_hash,
        )
    )
    session.flush()
    revisions.bump(session, revisions.CLIENTS)


def registered(session: Session, client_id: str) -> ClientRow | None:
    """A client that registered itself and was neither ended nor disabled since."""
    alive = (
        select(ClientRow)
        .where(ClientRow.client_id == client_id, ClientRow.origin == Origin.REGISTERED.value)
        .where(ClientRow.gone_at.is_(None), ClientRow.disabled_at.is_(None))
    )
    return session.execute(alive).scalar_one_or_none()


def replace(session: Session, client: Client, *, now: datetime) -> bool:
    """Give a registered client another document (RFC 7592 section 2.2); False when it has ended meanwhile."""
    document = client_files.document(client)
    return _change_registered(
        session, client.client_id, {"document": document, "digest": _digest(document), "updated_at": now}
    )


def end(session: Session, client_id: str, *, now: datetime) -> bool:
    """End a registered client (RFC 7592 section 2.3); its identifier is never given again."""
    return _change_registered(
        session, client_id, {"gone_at": now, "updated_at": now, "registration_token_hash": None}
    )


def _change_registered(session: Session, client_id: str, values: Mapping[str, Any]) -> bool:
    one = update(_table).where(_table.c.client_id == client_id, _table.c.gone_at.is_(None))
    found = session.execute(one.values(values).returning(_table.c.client_id)).first() is not None
    revisions.bump(session, revisions.CLIENTS)
    return found


def _write(session: Session, client_id: str, document: dict[str, Any], *, now: datetime) -> None:
    values = {"document": document, "digest": _digest(document), "updated_at": now, "gone_at": None}
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
        # One look: another thread, in an older transaction, may put its older registry in this place meanwhile.
        registry = self._registry
        if registry.mark != mark:
            registry = self._registry = self._load(session, mark)
        return registry

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
