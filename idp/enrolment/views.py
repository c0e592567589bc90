"""The pages of « Créer son compte »: « Mes infos », « Validation », « Bienvenue »."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from flask import Blueprint, Response

from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password import Passwords
from idp.authenticators.password_policy import Personal
from idp.captcha.guard import Guard
from idp.core import outbox
from idp.core.errors import CATALOGUE, Problem
from idp.core.words import N_
from idp.enrolment import service
from idp.enrolment.forms import EnrolmentForm
from idp.login import activation, new_password, pairs, way_on
from idp.login import interaction as interactions
from idp.login import origin as origins
from idp.login.member_forms import EmailForm
from idp.login.origin import Origin, sign_in_url
from idp.login.pairs import Wait, WrongPair
from idp.subjects import emails, enrolments
from idp.subjects.directory import DirectoryUnavailable, MemberDirectory, RegisteredMember
from idp.subjects.enrolments import Enrolment
from idp.web import words
from idp.web.kit import Kit, Visit

# Often enough to notice, seldom enough for a screen reader to finish its sentence.
REFRESH = timedelta(seconds=15)
BUSY = CATALOGUE["P-5004"]
TOO_MANY = N_(
    "Vous avez commencé plusieurs inscriptions aujourd’hui. Ouvrez le dernier email reçu, ou recommencez demain."
)
WAITING = "/inscription/validation"


@dataclass(frozen=True, slots=True)
class Enrolments:
    """The parts that the pages need."""

    kit: Kit
    passwords: Passwords
    captcha: Guard
    directory: MemberDirectory

    def start(self, visit: Visit) -> Response:
        """« Créer son compte », in the space of the pending request or of the address."""
        origin = _origin(visit)
        if not visit.space.enrolment:
            raise Problem("P-1002")
        form = EnrolmentForm(visit.request.form).set_patterns(
            self.kit.settings.directory, visit.space, visit.locale
        )
        if visit.request.method == "POST":
            return self.submit(visit, form, origin)
        return self.first_page(visit, form, origin)

    def first_page(self, visit: Visit, form: EnrolmentForm, origin: Origin) -> Response:
        """« Mes infos », with what was typed, never passwords."""
        named = origins.named(visit, origin.handle)
        # The page shows another picture: what was copied from the last one is no answer to it.
        form.captcha.data = ""
        return visit.page(
            "inscription.html",
            form=form,
            hidden=named,
            captcha=self.captcha.offer(visit, back=f"/inscription?{urlencode(named)}"),
            rules=new_password.rules(visit),
            strength=new_password.strength(form.password, _about(form)),
            terms_url=f"/cgu?espace={visit.space.name}",
            sign_in_url=sign_in_url(visit, origin.handle),
        )

    def submit(self, visit: Visit, form: EnrolmentForm, origin: Origin) -> Response:
        """Format, captcha, pair, budgets; then one hash with no transaction; then the attempt."""
        if not self._is_acceptable(visit, form):
            return self.first_page(visit, form, origin)
        member = self._member(visit, form)
        if member is None:
            return self.first_page(visit, form, origin)
        visit.session.commit()
        try:
            stored = self.passwords.hash(form.password.data or "")
        except GateBusy as busy:
            # Nothing was begun: the day's attempt is given back, and the form stays filled in.
            service.give_back(visit, member.id)
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self.first_page(visit, form, origin), busy.retry_after)
        enrolment = service.begin(
            visit,
            member_id=member.id,
            address=form.address,
            password_hash=stored,
            interaction_id=origin.handle or None,
        )
        origin.wait(visit, within=visit.kit.settings.enrolment.return_within, identifier=form.address)
        return visit.see_other(waiting_url(enrolment))

    def _is_acceptable(self, visit: Visit, form: EnrolmentForm) -> bool:
        is_whole = form.validate()
        about = _about(form)
        # Everything that must be mended is told at once.
        if form.password.data and not new_password.passes(
            visit, form.password, about, self.passwords.blocked
        ):
            return False
        if not is_whole:
            return False
        problem = self.captcha.refusal(visit)
        if problem is not None:
            form.captcha.errors = [problem]
        return problem is None

    def _member(self, visit: Visit, form: EnrolmentForm) -> RegisteredMember | None:
        """The member whose pair this is, when nothing stands against a new attempt."""
        try:
            found = pairs.check(
                visit, self.directory, number=form.number, access_code=form.access_code.data or ""
            )
        except DirectoryUnavailable as silent:
            raise Problem("P-5003", detail="member directory", retry_after=timedelta(minutes=1)) from silent
        match found:
            case Wait(delay):
                wait = words.duration(delay.total_seconds() + 1, visit.locale)
                form.member_number.errors = [visit.say(pairs.TOO_SOON, wait=wait)]
                return None
            case WrongPair():
                form.member_number.errors = [pairs.WRONG]
                return None
            case RegisteredMember() as member:
                about = Personal(names=(member.given_name, member.family_name))
                if not new_password.passes(visit, form.password, about, self.passwords.blocked):
                    form.password.errors = [new_password.NAMES]
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
    add(pages, WAITING, _waiting, post=False)
    add(pages, "/inscription/renvoyer", _resend, post=True)
    add(pages, "/inscription/corriger", _correct, post=True)
    add(pages, "/inscription/bienvenue", _welcome, post=False)
    parts.kit.limit_pages(pages)
    return pages


def _waiting(visit: Visit) -> Response:
    enrolment = of_browser(visit)
    if enrolment is None:
        return not_here(visit, "/inscription")
    if enrolment.activated_at is not None:
        return visit.see_other(welcome_url(enrolment))
    return _waiting_page(visit, enrolment, EmailForm(data={"email": enrolment.email}))


def not_here(visit: Visit, instead: str) -> Response:
    """A browser without an attempt: on to another page of the same service, or the news that cookies are missing."""
    handle = visit.request.form.get("i") or visit.request.args.get("i") or ""
    origin = interactions.remembered(visit.session, handle)
    if origin is None:
        return visit.see_other(instead)
    if visit.is_first_request:
        raise Problem("P-2003", detail="no browser cookie on the page of an enrolment")
    return visit.see_other(f"{instead}?i={origin.id}")


def _resend(visit: Visit) -> Response:
    enrolment = of_browser(visit)
    if enrolment is None:
        return not_here(visit, "/inscription")
    activation.send_again(visit, enrolment)
    return visit.see_other(waiting_url(enrolment))


def _correct(visit: Visit) -> Response:
    """Another address for the same attempt, nothing else retyped."""
    enrolment = of_browser(visit)
    form = EmailForm(visit.request.form)
    if enrolment is None or enrolment.activated_at is not None:
        return not_here(visit, WAITING)
    if not enrolments.is_still_entitled(visit.session, enrolment):
        return visit.see_other("/inscription")
    if not form.validate():
        return _waiting_page(visit, enrolment, form)
    corrected = service.repeat(visit, enrolment, address=form.address)
    if corrected is None:
        form.email.errors = [TOO_MANY]
        return _waiting_page(visit, enrolment, form)
    return visit.see_other(waiting_url(corrected))


def _welcome(visit: Visit) -> Response:
    """« Bienvenue »: on to the service that the member came from, when its request is still alive here."""
    enrolment = of_browser(visit)
    visit.space = visit.kit.spaces.get(visit.request.args.get("espace", "")) or visit.space
    handle = visit.request.args.get("i") or (enrolment.interaction_id if enrolment is not None else None)
    return visit.page("bienvenue.html", sign_in_url=sign_in_url(visit, handle or ""))


def waiting_url(enrolment: Enrolment) -> str:
    """« Validation » of this attempt."""
    return _url(WAITING, enrolment)


def welcome_url(enrolment: Enrolment) -> str:
    """« Bienvenue » for the member of this attempt, in whatever browser it was activated."""
    return _url("/inscription/bienvenue", enrolment)


def _url(path: str, enrolment: Enrolment) -> str:
    """A page of this attempt, which also tells where its member came from."""
    named = {"i": enrolment.interaction_id} if enrolment.interaction_id else {"espace": enrolment.space}
    return f"{path}?{urlencode(named)}"


def of_browser(visit: Visit) -> Enrolment | None:
    """The attempt that this browser made last; its space becomes the visit's."""
    enrolment = enrolments.newest_of_browser(visit.session, activation.browsers_of(visit))
    if enrolment is not None:
        visit.space = visit.kit.spaces.get(enrolment.space) or visit.space
        visit.prefer(enrolment.locale)
    return enrolment


def _origin(visit: Visit) -> Origin:
    """Where the member came from; a browser that was sent here and brought no cookie is told so."""
    found = origins.of(visit, welcomes=lambda space: space.enrolment)
    if found.handle and found.interaction is None and visit.is_first_request:
        problem = way_on.why_not(visit, found.handle)
        if problem.entry.number == "P-2003":
            raise problem
    return found


def _about(form: EnrolmentForm) -> Personal:
    return Personal(
        member_number=form.number, access_code=form.access_code.data or "", email=form.email.data or ""
    )


def _waiting_page(visit: Visit, enrolment: Enrolment, form: EmailForm) -> Response:
    delivery = outbox.status(visit.session, enrolment.outbox_id) if enrolment.outbox_id else "queued"
    correcting = "corriger" in visit.request.args or visit.request.method == "POST"
    visit.back = f"{waiting_url(enrolment)}&corriger=1" if correcting else None
    return visit.page(
        "validation.html",
        address=enrolment.email if activation.is_own(visit, enrolment) else emails.mask(enrolment.email),
        delivery=delivery,
        hidden={"i": enrolment.interaction_id} if enrolment.interaction_id else {},
        resend_url="/inscription/renvoyer",
        resend_wait=activation.resend_wait(visit, enrolment).total_seconds(),
        correct_form=form,
        correct_url="/inscription/corriger",
        code_url=_url("/inscription/code", enrolment),
        refresh=None if correcting else round(REFRESH.total_seconds()),
    )
