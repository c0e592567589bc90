"""The pages of an invitation: its link, its code, and the account that it opens."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from idp.authenticators.hash_gate import GateBusy
from idp.authenticators.password_policy import Personal
from idp.core import secrets, throttles
from idp.core.errors import CATALOGUE, Problem
from idp.core.words import N_
from idp.enrolment import service
from idp.enrolment.forms import InvitationCodeForm, InvitationForm
from idp.enrolment.views import TOO_MANY, Enrolments, waiting_url, welcome_url
from idp.login import activation, new_password
from idp.login.member_forms import name_number
from idp.login.origin import sign_in_url
from idp.login.pairs import ANY_PAIR_FROM_NETWORK, PAIR_FROM_ANYWHERE, PAIR_FROM_NETWORK, TOO_SOON
from idp.subjects import accounts, emails, invitations, members, one_time
from idp.subjects.enrolments import Activated, Enrolment, NotActivated, Outcome
from idp.subjects.invitations import NUMBER_TRIES, PROOF_LIFETIME, Channel, Invitation
from idp.subjects.members import Member
from idp.subjects.one_time import Purpose
from idp.web import words
from idp.web.kit import Visit

LONGEST_TOKEN = 64
BUSY = CATALOGUE["P-5004"]
WRONG_CODE = N_("Ce numéro et ce code ne vont pas ensemble, ou ils ne sont plus valables. Vérifiez-les.")
WRONG_NUMBER = N_("Ce n’est pas le numéro de la personne invitée. Vérifiez-le, puis recommencez.")


@dataclass(frozen=True, slots=True)
class _Link:
    """An invitation as its link leads to it."""

    invitation: Invitation
    member: Member
    token: str
    asks_number: bool
    is_alive: bool


def blueprint(parts: Enrolments) -> Blueprint:
    """`/invitation` and `/invitation/<token>`."""
    views = _Views(parts)
    pages = Blueprint("invitation", __name__)
    add = parts.kit.add_page
    add(pages, "/invitation", views.code)
    add(pages, "/invitation/<token>", views.look, post=False)
    add(pages, "/invitation/<token>", views.accept, post=True)
    parts.kit.limit_pages(pages)
    return pages


class _Views:
    def __init__(self, parts: Enrolments) -> None:
        self._parts = parts

    def code(self, visit: Visit) -> Response:
        """The number and the code of a letter, or of a mail whose link fails."""
        given = visit.request.form.get("espace") or visit.request.args.get("espace") or ""
        visit.space = visit.kit.spaces.get(given) or visit.space
        form = InvitationCodeForm(visit.request.form)
        if visit.space.name == given:
            name_number(form.member_number, visit.space, visit.locale)
        if visit.request.method == "GET" or not self._code_is_whole(visit, form):
            return self._code_page(visit, form, given)
        wait = _count(visit.session, form.number, visit)
        if wait is not None:
            said = words.duration(wait.total_seconds() + 1, visit.locale)
            form.member_number.errors = [visit.say(TOO_SOON, wait=said)]
            return self._code_page(visit, form, given)
        spaces = frozenset(
            {given} if visit.kit.spaces.get(given) else {space.name for space in visit.kit.spaces}
        )
        invitation = invitations.redeem(
            visit.session,
            vault=visit.kit.vault,
            number=form.number,
            spaces=spaces,
            entry=form.digits,
            now=visit.now,
        )
        if invitation is None:
            visit.audit("invitation.wrong_code")
            form.code.errors = [WRONG_CODE]
            return self._code_page(visit, form, given)
        _forget_tries(visit.session, form.number, visit)
        visit.audit("invitation.proved", invitation=invitation.id)
        token = one_time.issue_link(
            visit.session,
            vault=visit.kit.vault,
            purpose=Purpose.INVITATION_PROOF,
            binding=invitation.id,
            now=visit.now,
            lifetime=PROOF_LIFETIME,
        )
        return visit.see_other(f"/invitation/{token}")

    def look(self, visit: Visit, token: str) -> Response:
        """GET never changes anything: mail scanners open every link."""
        if visit.kit.spaces.get(token) is not None:
            # What a letter prints: short enough to be typed, and it opens in the colours of its space.
            return visit.see_other(f"/invitation?espace={token}")
        link = _of_link(visit, token)
        prefilled = {"email": link.invitation.email or ""}
        return self._page(visit, link, _ask(visit, InvitationForm(data=prefilled), link))

    def accept(self, visit: Visit, token: str) -> Response:
        """Format, captcha, number, budgets; then one hash with no transaction; then the account, or its mail."""
        link = _of_link(visit, token)
        form = _ask(visit, InvitationForm(visit.request.form), link)
        if _mode(visit, link) != "form" or not self._is_acceptable(visit, form, link):
            return self._page(visit, link, form)
        visit.session.commit()
        try:
            stored = self._parts.passwords.hash(form.password.data or "")
        except GateBusy as busy:
            # Nothing was begun: the day's attempt is given back, and the form stays filled in.
            service.give_back(visit, link.member.id)
            form.form_errors.append(f"{visit.say(BUSY.member)} ({BUSY.number})")
            return visit.busy(self._page(visit, link, form), busy.retry_after)
        link = _of_link(visit, token)
        if _mode(visit, link) != "form":
            return self._page(visit, link, form)
        is_proved = _came_to(link.invitation, form.address)
        enrolment = service.begin(
            visit,
            member_id=link.member.id,
            address=form.address,
            password_hash=stored,
            interaction_id=None,
            invitation_id=link.invitation.id,
            is_address_proved=is_proved,
        )
        if is_proved and enrolment.outcome == Outcome.NEW:
            return self._open(visit, link, form, enrolment)
        return visit.see_other(waiting_url(enrolment))

    def _open(self, visit: Visit, link: _Link, form: InvitationForm, enrolment: Enrolment) -> Response:
        """The invitation came to this very address: nothing else is to be proved."""
        match activation.activate(visit, enrolment):
            case Activated():
                return visit.see_other(welcome_url(enrolment))
            case NotActivated():
                # Another tab was quicker, or the invitation was replaced meanwhile: the page says which.
                return self._page(visit, _of_link(visit, link.token), form)

    def _code_is_whole(self, visit: Visit, form: InvitationCodeForm) -> bool:
        if not form.validate():
            return False
        problem = self._parts.captcha.refusal(visit)
        if problem is not None:
            form.captcha.errors = [problem]
        return problem is None

    def _is_acceptable(self, visit: Visit, form: InvitationForm, link: _Link) -> bool:
        is_whole = form.validate()
        about = Personal(member_number=form.number, email=form.email.data or "")
        blocked = self._parts.passwords.blocked
        # Everything that must be mended is told at once.
        if form.password.data and not new_password.passes(visit, form.password, about, blocked):
            return False
        if not is_whole:
            return False
        problem = self._parts.captcha.refusal(visit)
        if problem is not None:
            form.captcha.errors = [problem]
            return False
        if link.asks_number and not _number_is_right(visit, form, link):
            return False
        about = Personal(
            member_number=link.member.member_number, names=(link.member.given_name, link.member.family_name)
        )
        if not new_password.passes(visit, form.password, about, blocked):
            form.password.errors = [new_password.NAMES]
            return False
        if not service.may_begin(visit, link.member.id):
            form.email.errors = [TOO_MANY]
            return False
        return True

    def _code_page(self, visit: Visit, form: InvitationCodeForm, space: str) -> Response:
        named = {"espace": space} if visit.kit.spaces.get(space) else {}
        back = f"/invitation?espace={space}" if named else "/invitation"
        # The page shows another picture: what was copied from the last one is no answer to it.
        form.captcha.data = ""
        return visit.page(
            "invitation_code.html",
            form=form,
            hidden=named,
            captcha=self._parts.captcha.offer(visit, back=back),
            sign_in_url=sign_in_url(visit, ""),
        )

    def _page(self, visit: Visit, link: _Link, form: InvitationForm) -> Response:
        mode = _mode(visit, link)
        form.captcha.data = ""
        is_form = mode == "form"
        about = Personal(member_number=form.number, email=form.email.data or "")
        return visit.page(
            "invitation.html",
            mode=mode,
            form=form,
            asks_number=link.asks_number,
            came_by_mail=link.invitation.channel == Channel.MAIL,
            captcha=self._parts.captcha.offer(visit, back=visit.request.path) if is_form else None,
            rules=new_password.rules(visit) if is_form else [],
            strength=new_password.strength(form.password, about) if is_form else None,
            terms_url=f"/cgu?espace={visit.space.name}",
            sign_in_url=sign_in_url(visit, ""),
        )


def _of_link(visit: Visit, token: str) -> _Link:
    """The invitation of a link, mailed or made by a right code; looking changes nothing."""
    for purpose in (Purpose.INVITATION_LINK, Purpose.INVITATION_PROOF):
        found = _find(visit, purpose, token) if len(token) <= LONGEST_TOKEN else None
        invitation = invitations.by_id(visit.session, found) if found is not None else None
        member = members.by_id(visit.session, invitation.member_id) if invitation is not None else None
        if invitation is None or member is None:
            continue
        visit.space = visit.kit.spaces.get(invitation.space) or visit.space
        return _Link(
            invitation,
            member,
            token,
            asks_number=purpose is Purpose.INVITATION_LINK,
            is_alive=_find(visit, purpose, token, is_alive=True) is not None,
        )
    raise Problem("P-6101")


def _find(visit: Visit, purpose: Purpose, token: str, *, is_alive: bool = False) -> str | None:
    now = visit.now if is_alive else None
    return one_time.find_link(visit.session, vault=visit.kit.vault, purpose=purpose, token=token, now=now)


def _mode(visit: Visit, link: _Link) -> str:
    """What the page says: it never tells a name, nor that the number was right, before both are proved."""
    invitation = link.invitation
    if invitation.accepted_at is not None or accounts.by_member(visit.session, link.member.id) is not None:
        return "already"
    if invitation.voided_at is not None or not link.member.is_active:
        return "voided"
    if not invitation.is_open(visit.now) or not link.is_alive:
        return "lapsed"
    tries = throttles.used(visit.session, _number_budget(invitation), now=visit.now)
    return "exhausted" if link.asks_number and tries >= NUMBER_TRIES else "form"


def _ask(visit: Visit, form: InvitationForm, link: _Link) -> InvitationForm:
    pattern = visit.space.member_number_pattern or visit.kit.settings.directory.member_number_pattern
    return form.ask(visit.space, visit.locale, pattern=pattern, asks_number=link.asks_number)


def _number_is_right(visit: Visit, form: InvitationForm, link: _Link) -> bool:
    """Count the try, then compare: whoever else reads the mail does not know the number."""
    budget = _number_budget(link.invitation)
    if throttles.spend_until(
        visit.session, budget, limit=NUMBER_TRIES, ends_at=link.invitation.expires_at
    ) and secrets.same(form.number, link.member.member_number):
        throttles.restore(visit.session, budget)
        return True
    visit.audit("invitation.wrong_number", invitation=link.invitation.id)
    form.member_number.errors = [WRONG_NUMBER]
    return False


def _number_budget(invitation: Invitation) -> str:
    return f"invitation-number:{invitation.id}"


def _came_to(invitation: Invitation, address: str) -> bool:
    """Whether the mail that invites went to this address, so that it needs no mail of its own."""
    return invitation.email is not None and emails.fold(invitation.email) == emails.fold(address)


def _count(session: Session, number: str, visit: Visit) -> timedelta | None:
    """Count one try of number and code before it is compared; how long to wait instead, or None."""
    every = f"invitations:{visit.network}"
    wait = throttles.waiting(session, every, now=visit.now)
    if wait is None:
        wait = throttles.attempt_near_and_far(
            session,
            near=f"invitation:{number}:{visit.network}",
            near_schedule=PAIR_FROM_NETWORK,
            far=f"invitation:{number}",
            far_schedule=PAIR_FROM_ANYWHERE,
            now=visit.now,
        )
    return wait or throttles.attempt(session, every, schedule=ANY_PAIR_FROM_NETWORK, now=visit.now)


def _forget_tries(session: Session, number: str, visit: Visit) -> None:
    throttles.forget(session, f"invitation:{number}:{visit.network}")
    throttles.give_back(session, f"invitation:{number}")
    throttles.give_back(session, f"invitations:{visit.network}")
