"""The activation of an enrolment: its mail, its link and its code, for the sign-in and for « Créer son compte »."""

from datetime import timedelta

from idp.core import throttles
from idp.login import own_browser
from idp.subjects import accounts, enrolments, one_time
from idp.subjects.enrolments import Activated, Enrolment, NotActivated, Outcome
from idp.subjects.members import Member
from idp.subjects.one_time import Purpose, Refusal, Spent
from idp.web import owner
from idp.web.kit import Visit
from idp.web.words import SOURCE

CODE_DIGITS = 8
COOKIE = "enrolment"
MAILS = 5
MAIL_OF = {
    Outcome.NEW: "activation",
    Outcome.ALREADY_MEMBER: "already-member",
    Outcome.IMPOSSIBLE: "request-impossible",
}


def is_own(visit: Visit, enrolment: Enrolment) -> bool:
    """Whether this browser is the one that made the attempt."""
    return enrolment.browser in browsers_of(visit)


def browsers_of(visit: Visit) -> list[str]:
    """What the attempts of this browser are found by: each was given a secret of its own."""
    return own_browser.fingerprints(visit, COOKIE)


def own_from_now_on(visit: Visit) -> str:
    """A fresh secret for a new attempt: a cookie that was known before is worthless for it."""
    return own_browser.own_from_now_on(visit, COOKIE)


def send_mail(visit: Visit, enrolment: Enrolment) -> None:
    """Send the mail that the attempt's outcome calls for.

    A link and a code are made whatever the outcome, so that all outcomes cost the same; only those of a new
    enrolment are mailed, and only they can activate.
    """
    settings = visit.kit.settings
    lifetime = enrolment.expires_at - visit.now
    token = one_time.issue_link(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ENROLMENT_LINK,
        binding=enrolment.id,
        now=visit.now,
        lifetime=lifetime,
    )
    code = one_time.issue_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ENROLMENT_CODE,
        binding=enrolment.id,
        now=visit.now,
        lifetime=lifetime,
        digits=CODE_DIGITS,
    )
    outcome = Outcome(enrolment.outcome)
    member = visit.session.get(Member, enrolment.member_id)
    context = {
        "sign_in_url": f"{settings.issuer}/connexion",
        "recover_url": f"{settings.issuer}/acces-perdus",
    }
    if outcome is Outcome.NEW:
        hours = max(1, lifetime // timedelta(hours=1))
        context = {
            "link": f"{settings.issuer}/inscription/activer/{token}",
            "code": code,
            "hours": str(hours),
        }
    if outcome is Outcome.ALREADY_MEMBER and member is not None:
        # It goes to the account's own address. A typed one may be a stranger's: no mail tells them a name.
        context["given_name"] = member.given_name
    enrolment.mails += 1
    enrolment.mailed_at = visit.now
    enrolment.outbox_id = visit.mail(
        MAIL_OF[outcome],
        enrolment.email,
        cause=f"enrolment:{enrolment.id}:mail:{enrolment.mails}",
        expires_at=enrolment.expires_at,
        context=context,
    )


def send_again(visit: Visit, enrolment: Enrolment) -> bool:
    """Send the mail again when its wait is over and its number is left; whether one was sent."""
    # Two clicks at once: the second one waits here and then finds the first one's mail.
    visit.session.refresh(enrolment, with_for_update=True)
    is_over = enrolment.activated_at is not None or enrolment.expires_at <= visit.now
    if is_over or resend_wait(visit, enrolment) > timedelta(0):
        return False
    key = f"enrolment-mails:{enrolment.id}"
    if not throttles.spend_until(visit.session, key, limit=MAILS, ends_at=enrolment.expires_at):
        return False
    send_mail(visit, enrolment)
    return True


def resend_wait(visit: Visit, enrolment: Enrolment) -> timedelta:
    """How long until the mail may be asked for again."""
    return max(timedelta(0), enrolment.mailed_at + visit.kit.settings.enrolment.resend_wait - visit.now)


def tries_left(visit: Visit, enrolment: Enrolment) -> int:
    """How many codes may still be tried for the last mail."""
    return one_time.tries_left(
        visit.session,
        purpose=Purpose.ENROLMENT_CODE,
        budget=_budget(enrolment),
        tries=visit.kit.settings.enrolment.code_tries,
        now=visit.now,
    )


def redeem_code(visit: Visit, enrolment: Enrolment, entry: str) -> Activated | NotActivated | Refusal:
    """Count the try, compare the code, and activate."""
    outcome = one_time.spend_code(
        visit.session,
        vault=visit.kit.vault,
        purpose=Purpose.ENROLMENT_CODE,
        binding=enrolment.id,
        entry=entry,
        tries=visit.kit.settings.enrolment.code_tries,
        budget=_budget(enrolment),
        budget_ends_at=enrolment.expires_at,
        now=visit.now,
    )
    match outcome:
        case Spent():
            return activate(visit, enrolment)
        case Refusal() as refusal:
            return refusal


def activate(visit: Visit, enrolment: Enrolment) -> Activated | NotActivated:
    """Open the account and tell whatever other contact the register holds."""
    space = visit.kit.spaces.get(enrolment.space)
    mates = space.mates if space is not None else frozenset()
    outcome = enrolments.activate(visit.session, enrolment, mates=mates, now=visit.now)
    if not isinstance(outcome, Activated):
        return outcome
    visit.audit("account.activated", outcome.account_id)
    member = visit.session.get(Member, enrolment.member_id)
    account = accounts.by_id(visit.session, outcome.account_id)
    if account is None or member is None:
        return outcome
    if member.email and member.email.casefold() != enrolment.email_folded:
        # Nobody knows which language that contact reads: not that of a stranger who may sit at this browser.
        owner.warn(
            visit,
            account,
            "account-activated",
            recipient=member.email,
            cause=f"account:{outcome.account_id}:activated",
            locale=SOURCE,
        )
    return outcome


def _budget(enrolment: Enrolment) -> str:
    return f"{enrolment.id}:{enrolment.mails}"
