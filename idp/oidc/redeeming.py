"""What a code gives: tokens for a session that still lives, all in one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.core import audit
from idp.oidc import claims, codes, grants, tokens
from idp.oidc.claims import Subject
from idp.oidc.clients import Client
from idp.oidc.codes import CodeRefusal, Redeemed
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider
from idp.oidc.tokens import Occasion
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts

# A grant is kept this many lifetimes of its last token, so that clocks that differ do no harm.
KEPT_LIFETIMES = 3


@dataclass(frozen=True, slots=True)
class Redemption:
    """What an authenticated client presents."""

    client: Client
    code: str
    redirect_uri: str
    verifier: str


def redeem(
    session: Session, asked: Redemption, *, provider: Provider, ring: KeyRing, now: datetime
) -> dict[str, Any] | None:
    """The token response, or None when the code gives nothing; a replay revokes what it gave."""
    client = asked.client
    found = codes.redeem(
        session,
        code=asked.code,
        client_id=client.client_id,
        redirect_uri=asked.redirect_uri,
        verifier=asked.verifier,
        now=now,
    )
    if found is CodeRefusal.UNKNOWN:
        # Anybody can send these for a public client: rows for them would fill the audit trail.
        return None
    if isinstance(found, CodeRefusal):
        _refuse(session, client, reason=found.value, now=now)
        return None
    live = sessions.by_row(session, found.session_id, now=now)
    profile = accounts.profile(session, found.account_id)
    # Nothing that starts after a logout or a suspension succeeds, however fresh the code is.
    if live is None or live.account_id != found.account_id or profile is None:
        _refuse(session, client, reason="session-ended", now=now)
        return None
    _write_down(session, found, client, provider=provider, now=now)
    return _response(found, live, Subject(client, profile), provider=provider, ring=ring, now=now)


def _refuse(session: Session, client: Client, *, reason: str, now: datetime) -> None:
    audit.record(session, now=now, event="code.refused", client_id=client.client_id, reason=reason)


def _write_down(
    session: Session, found: Redeemed, client: Client, *, provider: Provider, now: datetime
) -> None:
    lifetime = tokens.access_token_lifetime(client, provider.settings)
    grants.add(
        session,
        grant_id=found.grant_id,
        account_id=found.account_id,
        client_id=client.client_id,
        session_id=found.session_id,
        scope=" ".join(found.scopes),
        userinfo_claims=found.userinfo_claims,
        now=now,
        forget_at=now + max(KEPT_LIFETIMES * lifetime, codes.REMEMBERED),
    )
    audit.record(
        session,
        now=now,
        event="tokens.issued",
        account_id=found.account_id,
        client_id=client.client_id,
        grant=found.grant_id,
    )


def _response(
    found: Redeemed,
    live: LiveSession,
    subject: Subject,
    *,
    provider: Provider,
    ring: KeyRing,
    now: datetime,
) -> dict[str, Any]:
    client, settings = subject.client, provider.settings
    occasion = Occasion(
        sub=claims.subject_of(client, found.account_id, vault=provider.vault),
        sid=live.sid,
        grant_id=found.grant_id,
        auth_time=found.auth_time,
        acr=found.acr,
        amr=found.amr,
    )
    access_token = tokens.access_token(
        occasion,
        client,
        ring=ring,
        settings=settings,
        scopes=found.scopes,
        member_number=subject.profile.member_number,
        now=now,
    )
    response: dict[str, Any] = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(tokens.access_token_lifetime(client, settings).total_seconds()),
        "scope": " ".join(found.scopes),
    }
    if "openid" in found.scopes:
        response["id_token"] = tokens.id_token(
            occasion,
            subject,
            ring=ring,
            settings=settings,
            access_token=access_token,
            nonce=found.nonce,
            wanted=found.id_token_claims,
            now=now,
        )
    return response
