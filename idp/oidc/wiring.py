"""How the app takes OpenID Connect in: its pages and endpoints, and the layer before Flask."""

from datetime import datetime

from flask import Flask
from sqlalchemy.orm import Session

from idp.core.clock import Clock, SystemClock
from idp.oidc import codes, denied, discovery, grants, pushed, used_once
from idp.oidc.frontmost import Frontmost
from idp.oidc.provider import Provider
from idp.oidc.views import blueprint

__all__ = ["blueprint", "front", "purge"]


def front(app: Flask, provider: Provider, clock: Clock | None = None) -> None:
    """Read (or make) the key ring, and serve discovery and keys before Flask is asked."""
    provider.start(now=(clock or SystemClock()).now())
    https = not provider.settings.is_development
    app.wsgi_app = Frontmost(  # type: ignore[assignment, method-assign]
        app.wsgi_app, discovery.documents(provider), https=https
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop what no token can name any more; safe to repeat, and twice at once."""
    for room in (codes, grants, pushed, used_once, denied):
        room.purge(session, now=now)
