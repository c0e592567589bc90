"""The pages on which a second step ends: too many tries in one sign-in, or too many wrong codes in a day."""

from flask import Response

from idp.login import interaction as interactions
from idp.login.interaction import Interaction
from idp.login.steps.base import cancel_url, hidden
from idp.subjects.accounts import Account
from idp.web import owner
from idp.web.kit import Visit

NUMBERS = {"tries": "P-2004", "day": "P-2005", "frozen": "P-2006"}


def exhausted(visit: Visit, interaction: Interaction, *, mailed: bool = True) -> Response:
    """Too many codes were tried: the sign-in begins again, with nothing proved."""
    # The right password was one proof of this sign-in; it must be given again with a new one.
    visit.audit("code.exhausted", interaction.account_id)
    fresh = interactions.replace(
        visit.session,
        interaction,
        now=visit.now,
        lifetime=visit.kit.settings.sign_in.interaction_lifetime,
    )
    return visit.page(
        "connexion_bloquee.html",
        reason="tries",
        mailed=mailed,
        number=NUMBERS["tries"],
        hidden=hidden(fresh),
        restart_url="/connexion/recommencer",
        cancel_url=cancel_url(fresh),
    )


def frozen(visit: Visit, interaction: Interaction, account: Account) -> Response:
    """This wrong code was the last of the day: the owner is told of the pause."""
    visit.session.refresh(account)
    visit.audit("code.frozen", account.id)
    until = account.second_step_rests_until
    owner.warn(visit, account, "second-step-frozen", cause=f"frozen:{account.id}:{until}")
    return page(visit, interaction, account, "frozen")


def page(visit: Visit, interaction: Interaction, account: Account, reason: str) -> Response:
    """The page that says why no code is taken, and until when."""
    until = account.second_step_rests_until
    wait = (until - visit.now).total_seconds() if until is not None and until > visit.now else None
    return visit.page(
        "connexion_bloquee.html",
        reason=reason,
        number=NUMBERS[reason],
        hidden=hidden(interaction),
        wait=wait,
        home_url="/",
        cancel_url=cancel_url(interaction),
    )
