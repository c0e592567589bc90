"""`parvis staff`: the people who run the service."""

import click

from idp.cli_tools import accidents_in_one_line, load_spaces, opened_database, refuse
from idp.core.clock import SystemClock

_ROLES = click.Choice(["administrator", "helpdesk", "auditor"])


@click.group()
def staff() -> None:
    """The people who run the service: administrators, help desk, auditors."""


@staff.command("invite")
@click.argument("email")
@click.option("--role", required=True, type=_ROLES, help="What they may do.")
@click.option("--given-name", default="", help="As pages greet them; without it, what stands before the @.")
@click.option("--family-name", default="", help="Their family name.")
@click.option("--again", is_flag=True, help="Replace an invitation that is still good, whose mail was lost.")
def invite_command(email: str, role: str, given_name: str, family_name: str, *, again: bool) -> None:
    """Invite EMAIL to the staff: a mail with a link, good for 30 days.

    The command prints a staff number. Give it to them by another way than mail: the link asks for it, so that the
    mail alone opens nothing. At their first sign-in they register an authenticator app or a passkey.
    """
    from idp.core import audit
    from idp.core.secrets import Vault
    from idp.subjects import emails, invitations
    from idp.subjects import staff as rows
    from idp.subjects.members import STAFF
    from idp.subjects.staff import NotTaken, Role

    address = emails.parse(email)
    if address is None:
        raise click.BadParameter("this is not an email address", param_hint="EMAIL")
    now = SystemClock().now()
    with opened_database() as (settings, database), accidents_in_one_line():
        space = load_spaces(settings).of_population(STAFF)
        if space is None:
            refuse("P-9064", "no space admits the population staff")
        vault = Vault.from_root(settings.secret_key.get_secret_value())
        names = (given_name or address.partition("@")[0], family_name)
        with database.transaction() as session:
            outcome = rows.invite(
                session,
                address,
                role=Role(role),
                names=names,
                vault=vault,
                space=space.name,
                again=again,
                now=now,
            )
            if isinstance(outcome, NotTaken):
                refuse(*_WHY[outcome.value])
            invitations.send(
                session, outcome.mailed, vault=vault, issuer=settings.issuer, inviter="", now=now
            )
            audit.record(
                session, now=now, event="staff.invited", role=role, member=outcome.mailed.invitation.member_id
            )
    until = outcome.mailed.invitation.expires_at
    click.echo(
        f"an invitation to the role {role} goes to {address}; it is good until {until:%Y-%m-%d %H:%M} UTC"
    )
    click.echo(f"staff number: {outcome.number}  (tell them by telephone: the link asks for it)")


_WHY = {
    "has-account": ("P-9065", "this address belongs to the staff already"),
    "is-invited": (
        "P-9065",
        "this address was invited, and its invitation is still good; --again replaces it by a new one",
    ),
    "address-is-taken": ("P-9066", "this address opens the account of a member; staff have one of their own"),
}
