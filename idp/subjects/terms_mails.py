"""The mail that announces a space's new terms to every account that has not accepted them, before they apply."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from idp.core import outbox
from idp.core.db import Database
from idp.core.mail_templates import Kind
from idp.core.secrets import Vault
from idp.core.spaces import Space
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.subjects.terms import TermsAcceptance

AT_ONCE = 500


def concerned(session: Session, space: Space) -> int:
    """How many accounts of the space have not accepted the present version of its terms."""
    return session.execute(
        select(func.count()).select_from(Account).join(Member).where(*_asked(space))
    ).scalar_one()


def announce(
    database: Database, *, vault: Vault, space: Space, issuer: str, now: datetime, per_minute: int
) -> Iterator[int]:
    """Queue the mail for each of them, once for each version; yields how many were queued of each lot.

    The mails leave `per_minute`, so that the codes of those who sign in meanwhile never wait behind them. One that
    stopped half-way is begun again: nobody is told twice, as long as the outbox remembers (`outbox.KEPT`).
    """
    leaves = now
    last = ""
    while True:
        queued = 0
        with database.transaction() as session:
            lot = _after(session, space, last)
            for account, name in lot:
                if _queue(session, account, name, vault=vault, space=space, issuer=issuer, now=leaves):
                    queued += 1
                    leaves += timedelta(minutes=1 / per_minute)
        yield queued
        if len(lot) < AT_ONCE:
            return
        last = lot[-1][0].id


def _after(session: Session, space: Space, last: str) -> list[tuple[Account, str]]:
    rows = (
        select(Account, Member.given_name)
        .join(Member)
        .where(*_asked(space), Account.id > last)
        .order_by(Account.id)
        .limit(AT_ONCE)
    )
    return [(row.Account, row.given_name) for row in session.execute(rows)]


def _asked(space: Space) -> tuple[ColumnElement[bool], ...]:
    """As `terms.are_due`, for all accounts at once and before the day has come."""
    by_columns = and_(
        Account.terms_version == space.terms_version,
        or_(Account.terms_space.is_(None), Account.terms_space == space.name),
    )
    by_history = exists().where(
        TermsAcceptance.account_id == Account.id,
        TermsAcceptance.space == space.name,
        TermsAcceptance.version == space.terms_version,
    )
    return (
        Account.ended_at.is_(None),
        Member.status == "active",
        Member.population.in_(space.populations),
        not_(by_columns),
        not_(by_history),
    )


def _queue(
    session: Session, account: Account, name: str, *, vault: Vault, space: Space, issuer: str, now: datetime
) -> bool:
    day = space.terms_date.isoformat() if space.terms_date is not None else ""
    queued = outbox.enqueue(
        session,
        vault=vault,
        now=now,
        kind=Kind.TERMS_CHANGED,
        recipient=account.email,
        context={
            "given_name": name,
            "terms_url": f"{issuer}/cgu?espace={space.name}",
            "terms_version": space.terms_version,
            "terms_date": day,
        },
        cause=f"terms:{space.name}:{space.terms_version}:{account.id}",
        space=space.name,
        locale=account.locale,
    )
    return queued is not None
