"""One route for every step of the sign-in."""

from flask import Blueprint, Response

from idp.core.errors import Problem
from idp.login import interaction as interactions
from idp.login import keeping, passkeys, proof, way_on
from idp.login.interaction import Interaction
from idp.login.journey import StepName, next_step
from idp.login.service import KEEP, RESUME, Login, default_demand, url_of
from idp.login.steps import strong_setup
from idp.web.kit import Kit, Visit

# A passkey answers in the place of the first step, or of a code.
TAKES_PASSKEY = (StepName.PASSWORD, StepName.APP, StepName.MAIL_CODE)


def blueprint(kit: Kit, login: Login) -> Blueprint:
    """`/connexion` and below."""
    views = _Views(login)
    pages = Blueprint("login", __name__)
    kit.add_page(pages, "/connexion", views.step)
    kit.add_page(pages, "/connexion/<step>", views.step)
    kit.add_page(pages, KEEP, views.keep)
    kit.add_page(pages, "/connexion/<step>/renvoyer", views.resend, post=True)
    kit.add_page(pages, "/connexion/cle", views.passkey, post=True)
    kit.add_page(pages, "/connexion/cle/options", views.passkey_options, post=True)
    kit.add_page(pages, "/connexion/cle/nouvelle", views.new_passkey, post=True)
    kit.add_page(pages, "/connexion/cle/nouvelle/options", views.new_passkey_options, post=True)
    kit.add_page(pages, "/connexion/annuler", views.cancel, post=True)
    kit.add_page(pages, "/connexion/recommencer", views.restart, post=True)
    kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, login: Login) -> None:
        self._login = login

    def step(self, visit: Visit, step: str = StepName.PASSWORD.value) -> Response:
        """The one route of every step."""
        interaction = _interaction(visit)
        due = next_step(interaction.facts)
        if due is None:
            return self._login.advance(visit, interaction)
        if step != due.value:
            # From a second tab or by « back »: to the step that is due. What was posted here is not judged.
            return visit.see_other(url_of(due, interaction))
        if visit.request.method == "POST":
            answer = self._login.steps[due].submit(visit, interaction)
            return answer if answer is not None else self._login.advance(visit, interaction)
        return self._login.steps[due].show(visit, interaction)

    def resend(self, visit: Visit, step: str) -> Response:
        """« Renvoyer »: the step that is due sends again, when its rules allow."""
        del step
        interaction = _interaction(visit)
        due = next_step(interaction.facts)
        if due is None:
            return self._login.advance(visit, interaction)
        self._login.steps[due].resend(visit, interaction)
        return visit.see_other(url_of(due, interaction))

    def passkey(self, visit: Visit) -> Response:
        """What a passkey answered, at the first step or in the place of a code."""
        interaction = _interaction(visit)
        due = next_step(interaction.facts)
        if due not in TAKES_PASSKEY:
            return self._login.advance(visit, interaction)
        answer = passkeys.answer(visit, interaction, page_url=url_of(due, interaction))
        return answer if answer is not None else self._login.advance(visit, interaction)

    def passkey_options(self, visit: Visit) -> Response:
        """The challenge that a passkey answers."""
        _interaction(visit)
        return passkeys.options(visit)

    def new_passkey(self, visit: Visit) -> Response:
        """A passkey that was made where one is demanded."""
        interaction = _interaction(visit)
        if next_step(interaction.facts) is not StepName.STRONG_SETUP:
            return self._login.advance(visit, interaction)
        page_url = url_of(StepName.STRONG_SETUP, interaction)
        answer = strong_setup.take_key(visit, interaction, page_url=page_url)
        return answer if answer is not None else self._login.advance(visit, interaction)

    def new_passkey_options(self, visit: Visit) -> Response:
        """The challenge that a new passkey answers."""
        interaction = _interaction(visit)
        if next_step(interaction.facts) is not StepName.STRONG_SETUP:
            raise Problem("P-6403", detail="no passkey is asked for here")
        return strong_setup.key_options(visit, interaction)

    def keep(self, visit: Visit) -> Response:
        """Whether an account that its owner closed is kept: asked once everything else is proved."""
        interaction = _interaction(visit)
        if next_step(interaction.facts) is not None:
            return self._login.advance(visit, interaction)
        return keeping.page(visit, interaction, self._login)

    def cancel(self, visit: Visit) -> Response:
        """Back to the service that asked, with `access_denied` (RFC 6749 section 4.1.2.1)."""
        interaction = _interaction(visit)
        if interaction.asked.client_id is None:
            return visit.see_other("/")
        interaction.cancelled = True
        return visit.see_other(f"{RESUME}?i={interaction.id}")

    def restart(self, visit: Visit) -> Response:
        """A new sign-in for the same service, with nothing proved."""
        former = _interaction(visit)
        interactions.end(visit.session, former, now=visit.now)
        return self._login.begin(visit, former.asked)


def _interaction(visit: Visit) -> Interaction:
    """The sign-in that the page names, or the newest of this browser, or a new one without a service."""
    handle = visit.request.form.get("i") or visit.request.args.get("i")
    if handle:
        acts = visit.request.method == "POST"
        found = interactions.find(visit.session, handle, browser=visit.browser, now=visit.now, lock=acts)
        if found is None or not proof.holds(visit, found):
            raise way_on.why_not(visit, handle)
    else:
        found = interactions.newest(visit.session, browser=visit.browser, now=visit.now)
        if found is not None and not proof.holds(visit, found):
            found = None
    if found is None:
        space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.kit.spaces.default
        lifetime = visit.kit.settings.sign_in.interaction_lifetime
        found = interactions.start(
            visit.session,
            browser=visit.browser,
            demand=default_demand(space),
            now=visit.now,
            lifetime=lifetime,
        )
    demand = found.asked
    visit.space = visit.kit.spaces[demand.space]
    visit.prefer(demand.ui_locales)
    target = demand.redirect_uri or visit.kit.door_of(visit.session, visit.space)
    if target is not None:
        visit.send_forms_to(target)
    return found
