"""`parvis members invite`: professionals and delegates are invited to open an account."""

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from idp.cli_tools import accidents_in_one_line, as_lines, load_spaces, member_of, opened_database, refuse
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from idp.core.db import Database
    from idp.core.settings import Settings
    from idp.core.spaces import Space, Spaces
    from idp.subjects.invitations import NotInvited
    from idp.subjects.members import Member

INVITED_AT_ONCE = 100
INVITED = "invited"
WHY = {
    "left": ("P-9064", "this member left the mutual"),
    "has-account": ("P-9064", "this member has an account already"),
    "no-address": ("P-9064", "the register holds no address of this member; invite by letter"),
    "too-soon": ("P-9061", "a letter was begun for this member within the week"),
}


@click.command("invite")
@click.argument("number", required=False)
@click.option("--population", required=True, help="The population of those who are invited.")
@click.option("--all-without-account", "everybody", is_flag=True, help="All who were not invited yet.")
@click.option("--by", "channel", type=click.Choice(["mail", "letter"]), required=True, help="How it travels.")
@click.option("--inviter", default="", help="The person or office that invites, as the mail names it.")
@click.option("--json", "as_json", is_flag=True, help="The counts as one JSON object.")
def invite_command(
    number: str | None, population: str, channel: str, inviter: str, *, everybody: bool, as_json: bool
) -> None:
    """Invite a professional or a delegate to open an account, or all of a population.

    Run it again as often as you like: --all-without-account passes by who has an account or an invitation that
    is still good; NUMBER replaces what was sent before.
    """
    if (number is None) is not everybody:
        raise click.UsageError("give either a NUMBER or --all-without-account")
    with opened_database() as (settings, database), accidents_in_one_line():
        space = _inviting_space(load_spaces(settings), population)
        inviting = _Inviting(settings, database, space, channel, inviter)
        counts = inviting.all(population) if number is None else inviting.one(population, number)
    _tell(counts, as_json=as_json)


def _tell(counts: Counter[str], *, as_json: bool) -> None:
    facts = {outcome: counts[outcome] for outcome in (INVITED, *WHY) if counts[outcome] or outcome == INVITED}
    click.echo(json.dumps(facts) if as_json else as_lines(facts))


def _inviting_space(spaces: "Spaces", population: str) -> "Space":
    space = spaces.of_population(population)
    if space is None or not space.listed:
        refuse("P-9064", f"no space invites the population {population}")
    if space.enrolment:
        refuse("P-9064", f"members of the population {population} create their account by themselves")
    return space


class _Inviting:
    """Invites members of one population by one way; a transaction for some members at a time."""

    def __init__(
        self, settings: "Settings", database: "Database", space: "Space", channel: str, inviter: str
    ) -> None:
        from idp.core.secrets import Vault

        self._settings = settings
        self._database = database
        self._space = space
        self._channel = channel
        self._inviter = inviter
        self._vault = Vault.from_root(settings.secret_key.get_secret_value())

    def one(self, population: str, number: str) -> Counter[str]:
        now = SystemClock().now()
        with self._database.transaction() as session:
            outcome = self._invite(session, member_of(session, population, number), now)
        if outcome is not None:
            refuse(*WHY[outcome])
        return Counter({INVITED: 1})

    def all(self, population: str) -> Counter[str]:
        from idp.subjects import invitations
        from idp.subjects import members as register

        counts: Counter[str] = Counter()
        with self._database.reading() as session:
            ids = list(session.execute(invitations.uninvited(population, now=SystemClock().now())).scalars())
        with click.progressbar(length=len(ids), label="inviting", file=sys.stderr) as bar:
            for start in range(0, len(ids), INVITED_AT_ONCE):
                some = ids[start : start + INVITED_AT_ONCE]
                with self._database.transaction() as session:
                    for member_id in some:
                        member = register.by_id(session, member_id)
                        outcome = (
                            None if member is None else self._invite(session, member, SystemClock().now())
                        )
                        counts[outcome or INVITED] += 1
                bar.update(len(some))
        return counts

    def _invite(self, session: "Session", member: "Member", now: "datetime") -> "NotInvited | None":
        from idp.core import audit
        from idp.subjects import invitations
        from idp.subjects.invitations import Mailed, NotInvited

        by = invitations.by_mail if self._channel == "mail" else invitations.by_letter
        outcome = by(session, member, vault=self._vault, space=self._space.name, now=now)
        if isinstance(outcome, NotInvited):
            return outcome
        if isinstance(outcome, Mailed):
            invitations.send(
                session,
                outcome,
                vault=self._vault,
                issuer=self._settings.issuer,
                inviter=self._inviter,
                now=now,
            )
        audit.record(
            session,
            now=now,
            event="invitation.sent",
            by=self._channel,
            space=self._space.name,
            member=member.id,
        )
        return None
