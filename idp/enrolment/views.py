"""The pages of « Créer son compte »: « Mes infos », « Validation », « Bienvenue »."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response

from idp.authenticators import password_policy
from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password import Passwords
from idp.authenticators.password_policy import Personal, Profile
from idp.captcha.guard import Guard
from idp.core import outbox
from idp.core.errors import CATALOGUE, Problem
from idp.enrolment import service
from idp.enrolment.forms import EmailForm, EnrolmentForm
from idp.enrolment.service import Refusal, Wait
from idp.login import activation
from idp.login import interaction as interactions
from idp.login.interaction import Interaction
from idp.subjects import emails, enrolments
from idp.subjects.directory import DirectoryUnavailable, MemberDirectory, RegisteredMember
from idp.subjects.enrolments import Enrolment
from idp.web.kit import Kit, Visit

# Often enough to notice, seldom enough for a screen reader to finish its sentence.
REFRESH = timedelta(seconds=15)
BUSY = f"{CATALOGUE['P-5004'].member} (P-5004)"
WRONG_PAIR = "Le numéro d’adhérent et le code d’accès ne vont pas ensemble. Vérifiez-les sur votre courrier."
TOO_MANY = "Vous avez commencé plusieurs inscriptions aujourd’hui. Ouvrez le dernier email reçu, ou recommencez demain."
NAMES = "Le mot de passe ne doit contenir ni votre nom, ni votre prénom."


@dataclass(frozen=True, slots=True)
class Enrolments:
    """The parts that the pages need."""

    kit: Kit
    passwords: Passwords
    captcha: Guard
    directory: MemberDirectory

    def start(self, visit: Visit) -> Response:
        """« Créer son compte », in the space of the pending request or of the address."""
        interaction = _interaction(visit)
        if not visit.space.enrolment:
            raise Problem("P-1002")
        form = EnrolmentForm(visit.request.form).set_patterns(self.kit.settings.directory)
        if visit.request.method == "POST":
            return self.submit(visit, form, interaction)
        return self.first_page(visit, form, interaction)

    def first_page(self, visit: Visit, form: EnrolmentForm, interaction: Interaction | None) -> Response:
        """« Mes infos », with what was typed, never passwords."""
        back = (
            f"/inscription?i={interaction.id}" if interaction else f"/inscription?espace={visit.space.name}"
        )
        # The page shows another picture: what was copied from the last one is no answer to it.
        form.captcha.data = ""
        return visit.page(
            "inscription.html",
            form=form,
            hidden=_hidden(visit, interaction),
            captcha=self.captcha.offer(visit, back=back),
            rules=password_policy.describe(
                Profile(visit.kit.settings.password.profile),
                accented=visit.kit.settings.password.accented_letters,
            ),
            terms_url=f"/cgu?espace={visit.space.name}",
            sign_in_url=f"/connexion?i={interaction.id}" if interaction else "/connexion",
        )

    def submit(self, visit: Visit, form: EnrolmentForm, interaction: Interaction | None) -> Response:
        """Format, captcha, pair, budgets; then one hash with no transaction; then the attempt."""
        if not self._is_acceptable(visit, form):
            return self.first_page(visit, form, interaction)
        member = self._member(visit, form)
        if member is None:
            return self.first_page(visit, form, interaction)
        visit.session.commit()
        try:
            stored = self.passwords.hash(form.password.data or "")
        except GateBusy as busy:
            # Nothing was begun: the day's attempt is given back, and the form stays filled in.
            service.give_back(visit, member.id)
            form.form_errors.append(BUSY)
            return visit.busy(self.first_page(visit, form, interaction), busy.retry_after)
        handle = interaction.id if interaction is not None else None
        service.begin(
            visit, member_id=member.id, address=form.address, password_hash=stored, interaction_id=handle
        )
        if interaction is not None and handle is not None:
            until = visit.now + visit.kit.settings.enrolment.return_within
            interactions.keep_until(visit.session, handle, until=until)
            interaction.forget_proofs()
            interaction.identifier = form.address
        return visit.see_other("/inscription/validation")

    def _is_acceptable(self, visit: Visit, form: EnrolmentForm) -> bool:
        is_whole = form.validate()
        about = Personal(
            member_number=form.number, access_code=form.access_code.data or "", email=form.address
        )
        # Everything that must be mended is told at once.
        if form.password.data and not self._passes_policy(visit, form, about):
            return False
        if not is_whole:
            return False
        problem = self.captcha.refusal(visit)
        if problem is not None:
            form.captcha.errors = [problem]
        return problem is None

    def _passes_policy(self, visit: Visit, form: EnrolmentForm, about: Personal) -> bool:
        rules = visit.kit.settings.password
        broken = password_policy.check(
            form.password.data or "",
            profile=Profile(rules.profile),
            about=about,
            blocked=self.passwords.blocked,
            accented=rules.accented_letters,
        )
        form.password.errors = [password_policy.SENTENCES[rule] for rule in broken]
        return not broken

    def _member(self, visit: Visit, form: EnrolmentForm) -> RegisteredMember | None:
        """The member whose pair this is, when nothing stands against a new attempt."""
        try:
            found = service.check_pair(
                visit, self.directory, number=form.number, access_code=form.access_code.data or ""
            )
        except DirectoryUnavailable as silent:
            raise Problem("P-5003", detail="member directory", retry_after=timedelta(minutes=1)) from silent
        match found:
            case Wait(delay):
                seconds = round(delay.total_seconds()) + 1
                form.member_number.errors = [f"Trop d’essais. Attendez {seconds} secondes, puis recommencez."]
                return None
            case Refusal():
                form.member_number.errors = [WRONG_PAIR]
                return None
            case RegisteredMember() as member:
                about = Personal(names=(member.given_name, member.family_name))
                if not self._passes_policy(visit, form, about):
                    form.password.errors = [NAMES]
                    return None
                if not service.may_begin(visit, member.id):
                    form.member_number.errors = [TOO_MANY]
                    return None
                return member


def blueprint(parts: Enrolments) -> Blueprint:
    """`/inscription` and its two following pages."""
    pages = Blueprint("enrolment", __name__)
    add = parts.kit.add_page
    add(pages, "/inscription", parts.start)
    add(pages, "/inscription/validation", _waiting, post=False)
    add(pages, "/inscription/renvoyer", _resend, post=True)
    add(pages, "/inscription/corriger", _correct, post=True)
    add(pages, "/inscription/bienvenue", _welcome, post=False)
    parts.kit.limit_pages(pages)
    return pages


def _waiting(visit: Visit) -> Response:
    enrolment = of_browser(visit)
    if enrolment is None:
        return visit.see_other("/inscription")
    if enrolment.activated_at is not None:
        return visit.see_other("/inscription/bienvenue")
    return _waiting_page(visit, enrolment, EmailForm(data={"email": enrolment.email}))


def _resend(visit: Visit) -> Response:
    enrolment = of_browser(visit)
    if enrolment is not None:
        activation.send_again(visit, enrolment)
    return visit.see_other("/inscription/validation")


def _correct(visit: Visit) -> Response:
    """Another address for the same attempt, nothing else retyped."""
    enrolment = of_browser(visit)
    form = EmailForm(visit.request.form)
    if enrolment is None or enrolment.activated_at is not None:
        return visit.see_other("/inscription/validation")
    if not enrolments.is_still_entitled(visit.session, enrolment):
        return visit.see_other("/inscription")
    if not form.validate():
        return _waiting_page(visit, enrolment, form)
    if service.repeat(visit, enrolment, address=form.address) is None:
        form.email.errors = [TOO_MANY]
        return _waiting_page(visit, enrolment, form)
    return visit.see_other("/inscription/validation")


def _welcome(visit: Visit) -> Response:
    """« Bienvenue »: on to the service that the member came from, when its request is still alive here."""
    enrolment = of_browser(visit)
    handle = visit.request.args.get("i") or (enrolment.interaction_id if enrolment is not None else None)
    url = visit.kit.door_of(visit.session, visit.space) or "/connexion"
    if handle and interactions.find(visit.session, handle, browser=visit.browser, now=visit.now):
        url = f"/connexion?i={handle}"
    return visit.page("bienvenue.html", sign_in_url=url)


def of_browser(visit: Visit) -> Enrolment | None:
    """The attempt that this browser made last; its space becomes the visit's."""
    enrolment = enrolments.newest_of_browser(visit.session, activation.browsers_of(visit))
    if enrolment is not None:
        visit.space = visit.kit.spaces.get(enrolment.space) or visit.space
    return enrolment


def _interaction(visit: Visit) -> Interaction | None:
    handle = visit.request.form.get("i") or visit.request.args.get("i") or ""
    found = interactions.find(visit.session, handle, browser=visit.browser, now=visit.now)
    name = (
        found.asked.space
        if found
        else visit.request.form.get("espace") or visit.request.args.get("espace") or ""
    )
    visit.space = visit.kit.spaces.get(name) or visit.space
    return found


def _hidden(visit: Visit, interaction: Interaction | None) -> dict[str, str]:
    return {"i": interaction.id} if interaction is not None else {"espace": visit.space.name}


def _waiting_page(visit: Visit, enrolment: Enrolment, form: EmailForm) -> Response:
    delivery = outbox.status(visit.session, enrolment.outbox_id) if enrolment.outbox_id else "queued"
    correcting = "corriger" in visit.request.args or visit.request.method == "POST"
    return visit.page(
        "validation.html",
        address=enrolment.email if activation.is_own(visit, enrolment) else emails.mask(enrolment.email),
        delivery=delivery,
        resend_url="/inscription/renvoyer",
        resend_wait=activation.resend_wait(visit, enrolment).total_seconds(),
        correct_form=form,
        correct_url="/inscription/corriger",
        code_url="/inscription/code",
        refresh=None if correcting else round(REFRESH.total_seconds()),
    )
