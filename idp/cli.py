"""The `parvis` command: exit codes 0, 1 (failed) and 2 (usage)."""

import json
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from idp.cli_clients import client
from idp.cli_invite import invite_command
from idp.cli_keys import keys
from idp.cli_letters import letters
from idp.cli_mail import mail
from idp.cli_members import members
from idp.cli_sessions import sessions
from idp.cli_staff import staff
from idp.cli_tools import accidents_in_one_line
from idp.core.errors import CATALOGUE

if TYPE_CHECKING:
    from idp.core.settings import Settings
    from idp.oidc.client_rows import Applied

STOP_WITHIN = timedelta(seconds=20)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Parvis, an OpenID Connect provider for mutual health insurers."""


main.add_command(client)
main.add_command(keys)
main.add_command(mail)
main.add_command(members)
main.add_command(sessions)
main.add_command(staff)
members.add_command(letters)
members.add_command(invite_command)


def settings_or_exit() -> "Settings":
    """The settings, or exit 1 with what is wrong with them."""
    from idp.core.settings_sources import BadSettings, load

    try:
        return load()
    except BadSettings as problem:
        fail(str(problem))


def service_settings_or_exit() -> "Settings":
    """The settings of a service that is to start, or exit 1 with what is wrong with them or with a space."""
    from idp.core.spaces import BadSpace, Spaces

    settings = settings_or_exit()
    try:
        Spaces.read(settings.spaces_dir)
    except BadSpace as problem:
        fail(str(problem))
    return settings


def fail(message: str) -> NoReturn:
    """Say what went wrong and exit 1."""
    click.echo(message, err=True)
    sys.exit(1)


@main.command()
@click.option(
    "--port-base", type=click.IntRange(1024, 65000), help="Move every port: N, N+1, N+2, N+25 and N+26."
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/demo"),
    show_default=True,
)
def demo(port_base: int | None, directory: Path) -> None:
    """Run everything on loopback: provider, member-data service, member space, mailbox."""
    from idp.demo import Demo, DemoFailed

    try:
        Demo(directory, port_base=port_base).run()
    except DemoFailed as problem:
        fail(str(problem))


@main.command()
def run() -> None:
    """Serve the provider (behind a proxy that speaks TLS, in production)."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    server = service_settings_or_exit().server
    Granian(
        "wsgi:app",
        address=server.host,
        port=server.port,
        interface=Interfaces.WSGI,
        workers=server.workers,
        blocking_threads=server.threads,
        backpressure=server.threads * 4,
        workers_kill_timeout=round(STOP_WITHIN.total_seconds()),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()


@main.command()
def worker() -> None:
    """Deliver mails and logouts, purge what is over and rotate the signing keys, until SIGTERM; any number may run."""
    from idp.core import logs
    from idp.housekeeping import make_worker

    logs.prepare()
    stop = threading.Event()

    def stop_soon(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, stop_soon)
    signal.signal(signal.SIGINT, stop_soon)
    make_worker(service_settings_or_exit()).run(stop)


@main.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema to the newest version."""
    from idp import schema
    from idp.core.db import Database

    database = Database(settings_or_exit().database_url.get_secret_value())
    schema.upgrade(database)
    click.echo(f"schema: {schema.current(database)}")


@db.command("current")
def db_current() -> None:
    """The version that the database has; exit 1 when this code needs another."""
    from idp import schema
    from idp.core.db import Database

    has = schema.current(Database(settings_or_exit().database_url.get_secret_value()))
    click.echo(f"database: {has}, code: {schema.newest()}")
    sys.exit(0 if has == schema.newest() else 1)


@main.group()
def config() -> None:
    """Settings and client files."""


@config.command("check")
def config_check() -> None:
    """Read settings, spaces and client files; say what is wrong, change nothing."""
    from idp.core.spaces import BadSpace, Spaces
    from idp.oidc.client_files import BadClient, read_folder

    settings = settings_or_exit()
    try:
        spaces = Spaces.read(settings.spaces_dir)
        clients = read_folder(settings.clients_dir, spaces=spaces, development=settings.is_development)
    except (BadSpace, BadClient) as problem:
        fail(str(problem))
    click.echo(f"ok: {len(list(spaces))} spaces, {len(clients)} clients")


@config.command("plan")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of three lists.")
def config_plan(*, as_json: bool) -> None:
    """Say which clients `config apply` would add, change and end; change nothing."""
    from idp.housekeeping import ApplyFailed, plan_clients

    with accidents_in_one_line():
        try:
            planned = plan_clients(settings_or_exit())
        except ApplyFailed as problem:
            fail(str(problem))
    _tell_changes(planned, as_json=as_json)


@config.command("apply")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of three lists.")
def config_apply(*, as_json: bool) -> None:
    """Make the client files of the folder the clients of the database; those that registered themselves stay."""
    from idp.housekeeping import ApplyFailed, apply_clients

    with accidents_in_one_line():
        try:
            applied = apply_clients(settings_or_exit())
        except ApplyFailed as problem:
            fail(str(problem))
    _tell_changes(applied, as_json=as_json)


def _tell_changes(changes: "Applied", *, as_json: bool) -> None:
    facts = {"added": changes.added, "changed": changes.changed, "gone": changes.gone}
    if as_json:
        click.echo(json.dumps(facts))
        return
    for what, names in facts.items():
        click.echo(f"{what}: {', '.join(names) or 'none'}")


@config.command("show")
def config_show() -> None:
    """The effective settings, secrets masked, as JSON."""
    from idp.core.settings import shown

    click.echo(json.dumps(shown(settings_or_exit()), indent=2, ensure_ascii=False))


@main.command()
@click.option("--json", "as_json", is_flag=True)
def errors(*, as_json: bool) -> None:
    """Every error number, with what the help desk says and the operator checks."""
    if as_json:
        click.echo(
            json.dumps({number: entry.member or entry.operator for number, entry in CATALOGUE.items()})
        )
        return
    for number, entry in CATALOGUE.items():
        click.echo(
            f"{number}  {entry.title}\n    help desk: {entry.help_desk}\n    operator:  {entry.operator}"
        )


if __name__ == "__main__":
    main()
