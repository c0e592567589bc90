"""Introspection (RFC 7662): whether a token still counts, for the services that it is meant for, and nobody else."""

from datetime import datetime
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Request, Response
from sqlalchemy.orm import Session

from idp.oidc import bearer, machine
from idp.oidc.bearer import Access
from idp.oidc.clients import Client
from idp.oidc.machine import BadClient
from idp.oidc.provider import Provider

PATH = "/oauth2/introspect"
# What a service may read of a token that is meant for it; the name of our grant row stays here.
SHOWN = (
    "iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "sid", "acr", "amr", "auth_time",
    "member_number", "cnf",
)  # fmt: skip
INACTIVE = {"active": False}


def answer(request: Request, *, session: Session, provider: Provider, now: datetime) -> Response:
    """`{"active": false}` for whatever does not count now, or is not for the service that asks."""
    snapshot = provider.snapshot(session, now=now)
    try:
        form = machine.read(request)
        service = machine.client_of(
            request, form.one, session=session, snapshot=snapshot, provider=provider, now=now
        )
        if service.is_public:
            # RFC 7662 section 2.1: the caller must prove who it is.
            raise BadClient("a public client may not introspect")
        token = form.one.get("token")
        if token is None:
            raise InvalidRequestError("token is missing")
    except OAuth2Error as error:
        return machine.refusal(error)
    access = bearer.judge(session, token, provider=provider, snapshot=snapshot, now=now)
    if access is None or not _is_for(service, access):
        return machine.answer(200, INACTIVE)
    return machine.answer(200, _shown(access))


def _is_for(service: Client, access: Access) -> bool:
    return bool({service.client_id, *service.serves} & set(access.audience))


def _shown(access: Access) -> dict[str, Any]:
    kind = "DPoP" if "cnf" in access.document else "Bearer"
    told = {name: access.document[name] for name in SHOWN if name in access.document}
    return {"active": True, "token_type": kind, **told}
