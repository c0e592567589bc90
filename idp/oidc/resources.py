"""For whom access tokens are: the services that a request names (RFC 8707), or those of its scopes."""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from idp.core.settings import Settings
from idp.oidc import claims
from idp.oidc.clients import Client

MOST_RESOURCES = 10
LONGEST_RESOURCE = 500


def is_wellformed(resource: str) -> bool:
    """Whether a text is an absolute URI without fragment, in visible ASCII (RFC 8707 section 2)."""
    if len(resource) > LONGEST_RESOURCE or not resource.isascii() or not resource.isprintable():
        return False
    if " " in resource or "#" in resource:
        return False
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    return bool(parts.scheme) and bool(parts.netloc or parts.path)


def allowed(client: Client, settings: Settings) -> frozenset[str]:
    """The services that this client's tokens may be for."""
    by_scope = {settings.oidc.member_data_audience} if claims.MEMBER_DATA in client.scopes else set()
    return frozenset({settings.issuer, *client.audiences, *by_scope})


def are_allowed(asked: Sequence[str], allowed_ones: Collection[str]) -> bool:
    """Whether each resource asked for may be given."""
    return len(asked) <= MOST_RESOURCES and all(
        is_wellformed(resource) and resource in allowed_ones for resource in asked
    )


def audience(scopes: Collection[str], asked: Sequence[str], settings: Settings) -> list[str]:
    """The audience of an access token (RFC 9068 section 3): ourselves too when userinfo may read it."""
    by_scope = [settings.oidc.member_data_audience] if claims.MEMBER_DATA in scopes else []
    found = list(dict.fromkeys(asked)) or by_scope
    if "openid" in scopes or not found:
        found = [*found, settings.issuer]
    return list(dict.fromkeys(found))
