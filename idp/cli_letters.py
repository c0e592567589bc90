"""`parvis members letters`: what goes to members by post."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli_tools import accidents_in_one_line, load_spaces, member_of, opened_database, refuse, tell_table
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.core.settings import Settings
    from idp.subjects.letter_export import Exported, Exporter
    from idp.subjects.letters import Kind, Letter
    from idp.subjects.members import Member

_FOLDER = click.Path(file_okay=False, writable=True, path_type=Path)


@click.group()
def letters() -> None:
    """Letters: what waits for the print shop, one begun by the help desk, a batch to print."""


@letters.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object of two lists.")
def list_command(*, as_json: bool) -> None:
    """Say which letters wait, and which batches were exported; never a code."""
    from idp.subjects import letters as rows

    with opened_database() as (_, database), accidents_in_one_line(), database.reading() as session:
        waiting = [_waiting(letter, member) for letter, member in rows.waiting(session)]
        batches = [
            {"exported_at": when.isoformat(timespec="seconds"), "kind": kind, "letters": count}
            for when, kind, count in rows.exported(session)
        ]
    if as_json:
        click.echo(json.dumps({"waiting": waiting, "exported": batches}, ensure_ascii=False, indent=2))
        return
    _tell_rows("waiting", waiting)
    _tell_rows("exported", batches)


@letters.command("start")
@click.argument("number")
@click.option("--population", required=True, help="The population of the member.")
@click.option(
    "--kind",
    type=click.Choice(["recovery", "access-code"]),
    default="recovery",
    show_default=True,
    help="A code that opens the account again, or a request to the back office for a new access code.",
)
def start_command(number: str, population: str, kind: str) -> None:
    """Begin a letter for the member with this number; nobody here ever sees its code."""
    from idp.subjects.letters import Kind

    now = SystemClock().now()
    with opened_database() as (settings, database), accidents_in_one_line():
        space = load_spaces(settings).of_population(population)
        if space is None:
            refuse("P-9064", f"no space admits the population {population}")
        with database.transaction() as session:
            member = member_of(session, population, number)
            begun = _start(session, settings, member, Kind(kind), space=space.name, now=now)
    click.echo(
        f"a letter was begun; it waits for the next `parvis members letters export`, and its code is good until "
        f"{begun.expires_at:%Y-%m-%d}"
    )


@letters.command("export")
@click.option(
    "--out", "folder", type=_FOLDER, required=True, help="Where the files of the batch are written."
)
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def export_command(folder: Path, *, as_json: bool) -> None:
    """Write one batch for the print shop into a folder: CSV and PDF. It holds secrets: delete it once printed.

    Postal addresses are not known here: the print shop joins them by the member number.
    """
    from idp.core.secrets import BadSeal, Vault
    from idp.subjects.letter_export import Exporter, NotRecorded

    with opened_database() as (settings, database), accidents_in_one_line():
        vault = Vault.from_root(settings.secret_key.get_secret_value())
        exporter = Exporter(database, vault, load_spaces(settings), settings.issuer)
        try:
            exported = _export(exporter, folder)
        except BadSeal:
            refuse("P-9067", "a letter was sealed under another root secret. Nothing was exported.")
        except NotRecorded as doubt:
            files = ", ".join(str(file) for file in doubt.files)
            refuse(
                "P-9063",
                f"the database did not confirm the batch; see `parvis members letters list`: {files}",
            )
    _tell_export(exported, as_json=as_json)


def _start(
    session: "Session", settings: "Settings", member: "Member", kind: "Kind", *, space: str, now: "datetime"
) -> "Letter":
    from idp.core import audit
    from idp.core.secrets import Vault
    from idp.subjects import accounts
    from idp.subjects import letters as rows
    from idp.subjects.letters import PAUSE, Kind, StartedBy

    account = accounts.by_member(session, member.id)
    if not member.is_active:
        refuse("P-9062", "this member left the mutual")
    if account is None and kind is Kind.RECOVERY:
        refuse("P-9062", "this member has no account yet; a recovery letter is for one who has")
    subject = rows.recovery_subject(account) if account is not None and kind is Kind.RECOVERY else member.id
    begun = rows.start(
        session,
        vault=Vault.from_root(settings.secret_key.get_secret_value()),
        kind=kind,
        member_id=member.id,
        subject=subject,
        space=space,
        started_by=StartedBy.HELP_DESK,
        now=now,
    )
    if begun is None:
        when = rows.begun_lately(session, kind=kind, subject=subject, now=now) or now
        refuse(
            "P-9061",
            f"a letter was already begun on {when:%Y-%m-%d}; the next one may be begun on {when + PAUSE:%Y-%m-%d}",
        )
    account_id = account.id if account is not None else None
    audit.record(
        session, now=now, event="letter.begun", account_id=account_id, kind=kind.value, by=begun.started_by
    )
    return begun


def _export(exporter: "Exporter", folder: Path) -> "Exported":
    from contextlib import ExitStack

    with ExitStack() as open_bars:
        bars = []

        def started(length: int) -> None:
            bar = click.progressbar(length=length, label="letters", file=sys.stderr)
            bars.append(open_bars.enter_context(bar))

        def progress(steps: int) -> None:
            for bar in bars:
                bar.update(steps)

        return exporter.run(folder, now=SystemClock().now(), started=started, progress=progress)


def _tell_export(exported: "Exported", *, as_json: bool) -> None:
    if as_json:
        facts = {
            "batch": exported.batch or None,
            "printed": dict(exported.printed),
            "dropped": exported.dropped,
            "files": [str(file) for file in exported.files],
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    if not exported.files:
        click.echo("no letter waits")
    for kind, count in exported.printed.items():
        click.echo(f"{kind}: {count}")
    for file in exported.files:
        click.echo(str(file))
    if exported.dropped:
        click.echo(f"{exported.dropped} letters were dropped: their reason is over, or their member left")
    if exported.files:
        click.echo("These files hold secrets: delete them once they are printed.", err=True)


def _waiting(letter: "Letter", member: "Member") -> dict[str, str]:
    return {
        "letter_id": letter.id,
        "kind": letter.kind,
        "population": member.population,
        "member_number": member.member_number,
        "started_by": letter.started_by,
        "requested_at": letter.created_at.isoformat(timespec="seconds"),
        "expires_at": letter.expires_at.isoformat(timespec="seconds"),
    }


def _tell_rows(what: str, rows: "Sequence[Mapping[str, object]]") -> None:
    click.echo(f"{what}: {len(rows) or 'none'}")
    if rows:
        tell_table([tuple(rows[0]), *(tuple(str(cell) for cell in row.values()) for row in rows)])
