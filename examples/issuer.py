"""What a service knows of its provider: discovery and public keys, read late and kept through outages."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import jwt
from jwt import PyJWK, PyJWKClient

from examples.fetching import Unreachable, fetch, new_client

# Keys are read again this often in calm times (seconds)...
KEYS_LIFESPAN = 300.0
# ...and never more often than this, however many unknown key ids arrive, and however often reading fails.
KEYS_COOLDOWN = 30.0
# Without any key nothing can be verified: a provider that starts late is asked again soon.
EMPTY_RETRY = 2.0
METADATA_LIFESPAN = 3600.0
# How recently the provider must have answered before a browser is sent to it.
SEEN_ALIVE = 15.0

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_log = logging.getLogger(__name__)


class IssuerUnavailable(Exception):
    """The provider cannot be asked, and nothing it said before can stand in."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The part of the discovery document that services use (OIDC Discovery 3)."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None


class Issuer:
    """One provider, named by its issuer URL; safe to share between threads."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Read nothing yet: the provider may start later."""
        self.url = url
        self._monotonic = monotonic
        self._http = new_client()
        self._lock = threading.Lock()
        self._metadata: Metadata | None = None
        self._metadata_read_at = 0.0
        self._keys: Mapping[str, PyJWK] | None = None
        self._keys_read_at = 0.0
        self._keys_tried_at: float | None = None

    def metadata(self) -> Metadata:
        """The discovery document, an hour old at most, or older while the provider is away.

        Raises IssuerUnavailable when it was never read.
        """
        known = self._metadata
        if known and self._monotonic() - self._metadata_read_at < METADATA_LIFESPAN:
            return known
        try:
            return self._read_metadata()
        except IssuerUnavailable:
            if known is None:
                raise
            return known

    def alive_metadata(self) -> Metadata:
        """The discovery document of a provider that answered just now, for one about to receive a browser.

        Raises IssuerUnavailable even when an older copy is known: the member then reads a clear page
        instead of the browser's own « connection refused ».
        """
        if self._metadata and self._monotonic() - self._metadata_read_at < SEEN_ALIVE:
            return self._metadata
        return self._read_metadata()

    def signing_key(self, key_id: str) -> PyJWK | None:
        """The public key of that id, or None when the provider does not publish it.

        Raises IssuerUnavailable when no key was ever read.
        """
        keys = self._keys
        if keys is None or key_id not in keys or self._monotonic() - self._keys_read_at > KEYS_LIFESPAN:
            keys = self._refresh_keys()
        return keys.get(key_id)

    def _read_metadata(self) -> Metadata:
        try:
            document = _get_object(self._http, f"{self.url}/.well-known/openid-configuration")
            metadata = _metadata(document, self.url)
        except Unreachable as error:
            raise IssuerUnavailable(str(error)) from error
        self._metadata, self._metadata_read_at = metadata, self._monotonic()
        return metadata

    def _refresh_keys(self) -> Mapping[str, PyJWK]:
        # While one thread asks, the others go on with the keys they have; only the very first ones wait.
        if not self._lock.acquire(blocking=self._keys is None):
            return self._keys or {}
        try:
            if self._may_ask():
                self._ask_for_keys()
        finally:
            self._lock.release()
        if self._keys is None:
            raise IssuerUnavailable("no key was ever read")
        return self._keys

    def _may_ask(self) -> bool:
        if self._keys_tried_at is None:
            return True
        pause = EMPTY_RETRY if self._keys is None else KEYS_COOLDOWN
        return self._monotonic() - self._keys_tried_at >= pause

    def _ask_for_keys(self) -> None:
        self._keys_tried_at = self._monotonic()
        try:
            client = _CarefulJwkClient(self.metadata().jwks_uri, self._http)
            self._keys = {key.key_id: key for key in client.get_signing_keys() if key.key_id}
            self._keys_read_at = self._monotonic()
        except (IssuerUnavailable, Unreachable, jwt.PyJWTError, ValueError, TypeError) as error:
            # An outage, or garbage, never empties what is known (PyJWT GHSA-fhv5-28vv-h8m8).
            _log.warning("the provider's keys could not be read: %s", type(error).__name__)


class _CarefulJwkClient(PyJWKClient):
    """PyJWT's client, fetching with our bounds; when to fetch is decided above, so its own cache is off."""

    def __init__(self, uri: str, http: httpx.Client) -> None:
        super().__init__(uri, cache_jwk_set=False)
        self._http = http

    def fetch_data(self) -> dict[str, object]:
        return _get_object(self._http, self.uri)


def _get_object(http: httpx.Client, url: str) -> dict[str, object]:
    answer = fetch(http, "GET", url)
    if answer.status != httpx.codes.OK:
        raise Unreachable(f"the answer was {answer.status}")
    return answer.json_object()


def _metadata(document: Mapping[str, object], issuer: str) -> Metadata:
    # OIDC Discovery 4.3: the issuer in the document must be exactly the one that was asked.
    if document.get("issuer") != issuer:
        raise Unreachable("the discovery document names another issuer")
    found = {name: _address(document.get(name), issuer) for name in (*_ENDPOINTS, "end_session_endpoint")}
    if missing := [name for name in _ENDPOINTS if found[name] is None]:
        raise Unreachable(f"the discovery document lacks {', '.join(missing)}")
    return Metadata(
        authorization_endpoint=found["authorization_endpoint"] or "",
        token_endpoint=found["token_endpoint"] or "",
        userinfo_endpoint=found["userinfo_endpoint"] or "",
        jwks_uri=found["jwks_uri"] or "",
        end_session_endpoint=found["end_session_endpoint"],
    )


def _address(value: object, issuer: str) -> str | None:
    """An http(s) address; plain http only where the issuer itself is plain http."""
    if not isinstance(value, str):
        return None
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return None
    allowed = {"https", urlsplit(issuer).scheme}
    return value if scheme in allowed else None
