"""Clients that register themselves (RFC 7591) and manage what they registered (RFC 7592): always third parties."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from idp.core import audit, secrets
from idp.core.db import new_id
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.oidc import client_files, client_rows
from idp.oidc.client_files import BadClient
from idp.oidc.client_keys import Reader
from idp.oidc.client_rows import ClientRow
from idp.oidc.clients import DEFAULT_SCOPE, OWN_KEYS, Client

PATH = "/oauth2/register"
# What may be asked for; anything else is ignored (RFC 7591 section 2), ours above all.
STANDARD_KEYS = tuple(name for name in Client.model_fields if name not in {*OWN_KEYS, "client_id"})
# RFC 7592 section 2.2: what an update must not carry.
_OURS_TO_SAY = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
_SECRET_METHODS = ("client_secret_basic", "client_secret_post")
_LONGEST_DESCRIPTION = 400
_NO_QUOTES = str.maketrans("", "", "\"'\\")
_NOBODY = "0" * 64

Metadata: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is registered, in the words of RFC 7591 section 3.2.2."""

    error: str
    description: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it was registered; a secret only when it is new, for it is shown once."""

    client: Client
    token: str
    secret: str | None = None

    def answer(self, issuer: str) -> Metadata:
        """What the client is told (RFC 7591 section 3.2.1, RFC 7592 section 3)."""
        client_id = self.client.client_id
        told = self.client.model_dump(mode="json", include={"client_id", *STANDARD_KEYS})
        with_secret = {"client_secret": self.secret, "client_secret_expires_at": 0} if self.secret else {}
        return {
            **{name: value for name, value in told.items() if value not in (None, "", [])},
            **with_secret,
            "registration_access_token": self.token,
            "registration_client_uri": f"{issuer}{PATH}/{client_id}",
        }


class Registration:
    """The rules of registration, over the parts they need."""

    def __init__(self, settings: Settings, spaces: Spaces, read: Reader) -> None:
        """Keep the parts; `read` fetches the lists of sectors."""
        self._settings = settings
        self._spaces = spaces
        self._read = read

    def may_register(self, token: str) -> bool:
        """Whether this is the initial access token."""
        return secrets.same(secrets.fingerprint(token), self._settings.registration.token_sha256)

    def judge_sector(self, wanted: Metadata) -> Refused | None:
        """Refuse a sector that does not list every redirect address (OIDC Registration section 5).

        It asks another host, so it is called outside any transaction, for callers who were believed.
        """
        address = wanted.get("sector_identifier_uri")
        if address is None:
            return None
        # What is no client at all is refused before anybody is asked; the secret stands for the one to come.
        judged = self._client(wanted, client_id="judged", digests=(_NOBODY,))
        if isinstance(judged, Refused):
            return judged
        listed = self._read(str(address))
        if not isinstance(listed, list) or not all(uri in listed for uri in judged.redirect_uris):
            return _refused("sector_identifier_uri", "must lead to a JSON list that holds every redirect_uri")
        return None

    def register(self, session: Session, wanted: Metadata, *, now: datetime) -> Registered | Refused:
        """A new client (RFC 7591 section 3)."""
        secret, token = secrets.token(), secrets.token()
        client = self._client(wanted, client_id=new_id(), digests=(secrets.fingerprint(secret),))
        if isinstance(client, Refused):
            return client
        client_rows.register(session, client, token_hash=secrets.fingerprint(token), now=now)
        audit.record(session, now=now, event="client.registered", client_id=client.client_id)
        return Registered(client, token, secret if client.holds_secret else None)

    def find(self, session: Session, client_id: str, token: str) -> ClientRow | None:
        """The registered client that this token manages; unknown, ended and disabled ones look alike."""
        # PostgreSQL keeps no NUL, so no identifier has one, and the driver refuses to be asked.
        row = None if "\x00" in client_id else client_rows.registered(session, client_id)
        known = (row.registration_token_hash if row is not None else None) or _NOBODY
        return row if secrets.same(secrets.fingerprint(token), known) else None

    def read(self, row: ClientRow, token: str) -> Registered | Refused:
        """What is registered (RFC 7592 section 2.1); the secret is not kept, so it is not told again."""
        client = self._parsed(row.document)
        return client if isinstance(client, Refused) else Registered(client, token)

    def replace(
        self, session: Session, row: ClientRow, token: str, wanted: Metadata, *, now: datetime
    ) -> Registered | Refused | None:
        """Other metadata instead of all that was there (RFC 7592 section 2.2); None when the client has ended."""
        former = tuple(row.document.get("client_secret_sha256", ()))
        for name in _OURS_TO_SAY:
            if name in wanted:
                return _refused(name, "must not be sent")
        if wanted.get("client_id") != row.client_id:
            return _refused("client_id", "must be the one of this client")
        given = wanted.get("client_secret")
        if given is not None and secrets.fingerprint(str(given)) not in former:
            return _refused("client_secret", "must be the one of this client, or left out")
        secret = None if former else secrets.token()
        digests = former if secret is None else (secrets.fingerprint(secret),)
        client = self._client(wanted, client_id=row.client_id, digests=digests)
        if isinstance(client, Refused):
            return client
        if not client_rows.replace(session, client, now=now):
            return None
        audit.record(session, now=now, event="client.changed", client_id=client.client_id)
        return Registered(client, token, secret if client.holds_secret else None)

    def end(self, session: Session, row: ClientRow, *, now: datetime) -> None:
        """The client is no more (RFC 7592 section 2.3): with it go its tokens, which no registry knows."""
        client_rows.end(session, row.client_id, now=now)
        audit.record(session, now=now, event="client.ended", client_id=row.client_id)

    def _client(self, wanted: Metadata, *, client_id: str, digests: tuple[str, ...]) -> Client | Refused:
        document: Metadata = {name: wanted[name] for name in STANDARD_KEYS if wanted.get(name) is not None}
        if document.get("token_endpoint_auth_method", _SECRET_METHODS[0]) in _SECRET_METHODS:
            document["client_secret_sha256"] = list(digests)
        document.setdefault("scope", _scope_of(document))
        own = {"client_id": client_id, "space": self._settings.registration.space, "first_party": False}
        client = self._parsed({**document, **own})
        if isinstance(client, Client) and "client_credentials" in client.grant_types:
            return _refused("grant_types", "must not hold client_credentials: services have a client file")
        return client

    def _parsed(self, document: Mapping[str, Any]) -> Client | Refused:
        try:
            return client_files.parse(
                document,
                where="registration",
                spaces=self._spaces,
                development=self._settings.is_development,
            )
        except BadClient as problem:
            fault = problem.faults[0]
            return _refused(".".join(str(part) for part in fault.path), fault.text)


def metadata(body: bytes) -> Metadata | Refused:
    """The metadata of a request; members without a value count as left out (RFC 7592 section 2.2)."""
    try:
        # NaN and its kin are Python's own: no database keeps them.
        document = json.loads(body, parse_constant=_not_json)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Refused("invalid_client_metadata", "the body must be a JSON object")
    return {name: value for name, value in document.items() if value is not None}


def _scope_of(document: Metadata) -> str:
    # OpenID Connect registration has no `scope`: who may refresh may ask to do so while the member is away.
    granted = document.get("grant_types")
    refreshes = isinstance(granted, list) and "refresh_token" in granted
    return f"{DEFAULT_SCOPE} offline_access" if refreshes else DEFAULT_SCOPE


def _refused(key: str, text: str) -> Refused:
    about_redirects = key.partition(".")[0] == "redirect_uris"
    error = "invalid_redirect_uri" if about_redirects else "invalid_client_metadata"
    # RFC 6749 section 5.2, and without single quotes too: a description is ASCII that no quoting can end.
    unquoted = f"{key}: {text}".translate(_NO_QUOTES)
    plain = "".join(character if " " <= character <= "~" else "?" for character in unquoted)
    return Refused(error, plain[:_LONGEST_DESCRIPTION])


def _not_json(constant: str) -> None:
    raise ValueError(constant)
