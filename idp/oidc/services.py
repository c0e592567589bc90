"""client_credentials: a service that acts in its own name (RFC 6749 section 4.4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.core import audit
from idp.oidc import claims, issuing, tokens
from idp.oidc.clients import Client
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider

# Scopes that speak of a member: nobody is signed in here.
_OF_MEMBERS = frozenset(claims.SCOPES)


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What an authenticated service asks for."""

    client: Client
    scopes: tuple[str, ...] | None
    """None: all that it may have."""
    resources: tuple[str, ...]
    jkt: str | None


def scopes_of(client: Client) -> tuple[str, ...]:
    """The scopes that a client may have in its own name."""
    return tuple(scope for scope in client.scope.split(" ") if scope not in _OF_MEMBERS)


def give(
    session: Session, asked: ServiceRequest, *, provider: Provider, ring: KeyRing, now: datetime
) -> dict[str, Any] | None:
    """The token response, never with a refresh token; None when a scope is not this service's."""
    allowed = scopes_of(asked.client)
    scopes = allowed if asked.scopes is None else asked.scopes
    if not set(scopes) <= set(allowed):
        return None
    document = tokens.of_service(
        asked.client, scopes=scopes, resources=asked.resources, jkt=asked.jkt, settings=provider.settings
    )
    access_token = tokens.access_token(document, asked.client, ring=ring, settings=provider.settings, now=now)
    audit.record(session, now=now, event="tokens.issued", client_id=asked.client.client_id, service=True)
    return issuing.envelope(access_token, asked.client, scopes=scopes, jkt=asked.jkt, provider=provider)
