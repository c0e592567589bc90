"""The endpoint of pushed authorization requests: judged as at the authorization endpoint, answered with a handle."""

from datetime import datetime

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Request, Response
from sqlalchemy.orm import Session

from idp.oidc import dpop, machine, pushed, requests
from idp.oidc.clients import Client
from idp.oidc.dpop import BadProof
from idp.oidc.provider import Provider
from idp.oidc.requests import AuthorizationRequest, Doubt, Refused

PATH = "/oauth2/par"


def answer(request: Request, *, session: Session, provider: Provider, now: datetime) -> Response:
    """201 with the `request_uri`, or the error that the authorization endpoint would give (RFC 9126 section 2)."""
    snapshot = provider.snapshot(session, now=now)
    try:
        form = machine.read(request)
        client = machine.client_of(
            request, form.one, session=session, snapshot=snapshot, provider=provider, now=now
        )
        if "request_uri" in form.one:
            # RFC 9126 section 2.1: a pushed request stands for itself.
            raise InvalidRequestError("request_uri may not be pushed")
        jkt = _bound_to(request, form.one.get("dpop_jkt"), session=session, provider=provider, now=now)
    except OAuth2Error as error:
        return machine.refusal(error)
    if sum(map(len, [*form.one.values(), *form.resources])) > requests.LONGEST_REQUEST:
        # RFC 9126 section 2.3. Anybody may push for a public client, and each request is kept for minutes.
        return _refused("invalid_request", "the request is too long", status=413)
    given = {name: [form.one[name]] for name in requests.KNOWN if name in form.one}
    given |= {"client_id": [client.client_id]}
    given |= {"resource": list(form.resources)} if form.resources else {}
    given |= {"dpop_jkt": [jkt]} if jkt is not None else {}
    found = requests.read(given, clients=snapshot.clients, settings=provider.settings, is_pushed=True)
    match found:
        case Doubt():
            return _refused("invalid_request", "redirect_uri is missing or not registered")
        case Refused():
            return _refused(found.error, found.description)
        case AuthorizationRequest():
            return _kept(session, client, given, provider=provider, now=now)


def _bound_to(
    request: Request, named: str | None, *, session: Session, provider: Provider, now: datetime
) -> str | None:
    """The key that the code is bound to: named, or proven here, or both alike (RFC 9449 section 10.1)."""
    header = request.headers.get("DPoP")
    if header is None:
        return named
    proof = dpop.check(session, header, method="POST", url=provider.issuer + PATH, now=now)
    if isinstance(proof, BadProof):
        raise OAuth2Error(error="invalid_dpop_proof", description=proof.reason)
    if named not in {None, proof.jkt}:
        raise OAuth2Error(error="invalid_dpop_proof", description="dpop_jkt names another key than the proof")
    return proof.jkt


def _refused(error: str, description: str, *, status: int = 400) -> Response:
    return machine.answer(status, {"error": error, "error_description": description})


def _kept(
    session: Session, client: Client, given: dict[str, list[str]], *, provider: Provider, now: datetime
) -> Response:
    lifetime = provider.settings.oidc.pushed_request_lifetime
    uri = pushed.keep(session, client.client_id, given, lifetime=lifetime, now=now)
    return machine.answer(201, {"request_uri": uri, "expires_in": int(lifetime.total_seconds())})
