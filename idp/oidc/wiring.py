"""How the app takes OpenID Connect in: its pages and endpoints, and the layer before Flask."""

from flask import Flask

from idp.core.clock import Clock
from idp.oidc import discovery
from idp.oidc.frontmost import Frontmost
from idp.oidc.provider import Provider
from idp.oidc.views import blueprint, machines

__all__ = ["blueprint", "front", "machines"]


def front(app: Flask, provider: Provider, clock: Clock) -> None:
    """Read (or make) the key ring, and serve discovery and keys before Flask is asked."""
    provider.keys.start(now=clock.now())
    https = not provider.settings.is_development
    app.wsgi_app = Frontmost(app.wsgi_app, discovery.documents(provider), https=https)  # type: ignore[method-assign]
