"""`parvis members`: the register on the command line."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli_tools import accidents_in_one_line, as_lines, opened_database
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.core.settings import Settings
    from idp.recovery.help_desk import Unlocked
    from idp.subjects.members import Member
    from idp.subjects.register_import import ImportOptions, ImportRefused, ImportReport, RegisterImporter

_INPUT = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
NO_CODE = "The reader of a letter said that the account's address is not theirs: no code and no new password go there."
DISOWNED = (
    f"{NO_CODE}\n"
    "No other address waits. The member gives one on « Je n'ai plus accès à mon email »; then, once you made sure who "
    "calls: this command with --identity-checked HOW --address ADDRESS. If the account's own address is theirs after "
    "all: the same with that one."
)
_OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.group()
def members() -> None:
    """The register: import it, look at a member, export or erase an account, invent members for tests."""


@members.command("import")
@click.argument("file", type=_INPUT)
@click.option("--dry-run", is_flag=True, help="Look and report; change nothing.")
@click.option("--full", is_flag=True, help="The file holds every member: who is missing from it is gone.")
@click.option("--force", is_flag=True, help="With --full, let more than 5 % of the members go.")
@click.option("--refused", type=_OUTPUT, help="Where refused lines are listed  [FILE.refused.csv]")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def import_command(
    file: Path, *, dry_run: bool, full: bool, force: bool, refused: Path | None, as_json: bool
) -> None:
    """Bring the register up to date with FILE, whole or not at all."""
    from idp.core.spaces import BadSpace
    from idp.housekeeping import make_importer
    from idp.subjects.register_import import ImportOptions, ImportRefused

    refused_file = refused or file.with_suffix(".refused.csv")
    if refused_file.resolve() == file.resolve():
        raise click.UsageError("the refused lines cannot replace the file they come from")
    options = ImportOptions(dry_run=dry_run, full=full, force=force)
    now = SystemClock().now()
    with opened_database() as (settings, database), accidents_in_one_line():
        try:
            importer = make_importer(settings, database, now=now)
        except BadSpace as bad:
            raise click.ClickException(str(bad)) from None
        outcome = _run(importer, file, options, refused_file, now)
    if isinstance(outcome, ImportRefused):
        _tell_refusal(outcome, as_json=as_json)
        sys.exit(1)
    _tell_report(outcome, refused_file, as_json=as_json)


@members.command()
@click.argument("number")
@click.option("--population", help="Only this population; by default each that has the number.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def show(number: str, population: str | None, *, as_json: bool) -> None:
    """What the register says of the member with this number; never the access code."""
    from idp.subjects import members as register
    from idp.subjects.register_rows import POPULATIONS

    populations = POPULATIONS if population is None else {population}
    with opened_database() as (_, database), accidents_in_one_line(), database.reading() as session:
        found = register.in_populations(session, populations, register.fold_member_number(number))
        shown = [_shown(member) for member in found]
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        click.echo("\n\n".join(as_lines(facts) for facts in shown), nl=bool(shown))
    if not shown:
        click.echo("no member has this number", err=True)
        sys.exit(1)


@members.command()
@click.argument("number")
@click.option("--population", help="Which population, when two have the number.")
def export(number: str, population: str | None) -> None:
    """What is held about the account of the member with this number, as JSON; never a secret, nor its hash."""
    from idp.housekeeping import export_account

    with opened_database() as (settings, database), accidents_in_one_line():
        with database.reading() as session:
            member_id = _only_one(session, number, population)
        found = export_account(settings, database, member_id, now=SystemClock().now())
    if found is None:
        click.echo("this member has no account", err=True)
        sys.exit(1)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@members.command()
@click.argument("number")
@click.option("--population", help="Which population, when two have the number.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(number: str, population: str | None, *, yes: bool) -> None:
    """Erase the account of the member with this number, at once and for good; the register keeps the member."""
    from idp.housekeeping import erase_accounts

    with opened_database() as (settings, database), accidents_in_one_line():
        with database.reading() as session:
            member_id = _only_one(session, number, population)
        if not yes:
            click.confirm(f"Erase the account of member {number}? Nobody can bring it back", abort=True)
        count = erase_accounts(settings, database, member_id, now=SystemClock().now())
    if not count:
        click.echo("this member has no account", err=True)
        sys.exit(1)
    click.echo("erased")


@members.command()
@click.argument("number")
@click.option("--population", help="The member's population, where two have the number.")
@click.option("--space", help="The member's space, which tells the population.")
@click.option(
    "--identity-checked",
    metavar="HOW",
    help="You made sure who called, and how: the second proof of a new address that waits.",
)
@click.option(
    "--address",
    default="",
    help="The caller's address as they say it: the new one that waits, or one of the account that was disowned.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
def unlock(
    number: str,
    *,
    population: str | None,
    space: str | None,
    identity_checked: str | None,
    address: str,
    as_json: bool,
) -> None:
    """Lift delays and a frozen second step of the member with this number, and say what else waits.

    No secret is shown, no password set. A new address also waits for 72 hours, in which the old one may refuse.
    """
    from idp.core.secrets import Vault
    from idp.core.spaces import Spaces
    from idp.recovery import help_desk
    from idp.recovery.changes import ChangeTools

    if identity_checked is not None and not identity_checked.strip():
        raise click.UsageError("--identity-checked says how the caller's identity was checked")
    with (
        opened_database() as (settings, database),
        accidents_in_one_line(),
        database.transaction() as session,
    ):
        member = _member(session, settings, number, population=population, space=space)
        tools = ChangeTools(
            settings,
            Vault.from_root(settings.secret_key.get_secret_value()),
            Spaces.read(settings.spaces_dir),
        )
        how = (identity_checked or "").strip()
        now = SystemClock().now()
        try:
            unlocked = help_desk.unlock(
                session, member, tools=tools, now=now, identity_checked=how, address=address
            )
        except help_desk.OtherAddress:
            # Nothing is confirmed, and nothing else of this call is kept.
            raise click.ClickException(
                "another address waits than --address says: somebody else may have asked for it; "
                "have the member ask again on « Je n'ai plus accès à mon email »"
            ) from None
    _tell_unlocked(unlocked, as_json=as_json)


@members.command()
@click.argument("file", type=_OUTPUT)
@click.option("--rows", type=click.IntRange(min=1), default=1000, show_default=True, help="How many members.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same file.")
def synthetic(file: Path, rows: int, seed: int) -> None:
    """Write a register of invented members to FILE."""
    from idp.subjects.synthetic import write_register

    with accidents_in_one_line(), file.open("w", encoding="utf-8", newline="") as output:
        write_register(output, rows, seed=seed)


def _only_one(session: "Session", number: str, population: str | None) -> str:
    """The id of the one member meant; ends the command when there is none, or more than one."""
    from idp.subjects import members as register
    from idp.subjects.register_rows import POPULATIONS

    populations = POPULATIONS if population is None else {population}
    found = register.in_populations(session, populations, register.fold_member_number(number))
    if not found:
        click.echo("no member has this number", err=True)
        sys.exit(1)
    if len(found) > 1:
        names = ", ".join(member.population for member in found)
        raise click.UsageError(f"two members have this number: choose --population ({names})")
    return found[0].id


def _member(
    session: "Session", settings: "Settings", number: str, *, population: str | None, space: str | None
) -> "Member":
    """The one member meant; ends the command when there is none, or more than one."""
    from idp.core.spaces import Spaces
    from idp.subjects import members as register
    from idp.subjects.register_rows import POPULATIONS

    populations = frozenset(POPULATIONS if population is None else {population})
    if space is not None:
        named = Spaces.read(settings.spaces_dir).get(space)
        if named is None:
            raise click.UsageError(f"no space is called {space!r}")
        populations &= named.populations
    found = register.in_populations(session, populations, register.fold_member_number(number))
    if len(found) > 1:
        raise click.UsageError("two populations have this number: say which with --population")
    if not found:
        raise click.ClickException("no member has this number")
    return found[0]


def _tell_unlocked(unlocked: "Unlocked", *, as_json: bool) -> None:
    facts = dataclasses.asdict(unlocked)
    due = unlocked.due_at
    facts["due_at"] = None if due is None else due.isoformat(timespec="seconds")
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo(as_lines({name: "no" if value is False else value for name, value in facts.items()}))
    click.echo()
    click.echo(_what_waits(unlocked))


def _what_waits(unlocked: "Unlocked") -> str:
    """Why the member is not through yet, for the agent to tell."""
    if not unlocked.has_account:
        return "No account: the member creates one with number and access code."
    if unlocked.is_disowned and unlocked.new_address is None:
        return DISOWNED
    if unlocked.new_address is None:
        return "Nothing else waits."
    if unlocked.is_done:
        return "The new address is in place."
    missing = []
    if not unlocked.is_validated:
        missing.append("the member has not answered the mail at the new address")
    if not unlocked.is_proved:
        missing.append(
            "no second proof yet: the code of the letter, or this command with --identity-checked HOW"
        )
    missing.append(f"the old address may refuse until {unlocked.due_at:%Y-%m-%d %H:%M} UTC")
    about = f"{NO_CODE}\n" if unlocked.is_disowned else ""
    return f"{about}The new address waits:\n" + "\n".join(f"- {reason}" for reason in missing)


def _run(
    importer: "RegisterImporter", file: Path, options: "ImportOptions", refused_file: Path, now: "datetime"
) -> "ImportReport | ImportRefused":
    size = file.stat().st_size
    with file.open("rb") as stream, click.progressbar(length=size, label=file.name, file=sys.stderr) as bar:
        return importer.run(stream, now=now, options=options, refused_file=refused_file, progress=bar.update)


def _tell_refusal(refused: "ImportRefused", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": refused.refusal.value, "detail": refused.sentence}))
    click.echo(f"{refused.refusal.value}: {refused.sentence}. Nothing was changed.", err=True)


def _tell_report(report: "ImportReport", refused_file: Path, *, as_json: bool) -> None:
    facts = dataclasses.asdict(report)
    if as_json:
        click.echo(json.dumps(facts | {"refused_file": str(refused_file) if report.refused else None}))
    else:
        click.echo(as_lines(facts))
    if report.refused:
        click.echo(f"{report.refused} lines were refused; see {refused_file}", err=True)


def _shown(member: "Member") -> dict[str, str | int | None]:
    return {
        "population": member.population,
        "member_number": member.member_number,
        "family_name": member.family_name,
        "given_name": member.given_name,
        "birth_date": None if member.birth_date is None else member.birth_date.isoformat(),
        "email": member.email,
        "status": member.status,
        "code_changed_at": member.code_changed_at.isoformat(timespec="seconds"),
        "gone_at": None if member.gone_at is None else member.gone_at.isoformat(timespec="seconds"),
        "import": member.seen_in,
        "id": member.id,
    }
