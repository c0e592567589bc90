"""Looks into the tables, for what no page may tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from idp import schema
from idp.core.audit import AuditEvent
from idp.core.db import Database
from idp.subjects.accounts import Account
from idp.subjects.members import Member

# A page may be shown to a browser that never came before: these rows remember what it was shown.
OF_LOOKING = frozenset({"interaction", "captcha_challenge"})


def count_rows(database: Database, *, ignoring: frozenset[str] = OF_LOOKING) -> dict[str, int]:
    """How many rows each table has."""
    with database.reading() as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata().sorted_tables
            if table.name not in ignoring
        }


def all_rows(database: Database, *, ignoring: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    """The whole content of the tables."""
    with database.reading() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all()))
            for table in schema.metadata().sorted_tables
            if table.name not in ignoring
        }


def make_account(session: Session, *, now: datetime, name: str = "1") -> Account:
    """An account and its member, for rules that ask no more of them than to exist."""
    session.add(
        Member(
            id=f"member-{name}", population="adherent", member_number=name, access_code_mac="x", family_name="x",
            given_name="x", status="active", row_digest="", code_changed_at=now, seen_in=1,
        )
    )  # fmt: skip
    session.flush()
    account = Account(
        id=f"account-{name}", member_id=f"member-{name}", email=name, email_folded=name, password_hash="x", epoch=0,
        created_at=now, updated_at=now, terms_version="1", terms_hash="x", terms_accepted_at=now,
    )  # fmt: skip
    session.add(account)
    session.flush()
    return account


def events(database: Database, name: str) -> list[dict[str, Any]]:
    """The facts of every audit event of a name."""
    with database.reading() as session:
        rows = session.execute(select(AuditEvent).where(AuditEvent.event == name).order_by(AuditEvent.id))
        return [{**row.facts, "account_id": row.account_id} for row in rows.scalars()]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile, without their values."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)
