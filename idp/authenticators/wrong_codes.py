"""The wrong codes of an account in a day, of every kind: counted before the comparison, then a rest after too many."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core import throttles
from idp.core.settings import SignIn
from idp.subjects import accounts
from idp.subjects.accounts import Account

DAY = timedelta(days=1)


def is_resting(account: Account, *, now: datetime) -> bool:
    """Whether too many wrong codes put the second step of this account to rest."""
    return account.second_step_rests_until is not None and account.second_step_rests_until > now


def count(session: Session, account: Account, *, rules: SignIn, now: datetime) -> bool:
    """Use one of the wrong codes of the day before anything is compared; False when none is left."""
    return throttles.spend(session, _key(account), limit=rules.wrong_codes_per_day, window=DAY, now=now)


def give_back(session: Session, account: Account, *, now: datetime) -> None:
    """The code was right: it counts as none of the wrong ones."""
    throttles.refund(session, _key(account), window=DAY, now=now)


def was_last(session: Session, account: Account, *, rules: SignIn, now: datetime) -> bool:
    """Whether the wrong code just counted was the last of the day."""
    return throttles.used(session, _key(account), window=DAY, now=now) >= rules.wrong_codes_per_day


def rest(session: Session, account: Account, *, rules: SignIn, now: datetime) -> None:
    """Let the second step of the account rest."""
    accounts.rest_second_step(session, account.id, until=now + rules.freeze)


def forget(session: Session, account: Account) -> None:
    """Give the second step back whole, after the paper or an identity check was the proof."""
    throttles.lift(session, f"wrong-codes:{account.id}")
    account.second_step_rests_until = None


def _key(account: Account) -> str:
    # After each rest the account has its wrong codes again: the rest, not the day, stops a guesser. Another epoch
    # gives none: whoever reads the mailbox may raise it as often as they like.
    rested = account.second_step_rests_until
    return f"wrong-codes:{account.id}:{rested.isoformat() if rested else ''}"
