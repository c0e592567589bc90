"""Userinfo: what the client may know of the member, for a token that names us and still holds."""

import json
from datetime import datetime
from typing import Any

from flask import Request, Response
from sqlalchemy.orm import Session

from idp.oidc import bearer
from idp.oidc.bearer import Access, TokenRefusal
from idp.oidc.claims import Subject
from idp.oidc.clients import Client
from idp.oidc.keys import Kind
from idp.oidc.provider import Provider, Snapshot

PATH = "/oauth2/userinfo"
SCOPE = "openid"
HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def answer(request: Request, *, session: Session, provider: Provider, now: datetime) -> Response:
    """The claims of the token's member (OIDC Core 5.3), in JSON or signed as the client registered."""
    given = bearer.presented(request, in_form=True)
    if isinstance(given, TokenRefusal):
        return refused(given, SCOPE)
    snapshot = provider.snapshot(session, now=now)
    access = bearer.accept(
        session,
        given,
        method=request.method,
        path=PATH,
        scope=SCOPE,
        provider=provider,
        snapshot=snapshot,
        now=now,
    )
    if isinstance(access, TokenRefusal):
        return refused(access, SCOPE)
    claims = _claims(access)
    if claims is None:
        # A service's own token speaks of no member.
        return refused(TokenRefusal.SCOPE, SCOPE)
    return _sent(claims, access.client, provider=provider, snapshot=snapshot)


def refused(refusal: TokenRefusal, scope: str) -> Response:
    """The refusal in JSON, with a challenge for each way to present a token."""
    body = {"error": refusal.value or TokenRefusal.INVALID.value}
    response = Response(json.dumps(body), headers=HEADERS, mimetype="application/json")
    response.status_code = bearer.status(refusal)
    for challenge in bearer.challenges(refusal, scope):
        response.headers.add("WWW-Authenticate", challenge)
    return response


def _claims(access: Access) -> dict[str, Any] | None:
    if access.grant is None or access.profile is None:
        return None
    subject = Subject(access.client, access.profile)
    wanted = access.grant.userinfo_claims
    return {"sub": access.document["sub"], **subject.claims(scopes=access.scopes, wanted=wanted)}


def _sent(claims: dict[str, Any], client: Client, *, provider: Provider, snapshot: Snapshot) -> Response:
    algorithm = client.userinfo_signed_response_alg
    if algorithm is None:
        return Response(json.dumps(claims), headers=HEADERS, mimetype="application/json")
    # OIDC Core 5.3.2: a signed answer names its issuer and the client.
    document = {**claims, "iss": provider.issuer, "aud": client.client_id}
    signed = snapshot.ring.signer(algorithm).sign(Kind.USERINFO, document)
    return Response(signed, headers=HEADERS, mimetype="application/jwt")
