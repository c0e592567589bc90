"""The token response: access token, ID token and refresh token of one grant (RFC 6749 section 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from idp.oidc import claims, tokens
from idp.oidc.claims import Subject
from idp.oidc.clients import Client
from idp.oidc.grants import LiveGrant
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider
from idp.oidc.tokens import Occasion
from idp.subjects.accounts import Profile


@dataclass(frozen=True, slots=True)
class Given:
    """What is given now, of what the grant allows."""

    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    jkt: str | None
    refresh_token: str | None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Beyond:
    """More was asked for than was granted."""

    error: str
    description: str


MORE_SCOPES = Beyond("invalid_scope", "scope names more than was granted")
MORE_RESOURCES = Beyond("invalid_target", "resource names more than was granted")


def response(
    grant: LiveGrant,
    given: Given,
    *,
    client: Client,
    profile: Profile,
    provider: Provider,
    ring: KeyRing,
    now: datetime,
) -> dict[str, Any]:
    """The tokens of a member's grant."""
    settings = provider.settings
    occasion = _occasion(grant, client, provider)
    document = tokens.of_member(
        # A token that outlives its session belongs to none.
        replace(occasion, sid=None) if grant.offline else occasion,
        scopes=given.scopes,
        resources=given.resources,
        member_number=profile.member_number,
        jkt=given.jkt,
        settings=settings,
    )
    access_token = tokens.access_token(document, client, ring=ring, settings=settings, now=now)
    answer = envelope(
        access_token, client, scopes=document.get("scope", "").split(), jkt=given.jkt, provider=provider
    )
    if given.refresh_token is not None:
        answer["refresh_token"] = given.refresh_token
    if "openid" in given.scopes:
        answer["id_token"] = tokens.id_token(
            occasion,
            Subject(client, profile),
            ring=ring,
            settings=settings,
            access_token=access_token,
            nonce=given.nonce,
            wanted=grant.id_token_claims,
            now=now,
        )
    return answer


def envelope(
    access_token: str, client: Client, *, scopes: Sequence[str], jkt: str | None, provider: Provider
) -> dict[str, Any]:
    """The members that every token response has."""
    lifetime = tokens.access_token_lifetime(client, provider.settings)
    answer: dict[str, Any] = {
        "access_token": access_token,
        "token_type": "Bearer" if jkt is None else "DPoP",
        "expires_in": int(lifetime.total_seconds()),
    }
    if scopes:
        answer["scope"] = " ".join(scopes)
    return answer


def _occasion(grant: LiveGrant, client: Client, provider: Provider) -> Occasion:
    return Occasion(
        sub=claims.subject_of(client, grant.account_id, vault=provider.vault),
        sid=grant.sid,
        grant_id=grant.id,
        auth_time=grant.auth_time,
        acr=grant.acr,
        amr=grant.amr,
    )
