"""The page in the place of a mailed code, when the account's mailbox is not its owner's: no code goes there."""

from flask import Response

from idp.login.interaction import Interaction
from idp.login.steps.base import cancel_url, hidden
from idp.subjects import address_changes, emails
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange
from idp.web import words
from idp.web.kit import Visit

NUMBER = "P-6306"
ADDRESS_URL = "/adresse-perdue"
LETTER_URL = "/adresse-perdue/lettre"


def page(visit: Visit, interaction: Interaction, account: Account) -> Response:
    """Why no code is sent, and what is missing until a new address serves."""
    change = address_changes.pending_of(visit.session, account, now=visit.now)
    due = change.due_at if change is not None else None
    return visit.page(
        "connexion_sans_email.html",
        mode=_mode(change),
        number=NUMBER,
        hidden=hidden(interaction),
        new_address=emails.mask(change.email) if change is not None else "",
        when=words.moment(due, visit.locale) if due is not None else "",
        address_url=f"{ADDRESS_URL}?i={interaction.id}",
        letter_url=f"{LETTER_URL}?i={interaction.id}",
        restart_url="/connexion/recommencer",
        cancel_url=cancel_url(interaction),
    )


def _mode(change: AddressChange | None) -> str:
    if change is None:
        return "none"
    if change.verified_at is None:
        return "unvalidated"
    return "unproved" if change.proved_at is None else "waiting"
