"""New terms: asked for at the next sign-in, before the session opens."""

from flask import Response

from idp.core.errors import Problem
from idp.login import interaction as interactions
from idp.login.forms import TermsForm
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.sessions import service as sessions
from idp.subjects import accounts, terms
from idp.subjects.accounts import Account
from idp.web.kit import Visit


class Terms(Step):
    """« Nouvelles conditions »."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """What changes and since when, the text behind a link, and the unticked box."""
        return self._page(visit, interaction, TermsForm())

    def _page(self, visit: Visit, interaction: Interaction, form: TermsForm) -> Response:
        space = visit.space
        return visit.page(
            "connexion_conditions.html",
            form=form,
            # Whoever accepts says which text they saw: a newer one, put up meanwhile, is shown first.
            hidden={**hidden(interaction), "version": space.terms_version},
            terms_url=f"/cgu?espace={space.name}",
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Keep the acceptance, or give the sign-in up."""
        account = _account(visit, interaction)
        if visit.request.form.get("refuse") == "yes":
            return _refuse(visit, interaction, account)
        form = TermsForm(visit.request.form)
        if visit.request.form.get("version") != visit.space.terms_version:
            return self._page(visit, interaction, TermsForm())
        if not form.validate():
            return self._page(visit, interaction, form)
        terms.accept(visit.session, account, space=visit.space, now=visit.now)
        visit.audit("terms.accepted", account.id, space=visit.space.name, version=visit.space.terms_version)
        interaction.terms_due = False
        return None


def _account(visit: Visit, interaction: Interaction) -> Account:
    """The account that is signing in, as it is now: an epoch that rose ends the sign-in."""
    account = accounts.by_id(visit.session, interaction.account_id or "")
    if account is None or account.epoch != interaction.epoch:
        raise Problem("P-2002", detail="the account changed during the sign-in")
    return account


def _refuse(visit: Visit, interaction: Interaction, account: Account) -> Response:
    """« Refuser »: nothing opens, and what this browser had open of the account is closed."""
    visit.audit("terms.refused", account.id, space=visit.space.name, version=visit.space.terms_version)
    live = sessions.by_secret(visit.session, visit.cookie("session") or "", space=visit.space, now=visit.now)
    if live is not None and live.account_id == account.id:
        sessions.end(visit.session, live.id, now=visit.now)
        visit.drop_cookie("session")
    lifetime = visit.kit.settings.sign_in.interaction_lifetime
    fresh = interactions.replace(visit.session, interaction, now=visit.now, lifetime=lifetime)
    return visit.page(
        "connexion_conditions_refusees.html",
        hidden=hidden(fresh),
        restart_url="/connexion/recommencer",
        cancel_url=cancel_url(fresh),
        home_url="/",
    )
