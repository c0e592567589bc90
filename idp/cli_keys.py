"""`parvis keys`: the signing keys on the command line."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import click

from idp.cli_tools import span, tell_table
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from idp.core.db import Database
    from idp.core.secrets import Vault
    from idp.core.settings import Settings
    from idp.oidc.key_changes import Refused, Rotated
    from idp.oidc.key_schedule import KeyFacts, Schedule

# As `Algorithm` has them; written out so that `parvis --help` stays quick.
ALGORITHMS = ("ES256", "RS256", "EdDSA")


@click.group()
def keys() -> None:
    """The signing keys: look at them, rotate them, take one out.

    The worker rotates them by schedule (settings oidc.key_rotation and oidc.key_prepublication); these commands are
    for looking, and for the day when one must not wait.
    """
    from idp.core import logs

    logs.prepare(level=logging.WARNING)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, ages in seconds.")
def list_command(*, as_json: bool) -> None:
    """Every key: its state, its age, and what the schedule will do with it and when."""
    from idp.oidc import key_schedule

    with _ring() as ring, ring.database.reading() as session:
        found = key_schedule.describe(session, schedule=ring.schedule, now=ring.now)
    if as_json:
        click.echo(json.dumps([key.as_json() for key in found], indent=2))
        return
    header = ("KID", "ALGORITHM", "STATE", "AGE", "CREATED", "ACTIVATED", "RETIRED", "SCHEDULE")
    tell_table([header, *(_row(key) for key in found)])


@keys.command()
@click.option(
    "--algorithm",
    "names",
    type=click.Choice(ALGORITHMS, case_sensitive=False),
    metavar=f"[{'|'.join(ALGORITHMS)}]",
    multiple=True,
    help="Only this one; may be given several times.  [default: all]",
)
@click.option(
    "--emergency",
    is_flag=True,
    help="The key that signed is compromised: refuse it at once, do not publish it any more.",
)
def rotate(names: tuple[str, ...], *, emergency: bool) -> None:
    """Let the next keys sign now, without waiting for the schedule, and publish new next ones.

    The former keys stay published as retired until their last tokens are over. With --emergency they are refused at
    once instead: ID and access tokens that they signed are worthless, members stay signed in, and refresh tokens go on.
    """
    from idp.oidc import key_care
    from idp.oidc.keys import Algorithm

    algorithms = [algorithm for algorithm in Algorithm if not names or algorithm.value in names]
    with _ring() as ring:
        rotations = key_care.rotate(
            ring.database, algorithms, vault=ring.vault, emergency=emergency, now=ring.now
        )
        ring.copy()
    for rotated in rotations:
        _tell_rotation(rotated, ring, refused=emergency)


# A kid may begin with a hyphen: here nothing but `--help` is an option.
@keys.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("kid")
def retire(kid: str) -> None:
    """Take the key KID out at once: it is no longer published, and what it signed is refused.

    If it signed, the next key signs now; if it was the next one, another is made.
    """
    from idp.oidc import key_care, key_rows

    with _ring() as ring:
        with ring.database.reading() as session:
            known = key_rows.records(session)
        refused = key_care.refuse(ring.database, kid, vault=ring.vault, now=ring.now)
        ring.copy()
    if refused is None:
        lines = [f"  {record.kid}  {record.algorithm.value} {record.state.value}" for record in known]
        _fail("\n".join([f"P-9020: there is no key {kid}; the keys are:", *lines]))
    _tell_refusal(refused, ring)


@keys.command()
def jwks() -> None:
    """The public keys, as services read them at /oauth2/jwks.json; from the sealed copy when the database is down."""
    from idp.core.db import Database
    from idp.oidc.key_rows import WrongRootSecret
    from idp.oidc.key_store import KeyStore

    settings = _settings()
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    store = KeyStore(database=database, vault=_vault(settings), folder=settings.keys_dir)
    try:
        store.start(now=SystemClock().now())
    except WrongRootSecret as wrong:
        _fail(str(wrong))
    finally:
        database.dispose()
    if store.ring is None:
        _fail_without_database("no copy of the keys either")
    click.echo(store.ring.jwks.decode())


@dataclass(frozen=True, slots=True)
class _Ring:
    """What the commands work with."""

    settings: "Settings"
    database: "Database"
    vault: "Vault"
    schedule: "Schedule"
    now: datetime

    def copy(self) -> None:
        """Let this host's sealed copy follow."""
        from idp.oidc import key_care

        key_care.copy(self.database, vault=self.vault, folder=self.settings.keys_dir)


@contextmanager
def _ring() -> Iterator[_Ring]:
    """The ring, made first when the store has none; accidents end the command with one line and exit 1."""
    from sqlalchemy.exc import SQLAlchemyError

    from idp.core.db import Database
    from idp.core.spaces import BadSpace, Spaces
    from idp.oidc import key_care
    from idp.oidc.key_rows import WrongRootSecret
    from idp.oidc.key_schedule import Schedule

    settings = _settings()
    database = Database(settings.database_url.get_secret_value(), pool_size=2)
    try:
        schedule = Schedule.of(settings, Spaces.read(settings.spaces_dir))
        ring = _Ring(settings, database, _vault(settings), schedule, SystemClock().now())
        key_care.complete(database, vault=ring.vault, now=ring.now, by="command")
        yield ring
    except SQLAlchemyError as accident:
        _fail_without_database(_cause(accident))
    except (BadSpace, WrongRootSecret) as refusal:
        _fail(str(refusal))
    finally:
        database.dispose()


def _settings() -> "Settings":
    from idp.core.settings_sources import BadSettings, load

    try:
        return load()
    except BadSettings as bad:
        _fail(str(bad))


def _vault(settings: "Settings") -> "Vault":
    from idp.core.secrets import Vault

    return Vault.from_root(settings.secret_key.get_secret_value())


def _cause(accident: Exception) -> str:
    """The driver's own first line: neither the statement nor what it was about."""
    lines = str(getattr(accident, "orig", None) or type(accident).__name__).splitlines()
    return lines[0] if lines else type(accident).__name__


def _fail_without_database(cause: str) -> NoReturn:
    _fail(
        f"P-9021: the database cannot be used ({cause}). Start it, or correct PARVIS_DATABASE_URL; "
        "a new database gets its tables by `parvis db upgrade`. Until then the provider serves the keys that it has."
    )


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)


def _tell_rotation(rotated: "Rotated", ring: _Ring, *, refused: bool) -> None:
    leaves = _instant(ring.now + ring.schedule.retention)
    fate = "is refused from now on" if refused else f"stays published until {leaves}"
    click.echo(f"{rotated.algorithm.value}: {rotated.kid} signs now; {rotated.former} {fate}")
    if rotated.published_for < ring.schedule.prepublication:
        click.echo(
            f"warning: {rotated.kid} was published for {span(rotated.published_for)} only, less than "
            f"oidc.key_prepublication ({span(ring.schedule.prepublication)}): services that keep the keys refuse "
            "its tokens until they read /oauth2/jwks.json again",
            err=True,
        )


def _tell_refusal(refused: "Refused", ring: _Ring) -> None:
    was = refused.was
    if refused.rotated is not None:
        _tell_rotation(refused.rotated, ring, refused=True)
        return
    more = "; another next key was made" if was.state == "next" else ""
    click.echo(f"{was.algorithm.value}: {was.kid} ({was.state.value}) is refused from now on{more}")


def _row(key: "KeyFacts") -> tuple[str, ...]:
    plans = (("signs from", key.signs_from), ("rotates at", key.rotates_at), ("leaves at", key.leaves_at))
    return (
        key.kid,
        key.algorithm.value,
        key.state.value,
        span(timedelta(seconds=key.age)),
        *(_instant(when) if when else "-" for when in (key.created_at, key.activated_at, key.retired_at)),
        ", ".join(f"{what} {_instant(when)}" for what, when in plans if when is not None),
    )


def _instant(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%MZ")
