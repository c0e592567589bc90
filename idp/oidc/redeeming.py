"""What a code gives: tokens for a session that still lives, all in one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from idp.core import audit
from idp.oidc import claims, codes, grants, issuing, refresh_tokens, tokens
from idp.oidc.clients import Client
from idp.oidc.codes import CodeRefusal, Redeemed
from idp.oidc.grants import LiveGrant
from idp.oidc.issuing import Beyond, Given
from idp.oidc.keys import KeyRing
from idp.oidc.provider import Provider
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts

# A grant outlives its tokens by this much, so that clocks that differ do no harm, and its session by this much,
# so that the services which hold tokens of it can be told of its end.
KEPT_LONGER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Redemption:
    """What an authenticated client presents."""

    client: Client
    code: str
    redirect_uri: str
    verifier: str
    resources: tuple[str, ...] = ()
    jkt: str | None = None


def redeem(
    session: Session, asked: Redemption, *, provider: Provider, ring: KeyRing, now: datetime
) -> dict[str, Any] | Beyond | None:
    """The token response, or None when the code gives nothing; a replay revokes what it gave."""
    client = asked.client
    found = codes.redeem(
        session,
        code=asked.code,
        client_id=client.client_id,
        redirect_uri=asked.redirect_uri,
        verifier=asked.verifier,
        jkt=asked.jkt,
        now=now,
    )
    if found is CodeRefusal.UNKNOWN:
        # Anybody can send these for a public client: rows for them would fill the audit trail.
        return None
    if isinstance(found, CodeRefusal):
        _refuse(session, client, reason=found.value, now=now)
        return None
    # Read first: an epoch that rises from now on voids the grant, wherever this transaction stands.
    profile = accounts.profile(session, found.account_id)
    # Held, so that whoever ends the session sees this grant and tells its service.
    live = sessions.by_row(session, found.session_id, now=now, hold=True)
    # Nothing that starts after a logout or a suspension succeeds, however fresh the code is.
    if live is None or live.account_id != found.account_id or profile is None:
        _refuse(session, client, reason="session-ended", now=now)
        return None
    # A code does not outlive a changed credential, though its session may: the one in which the change was made.
    if found.epoch not in {None, profile.epoch}:
        _refuse(session, client, reason="session-ended", now=now)
        return None
    if found.resources and not set(asked.resources) <= set(found.resources):
        # RFC 8707 section 2.2: the member's request named the services, a code may name fewer.
        _refuse(session, client, reason="other-resource", now=now)
        return issuing.MORE_RESOURCES
    grant = _grant(found, live, client, jkt=asked.jkt, epoch=profile.epoch)
    given = Given(
        scopes=found.scopes,
        resources=asked.resources or found.resources,
        jkt=asked.jkt,
        refresh_token=_write_down(session, grant, client, provider=provider, now=now),
        nonce=found.nonce,
    )
    return issuing.response(
        grant, given, client=client, profile=profile, provider=provider, ring=ring, now=now
    )


def _refuse(session: Session, client: Client, *, reason: str, now: datetime) -> None:
    audit.record(session, now=now, event="code.refused", client_id=client.client_id, reason=reason)


def _grant(found: Redeemed, live: LiveSession, client: Client, *, jkt: str | None, epoch: int) -> LiveGrant:
    return LiveGrant(
        id=found.grant_id,
        account_id=found.account_id,
        client_id=client.client_id,
        session_id=found.session_id,
        scope=" ".join(found.scopes),
        userinfo_claims=found.userinfo_claims,
        id_token_claims=found.id_token_claims,
        sid=live.sid,
        epoch=epoch,
        auth_time=found.auth_time,
        acr=found.acr,
        amr=found.amr,
        resources=found.resources,
        dpop_jkt=jkt,
        offline=claims.OFFLINE in found.scopes,
    )


def _write_down(
    session: Session, grant: LiveGrant, client: Client, *, provider: Provider, now: datetime
) -> str | None:
    """Keep the grant; its first refresh token when the client may have one."""
    settings = provider.settings
    token, family = None, None
    if "refresh_token" in client.grant_types:
        token, family = refresh_tokens.begin(
            client, grant.id, vault=provider.vault, settings=settings, now=now
        )
    ends = [now + tokens.access_token_lifetime(client, settings), now + provider.longest_session]
    ends += [family.expires_at] if family is not None else []
    grants.add(session, grant, family=family, now=now, forget_at=max(ends) + KEPT_LONGER)
    audit.record(
        session,
        now=now,
        event="tokens.issued",
        account_id=grant.account_id,
        client_id=client.client_id,
        grant=grant.id,
    )
    return token
