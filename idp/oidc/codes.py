"""Authorization codes: one conditional UPDATE spends them; a spent one that comes again revokes its grant."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import JSON, Integer, Text, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets
from idp.core.db import Base, UtcDateTime, new_id
from idp.oidc import grants
from idp.oidc.requests import AuthorizationRequest
from idp.sessions.service import LiveSession

# A spent code is remembered this much longer than it was good, so that a replay is seen for what it is.
REMEMBERED = timedelta(minutes=10)
# RFC 7636 section 4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class AuthorizationCode(Base):
    """One code, by its fingerprint. `binding` stands for client, redirect_uri and PKCE challenge together."""

    __tablename__ = "authorization_code"

    code_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    binding: Mapped[str] = mapped_column(Text)
    client_id: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str] = mapped_column(Text)
    session_id: Mapped[str] = mapped_column(Text)
    # None: written by a process that did not know it yet; such a code stands on its session alone.
    epoch: Mapped[int | None] = mapped_column(Integer)
    grant_id: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    resources: Mapped[list[str]] = mapped_column(JSON)
    dpop_jkt: Mapped[str | None] = mapped_column(Text)
    nonce: Mapped[str | None] = mapped_column(Text)
    id_token_claims: Mapped[list[str]] = mapped_column(JSON)
    userinfo_claims: Mapped[list[str]] = mapped_column(JSON)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    acr: Mapped[str] = mapped_column(Text)
    amr: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code stood for; the one redemption that wins holds it."""

    account_id: str
    session_id: str
    epoch: int | None
    grant_id: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str | None
    id_token_claims: tuple[str, ...]
    userinfo_claims: tuple[str, ...]
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]


class CodeRefusal(StrEnum):
    """Why a code gives nothing."""

    UNKNOWN = "unknown"
    """Never issued, expired, or not for this client, address and verifier."""
    REPLAYED = "replayed"
    """It was spent before; what it gave is revoked now. Once: whoever repeats it again changes nothing."""


_table = Base.metadata.tables["authorization_code"]
_ADD = insert(_table)
_SPEND = (
    update(_table)
    .where(
        _table.c.code_hash == bindparam("code"),
        _table.c.binding == bindparam("bound"),
        # RFC 9449 section 10: a code that one key asked for is not given to another.
        or_(_table.c.dpop_jkt.is_(None), _table.c.dpop_jkt == bindparam("key")),
        _table.c.spent_at.is_(None),
        _table.c.expires_at > bindparam("instant"),
    )
    .values(spent_at=bindparam("instant"))
    .returning(
        _table.c.account_id, _table.c.session_id, _table.c.epoch, _table.c.grant_id, _table.c.scope,
        _table.c.resources, _table.c.nonce,
        _table.c.id_token_claims, _table.c.userinfo_claims, _table.c.auth_time, _table.c.acr, _table.c.amr,
    )
)  # fmt: skip
_SPENT = select(_table.c.client_id, _table.c.grant_id).where(
    _table.c.code_hash == bindparam("code"), _table.c.spent_at.is_not(None)
)


def issue(
    session: Session,
    request: AuthorizationRequest,
    live: LiveSession,
    *,
    now: datetime,
    lifetime: timedelta,
    remembered: timedelta = REMEMBERED,
) -> str:
    """A new code for a valid request and the session that answers it."""
    code = secrets.token()
    expires_at = now + lifetime
    target = request.target
    values = {
        "code_hash": secrets.fingerprint(code),
        "binding": _binding(request.client.client_id, target.redirect_uri, request.code_challenge),
        "client_id": request.client.client_id,
        "account_id": live.account_id,
        "session_id": live.id,
        "epoch": live.epoch,
        "grant_id": new_id(),
        "scope": " ".join(request.scopes),
        "resources": list(request.resources),
        "dpop_jkt": request.dpop_jkt,
        "nonce": request.nonce,
        "id_token_claims": list(request.wanted.id_token),
        "userinfo_claims": list(request.wanted.userinfo),
        "auth_time": live.auth_time,
        "acr": live.acr,
        "amr": list(live.amr),
        "created_at": now,
        "expires_at": expires_at,
        "forget_at": expires_at + max(remembered, REMEMBERED),
    }
    session.execute(_ADD, values)
    return code


def redeem(
    session: Session,
    *,
    code: str,
    client_id: str,
    redirect_uri: str,
    verifier: str,
    now: datetime,
    jkt: str | None = None,
) -> Redeemed | CodeRefusal:
    """Spend a code: of any number of parallel tries exactly one is Redeemed (RFC 6749 section 4.1.2).

    A try that does not match leaves the code alone: a stranger who saw it cannot void it.
    """
    code_hash = secrets.fingerprint(code)
    bound = _binding(client_id, redirect_uri, challenge_of(verifier))
    row = session.execute(
        _SPEND, {"code": code_hash, "bound": bound, "key": jkt, "instant": now}
    ).one_or_none()
    if row is None:
        return _explain(session, code_hash, client_id=client_id, now=now)
    return Redeemed(
        account_id=row.account_id,
        session_id=row.session_id,
        epoch=row.epoch,
        grant_id=row.grant_id,
        scopes=tuple(row.scope.split(" ")),
        resources=tuple(row.resources),
        nonce=row.nonce,
        id_token_claims=tuple(row.id_token_claims),
        userinfo_claims=tuple(row.userinfo_claims),
        auth_time=row.auth_time,
        acr=row.acr,
        amr=tuple(row.amr),
    )


def _explain(session: Session, code_hash: str, *, client_id: str, now: datetime) -> CodeRefusal:
    spent = session.execute(_SPENT, {"code": code_hash}).one_or_none()
    if spent is None or spent.client_id != client_id:
        return CodeRefusal.UNKNOWN
    return CodeRefusal.REPLAYED if grants.revoke(session, spent.grant_id, now=now) else CodeRefusal.UNKNOWN


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2); one that cannot match when it is malformed."""
    if not _VERIFIER.fullmatch(verifier):
        return ""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _binding(client_id: str, redirect_uri: str, challenge: str) -> str:
    return secrets.fingerprint(json.dumps([client_id, redirect_uri, challenge]))


def purge(session: Session, *, now: datetime) -> None:
    """Drop codes that are long over."""
    session.execute(delete(_table).where(_table.c.forget_at <= now))
