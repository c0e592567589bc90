"""One route for every step of the sign-in."""

from flask import Blueprint, Response

from idp.core.errors import Problem
from idp.login import interaction as interactions
from idp.login.interaction import Interaction
from idp.login.journey import StepName, next_step
from idp.login.service import Login, default_demand, url_of
from idp.login.steps.activation import Activation
from idp.login.steps.email_otp import EmailOtp
from idp.web.kit import Kit, Visit


def blueprint(kit: Kit, login: Login) -> Blueprint:
    """`/connexion` and below."""
    pages = Blueprint("login", __name__)

    @pages.route("/connexion", defaults={"step": StepName.PASSWORD.value}, methods=["GET", "POST"])
    @pages.route("/connexion/<step>", methods=["GET", "POST"])
    @kit.visit
    def step(visit: Visit, step: str) -> Response:
        interaction = _interaction(visit)
        due = next_step(interaction.facts)
        if due is None:
            return login.advance(visit, interaction)
        if step != due.value:
            # From a second tab or by « back »: to the step that is due. What was posted here is not judged.
            return visit.see_other(url_of(due, interaction))
        if visit.request.method == "POST":
            answer = login.steps[due].submit(visit, interaction)
            return answer if answer is not None else login.advance(visit, interaction)
        return login.steps[due].show(visit, interaction)

    @pages.post("/connexion/<step>/renvoyer")
    @kit.visit
    def resend(visit: Visit, step: str) -> Response:
        del step
        interaction = _interaction(visit)
        due = next_step(interaction.facts)
        if due is None:
            return login.advance(visit, interaction)
        match login.steps[due]:
            case EmailOtp() | Activation() as sender:
                sender.resend(visit, interaction)
        return visit.see_other(url_of(due, interaction))

    @pages.post("/connexion/annuler")
    @kit.visit
    def cancel(visit: Visit) -> Response:
        """Back to the service that asked, with `access_denied` (RFC 6749 section 4.1.2.1)."""
        interaction = _interaction(visit)
        if interaction.asked.client_id is None:
            return visit.see_other("/")
        interaction.cancelled = True
        return visit.see_other(f"/oauth2/authorize/suite?i={interaction.id}")

    @pages.post("/connexion/recommencer")
    @kit.visit
    def restart(visit: Visit) -> Response:
        """A new sign-in for the same service, with nothing proved."""
        former = _interaction(visit)
        interactions.end(visit.session, former, now=visit.now)
        return login.begin(visit, former.asked)

    kit.limit_pages(pages)
    return pages


def _interaction(visit: Visit) -> Interaction:
    """The sign-in that the page names, or the newest of this browser, or a new one without a service."""
    handle = visit.request.form.get("i") or visit.request.args.get("i")
    if handle:
        found = interactions.find(visit.session, handle, browser=visit.browser, now=visit.now)
        if found is None:
            raise Problem("P-2002", detail="unknown interaction")
    else:
        found = interactions.newest(visit.session, browser=visit.browser, now=visit.now)
    if found is None:
        space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.kit.spaces.default
        lifetime = visit.kit.settings.sign_in.interaction_lifetime
        found = interactions.start(
            visit.session, browser=visit.browser, demand=default_demand(space), now=visit.now, lifetime=lifetime
        )
    demand = found.asked
    visit.space = visit.kit.spaces[demand.space]
    target = demand.redirect_uri or visit.kit.door_of(visit.session, visit.space)
    if target is not None:
        visit.send_forms_to(target)
    return found
