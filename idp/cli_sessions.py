"""`parvis sessions`: ending what accounts gave, from the command line."""

import json
import sys
from typing import TYPE_CHECKING

import click

from idp.cli_tools import accidents_in_one_line, opened_database
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

AT_ONCE = 500


@click.group()
def sessions() -> None:
    """Sessions, trusted devices and tokens."""


@sessions.command()
@click.option(
    "--member", "number", metavar="NUMBER", help="Of one account: its member's number, with --population."
)
@click.option("--population", help="The population of --member.")
@click.option(
    "--client", "client_id", metavar="CLIENT_ID", help="Of every account that holds tokens at this client."
)
@click.option("--all", "everybody", is_flag=True, help="Of every account.")
@click.option("--yes", is_flag=True, help="With --all or --client, do not ask again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def revoke(
    *,
    number: str | None,
    population: str | None,
    client_id: str | None,
    everybody: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """End sessions, trusted devices, tokens, codes and links: raise the epoch of the accounts.

    Nobody is locked out: each signs in again, with the second step. Services are told of the logouts by the worker.
    """
    if sum(choice is not None for choice in (number, client_id)) + everybody != 1:
        raise click.UsageError("choose one of --member, --client and --all")
    if (number is None) != (population is None):
        raise click.UsageError("--member and --population go together")
    if number is None and not yes:
        whose = "EVERY account" if everybody else f"every account that holds tokens at {client_id}"
        click.confirm(f"Sign {whose} out, everywhere?", abort=True, err=True)
    now = SystemClock().now()
    with opened_database() as (_, database), accidents_in_one_line(), database.transaction() as session:
        if number is not None:
            count = _of_member(session, population or "", number, now=now)
        elif client_id is not None:
            count = _of_client(session, client_id, now=now)
        else:
            count = _of_everybody(session, now=now)
    if count is None:
        click.echo("no such account" if number is not None else "P-9032 no such client", err=True)
        sys.exit(1)
    click.echo(json.dumps({"accounts": count}) if as_json else f"accounts: {count}")


def _of_member(session: "Session", population: str, number: str, *, now: "datetime") -> int | None:
    """One account; None when there is none."""
    from idp.core import audit
    from idp.sessions import credentials
    from idp.subjects import accounts, members

    member = members.by_number(session, population, members.fold_member_number(number))
    account = accounts.by_member(session, member.id) if member is not None else None
    if account is None:
        return None
    credentials.void(session, account, now=now)
    audit.record(session, now=now, event="sessions.revoked", account_id=account.id, by="operator")
    return 1


def _of_client(session: "Session", client_id: str, *, now: "datetime") -> int | None:
    """The accounts whose tokens this client may hold; None for an unknown client."""
    from idp.core import audit
    from idp.oidc import grants
    from idp.oidc.client_rows import ClientRow

    if session.get(ClientRow, client_id) is None:
        return None
    held = grants.accounts_of(session, client_id)
    grants.revoke_of_client(session, client_id, now=now)
    _void(session, held, now=now)
    audit.record(
        session, now=now, event="sessions.revoked", by="operator", client_id=client_id, accounts=len(held)
    )
    return len(held)


def _of_everybody(session: "Session", *, now: "datetime") -> int:
    from idp.core import audit
    from idp.sessions import credentials

    count = credentials.void_many(session, None, now=now)
    audit.record(session, now=now, event="sessions.revoked", by="operator", everybody=True, accounts=count)
    return count


def _void(session: "Session", account_ids: "Sequence[str]", *, now: "datetime") -> None:
    """A statement holds only so many names."""
    from idp.sessions import credentials

    for start in range(0, len(account_ids), AT_ONCE):
        credentials.void_many(session, account_ids[start : start + AT_ONCE], now=now)
