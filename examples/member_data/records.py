"""The rows this service keeps: each belongs to one member number, and is only ever read by it."""

from datetime import date
from typing import TypeVar

from sqlalchemy import Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The mother of all rows."""


class Owned(Base):
    """A row of one member. Sums are integer cents of euro."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    member_number: Mapped[str] = mapped_column(Text, index=True)


class Member(Base):
    """A member seen at least once; their rows exist from then on."""

    __tablename__ = "member"

    member_number: Mapped[str] = mapped_column(Text, primary_key=True)
    first_seen: Mapped[date]


class Reimbursement(Owned):
    """A sum paid back to the member."""

    __tablename__ = "reimbursement"

    category: Mapped[str]
    label: Mapped[str]
    care_on: Mapped[date]
    paid_on: Mapped[date]
    spent_cents: Mapped[int]
    amount_cents: Mapped[int]
    statement_id: Mapped[str]


class Contract(Owned):
    """What the member is covered for."""

    __tablename__ = "contract"

    reference: Mapped[str]
    product: Mapped[str]
    since: Mapped[date]
    renews_on: Mapped[date]
    premium_cents: Mapped[int]
    prevention_cents: Mapped[int]
    prevention_used_cents: Mapped[int]
    section: Mapped[str]
    agency: Mapped[str]
    agency_phone: Mapped[str]


class Guarantee(Owned):
    """One line of the contract: a guarantee, or a service that comes with it."""

    __tablename__ = "guarantee"

    kind: Mapped[str]
    label: Mapped[str]
    cover: Mapped[str]


class Card(Owned):
    """The card shown at the pharmacy."""

    __tablename__ = "card"

    number: Mapped[str]
    payment_code: Mapped[str]
    valid_from: Mapped[date]
    valid_until: Mapped[date]


class Quote(Owned):
    """What a planned care would cost the member."""

    __tablename__ = "quote"

    label: Mapped[str]
    asked_on: Mapped[date]
    state: Mapped[str]
    total_cents: Mapped[int]
    covered_cents: Mapped[int]
    remaining_cents: Mapped[int]


class Message(Owned):
    """A message from the mutual to the member."""

    __tablename__ = "message"

    sent_on: Mapped[date]
    subject: Mapped[str]
    body: Mapped[str]


class Document(Owned):
    """A document to download; its lines become a page when asked for."""

    __tablename__ = "document"

    kind: Mapped[str]
    title: Mapped[str]
    issued_on: Mapped[date]
    body: Mapped[str]


class BankAccount(Owned):
    """Where reimbursements are paid."""

    __tablename__ = "bank_account"

    iban: Mapped[str]
    changed_on: Mapped[date]


Row = TypeVar("Row", bound=Owned)


def of_member(session: Session, kind: type[Row], member_number: str) -> list[Row]:
    """All rows of that kind of that member, in the order of their ids."""
    return list(session.scalars(select(kind).where(kind.member_number == member_number).order_by(kind.id)))


def document_of_member(session: Session, document_id: str, member_number: str) -> Document | None:
    """That document, if it is this member's: another's does not exist."""
    return session.scalars(
        select(Document).where(Document.id == document_id, Document.member_number == member_number)
    ).one_or_none()


def as_json(row: Owned, *hidden: str) -> dict[str, str | int]:
    """The row's columns as the API shows them: dates in ISO 8601, the member number left out."""
    names = [name for name in row.__mapper__.columns.keys() if name not in {"member_number", *hidden}]  # noqa: SIM118
    return {name: _plain(getattr(row, name)) for name in names}


def _plain(value: str | int | date) -> str | int:
    return value.isoformat() if isinstance(value, date) else value
