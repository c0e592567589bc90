"""What the pages of recovery share: their parts, their cookies, and the form in front of each."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Response
from wtforms import StringField

from idp.authenticators.password import Passwords
from idp.captcha.guard import Guard
from idp.captcha.service import Block
from idp.core import throttles
from idp.core.errors import Problem
from idp.core.words import N_
from idp.login import origin as origins
from idp.login import pairs
from idp.login.member_forms import PairForm
from idp.login.pairs import Wait, WrongPair
from idp.recovery.changes import ChangeTools
from idp.subjects import one_time
from idp.subjects.accounts import Profile
from idp.subjects.directory import DirectoryUnavailable, MemberDirectory, RegisteredMember
from idp.subjects.one_time import Purpose
from idp.subjects.recoveries import Recovery
from idp.web import words
from idp.web.kit import Kit, Visit

COOKIE = "recovery"
DIGITS = 8
LONGEST_TOKEN = 64
DAY = timedelta(days=1)
START = "/acces-perdus"
NEW_PASSWORD = "/mot-de-passe/nouveau"
DONE = "/mot-de-passe/fait"
LETTER_DONE = "/adresse-perdue/fait"
NOT_YOURS = N_("Ce n’est pas le code d’accès de vos courriers. Vérifiez-le, puis recommencez.")
TOO_MANY = N_("Vous avez fait cette demande plusieurs fois aujourd’hui. Recommencez demain, ou appelez-nous.")


@dataclass(frozen=True, slots=True)
class Recoveries:
    """The parts that the pages need."""

    kit: Kit
    passwords: Passwords
    captcha: Guard
    directory: MemberDirectory

    def offer(self, visit: Visit, field: StringField, path: str, handle: str) -> dict[str, Any]:
        """What every first page of a way back shows: the captcha, and where its reader came from."""
        # The page shows another picture: what was copied from the last one is no answer to it.
        field.data = ""
        captcha: Block = self.captcha.offer(visit, back=link(visit, path, handle))
        return {
            "captcha": captcha,
            "hidden": origins.named(visit, handle),
            "start_url": link(visit, START, handle),
            "sign_in_url": origins.sign_in_url(visit, handle),
        }

    def passes(self, visit: Visit, field: StringField) -> bool:
        """Whether the captcha was answered; otherwise its field says why not."""
        problem = self.captcha.refusal(visit)
        if problem is not None:
            field.errors = [problem]
        return problem is None

    def member(self, visit: Visit, form: PairForm) -> RegisteredMember | None:
        """The member whose pair was typed; otherwise the form says what is wrong, in one sentence for all."""
        found = self._member_of(visit, form.number, form.access_code)
        if isinstance(found, RegisteredMember):
            return found
        form.member_number.errors = [found]
        return None

    def is_paper_of(self, visit: Visit, profile: Profile, field: StringField) -> bool:
        """Whether the access code is the one on this member's papers, counted as everywhere; else its field says no."""
        found = self._member_of(visit, profile.member_number, field)
        if isinstance(found, RegisteredMember):
            return found.population == profile.population
        field.errors = [found if found != pairs.WRONG else NOT_YOURS]
        return False

    def _member_of(self, visit: Visit, number: str, access_code: StringField) -> RegisteredMember | str:
        """The member of this pair, or the sentence that says why not."""
        try:
            found = pairs.check(visit, self.directory, number=number, access_code=access_code.data or "")
        except DirectoryUnavailable as silent:
            raise Problem("P-5003", detail="member directory", retry_after=timedelta(minutes=1)) from silent
        # The count of all pairs is one row: it is not held while this request waits for an account.
        visit.session.commit()
        match found:
            case Wait(delay):
                wait = words.duration(delay.total_seconds() + 1, visit.locale)
                return visit.say(pairs.TOO_SOON, wait=wait)
            case WrongPair():
                return pairs.WRONG
            case RegisteredMember():
                return found


def link(visit: Visit, path: str, handle: str | None) -> str:
    """A page of recovery, which also knows where its reader came from."""
    ((name, value),) = origins.named(visit, handle).items()
    return f"{path}?{name}={value}"


def stand_in(visit: Visit, row: Recovery) -> Visit:
    """Look and language of the visit are those of the request that goes on here."""
    visit.space = visit.kit.spaces.get(row.space) or visit.space
    visit.prefer(row.locale)
    return visit


def go_on(visit: Visit, path: str, row: Recovery) -> Response:
    """303 to another page of the same request."""
    return visit.see_other(link(visit, path, row.interaction_id))


def tools_of(visit: Visit) -> ChangeTools:
    """What a change of address needs to take effect in this request."""
    return ChangeTools(visit.kit.settings, visit.kit.vault, visit.kit.spaces)


def issue_pair(visit: Visit, row: Recovery, *, link_for: Purpose, code_for: Purpose) -> tuple[str, str]:
    """A link's token and a code of a request, for its next mail."""
    lifetime = row.expires_at - visit.now
    token = one_time.issue_link(
        visit.session,
        vault=visit.kit.vault,
        purpose=link_for,
        binding=row.id,
        now=visit.now,
        lifetime=lifetime,
    )
    code = one_time.issue_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=code_for,
        binding=row.id,
        now=visit.now,
        lifetime=lifetime,
        digits=DIGITS,
    )
    return token, code


def resend_wait(visit: Visit, row: Recovery) -> timedelta:
    """How long until the mail of a request may be asked for again."""
    return max(timedelta(0), row.mailed_at + visit.kit.settings.recovery.resend_wait - visit.now)


def may_send_again(visit: Visit, row: Recovery) -> bool:
    """Whether a request has another mail to send, and its wait is over; its row is locked."""
    is_due = resend_wait(visit, row) == timedelta(0)
    return is_due and row.is_open(visit.now) and row.mails < visit.kit.settings.recovery.mails


def spend_of_day(visit: Visit, key: str, *, limit: int) -> bool:
    """Use one unit of a day's budget."""
    return throttles.spend(visit.session, key, limit=limit, window=DAY, now=visit.now)
