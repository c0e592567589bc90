"""The waiting room of an import: a file's rows in temporary tables, compared there with the register.

Temporary tables keep the import off the toes of sign-ins: on SQLite writing there does not take the one
write lock, so that a million rows are read, checked and compared while everybody else goes on writing.
They end with their connection, so a killed import leaves nothing behind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import psycopg
from psycopg import sql
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    case,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from idp.core.db import UpsertInsert, UtcDateTime, insert_into
from idp.subjects.members import STAFF, Member, MemberStatus

_LEAVING_AT_ONCE = 500
_ACTIVE = MemberStatus.ACTIVE.value

_TABLES = MetaData()

STAGED = Table(
    "staged_member",
    _TABLES,
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("population", Text, nullable=False),
    Column("member_number", Text, nullable=False),
    Column("access_code_mac", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("given_name", Text, nullable=False),
    Column("birth_date", Date),
    Column("email", Text),
    Column("status", Text, nullable=False),
    Column("row_digest", Text, nullable=False),
    prefixes=["TEMPORARY"],
)
REFUSED = Table(
    "refused_line",
    _TABLES,
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("population", Text, nullable=False),
    Column("member_number", Text, nullable=False),
    Column("reason", Text, nullable=False),
    prefixes=["TEMPORARY"],
)
# New: no member_id. Changed: both. Gone: no line. `leaves`: was active and will not be. New and changed rows
# are copied whole, in the register's order: to write them is then one walk, and the lock on SQLite short.
DIFFERENCE = Table(
    "difference",
    _TABLES,
    Column("position", Integer, primary_key=True),
    Column("member_id", Text),
    Column("leaves", Boolean, nullable=False),
    *(Column(column.name, column.type) for column in STAGED.columns),
    prefixes=["TEMPORARY"],
)
_COPIED = [column.name for column in STAGED.columns if column.name != "line"]


class StagedRow(NamedTuple):
    """A good row as it will be kept; the fields are the columns of `staged_member`, in their order."""

    line: int
    id: str
    population: str
    member_number: str
    access_code_mac: str
    family_name: str
    given_name: str
    birth_date: str | None
    email: str | None
    status: str
    row_digest: str


class RefusedLine(NamedTuple):
    """A bad line; the fields are the columns of `refused_line`, in their order."""

    line: int
    population: str
    member_number: str
    reason: str


class Counts(NamedTuple):
    """What the comparison found, in members."""

    staged: int
    new: int
    changed: int
    gone: int
    refused: int


def prepare(connection: Connection) -> None:
    """Make this connection fit for minutes of work, and open the waiting room on it."""
    with connection.begin():
        for statement in _PATIENCE[connection.dialect.name]:
            connection.exec_driver_sql(statement)
        _TABLES.create_all(connection, checkfirst=False)


# The limits of a web request do not suit an import; `detach` (below) keeps them off the pool.
_PATIENCE = {
    "sqlite": ("PRAGMA busy_timeout=60000", "PRAGMA main.cache_size=-65536", "PRAGMA temp.cache_size=-65536"),
    "postgresql": ("SET statement_timeout=0", "SET lock_timeout='60s'", "SET work_mem='64MB'"),
}


def add(connection: Connection, rows: Sequence[StagedRow], refused: Sequence[RefusedLine]) -> None:
    """Put some lines of the file in the waiting room."""
    _fill(connection, STAGED, rows)
    _fill(connection, REFUSED, refused)


def _fill(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    columns = [column.name for column in table.columns]
    if connection.dialect.name != "postgresql":
        places = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({places})", list(rows))  # noqa: S608 (our names)
        return
    # COPY is ten times faster than the fastest INSERT. The driver's own connection offers it.
    driver = cast("psycopg.Connection", connection.connection.dbapi_connection)
    command = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table.name))
    with driver.cursor() as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def compare(connection: Connection, *, full: bool) -> Counts:
    """Refuse lines that repeat a member, then find who is new, who changed and, with `full`, who is gone."""
    connection.exec_driver_sql("CREATE INDEX staged_key ON staged_member (population, member_number)")
    connection.exec_driver_sql("CREATE INDEX refused_key ON refused_line (population, member_number)")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE staged_member, refused_line")
    _refuse_repeated(connection)
    columns = ["member_id", "leaves", *(column.name for column in STAGED.columns)]
    connection.execute(insert(DIFFERENCE).from_select(columns, _new_and_changed()))
    if full:
        connection.execute(insert(DIFFERENCE).from_select(["member_id", "leaves"], _gone()))
    return _count(connection)


def _refuse_repeated(connection: Connection) -> None:
    key = (STAGED.c.population, STAGED.c.member_number)
    count = select(*key, func.min(STAGED.c.line).label("line")).group_by(*key).having(func.count() > 1)
    first = count.subquery()
    repeated = select(
        STAGED.c.line,
        *key,
        literal("the same member is already on line ") + sql_cast(first.c.line, Text),
    ).where(
        key[0] == first.c.population,
        key[1] == first.c.member_number,
        STAGED.c.line > first.c.line,
    )
    connection.execute(insert(REFUSED).from_select([column.name for column in REFUSED.columns], repeated))
    connection.execute(delete(STAGED).where(STAGED.c.line.in_(select(REFUSED.c.line))))


def _new_and_changed() -> Select[*tuple[Any, ...]]:
    leaves = and_(Member.id.is_not(None), Member.status == _ACTIVE, STAGED.c.status != _ACTIVE)
    return (
        select(Member.id, case((leaves, true()), else_=false()), *STAGED.columns)
        .outerjoin_from(STAGED, Member, _same_member(STAGED))
        .where(or_(Member.id.is_(None), Member.row_digest != STAGED.c.row_digest))
        .order_by(STAGED.c.population, STAGED.c.member_number)
    )


def _gone() -> Select[str, bool]:
    """Active members of whom the file says nothing; a refused line does say something of its member."""
    return select(Member.id, true()).where(
        Member.status == _ACTIVE,
        Member.population != STAFF,
        ~exists().where(_same_member(STAGED)),
        ~exists().where(_same_member(REFUSED)),
    )


def _same_member(table: Table) -> ColumnElement[bool]:
    return and_(table.c.population == Member.population, table.c.member_number == Member.member_number)


def _count(connection: Connection) -> Counts:
    kinds = select(
        func.count().filter(DIFFERENCE.c.member_id.is_(None)),
        func.count().filter(DIFFERENCE.c.line.is_not(None), DIFFERENCE.c.member_id.is_not(None)),
        func.count().filter(DIFFERENCE.c.line.is_(None)),
    ).select_from(DIFFERENCE)
    new, changed, gone = connection.execute(kinds).one()
    staged, refused = (
        connection.execute(select(func.count()).select_from(each)).scalar_one() for each in (STAGED, REFUSED)
    )
    return Counts(staged=staged, new=new, changed=changed, gone=gone, refused=refused)


def refused_lines(connection: Connection) -> Iterator[RefusedLine]:
    """The refused lines in the order of the file."""
    query = select(REFUSED).order_by(REFUSED.c.line)
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        yield RefusedLine(*row)


def active_and_gone(connection: Connection) -> dict[str, tuple[int, int]]:
    """For each population: how many of its members are active, and how many of these would be gone."""
    gone = select(DIFFERENCE.c.member_id).where(DIFFERENCE.c.line.is_(None))
    query = (
        select(Member.population, func.count(), func.count().filter(Member.id.in_(gone)))
        .where(Member.status == _ACTIVE, Member.population != STAFF)
        .group_by(Member.population)
    )
    return {population: (active, lost) for population, active, lost in connection.execute(query)}


def write_differences(session: Session, *, import_id: int, now: datetime) -> None:
    """Bring the register up to date with the waiting room; rows that did not change are not touched."""
    session.execute(_upsert(session, import_id, now))
    gone = select(DIFFERENCE.c.member_id).where(DIFFERENCE.c.line.is_(None))
    session.execute(
        update(Member)
        .where(Member.id.in_(gone))
        # No row of a file has an empty digest: who comes back counts as changed.
        .values(status=MemberStatus.LEFT.value, gone_at=now, seen_in=import_id, row_digest="")
        .execution_options(synchronize_session=False)
    )


def _upsert(session: Session, import_id: int, now: datetime) -> UpsertInsert:
    gone_at = case((DIFFERENCE.c.status == _ACTIVE, null()), else_=literal(now, UtcDateTime()))
    copied = [DIFFERENCE.c[name] for name in _COPIED]
    rows = (
        select(*copied, literal(now, UtcDateTime()), literal(import_id), gone_at)
        .where(DIFFERENCE.c.line.is_not(None))
        .order_by(DIFFERENCE.c.position)
    )
    names = [*_COPIED, "code_changed_at", "seen_in", "gone_at"]
    add = insert_into(session, Member).from_select(names, rows)
    said = add.excluded
    kept: dict[str, ColumnElement[Any]] = {
        name: said[name] for name in names if name not in {"id", "population", "member_number"}
    }
    same_code = said.access_code_mac == Member.access_code_mac
    kept["code_changed_at"] = case((same_code, Member.code_changed_at), else_=said.code_changed_at)
    # Who had left already keeps the first date; who came back has none.
    kept["gone_at"] = case(
        (said.status == _ACTIVE, null()), else_=func.coalesce(Member.gone_at, said.gone_at)
    )
    return add.on_conflict_do_update(index_elements=["population", "member_number"], set_=kept)


def leaving(session: Session) -> Iterator[list[str]]:
    """The identifiers of members who were active and no longer are, a few hundred at a time."""
    position = 0
    while True:
        query = (
            select(DIFFERENCE.c.position, DIFFERENCE.c.member_id)
            .where(DIFFERENCE.c.leaves, DIFFERENCE.c.position > position)
            .order_by(DIFFERENCE.c.position)
            .limit(_LEAVING_AT_ONCE)
        )
        found = session.execute(query).all()
        if not found:
            return
        position = found[-1].position
        yield [row.member_id for row in found]
