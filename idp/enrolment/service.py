"""The rules of « Créer son compte »: who may, how often, and what follows, the same for all to see."""

from datetime import timedelta

from idp.core import outbox, throttles
from idp.core.db import new_id
from idp.login import activation
from idp.subjects import accounts, emails, enrolments, members, one_time
from idp.subjects.accounts import Account
from idp.subjects.enrolments import Enrolment, Outcome
from idp.subjects.one_time import Purpose
from idp.web import owner
from idp.web.kit import Visit

DAY = timedelta(days=1)


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
    invitation_id: str | None = None,
    is_address_proved: bool = False,
) -> Enrolment:
    """Record the attempt and send the mail that it calls for; the page that follows is the same for all.

    After a `former` attempt, its browser stays the one that may activate without the password, and its proof of
    number and code stays as old as it is. An address that an invitation proved needs no mail, when its account can
    be opened at once.
    """
    browser = former.browser if former is not None else activation.own_from_now_on(visit)
    account = accounts.by_member(visit.session, member_id)
    place = accounts.free_place(visit.session, address, mates=visit.space.mates)
    enrolment = Enrolment(
        id=new_id(),
        member_id=member_id,
        outcome=_outcome(account, address, has_room=place is not None).value,
        invitation_id=former.invitation_id if former is not None else invitation_id,
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
    if not (is_address_proved and enrolment.outcome == Outcome.NEW):
        activation.send_mail(visit, enrolment)
    visit.audit("enrolment.begun", None, outcome=enrolment.outcome)
    _tell_owner(visit, enrolment, account)
    return enrolment


def _outcome(account: Account | None, address: str, *, has_room: bool) -> Outcome:
    if account is not None:
        is_own = account.email_folded == emails.fold(address)
        return Outcome.ALREADY_MEMBER if is_own else Outcome.IMPOSSIBLE
    return Outcome.NEW if has_room else Outcome.IMPOSSIBLE


def _tell_owner(visit: Visit, enrolment: Enrolment, account: Account | None) -> None:
    """Somebody tried to enrol an account's member with another address: its owner is told, once a day.

    Where there is nobody to tell it costs the same.
    """
    cause = f"enrolment-try:{account.id if account is not None else ''}:{visit.now.date()}"
    is_told = outbox.has(visit.session, cause)
    if account is None or account.email_folded == enrolment.email_folded or is_told:
        _as_much_work(visit, enrolment)
    else:
        owner.warn(visit, account, "owner-told-enrolment", cause=cause)


def _as_much_work(visit: Visit, enrolment: Enrolment) -> None:
    """What a warning costs: a name, and three rows (its mail, what it is about, its link); nothing comes of it."""
    members.by_id(visit.session, "")
    for _ in range(3):
        one_time.issue_link(
            visit.session,
            vault=visit.kit.vault,
            purpose=Purpose.NOTHING,
            binding=enrolment.id,
            now=visit.now,
            lifetime=timedelta(0),
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
