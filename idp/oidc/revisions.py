"""Marks that tell a process when what it keeps in memory (keys, clients) has changed in the database."""

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, insert_into, new_id

KEYS = "keys"
CLIENTS = "clients"


class Revision(Base):
    """The mark of one topic: random at each change, so that a rolled-back mark never comes again."""

    __tablename__ = "oidc_revision"

    topic: Mapped[str] = mapped_column(Text, primary_key=True)
    mark: Mapped[str] = mapped_column(Text)


_table = Base.metadata.tables["oidc_revision"]
_ALL = select(_table.c.topic, _table.c.mark)


def read(session: Session) -> dict[str, str]:
    """The mark of every topic."""
    return {row.topic: row.mark for row in session.execute(_ALL)}


def bump(session: Session, topic: str) -> str:
    """Give a topic a new mark, in the transaction that changes it."""
    mark = new_id()
    upsert = insert_into(session, _table).values(topic=topic, mark=mark)
    session.execute(upsert.on_conflict_do_update(index_elements=[_table.c.topic], set_={"mark": mark}))
    return mark


def hold(session: Session, topic: str) -> None:
    """Let nobody else change a topic until this transaction ends; its mark stays as it is."""
    upsert = insert_into(session, _table).values(topic=topic, mark=new_id())
    session.execute(
        upsert.on_conflict_do_update(index_elements=[_table.c.topic], set_={"mark": _table.c.mark})
    )
