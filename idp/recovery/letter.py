"""The code of a letter: with number and access code it proves most, from any browser, for 21 days."""

from idp.core.db import new_id
from idp.login import own_browser
from idp.recovery import password
from idp.recovery.parts import COOKIE, spend_of_day
from idp.subjects import accounts, letters, recoveries
from idp.subjects.directory import RegisteredMember
from idp.subjects.one_time import Refusal, Spent
from idp.subjects.recoveries import Kind
from idp.web.kit import Visit


def redeem(visit: Visit, member: RegisteredMember, entry: str, *, handle: str) -> bool:
    """Count the try, compare the code, and let this browser choose a new password.

    One answer for a wrong code, one that is over, and a member without letter or account.
    """
    account = accounts.by_member(visit.session, member.id)
    subject = letters.recovery_subject(account) if account is not None else f"nobody:{member.id}"
    limit = visit.kit.settings.recovery.letter_tries_per_day
    is_within = spend_of_day(visit, f"letter-tries:{member.id}", limit=limit)
    outcome: Spent | Refusal = Refusal.EXHAUSTED
    if is_within:
        outcome = letters.redeem(
            visit.session,
            vault=visit.kit.vault,
            kind=letters.Kind.RECOVERY,
            subject=subject,
            entry=entry,
            now=visit.now,
        )
    match outcome:
        case Spent():
            row = recoveries.begin(
                visit.session,
                account,
                kind=Kind.LETTER,
                request_id=new_id(),
                browser=own_browser.own_from_now_on(visit, COOKIE),
                typed="",
                interaction_id=handle or None,
                space=visit.space.name,
                locale=visit.locale,
                now=visit.now,
                lifetime=visit.kit.settings.recovery.letter_lifetime,
            )
            password.prove(visit, row)
            visit.audit("letter.redeemed", row.account_id)
            return True
        case Refusal():
            visit.audit("letter.refused", account.id if account is not None else None)
            return False
