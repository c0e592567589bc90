"""The services that hold tokens or a consent of one account, for the account's own page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from idp.oidc import consent
from idp.oidc.consent import Wish
from idp.oidc.grants import Grant
from idp.oidc.provider import Provider
from idp.sessions.service import SessionRow
from idp.subjects.accounts import Account
from idp.subjects.consents import Consent


@dataclass(frozen=True, slots=True)
class Held:
    """One service: since when, and what it may know, in words."""

    client_id: str
    name: str
    since: datetime
    known: tuple[str, ...]


@dataclass(slots=True)
class _Sum:
    """What several grants and a consent of one service come to."""

    since: datetime
    scopes: set[str]
    claims: set[str]


class AccountServices:
    """What « Mon compte » asks of OpenID Connect."""

    def __init__(self, provider: Provider) -> None:
        """Keep the provider, whose clients have names."""
        self._provider = provider

    def held(
        self, session: Session, account_id: str, *, say: Callable[..., str], now: datetime
    ) -> Sequence[Held]:
        """Each service that holds something now; one whose file is gone is shown by its identifier."""
        found: dict[str, _Sum] = {}
        for grant in _live_grants(session, account_id, now=now):
            claims = {*grant.userinfo_claims, *grant.id_token_claims}
            _add(found, grant.client_id, grant.created_at, set(grant.scope.split(" ")), claims)
        for given in session.execute(select(Consent).where(Consent.account_id == account_id)).scalars():
            _add(found, given.client_id, given.given_at, set(given.scopes), set(given.claims))
        clients = self._provider.snapshot(session, now=now).clients
        names = {name: client.client_name if (client := clients.get(name)) else name for name in found}
        return [
            Held(
                client_id=client_id,
                name=names[client_id] or client_id,
                since=each.since,
                known=tuple(Wish(frozenset(each.scopes), frozenset(each.claims)).words(say)),
            )
            for client_id, each in found.items()
        ]

    def name_of(self, session: Session, client_id: str, *, now: datetime) -> str | None:
        """The name of a service, when it is still known."""
        client = self._provider.snapshot(session, now=now).clients.get(client_id)
        return client.client_name if client is not None else None

    def take_back(self, session: Session, account_id: str, client_id: str, *, now: datetime) -> bool:
        """End the consent and the tokens of one service; whether it had either."""
        had_tokens = any(grant.client_id == client_id for grant in _live_grants(session, account_id, now=now))
        return consent.take_back(session, account_id, client_id, now=now) or had_tokens


def _add(found: dict[str, _Sum], client_id: str, since: datetime, scopes: set[str], claims: set[str]) -> None:
    known = found.setdefault(client_id, _Sum(since, set(), set()))
    known.since = min(known.since, since)
    known.scopes |= scopes
    known.claims |= claims


def _live_grants(session: Session, account_id: str, *, now: datetime) -> Sequence[Grant]:
    """Grants of which a token may still be good: kept after the sign-out, or of a session that has not ended."""
    live = (
        select(Grant)
        .join(Account, Account.id == Grant.account_id)
        .outerjoin(SessionRow, SessionRow.id == Grant.session_id)
        .where(
            Grant.account_id == account_id,
            Grant.revoked_at.is_(None),
            Grant.epoch == Account.epoch,
            or_(
                Grant.offline.is_(True) & (Grant.expires_at > now) & (Grant.idle_until > now),
                SessionRow.ended_at.is_(None) & (SessionRow.expires_at > now),
            ),
        )
    )
    return session.execute(live).scalars().all()
