"""Access tokens as they come back to us: how they are presented, and whether they still count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import Request
from sqlalchemy.orm import Session

from idp.oidc import denied, dpop, grants, tokens
from idp.oidc.client_jwts import STRONG_NAMES
from idp.oidc.clients import Client
from idp.oidc.dpop import BadProof
from idp.oidc.grants import LiveGrant
from idp.oidc.keys import KeyRing, Kind
from idp.oidc.provider import Provider, Snapshot
from idp.sessions import service as sessions
from idp.subjects import accounts
from idp.subjects.accounts import Profile

# The members of every access token of ours, and those of some.
WRITTEN = {"aud": str | list, "client_id": str, "exp": int, "jti": str, "sub": str}
_AT_TIMES = {"scope": str, "cnf": dict, tokens.GRANT: str}
_NEVER_WRITTEN = frozenset({"nbf"})


class TokenRefusal(StrEnum):
    """Why a token opens nothing, as RFC 6750 section 3.1 and RFC 9449 section 7.1 word it."""

    MISSING = ""
    MALFORMED = "invalid_request"
    INVALID = "invalid_token"
    PROOF = "invalid_dpop_proof"
    SCOPE = "insufficient_scope"


@dataclass(frozen=True, slots=True)
class Presented:
    """A token, and the scheme that it came by (`bearer` or `dpop`)."""

    token: str
    scheme: str
    proof: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """A token of ours that counts at this instant, and what it stands on."""

    document: dict[str, Any]
    client: Client
    grant: LiveGrant | None
    """None for a service that acts in its own name."""
    profile: Profile | None
    """The member; None exactly when there is no grant."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the token."""
        return tuple(self.document.get("scope", "").split())

    @property
    def audience(self) -> tuple[str, ...]:
        """Whom the token is for."""
        named = self.document["aud"]
        return (named,) if isinstance(named, str) else tuple(named)


def presented(request: Request, *, in_form: bool = False) -> Presented | TokenRefusal:
    """The token of a request: in its header, or in the form of a POST, never in the address (RFC 6750)."""
    authorization = request.headers.get("Authorization")
    fields: Sequence[str] = request.form.getlist("access_token") if in_form else ()
    if authorization is None:
        if len(fields) > 1:
            return TokenRefusal.MALFORMED
        return Presented(fields[0], "bearer", None) if fields else TokenRefusal.MISSING
    if fields:
        return TokenRefusal.MALFORMED
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in {"bearer", "dpop"}:
        return TokenRefusal.MISSING
    found = token.strip()
    return Presented(found, scheme.lower(), request.headers.get("DPoP")) if found else TokenRefusal.MALFORMED


def genuine(token: str, *, ring: KeyRing, issuer: str) -> dict[str, Any] | None:
    """What an access token of ours says, whenever it was good; None for anything that we would not write."""
    document = ring.read(token, Kind.ACCESS_TOKEN)
    if document is None or document.get("iss") != issuer or document.keys() & _NEVER_WRITTEN:
        return None
    # A signature of our key over anything else is an accident or a theft: neither may become a 500.
    return document if _is_whole(document) else None


def _is_whole(document: Mapping[str, Any]) -> bool:
    audience = document.get("aud")
    return (
        all(isinstance(document.get(name), kind) for name, kind in WRITTEN.items())
        and all(isinstance(document[name], kind) for name, kind in _AT_TIMES.items() if name in document)
        and all(isinstance(name, str) for name in (audience if isinstance(audience, list) else ()))
    )


def judge(
    session: Session, token: str, *, provider: Provider, snapshot: Snapshot, now: datetime
) -> Access | None:
    """Whether a token counts now (RFC 9068 section 4): its key, its time, and all that it stands on.

    Nothing that starts after an acknowledged revocation, logout or suspension succeeds: each is looked up here,
    in the transaction of the request. Audience, scope and binding are the caller's to judge.
    """
    document = genuine(token, ring=snapshot.ring, issuer=provider.issuer)
    if document is None:
        return None
    client = snapshot.clients.get(document["client_id"])
    if client is None or document["exp"] <= now.timestamp() or denied.is_denied(session, document["jti"]):
        return None
    if tokens.GRANT not in document:
        return Access(document, client, None, None)
    grant = grants.live(session, document[tokens.GRANT])
    profile = _owner(session, grant, now=now) if grant is not None else None
    return None if profile is None else Access(document, client, grant, profile)


def _owner(session: Session, grant: LiveGrant, *, now: datetime) -> Profile | None:
    if not grant.offline and sessions.by_row(session, grant.session_id, now=now) is None:
        return None
    profile = accounts.profile(session, grant.account_id)
    return profile if profile is not None and profile.epoch == grant.epoch else None


def accept(
    session: Session,
    given: Presented,
    *,
    method: str,
    path: str,
    scope: str,
    provider: Provider,
    snapshot: Snapshot,
    now: datetime,
) -> Access | TokenRefusal:
    """Take a token at one of our own endpoints: for us, with this scope, and with its key when it is bound."""
    access = judge(session, given.token, provider=provider, snapshot=snapshot, now=now)
    if access is None or provider.issuer not in access.audience:
        return TokenRefusal.INVALID
    bound_to = access.document.get("cnf", {}).get("jkt")
    # RFC 9449 section 7.2: a bound token is no bearer token, and a bearer token has no key to prove.
    if (bound_to is not None) != (given.scheme == "dpop"):
        return TokenRefusal.INVALID
    if bound_to is not None:
        url = provider.issuer + path
        proof = dpop.check(
            session, given.proof or "", method=method, url=url, now=now, access_token=given.token
        )
        if isinstance(proof, BadProof):
            return TokenRefusal.PROOF
        if proof.jkt != bound_to:
            return TokenRefusal.INVALID
    return access if scope in access.scopes else TokenRefusal.SCOPE


def challenges(refusal: TokenRefusal, scope: str) -> list[str]:
    """The WWW-Authenticate headers of a refusal: one for each way to present a token."""
    algorithms = " ".join(STRONG_NAMES)
    details = f', error="{refusal.value}"' if refusal.value else ""
    if refusal is TokenRefusal.SCOPE:
        details += f', scope="{scope}"'
    for_bearers = "" if refusal is TokenRefusal.PROOF else details
    return [f'Bearer realm="parvis"{for_bearers}', f'DPoP realm="parvis"{details}, algs="{algorithms}"']


def status(refusal: TokenRefusal) -> int:
    """The HTTP status of a refusal."""
    match refusal:
        case TokenRefusal.MISSING | TokenRefusal.INVALID | TokenRefusal.PROOF:
            return 401
        case TokenRefusal.SCOPE:
            return 403
        case TokenRefusal.MALFORMED:
            return 400
