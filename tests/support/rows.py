"""Looks into the tables, for what no page may tell."""

from typing import Any

from sqlalchemy import func, select

from idp import schema
from idp.core.audit import AuditEvent
from idp.core.db import Database

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


def events(database: Database, name: str) -> list[dict[str, Any]]:
    """The facts of every audit event of a name."""
    with database.reading() as session:
        rows = session.execute(select(AuditEvent).where(AuditEvent.event == name).order_by(AuditEvent.id))
        return [{**row.facts, "account_id": row.account_id} for row in rows.scalars()]
