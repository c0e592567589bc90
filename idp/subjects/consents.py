"""Consents: what a member allowed a third party to know, until they take it back."""

from datetime import datetime

from sqlalchemy import JSON, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, insert_into


class Consent(Base):
    """What one account allowed one client; one row for the two, which grows with what is allowed."""

    __tablename__ = "consent"

    account_id: Mapped[str] = mapped_column(Text, primary_key=True)
    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    claims: Mapped[list[str]] = mapped_column(JSON)
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


def find(session: Session, account_id: str, client_id: str, *, hold: bool = False) -> Consent | None:
    """What the account allowed this client; with `hold` nobody changes it before this transaction ends."""
    wanted = select(Consent).where(Consent.account_id == account_id, Consent.client_id == client_id)
    if hold:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return session.execute(wanted).scalar_one_or_none()


def give(
    session: Session,
    account_id: str,
    client_id: str,
    *,
    scopes: frozenset[str],
    claims: frozenset[str],
    now: datetime,
) -> None:
    """Allow the client these scopes and claims, beside what was allowed before."""
    # Held: what is taken back, or allowed in another window, at the same time is neither revived nor lost.
    former = find(session, account_id, client_id, hold=True)
    allowed = sorted(scopes | set(former.scopes if former else ()))
    single = sorted(claims | set(former.claims if former else ()))
    session.execute(
        insert_into(session, Consent)
        .values(
            account_id=account_id,
            client_id=client_id,
            scopes=allowed,
            claims=single,
            given_at=now,
            updated_at=now,
        )
        .on_conflict_do_update(
            index_elements=[Consent.account_id, Consent.client_id],
            set_={"scopes": allowed, "claims": single, "updated_at": now},
        )
    )


def take_back(session: Session, account_id: str, client_id: str) -> bool:
    """Allow the client nothing any more; whether it was allowed anything."""
    gone = (
        delete(Consent)
        .where(Consent.account_id == account_id, Consent.client_id == client_id)
        .returning(Consent.client_id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(gone).scalar_one_or_none() is not None
