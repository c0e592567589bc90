"""Revocation (RFC 7009): a client gives its tokens back, and from the answer on they count no more."""

from datetime import UTC, datetime, timedelta

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, OAuth2Error
from flask import Request, Response
from sqlalchemy.orm import Session

from idp.core import audit
from idp.oidc import bearer, denied, grants, machine, refresh_tokens
from idp.oidc.clients import Client
from idp.oidc.provider import Provider, Snapshot

PATH = "/oauth2/revoke"
# A denied token is remembered this much longer than it was good, for clocks that differ.
REMEMBERED = timedelta(minutes=10)


def answer(request: Request, *, session: Session, provider: Provider, now: datetime) -> Response:
    """200 for whatever counts no more afterwards, also when it never did (RFC 7009 section 2.2)."""
    snapshot = provider.snapshot(session, now=now)
    try:
        form = machine.read(request)
        client = machine.client_of(
            request, form.one, session=session, snapshot=snapshot, provider=provider, now=now
        )
        token = form.one.get("token")
        if token is None:
            raise InvalidRequestError("token is missing")
        # The hint only says where to look first; a token shows by itself what it is.
        revoked = _revoke(session, token, client, provider=provider, snapshot=snapshot, now=now)
    except OAuth2Error as error:
        return machine.refusal(error)
    if revoked is not None:
        audit.record(session, now=now, event="token.revoked", client_id=client.client_id, kind=revoked)
    return machine.answer(200, None)


def _revoke(
    session: Session, token: str, client: Client, *, provider: Provider, snapshot: Snapshot, now: datetime
) -> str | None:
    """What counts no more from now on; None when nothing changed. Raises InvalidGrantError (section 2.1)."""
    made = refresh_tokens.genuine(token, provider.vault)
    if made is not None:
        _must_own(client, grants.client_of(session, made.grant_id))
        return "refresh_token" if grants.revoke(session, made.grant_id, now=now) else None
    document = bearer.genuine(token, ring=snapshot.ring, issuer=provider.issuer)
    if document is None:
        return None
    _must_own(client, document["client_id"])
    forget_at = datetime.fromtimestamp(document["exp"], UTC) + REMEMBERED
    is_new = now < forget_at and denied.deny(session, document["jti"], forget_at=forget_at)
    return "access_token" if is_new else None


def _must_own(client: Client, owner: str | None) -> None:
    if owner not in {None, client.client_id}:
        raise InvalidGrantError("the token was not issued to this client")
