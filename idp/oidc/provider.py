"""What the OpenID Connect views stand on: made once by the app, and looked at once in each transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core.db import Database
from idp.core.outbound import Reach
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Space, Spaces
from idp.oidc import client_keys, revisions
from idp.oidc.client_keys import ClientKeys
from idp.oidc.client_rows import ClientStore, Registry
from idp.oidc.clients import Client
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The keys and clients that hold in one transaction."""

    ring: KeyRing
    clients: Registry


class Provider:
    """The shared parts of OpenID Connect."""

    def __init__(self, *, settings: Settings, vault: Vault, database: Database, spaces: Spaces) -> None:
        """Read nothing yet; `start` does."""
        self.settings = settings
        self.vault = vault
        self.spaces = spaces
        self.keys = KeyStore(database=database, vault=vault, folder=settings.keys_dir)
        self._reach = Reach.of(settings)
        self.client_keys = ClientKeys(
            client_keys.reader(self._reach), for_strangers=client_keys.reader(self._reach.for_strangers())
        )
        self.clients = ClientStore(database=database, spaces=spaces, development=settings.is_development)

    def start(self, *, now: datetime) -> None:
        """Read (or make) the keys, and read the clients when the database answers. Raises WrongRootSecret."""
        self.keys.start(now=now)
        self.clients.start()

    @property
    def longest_session(self) -> timedelta:
        """How long a session may last at most, over all spaces."""
        return max(space.session_absolute for space in self.spaces)

    @property
    def issuer(self) -> str:
        """The issuer URL, exactly as tokens name it."""
        return self.settings.issuer

    def reach_for(self, client: Client) -> Reach:
        """Which addresses this client may have us ask."""
        return self._reach if client.first_party else self._reach.for_strangers()

    def snapshot(self, session: Session, *, now: datetime) -> Snapshot:
        """The keys and clients of this transaction: one small look tells whether memory still holds."""
        marks: Mapping[str, str] = revisions.read(session)
        return Snapshot(
            ring=self.keys.current(session, mark=marks.get(revisions.KEYS), now=now),
            clients=self.clients.current(session, mark=marks.get(revisions.CLIENTS)),
        )

    def door_of(self, session: Session, space: Space, client_id: str | None = None) -> str | None:
        """Where the members of a space begin when no request is pending; with `client_id`, that client's own door."""
        mark = revisions.read(session).get(revisions.CLIENTS)
        clients = self.clients.current(session, mark=mark)
        if client_id is None:
            return clients.door_of(space.name)
        client = clients.get(client_id)
        # A third party chose its own address: it must not come between members and their space.
        return client.initiate_login_uri if client is not None and client.first_party else None
