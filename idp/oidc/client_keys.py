"""The public keys of clients: in their files, or read from where they publish them and kept for a while."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import structlog

from idp.core import outbound
from idp.core.outbound import Reach, Unreachable
from idp.oidc import client_jwts
from idp.oidc.client_rows import ClientStore
from idp.oidc.clients import Client

log = structlog.get_logger(__name__)

Keys: TypeAlias = Sequence[Mapping[str, Any]]
# How old published keys may be, and how often at most an unknown key makes us ask again; both in seconds.
KEPT_FOR = 600.0
ASKED_EVERY = 10.0


class Reader(Protocol):
    """Reads a JSON document from an address that a client registered; None when it cannot be had."""

    def __call__(self, url: str) -> object | None:
        """The document."""
        ...


@dataclass(frozen=True, slots=True)
class _Published:
    keys: Keys
    read_at: float


class ClientKeys:
    """What the process knows of published keys; asked for before a transaction begins, never inside one."""

    def __init__(
        self,
        read: Reader,
        *,
        for_strangers: Reader | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know nothing yet. What third parties publish is read by another reader, when one is given."""
        self._read = read
        self._read_for_strangers = for_strangers or read
        self._monotonic = monotonic
        self._published: dict[str, _Published] = {}
        self._asked_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, client: Client) -> Keys:
        """The keys of a client as they are known now."""
        if client.jwks is not None:
            return _keys(client.jwks)
        published = self._published.get(client.jwks_uri or "")
        return published.keys if published is not None else ()

    def prepare(self, assertion: str, store: ClientStore) -> None:
        """Read the published keys of the client that this assertion names, when its key is not known or old.

        Nothing of the assertion is believed here, so an unknown key makes us ask at most every ten seconds.
        """
        jwt = client_jwts.parse(assertion)
        client = store.look_up(jwt.text("sub") or "") if jwt is not None else None
        if jwt is None or client is None or client.jwks_uri is None:
            return
        kid = jwt.header.get("kid")
        if self._is_known(client.jwks_uri, kid) or not self._may_ask(client.jwks_uri):
            return
        read = self._read if client.first_party else self._read_for_strangers
        document = read(client.jwks_uri)
        if not isinstance(document, dict):
            # What is known stays: a client whose address fails for a moment is not locked out.
            return
        self._published[client.jwks_uri] = _Published(_keys(document), self._monotonic())
        self._forget_all_but({each.jwks_uri for each in store.known.clients.values()})

    def _is_known(self, url: str, kid: object) -> bool:
        known = self._published.get(url)
        if known is None or self._monotonic() - known.read_at > KEPT_FOR:
            return False
        return kid is None or any(key.get("kid") == kid for key in known.keys)

    def _forget_all_but(self, registered: Collection[str | None]) -> None:
        """A client may move its keys as often as it likes: its former addresses are not kept."""
        with self._lock:
            for kept in (self._published, self._asked_at):
                for url in [url for url in tuple(kept) if url not in registered]:
                    kept.pop(url, None)

    def _may_ask(self, url: str) -> bool:
        with self._lock:
            now = self._monotonic()
            if now - self._asked_at.get(url, float("-inf")) < ASKED_EVERY:
                return False
            self._asked_at[url] = now
            return True


def reader(reach: Reach) -> Reader:
    """Reads what clients publish, from the addresses that this installation may ask."""

    def read(url: str) -> object | None:
        try:
            return outbound.get_json(url, reach=reach)
        except Unreachable as problem:
            log.warning("client.address_unreachable", reason=problem.reason)
            return None

    return read


def _keys(document: Mapping[str, Any]) -> Keys:
    keys = document.get("keys")
    return [key for key in keys if isinstance(key, dict)][:100] if isinstance(keys, list) else []
