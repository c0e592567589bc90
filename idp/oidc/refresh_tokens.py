"""Refresh tokens: a family is one grant row; one conditional UPDATE lets exactly one request rotate it.

A token names its grant and its generation and carries 256 bits that only we can make, so that one of any former
generation is known for what it is. The row keeps the SHA-256 of the one that is good.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from idp.core import secrets
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.oidc import grants
from idp.oidc.clients import Client
from idp.oidc.grants import LIVE_COLUMNS, Family, LiveGrant

PURPOSE = "refresh-token"
_SHAPE = re.compile(r"([A-Za-z0-9_-]{22})\.(0|[1-9]\d{0,8})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh token stands for, and the token to use from now on (the same one without rotation)."""

    grant: LiveGrant
    token: str
    replaced: str | None = None
    """The token that this use replaced."""


class RefreshRefusal(StrEnum):
    """Why a refresh token gives nothing."""

    UNKNOWN = "unknown"
    """Never issued, or not to this client."""
    OVER = "over"
    """Revoked, or one of its two ends is reached."""
    REUSED = "reused"
    """It was replaced before, too long ago for a lost answer: its family is revoked."""


@dataclass(frozen=True, slots=True)
class _Token:
    grant_id: str
    generation: int
    text: str

    @property
    def hash(self) -> str:
        return secrets.fingerprint(self.text)


_GOOD = (
    grants.table.c.id == bindparam("grant"),
    grants.table.c.client_id == bindparam("client"),
    grants.table.c.refresh_hash == bindparam("presented"),
    grants.table.c.revoked_at.is_(None),
    grants.table.c.idle_until > bindparam("instant"),
    grants.table.c.expires_at > bindparam("instant"),
)
_ROTATE = (
    update(grants.table)
    .where(*_GOOD)
    .values(
        idle_until=bindparam("idle"),
        generation=grants.table.c.generation + 1,
        refresh_hash=bindparam("successor"),
        rotated_at=bindparam("instant"),
    )
    .returning(*LIVE_COLUMNS)
)
_USE = update(grants.table).where(*_GOOD).values(idle_until=bindparam("idle")).returning(*LIVE_COLUMNS)
_FIND = select(
    *LIVE_COLUMNS, grants.table.c.generation, grants.table.c.rotated_at, grants.table.c.revoked_at,
    grants.table.c.idle_until, grants.table.c.expires_at,
).where(grants.table.c.id == bindparam("grant"), grants.table.c.client_id == bindparam("client"))  # fmt: skip


def idle_lifetime(client: Client, settings: Settings) -> timedelta:
    """How long a refresh token of this client is good without being used."""
    return client.refresh_token_idle_lifetime or settings.oidc.refresh_token_idle_lifetime


def lifetime(client: Client, settings: Settings) -> timedelta:
    """How long a family of this client is good at most."""
    return client.refresh_token_lifetime or settings.oidc.refresh_token_lifetime


def begin(
    client: Client, grant_id: str, *, vault: Vault, settings: Settings, now: datetime
) -> tuple[str, Family]:
    """The first token of a grant, and the family to write with it."""
    first = _token(grant_id, 0, vault)
    family = Family(
        refresh_hash=first.hash,
        idle_until=now + min(idle_lifetime(client, settings), lifetime(client, settings)),
        expires_at=now + lifetime(client, settings),
    )
    return first.text, family


def use(
    session: Session, text: str, *, client: Client, vault: Vault, settings: Settings, now: datetime
) -> Refreshed | RefreshRefusal:
    """Use a refresh token: of any number of parallel uses one rotates, the others get the same successor."""
    token = genuine(text, vault)
    if token is None:
        return RefreshRefusal.UNKNOWN
    following = _token(token.grant_id, token.generation + 1, vault)
    values = {
        "grant": token.grant_id,
        "client": client.client_id,
        "presented": token.hash,
        "successor": following.hash,
        "instant": now,
        "idle": now + idle_lifetime(client, settings),
    }
    if not client.rotates_refresh_tokens:
        del values["successor"]
    row = session.execute(_ROTATE if client.rotates_refresh_tokens else _USE, values).one_or_none()
    if row is None:
        return _explain(session, token, following, client, settings=settings, now=now)
    if not client.rotates_refresh_tokens:
        return Refreshed(grants.of_row(row), token.text)
    return Refreshed(grants.of_row(row), following.text, replaced=token.text)


def put_back(session: Session, used: Refreshed) -> None:
    """Undo the use of a token that turned out to give nothing, before this transaction ends: it stays good."""
    if used.replaced is None:
        return
    session.execute(
        update(grants.table)
        .where(grants.table.c.id == used.grant.id)
        .values(
            generation=grants.table.c.generation - 1,
            refresh_hash=secrets.fingerprint(used.replaced),
            rotated_at=None,
        )
    )


def _explain(
    session: Session, token: _Token, following: _Token, client: Client, *, settings: Settings, now: datetime
) -> Refreshed | RefreshRefusal:
    row = session.execute(_FIND, {"grant": token.grant_id, "client": client.client_id}).one_or_none()
    if row is None:
        return RefreshRefusal.UNKNOWN
    if row.revoked_at is not None or not (row.idle_until and row.idle_until > now < row.expires_at):
        return RefreshRefusal.OVER
    is_last = row.generation == token.generation + 1
    # RFC 9700 section 4.14.2, and what it costs an honest client whose answer got lost: nothing, for ten seconds.
    if is_last and now - row.rotated_at <= settings.oidc.refresh_token_grace:
        return Refreshed(grants.of_row(row), following.text)
    grants.revoke(session, token.grant_id, now=now)
    return RefreshRefusal.REUSED


def revoke(session: Session, text: str, *, client: Client, vault: Vault, now: datetime) -> bool:
    """Revoke the family of a token of this client, of whatever generation; whether it was one (RFC 7009)."""
    token = genuine(text, vault)
    if token is None:
        return False
    row = session.execute(_FIND, {"grant": token.grant_id, "client": client.client_id}).one_or_none()
    return row is not None and (grants.revoke(session, token.grant_id, now=now) or row.revoked_at is not None)


def genuine(text: str, vault: Vault) -> _Token | None:
    """The token, when it is one that we made; whether it is still good is another question."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    made = _token(shape[1], int(shape[2]), vault)
    return made if secrets.same(made.text, text) else None


def _token(grant_id: str, generation: int, vault: Vault) -> _Token:
    seal = vault.mac(PURPOSE, grant_id, str(generation))
    return _Token(grant_id, generation, f"{grant_id}.{generation}.{seal}")
