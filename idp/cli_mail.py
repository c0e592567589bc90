"""`parvis mail`: read every mail before a member does, try the mail server, look at what waits."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idp.cli_tools import accidents_in_one_line, opened_database, span, tell_table
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from idp.core.mail_templates import Kind
    from idp.core.outbox import OutboxMessage
    from idp.core.outbox_report import Totals
    from idp.core.secrets import Vault
    from idp.core.settings import Settings
    from idp.core.spaces import Space, Spaces

# As `WORDS` and `State` have them; written out so that `parvis --help` stays quick.
LANGUAGES = ("fr", "en")
STATES = ("queued", "sent", "refused", "expired")
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def mail() -> None:
    """Mails: what they say, whether they leave, what waits."""


@mail.command()
@click.argument("name", required=False)
@click.option("--space", help="In the look of this space.  [default: the one where members enrol]")
@click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True)
@click.option("--text/--html", "as_text", default=True, help="Which part.  [default: text]")
@click.option("--output", type=_FILE, help="Write it to this file.")
@click.option(
    "--all", "folder", type=_FOLDER, help="Write every mail in every space and language to this folder."
)
def preview(
    name: str | None,
    space: str | None,
    language: str,
    output: Path | None,
    folder: Path | None,
    *,
    as_text: bool,
) -> None:
    """Show the mail NAME with invented values; without NAME, list the mails.

    \b
    parvis mail preview welcome
    parvis mail preview one-time-code --space elu --language en --html --output code.html
    parvis mail preview --all mails    (then open mails/index.html)

    It needs neither secrets nor a database.
    """  # noqa: D301 (click reads this one: what follows keeps its lines)
    from idp.core import mail_previews
    from idp.core.logos import with_logo_inside

    if name is not None and folder is not None:
        raise click.UsageError("use NAME or --all, not both")
    settings = _settings_without_secrets()
    spaces = _spaces(settings)
    if folder is not None:
        with accidents_in_one_line():
            count = mail_previews.write(folder, spaces=spaces, issuer=settings.issuer)
        click.echo(f"{count} mails: {folder / 'index.html'}")
        return
    if name is None:
        _tell_names()
        return
    look = _space(spaces, space)
    rendered = mail_previews.sample(_kind(name), space=look, language=language, issuer=settings.issuer)
    as_html = with_logo_inside(rendered.html, look.logo_png)
    shown = f"Subject: {rendered.subject}\n\n{rendered.text}" if as_text else as_html
    if output is None:
        click.echo(shown, nl=not shown.endswith("\n"))
        return
    with accidents_in_one_line():
        output.write_text(shown, encoding="utf-8")


@mail.command()
@click.argument("address")
@click.option("--space", help="In the look of this space.  [default: the one where members enrol]")
@click.option("--language", type=click.Choice(LANGUAGES), default="fr", show_default=True)
def test(address: str, space: str | None, language: str) -> None:
    """Send a test mail to ADDRESS now, by `mail.url`, and tell each step.

    Exit code 0 when the server took it, 1 when it did not.
    """
    from idp.core import mail_previews, mail_probe, secrets
    from idp.core.mail_templates import Kind
    from idp.core.mailer import BadMailUrl, UnfitMail, build_message, mailer_from_url

    settings = _settings_without_secrets()
    look = _space(_spaces(settings), space)
    now = SystemClock().now()
    sender = settings.mail.sender
    words = mail_previews.sample(
        Kind.TEST, space=look, language=language, issuer=settings.issuer, values={"time": now.isoformat()}
    )
    try:
        mailer = mailer_from_url(settings.mail.url.get_secret_value(), exchange=settings.mail.timeout)
        message = build_message(
            words,
            sender=sender,
            sender_name=look.title,
            recipient=address,
            message_id=f"<{secrets.token()}@{sender.rpartition('@')[2]}>",
            written_at=now,
            logo=look.logo_png,
        )
    except BadMailUrl as bad:
        raise click.ClickException(f"P-9001: {bad}") from None
    except UnfitMail as unfit:
        raise click.UsageError(f"{address!r} or mail.sender: {unfit}") from None
    failed = False
    for step in mail_probe.hand_over(mailer, message, sender=sender, recipient=address):
        click.echo(f"{'failed' if step.failed else 'ok':6}  {step.said}")
        if step.advice:
            click.echo(f"        {step.advice}")
        failed = step.failed
    sys.exit(1 if failed else 0)


@mail.command()
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: totals and mails, ages in seconds.")
def outbox(states: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """What waits, was sent or was refused; never what a mail says.

    Addresses are masked, and forgotten once a mail is settled. Settled mails are kept for 30 days.
    """
    from idp.core import outbox_report
    from idp.core.outbox import State
    from idp.core.secrets import Vault

    now = SystemClock().now()
    wanted = [State(state) for state in states] or list(State)
    with accidents_in_one_line(), opened_database() as (settings, database), database.reading() as session:
        vault = Vault.from_root(settings.secret_key.get_secret_value())
        totals = outbox_report.totals(session)
        facts = [_facts(row, vault, now) for row in outbox_report.listed(session, states=wanted, limit=limit)]
    if as_json:
        click.echo(json.dumps({"totals": _counted(totals, now), "mails": facts}, indent=2))
        return
    _tell_outbox(totals, facts, now)


@mail.command()
@click.option("--space", "name", required=True, help="Whose terms changed.")
@click.option(
    "--per-minute", type=click.IntRange(1, 100_000), default=600, show_default=True, help="How many leave."
)
@click.option("--dry-run", is_flag=True, help="Only count.")
def terms(name: str, per_minute: int, *, dry_run: bool) -> None:
    """Announce the new terms of a space to every account that has not accepted them.

    The space's `terms_version` and `terms_date` say which, and from which day they are asked for. The mails are
    queued and leave one after the other, behind whatever a sign-in waits for. Run again, it tells nobody twice.
    """
    from idp.core.secrets import Vault
    from idp.subjects import terms_mails

    with accidents_in_one_line(), opened_database() as (settings, database):
        space = _space(_spaces(settings), name)
        if space.terms_date is None:
            raise click.UsageError(
                f"the mail tells the day: write terms_date into {settings.spaces_dir / name / 'space.toml'}"
            )
        with database.reading() as session:
            accounts = terms_mails.concerned(session, space)
        about = f"terms {space.terms_version} of {space.name}, from {space.terms_date}"
        if dry_run:
            click.echo(f"{about}: {accounts} accounts would be told")
            return
        vault = Vault.from_root(settings.secret_key.get_secret_value())
        queued = 0
        with click.progressbar(length=accounts, label=about, file=sys.stderr) as bar:
            for lot in terms_mails.announce(
                database,
                vault=vault,
                space=space,
                issuer=settings.issuer,
                now=SystemClock().now(),
                per_minute=per_minute,
            ):
                queued += lot
                bar.update(min(terms_mails.AT_ONCE, accounts))
        last = span(timedelta(minutes=queued / per_minute))
        click.echo(
            f"{about}: {queued} mails queued, the last leaves in {last}; {accounts - queued} were queued before"
        )


def _settings_without_secrets() -> "Settings":
    """The settings where no root secret is needed, so that a fresh clone has previews."""
    from idp.core.settings_sources import BadSettings, load

    unused = "stands for the secret that no preview needs"
    try:
        return load(base={"secret_key": unused, "pepper": unused})
    except BadSettings as bad:
        raise click.ClickException(str(bad)) from None


def _spaces(settings: "Settings") -> "Spaces":
    from idp.core.spaces import BadSpace, Spaces

    try:
        return Spaces.read(settings.spaces_dir)
    except BadSpace as bad:
        raise click.ClickException(str(bad)) from None


def _space(spaces: "Spaces", name: str | None) -> "Space":
    if name is None:
        return spaces.default
    found = spaces.get(name)
    if found is None:
        names = ", ".join(space.name for space in spaces)
        raise click.BadParameter(f"there is no space {name!r}; the spaces are {names}", param_hint="--space")
    return found


def _kind(name: str) -> "Kind":
    from idp.core.mail_catalogue import UnknownMail, find

    try:
        return find(name)
    except UnknownMail as unknown:
        raise click.BadParameter(
            f"{unknown}; `parvis mail preview` lists them all", param_hint="NAME"
        ) from None


def _tell_names() -> None:
    from idp.core.mail_catalogue import ABOUT

    rows = [(kind.value, about.name, about.sent) for kind, about in ABOUT.items()]
    tell_table([("KIND", "OR", "SENT"), *rows])


def _facts(row: "OutboxMessage", vault: "Vault", now: datetime) -> dict[str, Any]:
    from idp.core import outbox_report
    from idp.subjects import emails

    address = outbox_report.recipient(vault, row)
    is_waiting = row.state == "queued"
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "address": None if address is None else emails.mask(address),
        "space": row.space,
        "language": row.locale,
        "age": int((now - row.created_at).total_seconds()),
        "tries": row.attempts,
        "next_try": max(row.not_before, now).isoformat(timespec="seconds") if is_waiting else None,
        "expires_at": _instant(row.expires_at),
        "sent_at": _instant(row.sent_at),
        "last_error": row.last_error,
    }


def _instant(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds")


def _counted(totals: "Totals", now: datetime) -> dict[str, int | None]:
    oldest = totals.oldest_waiting
    age = None if oldest is None else int((now - oldest).total_seconds())
    return {**{state.value: number for state, number in totals.by_state.items()}, "oldest_queued_age": age}


def _tell_outbox(totals: "Totals", facts: list[dict[str, Any]], now: datetime) -> None:
    if facts:
        header = ("ID", "KIND", "STATE", "TO", "AGE", "TRIES", "NEXT TRY", "LAST ERROR")
        tell_table([header, *_rows(facts, now)])
        click.echo()
    counted = _counted(totals, now)
    age = counted.pop("oldest_queued_age")
    oldest = "" if age is None else f" (the oldest for {span(timedelta(seconds=age))})"
    click.echo(
        ", ".join(
            f"{state} {number}{oldest if state == 'queued' else ''}" for state, number in counted.items()
        )
    )


def _rows(facts: list[dict[str, Any]], now: datetime) -> Iterator[tuple[str, ...]]:
    for fact in facts:
        due = fact["next_try"] and datetime.fromisoformat(fact["next_try"]) - now
        yield (
            str(fact["id"]),
            fact["kind"],
            fact["state"],
            fact["address"] or "-",
            span(timedelta(seconds=fact["age"])),
            str(fact["tries"]),
            "-" if due is None else "now" if due < timedelta(seconds=1) else f"in {span(due)}",
            fact["last_error"] or "-",
        )
