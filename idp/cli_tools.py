"""What the commands share: the settings and the database, failures in one line, facts in columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.core.db import Database
    from idp.core.settings import Settings
    from idp.core.spaces import Spaces
    from idp.subjects.members import Member

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def load_settings() -> "Settings":
    """The settings, or exit 1 with what is wrong with them."""
    from idp.core.settings_sources import BadSettings, load

    try:
        return load()
    except BadSettings as bad:
        raise click.ClickException(str(bad)) from None


def load_spaces(settings: "Settings") -> "Spaces":
    """The spaces, or exit 1 with what is wrong with them."""
    from idp.core.spaces import BadSpace, Spaces

    try:
        return Spaces.read(settings.spaces_dir)
    except BadSpace as bad:
        raise click.ClickException(str(bad)) from None


def member_of(session: "Session", population: str, number: str) -> "Member":
    """The member of a population with this number, or exit 1."""
    from idp.subjects import members

    found = members.by_number(session, population, members.fold_member_number(number))
    if found is None:
        raise click.ClickException("no member of this population has this number")
    return found


def refuse(number: str, sentence: str) -> NoReturn:
    """Say what stands in the way, with its number, and exit 1."""
    raise click.ClickException(f"{number}: {sentence}")


@contextmanager
def opened_database() -> "Iterator[tuple[Settings, Database]]":
    """The settings and the database that they name, closed at the end."""
    from idp.core.db import Database

    settings = load_settings()
    database = Database(settings.database_url.get_secret_value())
    try:
        yield settings, database
    finally:
        database.dispose()


@contextmanager
def accidents_in_one_line() -> Iterator[None]:
    """An operator needs the cause of an accident, neither its trace nor the rows that it was about."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except DBAPIError as accident:
        cause = str(accident.orig).splitlines()
        what = cause[0] if cause else type(accident).__name__
        raise click.ClickException(f"P-9021: the database: {what}") from None
    except (SQLAlchemyError, OSError) as accident:
        raise click.ClickException(str(accident).splitlines()[0]) from None


def as_lines(facts: Mapping[str, str | int | None]) -> str:
    """Names and values in two columns."""
    width = max(len(name) for name in facts)
    return "\n".join(
        f"{name:{width}}  {'' if value is None else value}".rstrip() for name, value in facts.items()
    )


def tell_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Rows in columns, the first one being their heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def span(length: timedelta) -> str:
    """A span in its largest whole unit, such as `3 d`."""
    seconds = int(length.total_seconds())
    return next((f"{seconds // size} {unit}" for size, unit in UNITS if seconds >= size), f"{seconds} s")
