"""How the app takes OpenID Connect in: its pages and endpoints, and the layer before Flask."""

import functools
from collections.abc import Callable
from datetime import datetime

from flask import Flask, Response
from sqlalchemy.orm import Session

from idp.core.clock import Clock, SystemClock
from idp.oidc import (
    bearer,
    codes,
    denied,
    discovery,
    grants,
    key_schedule,
    openapi,
    pushed,
    used_once,
    userinfo,
)
from idp.oidc.bearer import Access, TokenRefusal
from idp.oidc.discovery import Document
from idp.oidc.frontmost import Frontmost
from idp.oidc.grants import LiveGrant
from idp.oidc.held import AccountServices
from idp.oidc.key_schedule import Schedule
from idp.oidc.provider import Provider
from idp.oidc.views import blueprint, endpoints
from idp.web.kit import Call

__all__ = [
    "AccountServices", "blueprint", "endpoints", "front", "gate", "grant_gate", "key_facts", "purge",
]  # fmt: skip


def front(app: Flask, provider: Provider, clock: Clock | None = None) -> None:
    """Read (or make) the key ring, and serve discovery and keys before Flask is asked."""
    provider.start(now=(clock or SystemClock()).now())
    https = not provider.settings.is_development
    # Written out when somebody first asks for it, and kept.
    described = functools.cache(lambda: openapi.prepared(provider.settings))
    documents: dict[str, Callable[[], Document | None]] = {
        **discovery.documents(provider),
        openapi.PATH: described,
    }
    app.wsgi_app = Frontmost(app.wsgi_app, documents, https=https)  # type: ignore[assignment, method-assign]


def gate(provider: Provider) -> Callable[[Call, str], str | Response]:
    """How endpoints for services take access tokens: the client that presents one, or the refusal."""

    def admit(call: Call, scope: str) -> str | Response:
        access = _access(provider, call, scope)
        if isinstance(access, Response):
            return access
        # A member's token never carries such a scope; should it ever, it opens nothing here.
        return (
            access.client.client_id if access.grant is None else userinfo.refused(TokenRefusal.SCOPE, scope)
        )

    return admit


def grant_gate(provider: Provider) -> Callable[[Call, str], tuple[LiveGrant, str] | Response]:
    """How endpoints for a member's client take access tokens: the grant and its client, or the refusal."""

    def admit(call: Call, scope: str) -> tuple[LiveGrant, str] | Response:
        access = _access(provider, call, scope)
        if isinstance(access, Response):
            return access
        # What the client's file lost, or a third party holds by whatever way, opens nothing.
        is_allowed = access.client.first_party and scope in access.client.scopes
        if access.grant is None or not is_allowed:
            return userinfo.refused(TokenRefusal.SCOPE, scope)
        return access.grant, access.client.client_id

    return admit


def _access(provider: Provider, call: Call, scope: str) -> Access | Response:
    given = bearer.presented(call.request)
    if isinstance(given, TokenRefusal):
        return userinfo.refused(given, scope)
    access = bearer.accept(
        call.session,
        given,
        method=call.request.method,
        path=call.request.path,
        scope=scope,
        provider=provider,
        snapshot=provider.snapshot(call.session, now=call.now),
        now=call.now,
    )
    return userinfo.refused(access, scope) if isinstance(access, TokenRefusal) else access


def key_facts(provider: Provider) -> Callable[[Session, datetime], list[dict[str, str | int | None]]]:
    """What an administrator may know of the key ring, in JSON."""
    schedule = Schedule.of(provider.settings, provider.spaces)

    def facts(session: Session, now: datetime) -> list[dict[str, str | int | None]]:
        return [fact.as_json() for fact in key_schedule.describe(session, schedule=schedule, now=now)]

    return facts


def purge(session: Session, *, now: datetime) -> None:
    """Drop what no token can name any more; safe to repeat, and twice at once."""
    for room in (codes, grants, pushed, used_once, denied):
        room.purge(session, now=now)
