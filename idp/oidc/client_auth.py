"""Which client calls the token endpoint: by its registered method alone, in constant time."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_plus

from idp.oidc.client_rows import Registry
from idp.oidc.clients import Client

# Longer headers hold no secret of ours.
LONGEST_HEADER = 4096


class ClientRefusal(StrEnum):
    """Why a client is not believed."""

    UNPROVEN = "client authentication failed"
    SEVERAL = "use one way of client authentication only"


@dataclass(frozen=True, slots=True)
class _Presented:
    client_id: str
    secret: str
    method: str


def authenticate(
    authorization: str | None, form: Mapping[str, str], *, clients: Registry
) -> Client | ClientRefusal:
    """The client that proved itself (RFC 6749 section 2.3.1)."""
    presented = _presented(authorization, form)
    if isinstance(presented, ClientRefusal):
        return presented
    client = clients.get(presented.client_id)
    if client is None or client.token_endpoint_auth_method != presented.method:
        return ClientRefusal.UNPROVEN
    if not client.is_public and not client.has_secret(presented.secret):
        return ClientRefusal.UNPROVEN
    return client


def _presented(authorization: str | None, form: Mapping[str, str]) -> _Presented | ClientRefusal:
    in_form = form.get("client_secret")
    client_id = form.get("client_id", "")
    if authorization is None:
        method = "none" if in_form is None else "client_secret_post"
        return _Presented(client_id, in_form or "", method)
    if in_form is not None:
        return ClientRefusal.SEVERAL
    pair = _basic(authorization)
    if pair is None or client_id not in {"", pair[0]}:
        return ClientRefusal.UNPROVEN
    return _Presented(*pair, "client_secret_basic")


def _basic(authorization: str) -> tuple[str, str] | None:
    """Identifier and secret, each form-encoded inside HTTP Basic as RFC 6749 section 2.3.1 has it."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > LONGEST_HEADER:
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError, ValueError):
        return None
    client_id, colon, secret = text.partition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) if colon else None
