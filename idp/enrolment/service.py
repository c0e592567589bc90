"""The rules of « Créer son compte »: who may, how often, and what follows, the same for all to see."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from idp.core import throttles
from idp.core.db import new_id
from idp.core.throttles import Schedule
from idp.login import activation
from idp.subjects import accounts, emails, enrolments
from idp.subjects.accounts import Account
from idp.subjects.directory import MemberDirectory, RegisteredMember
from idp.subjects.enrolments import Enrolment, Outcome
from idp.web.kit import Visit

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

# Tries of (number, code): a stranger's guesses wait ever longer, the owner elsewhere hardly at all.
PAIR_FROM_NETWORK = Schedule(free=5, first=timedelta(seconds=5), longest=timedelta(minutes=30))
PAIR_FROM_ANYWHERE = Schedule(free=30, first=timedelta(seconds=1), longest=timedelta(seconds=5))
ANY_PAIR_FROM_NETWORK = Schedule(free=30, first=timedelta(seconds=2), longest=timedelta(minutes=5))
ALL_PAIRS_PER_MINUTE = 2000


class Refusal(StrEnum):
    """Why an enrolment did not begin."""

    WRONG_PAIR = "wrong-pair"
    TOO_MANY_TODAY = "too-many-today"


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many tries: how long until the next."""

    delay: timedelta


def check_pair(
    visit: Visit, directory: MemberDirectory, *, number: str, access_code: str
) -> RegisteredMember | Refusal | Wait:
    """Count the try, then compare; one answer for an unknown number, a wrong code and a member who left."""
    wait = _count(visit.session, number=number, network=visit.network, now=visit.now)
    if wait is not None:
        return Wait(wait)
    found = [
        member
        for population in sorted(visit.space.populations)
        if (member := directory.matches(visit.session, population, number, access_code)) is not None
    ]
    if len(found) != 1:
        visit.audit("enrolment.wrong_pair")
        return Refusal.WRONG_PAIR
    # Only wrong pairs slow anybody down: a family, or a whole village behind one address, enrols in peace.
    throttles.forget(visit.session, f"pair:{number}:{visit.network}")
    throttles.give_back(visit.session, f"pair:{number}")
    throttles.give_back(visit.session, f"pairs:{visit.network}")
    return found[0]


def _count(session: Session, *, number: str, network: str, now: datetime) -> timedelta | None:
    any_pair = f"pairs:{network}"
    wait = throttles.waiting(session, any_pair, now=now)
    if wait is None:
        wait = throttles.attempt_near_and_far(
            session,
            near=f"pair:{number}:{network}",
            near_schedule=PAIR_FROM_NETWORK,
            far=f"pair:{number}",
            far_schedule=PAIR_FROM_ANYWHERE,
            now=now,
        )
    if wait is None:
        wait = throttles.attempt(session, any_pair, schedule=ANY_PAIR_FROM_NETWORK, now=now)
    if wait is not None:
        return wait
    if throttles.spend(session, "pairs", limit=ALL_PAIRS_PER_MINUTE, window=MINUTE, now=now):
        return None
    return MINUTE


def may_begin(visit: Visit, member_id: str) -> bool:
    """Use one of the member's enrolments of the day."""
    limit = visit.kit.settings.enrolment.attempts_per_day
    return throttles.spend(visit.session, f"enrolments:{member_id}", limit=limit, window=DAY, now=visit.now)


def give_back(visit: Visit, member_id: str) -> None:
    """Give one of the member's enrolments of the day back: it did not begin after all."""
    throttles.refund(visit.session, f"enrolments:{member_id}", window=DAY, now=visit.now)


def begin(
    visit: Visit,
    *,
    member_id: str,
    address: str,
    password_hash: str,
    interaction_id: str | None,
    former: Enrolment | None = None,
) -> Enrolment:
    """Record the attempt and send the mail that it calls for; the page that follows is the same for all.

    After a `former` attempt, its browser stays the one that may activate without the password, and its proof of
    number and code stays as old as it is.
    """
    browser = former.browser if former is not None else activation.own_from_now_on(visit)
    account = accounts.by_member(visit.session, member_id)
    taken = accounts.by_email(visit.session, address)
    enrolment = Enrolment(
        id=new_id(),
        member_id=member_id,
        outcome=_outcome(account, taken, address).value,
        browser=browser,
        interaction_id=interaction_id,
        space=visit.space.name,
        locale=visit.locale,
        email=address,
        email_folded=emails.fold(address),
        password_hash=password_hash,
        terms_version=visit.space.terms_version,
        terms_hash=visit.space.terms_hash,
        terms_accepted_at=visit.now,
        mails=0,
        mailed_at=visit.now,
        created_at=visit.now,
        proved_at=former.proved_at if former is not None else visit.now,
        expires_at=visit.now + visit.kit.settings.enrolment.lifetime,
    )
    visit.session.add(enrolment)
    visit.session.flush()
    activation.send_mail(visit, enrolment)
    visit.audit("enrolment.begun", None, outcome=enrolment.outcome)
    if account is not None and account.email_folded != enrolment.email_folded:
        _tell_owner(visit, account)
    return enrolment


def _outcome(account: Account | None, taken: Account | None, address: str) -> Outcome:
    if account is not None:
        is_own = account.email_folded == emails.fold(address)
        return Outcome.ALREADY_MEMBER if is_own else Outcome.IMPOSSIBLE
    return Outcome.NEW if taken is None else Outcome.IMPOSSIBLE


def _tell_owner(visit: Visit, account: Account) -> None:
    """Somebody tried to enrol this account's member with another address: its owner is told, once a day."""
    visit.mail(
        "owner-told-enrolment",
        account.email,
        cause=f"enrolment-try:{account.id}:{visit.now.date()}",
        locale=account.locale,
    )


def repeat(visit: Visit, former: Enrolment, *, address: str) -> Enrolment | None:
    """The same attempt again, at another address or after it lapsed, nothing retyped. None: too many today."""
    is_entitled = enrolments.is_still_entitled(visit.session, former)
    if not is_entitled or not may_begin(visit, former.member_id):
        return None
    if former.activated_at is None:
        # What was mailed to the former address must not activate any more.
        former.voided_at = visit.now
    return begin(
        visit,
        member_id=former.member_id,
        address=address,
        password_hash=former.password_hash,
        interaction_id=former.interaction_id,
        # Whoever holds an old link never typed the password: only the first browser is spared it.
        former=former,
    )
