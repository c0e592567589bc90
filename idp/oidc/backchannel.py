"""Telling services of a logout: OpenID Connect Back-Channel Logout 1.0, through the outbox."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core import outbound, outbox
from idp.core.clock import Clock
from idp.core.courier import POLL, Courier
from idp.core.db import Database, new_id
from idp.core.outbound import Reach, Unreachable
from idp.core.outbox import Channel, Claim
from idp.core.outcomes import Accepted, Outcome, Postponed, Refused
from idp.oidc import claims, grants
from idp.oidc.clients import Client
from idp.oidc.keys import KeyRing, Kind
from idp.oidc.provider import Provider
from idp.sessions import service as sessions
from idp.sessions.service import Ended

KIND = "backchannel-logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
# Section 2.4: at most two minutes, so that a token which was taken cannot be kept for later.
TOKEN_LIFETIME = timedelta(minutes=2)
# By then the service's own session, which began with tokens of ours, is over as well.
GIVE_UP = timedelta(days=1)
TOLD_AT_ONCE = 100
CLIENTS_AT_ONCE = 8
# Section 2.8: 200, or the 204 that some frameworks make of an empty answer; 400 says that it will never do.
DONE = (200, 204)
NEVER = 400


def logout_courier(
    provider: Provider, *, database: Database, clock: Clock, poll: timedelta = POLL
) -> Courier:
    """Queues a delivery for each service of an ended session, and makes it; no service waits for another."""
    caller = _Caller(provider, database=database, clock=clock)
    return Courier(
        channel=Channel.LOGOUT,
        send=caller.send,
        gather=caller.gather,
        database=database,
        clock=clock,
        at_once=CLIENTS_AT_ONCE,
        poll=poll,
    )


class _Caller:
    def __init__(self, provider: Provider, *, database: Database, clock: Clock) -> None:
        self._provider = provider
        self._database = database
        self._clock = clock

    def gather(self) -> None:
        """Queue what ended sessions owe; the member, who ended one, was answered long before."""
        with self._database.reading() as session:
            if not sessions.has_untold(session):
                return
        with self._database.transaction() as session:
            queue(session, provider=self._provider, now=self._clock.now())

    def send(self, claim: Claim) -> Outcome:
        """Sign a logout token now, and post it (section 2.5)."""
        order = outbox.contents_of(self._provider.vault, claim)
        now = self._clock.now()
        with self._database.reading() as session:
            snapshot = self._provider.snapshot(session, now=now)
        client = snapshot.clients.get(order["client_id"])
        if client is None or client.backchannel_logout_uri is None:
            return Refused("client-gone")
        token = logout_token(
            client,
            sub=claims.subject_of(client, order["account_id"], vault=self._provider.vault),
            sid=order["sid"],
            issuer=self._provider.issuer,
            ring=snapshot.ring,
            now=now,
        )
        return _post(client.backchannel_logout_uri, token, self._provider.reach_for(client))


def _post(address: str, token: str, reach: Reach) -> Outcome:
    try:
        status = outbound.post_form(address, {"logout_token": token}, reach=reach)
    except Unreachable as problem:
        return Postponed(problem.reason, outage=True)
    if status in DONE:
        return Accepted()
    if status == NEVER:
        return Refused(f"status-{status}")
    return Postponed(f"status-{status}", outage=True)


def queue(session: Session, *, provider: Provider, now: datetime) -> None:
    """In one transaction: take ended sessions, and queue one delivery for each service that holds tokens of them."""
    ended = sessions.take_untold(session, now=now, limit=TOLD_AT_ONCE)
    held = grants.clients_by_session(session, [each.id for each in ended])
    known = provider.snapshot(session, now=now).clients
    for each in ended:
        for client_id in sorted(held.get(each.id, ())):
            client = known.get(client_id)
            if client is not None and client.backchannel_logout_uri is not None:
                _put(session, each, client, provider=provider, now=now)


def _put(session: Session, ended: Ended, client: Client, *, provider: Provider, now: datetime) -> None:
    outbox.put(
        session,
        vault=provider.vault,
        now=now,
        channel=Channel.LOGOUT,
        lane=client.client_id,
        kind=KIND,
        contents={"client_id": client.client_id, "account_id": ended.account_id, "sid": ended.sid},
        cause=f"logout:{ended.sid}:{client.client_id}",
        space=ended.space,
        locale=claims.LOCALE,
        expires_at=now + GIVE_UP,
    )


def logout_token(
    client: Client, *, sub: str, sid: str, issuer: str, ring: KeyRing, now: datetime
) -> str:  # fmt: skip
    """A logout token (section 2.4): it names the session and its subject, and can pass for no ID token."""
    issued_at = int(now.timestamp())
    document = {
        "iss": issuer,
        "sub": sub,
        "aud": client.client_id,
        "iat": issued_at,
        "exp": issued_at + int(TOKEN_LIFETIME.total_seconds()),
        "jti": new_id(),
        "events": {EVENT: {}},
        "sid": sid,
    }
    return ring.signer(client.id_token_signed_response_alg).sign(Kind.LOGOUT_TOKEN, document)
