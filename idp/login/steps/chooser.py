"""After a password that two accounts of one mailbox share: who is signing in."""

from flask import Response

from idp.core import secrets
from idp.core.words import N_
from idp.login import acceptance
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.web.kit import Visit

LAST_DIGITS = 3
SAME_NAME = N_("%(name)s (numéro d’adhérent finissant par %(digits)s)")


class Chooser(Step):
    """« Qui êtes-vous ? », by given names."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """One button for each of the two."""
        people = _people(visit, interaction)
        if not people:
            return _start_again(visit, interaction)
        members = [visit.session.get_one(Member, account.member_id) for account in people.values()]
        names = _labels(visit, members)
        return visit.page(
            "connexion_personne.html",
            hidden=hidden(interaction),
            people=sorted(zip(names, people, strict=True)),
            restart_url="/connexion/recommencer",
            cancel_url=cancel_url(interaction),
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Only now devices, delays and the entry rule of the one who was chosen; chosen once."""
        people = _people(visit, interaction)
        typed = visit.request.form.get("person", "")
        account = next((account for value, account in people.items() if secrets.same(value, typed)), None)
        if account is None:
            return self.show(visit, interaction)
        proved_at = interaction.password_at or visit.now
        devices = acceptance.devices_of(visit, list(people.values()))
        refused = acceptance.accept(visit, interaction, account, devices, proved_at=proved_at)
        if refused is not None:
            interaction.forget_proofs()
        return refused


def _people(visit: Visit, interaction: Interaction) -> dict[str, Account]:
    """The two accounts by the values of their buttons; one whose epoch rose since has left."""
    found = {}
    for one in interaction.candidates or ():
        account = accounts.by_id(visit.session, one["account_id"])
        if account is not None and account.epoch == one["epoch"]:
            found[one["value"]] = account
    return found


def _labels(visit: Visit, members: list[Member]) -> list[str]:
    """Given names; with the end of the member number where two have the same."""
    names = [member.given_name for member in members]
    if len({name.casefold() for name in names}) == len(names):
        return names
    length = LAST_DIGITS
    numbers = [member.member_number for member in members]
    while len({number[-length:] for number in numbers}) < len(set(numbers)):
        length += 1
    return [
        visit.say(SAME_NAME, name=name, digits=number[-length:])
        for name, number in zip(names, numbers, strict=True)
    ]


def _start_again(visit: Visit, interaction: Interaction) -> Response:
    interaction.forget_proofs()
    return visit.see_other(f"/connexion?i={interaction.id}")
