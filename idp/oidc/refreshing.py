"""What a refresh token gives: new tokens of the same grant, while what it stands on still lives."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.core import audit
from idp.oidc import issuing, refresh_tokens, resources
from idp.oidc.clients import Client
from idp.oidc.grants import LiveGrant
from idp.oidc.issuing import Beyond, Given
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider
from idp.oidc.refresh_tokens import RefreshRefusal
from idp.sessions import service as sessions
from idp.subjects import accounts
from idp.subjects.accounts import Profile


@dataclass(frozen=True, slots=True)
class Refreshing:
    """What an authenticated client presents."""

    client: Client
    token: str
    scopes: tuple[str, ...] | None
    """The scopes to narrow to; None for all that were granted."""
    resources: tuple[str, ...]
    jkt: str | None


def refresh(
    session: Session, asked: Refreshing, *, provider: Provider, ring: KeyRing, now: datetime
) -> dict[str, Any] | Beyond | None:
    """The token response; None when the token gives nothing (RFC 6749 section 6).

    Whatever is refused, the token stays good.
    """
    client, vault, settings = asked.client, provider.vault, provider.settings
    held = refresh_tokens.find(session, asked.token, client=client, vault=vault, settings=settings, now=now)
    if isinstance(held, RefreshRefusal):
        _record(session, client, held, now=now)
        return None
    grant = held.grant
    profile = _owner(session, grant, client, now=now)
    # Whoever has a stolen token but not its key must not be able to use it up.
    if profile is None or not _holds_the_key(client, grant, asked.jkt):
        return None
    given = _within(asked, grant, provider)
    if isinstance(given, Beyond):
        return given
    token = refresh_tokens.use(session, held, client=client, vault=vault, settings=settings, now=now)
    if isinstance(token, RefreshRefusal):
        _record(session, client, token, now=now)
        return None
    return issuing.response(
        grant,
        replace(given, refresh_token=token),
        client=client,
        profile=profile,
        provider=provider,
        ring=ring,
        now=now,
    )


def _record(session: Session, client: Client, refusal: RefreshRefusal, *, now: datetime) -> None:
    if refusal is RefreshRefusal.REUSED:
        audit.record(session, now=now, event="refresh.reused", client_id=client.client_id)


def _owner(session: Session, grant: LiveGrant, client: Client, *, now: datetime) -> Profile | None:
    """The member, while the account is as it was, and the session lives unless the grant outlives it."""
    profile = accounts.profile(session, grant.account_id)
    if profile is None or profile.epoch != grant.epoch or profile.population not in client.populations:
        return None
    if not grant.offline and sessions.by_row(session, grant.session_id, now=now) is None:
        return None
    return profile


def _holds_the_key(client: Client, grant: LiveGrant, jkt: str | None) -> bool:
    """A bound grant needs a proof; a client without other credentials needs the same key (RFC 9449 section 5)."""
    if grant.dpop_jkt is None:
        return True
    return jkt == grant.dpop_jkt if client.is_public else jkt is not None


def _within(asked: Refreshing, grant: LiveGrant, provider: Provider) -> Given | Beyond:
    """What is asked for, when it was granted and is still allowed: what a client lost, it does not get again."""
    scopes = tuple(scope for scope in grant.scopes if scope in asked.client.scopes)
    if not scopes or (asked.scopes is not None and not set(asked.scopes) <= set(scopes)):
        return issuing.MORE_SCOPES
    services = resources.allowed(asked.client, provider.settings)
    granted = tuple(resource for resource in grant.resources if resource in services)
    if grant.resources and (not granted or not set(asked.resources) <= set(granted)):
        return issuing.MORE_RESOURCES
    return Given(
        scopes=asked.scopes or scopes,
        resources=asked.resources or granted,
        jkt=asked.jkt,
        refresh_token=None,
    )
