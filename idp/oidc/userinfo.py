"""Userinfo: what the client may know of the member, for a bearer token that names us and still holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from idp.oidc import grants, tokens
from idp.oidc.claims import Subject
from idp.oidc.grants import LiveGrant
from idp.oidc.keys import KeyRing, Kind
from idp.oidc.provider import Provider
from idp.sessions import service as sessions
from idp.subjects import accounts


class TokenRefusal(StrEnum):
    """Why a token opens nothing, as RFC 6750 section 3.1 words it."""

    MISSING = ""
    MALFORMED = "invalid_request"
    INVALID = "invalid_token"
    SCOPE = "insufficient_scope"


@dataclass(frozen=True, slots=True)
class _Token:
    sub: str
    client_id: str
    grant_id: str
    scopes: tuple[str, ...]


def bearer(authorization: str | None, in_form: Sequence[str]) -> str | TokenRefusal:
    """The token of a request: in its header, or in the form of a POST, never in the address (RFC 6750)."""
    if authorization is None:
        if len(in_form) > 1:
            return TokenRefusal.MALFORMED
        return in_form[0] if in_form else TokenRefusal.MISSING
    if in_form:
        return TokenRefusal.MALFORMED
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return TokenRefusal.MISSING
    return token.strip() or TokenRefusal.MALFORMED


def answer(
    session: Session, token: str, *, provider: Provider, now: datetime
) -> dict[str, Any] | TokenRefusal:
    """The claims of the token's member (OIDC Core 5.3), while its grant, session, account and client live."""
    snapshot = provider.snapshot(session, now=now)
    found = _read(token, ring=snapshot.ring, issuer=provider.issuer, now=now)
    if isinstance(found, TokenRefusal):
        return found
    client = snapshot.clients.get(found.client_id)
    grant = grants.live(session, found.grant_id)
    if client is None or grant is None or not _session_lives(session, grant, now=now):
        return TokenRefusal.INVALID
    profile = accounts.profile(session, grant.account_id)
    if profile is None:
        return TokenRefusal.INVALID
    subject = Subject(client, profile)
    return {"sub": found.sub, **subject.claims(scopes=found.scopes, wanted=grant.userinfo_claims)}


def _session_lives(session: Session, grant: LiveGrant, *, now: datetime) -> bool:
    return sessions.by_row(session, grant.session_id, now=now) is not None


def _read(token: str, *, ring: KeyRing, issuer: str, now: datetime) -> _Token | TokenRefusal:
    """Judge the token itself as RFC 9068 section 4 asks; only one that names us is for us."""
    document = ring.read(token, Kind.ACCESS_TOKEN)
    if document is None or document.get("iss") != issuer or not _is_for(issuer, document.get("aud")):
        return TokenRefusal.INVALID
    # We signed it, so its members are what we wrote.
    if document["exp"] <= now.timestamp():
        return TokenRefusal.INVALID
    scopes = tuple(document["scope"].split(" "))
    if "openid" not in scopes:
        return TokenRefusal.SCOPE
    return _Token(document["sub"], document["client_id"], document[tokens.GRANT], scopes)


def _is_for(issuer: str, audience: object) -> bool:
    return audience == issuer or (isinstance(audience, list) and issuer in audience)


def challenge(refusal: TokenRefusal) -> str:
    """The WWW-Authenticate header of a refusal (RFC 6750 section 3)."""
    match refusal:
        case TokenRefusal.MISSING:
            return 'Bearer realm="parvis"'
        case TokenRefusal.SCOPE:
            return f'Bearer realm="parvis", error="{refusal.value}", scope="openid"'
        case TokenRefusal.MALFORMED | TokenRefusal.INVALID:
            return f'Bearer realm="parvis", error="{refusal.value}"'


def status(refusal: TokenRefusal) -> int:
    """The HTTP status of a refusal."""
    match refusal:
        case TokenRefusal.MISSING | TokenRefusal.INVALID:
            return 401
        case TokenRefusal.SCOPE:
            return 403
        case TokenRefusal.MALFORMED:
            return 400
