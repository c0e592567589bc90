"""Which client calls: by its registered method alone, secrets in constant time, assertions once."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import unquote_plus

from sqlalchemy.orm import Session

from idp.oidc import client_jwts, used_once
from idp.oidc.client_jwts import STRONG_ALGORITHMS, AssertionAlgorithm, ClientJwt
from idp.oidc.client_rows import Registry
from idp.oidc.clients import Client
from idp.oidc.provider import Provider

# Longer headers hold no secret of ours.
LONGEST_HEADER = 4096
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION = ("client_assertion", "client_assertion_type")
# The parameters of a form that prove a client.
PROOFS = ("client_secret", *ASSERTION)
# How far the client's clock may be from ours, and the longest life of an assertion that we take.
LEEWAY = timedelta(seconds=60)
LONGEST_LIFE = timedelta(hours=1)


class ClientRefusal(StrEnum):
    """Why a client is not believed."""

    UNPROVEN = "client authentication failed"
    SEVERAL = "use one way of client authentication only"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries to prove its client."""

    authorization: str | None
    form: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Presented:
    client_id: str
    secret: str
    method: str


def authenticate(
    session: Session, credentials: Credentials, *, clients: Registry, provider: Provider, now: datetime
) -> Client | ClientRefusal:
    """The client that proved itself (RFC 6749 section 2.3, RFC 7523 section 3)."""
    presented = _presented(credentials.authorization, credentials.form)
    if isinstance(presented, ClientRefusal):
        return presented
    client = clients.get(presented.client_id)
    if client is None or client.token_endpoint_auth_method != presented.method:
        return ClientRefusal.UNPROVEN
    if client.token_endpoint_auth_method == "private_key_jwt":
        proven = _is_asserted(session, presented.secret, client, provider=provider, now=now)
    else:
        proven = client.is_public or client.has_secret(presented.secret)
    return client if proven else ClientRefusal.UNPROVEN


def _presented(authorization: str | None, form: Mapping[str, str]) -> _Presented | ClientRefusal:
    in_form = form.get("client_secret")
    client_id = form.get("client_id", "")
    asserts = any(name in form for name in ASSERTION)
    if (authorization is not None) + (in_form is not None) + asserts > 1:
        return ClientRefusal.SEVERAL
    if asserts:
        return _assertion(form, client_id)
    if authorization is None:
        method = "none" if in_form is None else "client_secret_post"
        return _Presented(client_id, in_form or "", method)
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


def _assertion(form: Mapping[str, str], client_id: str) -> _Presented | ClientRefusal:
    assertion = form.get("client_assertion", "")
    jwt = client_jwts.parse(assertion)
    if form.get("client_assertion_type") != ASSERTION_TYPE or jwt is None:
        return ClientRefusal.UNPROVEN
    subject = jwt.text("sub")
    # RFC 7521 section 4.2: a client_id beside the assertion must name the same client.
    if subject is None or client_id not in {"", subject}:
        return ClientRefusal.UNPROVEN
    return _Presented(subject, assertion, "private_key_jwt")


def _is_asserted(
    session: Session, assertion: str, client: Client, *, provider: Provider, now: datetime
) -> bool:
    """Whether the client signed this assertion, for us, now, and for the first time (RFC 7523 section 3)."""
    jwt = client_jwts.parse(assertion)
    algorithm = jwt.algorithm if jwt is not None else None
    if jwt is None or algorithm is None or algorithm not in _accepted(client):
        return False
    keys = client_jwts.candidates(provider.client_keys.of(client), jwt, algorithm)
    if not any(jwt.is_signed_by(key, algorithm) for key in keys):
        return False
    expires_at = _good_until(jwt, client, issuer=provider.issuer, now=now)
    jti = jwt.text("jti")
    if expires_at is None or jti is None:
        return False
    return used_once.use(
        session,
        used_once.Kind.CLIENT_ASSERTION,
        owner=client.client_id,
        jti=jti,
        forget_at=expires_at + 2 * LEEWAY,
    )


def _accepted(client: Client) -> frozenset[AssertionAlgorithm]:
    if client.token_endpoint_auth_signing_alg is not None:
        return frozenset({client.token_endpoint_auth_signing_alg})
    return STRONG_ALGORITHMS if client.profile == "fapi2" else frozenset(AssertionAlgorithm)


def _good_until(jwt: ClientJwt, client: Client, *, issuer: str, now: datetime) -> datetime | None:
    """When the assertion ends; None unless it is this client's own, for us, and of this hour."""
    # The audience is our issuer as one text: any other value could come from a session with another
    # provider, who would then hold an assertion that is good here (CVE-2025-27370).
    if jwt.text("iss") != client.client_id or jwt.claims.get("aud") != issuer:
        return None
    present, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires_at = jwt.instant("exp")
    if expires_at is None or not present - leeway < expires_at <= present + LONGEST_LIFE.total_seconds():
        return None
    for name in ("nbf", "iat"):
        if name in jwt.claims and ((start := jwt.instant(name)) is None or start > present + leeway):
            return None
    return datetime.fromtimestamp(expires_at, UTC)
