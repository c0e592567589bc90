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
class Token:
    """A refresh token that we made: its grant, and how many came before it."""

    grant_id: str
    generation: int
    text: str

    @property
    def hash(self) -> str:
        """What is kept of it."""
        return secrets.fingerprint(self.text)


@dataclass(frozen=True, slots=True)
class Held:
    """A refresh token that is good at this instant, and not used yet."""

    grant: LiveGrant
    token: Token
    is_newest: bool
    """Otherwise it was just replaced, and its answer got lost."""


class RefreshRefusal(StrEnum):
    """Why a refresh token gives nothing."""

    UNKNOWN = "unknown"
    """Never issued, or not to this client."""
    OVER = "over"
    """Revoked, or one of its two ends is reached."""
    REUSED = "reused"
    """It was replaced before, too long ago for a lost answer: its family is revoked."""


_GOOD = (
    grants.table.c.id == bindparam("grant"),
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
    .returning(grants.table.c.id)
)
_USE = update(grants.table).where(*_GOOD).values(idle_until=bindparam("idle")).returning(grants.table.c.id)
_FIND = select(
    *LIVE_COLUMNS, grants.table.c.generation, grants.table.c.refresh_hash, grants.table.c.rotated_at,
    grants.table.c.revoked_at, grants.table.c.idle_until, grants.table.c.expires_at,
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


def find(
    session: Session, text: str, *, client: Client, vault: Vault, settings: Settings, now: datetime
) -> Held | RefreshRefusal:
    """What a refresh token stands for. It is not used yet, so that a request that gives nothing changes nothing.

    One that was replaced too long ago for a lost answer ends its family (RFC 9700 section 4.14.2).
    """
    token = genuine(text, vault)
    row = None if token is None else session.execute(_FIND, _of(token, client)).one_or_none()
    if token is None or row is None:
        return RefreshRefusal.UNKNOWN
    if row.revoked_at is not None or not (row.idle_until and row.idle_until > now < row.expires_at):
        return RefreshRefusal.OVER
    if row.refresh_hash == token.hash:
        return Held(grants.of_row(row), token, is_newest=True)
    # A lost answer costs an honest client nothing for ten seconds: the same successor is given again.
    is_last = row.generation == token.generation + 1
    if is_last and now - row.rotated_at <= settings.oidc.refresh_token_grace:
        return Held(grants.of_row(row), token, is_newest=False)
    is_first_to_see = grants.revoke(session, token.grant_id, now=now)
    return RefreshRefusal.REUSED if is_first_to_see else RefreshRefusal.OVER


def use(
    session: Session, held: Held, *, client: Client, vault: Vault, settings: Settings, now: datetime
) -> str | RefreshRefusal:
    """The token to use from now on: of any number of parallel uses one rotates, the others get its successor."""
    token = held.token
    following = _token(token.grant_id, token.generation + 1, vault)
    if not held.is_newest:
        return following.text
    values = {
        "grant": token.grant_id,
        "presented": token.hash,
        "instant": now,
        "idle": now + idle_lifetime(client, settings),
    }
    if not client.rotates_refresh_tokens:
        used = session.execute(_USE, values).one_or_none()
        return RefreshRefusal.OVER if used is None else token.text
    rotated = session.execute(_ROTATE, {**values, "successor": following.hash}).one_or_none()
    if rotated is not None:
        return following.text
    # Another request came first: it replaced this token, or ended the family.
    again = find(session, token.text, client=client, vault=vault, settings=settings, now=now)
    return again if isinstance(again, RefreshRefusal) else following.text


def genuine(text: str, vault: Vault) -> Token | None:
    """The token, when it is one that we made; whether it is still good is another question."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    made = _token(shape[1], int(shape[2]), vault)
    return made if secrets.same(made.text, text) else None


def _of(token: Token, client: Client) -> dict[str, str]:
    return {"grant": token.grant_id, "client": client.client_id}


def _token(grant_id: str, generation: int, vault: Vault) -> Token:
    seal = vault.mac(PURPOSE, grant_id, str(generation))
    return Token(grant_id, generation, f"{grant_id}.{generation}.{seal}")
