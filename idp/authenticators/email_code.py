"""The code by mail: six digits, bound to one sign-in, within exact budgets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from idp.authenticators import wrong_codes
from idp.authenticators.wrong_codes import DAY, is_resting
from idp.core import throttles
from idp.core.secrets import Vault
from idp.core.settings import SignIn
from idp.subjects import one_time
from idp.subjects.accounts import Account
from idp.subjects.one_time import Purpose

DIGITS = 6
# Longer than any sign-in lives, so that no purge gives a try back.
BUDGETS_KEPT = DAY


class NotSent(StrEnum):
    """Why no code was made."""

    TOO_SOON = "too-soon"
    NO_RESENDS_LEFT = "no-resends-left"
    DAY_IS_FULL = "day-is-full"
    RESTING = "resting"
    DISOWNED = "disowned"
    """The mailbox is not its owner's, says the reader of a letter."""


class Refusal(StrEnum):
    """Why a code did not pass."""

    WRONG = "wrong"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Verified:
    """The code was right and is used up."""


@dataclass(frozen=True, slots=True)
class Code:
    """A code to be mailed, and until when it is good."""

    digits: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Transaction:
    """One sign-in at its second step: whose it is, its identifier, the rules and the instant."""

    id: str
    account: Account
    vault: Vault
    rules: SignIn
    now: datetime

    @property
    def binding(self) -> str:
        """What its codes belong to: this sign-in of this account as it is now, and no other."""
        return f"{self.id}:{self.account.id}:{self.account.epoch}"


def issue(session: Session, transaction: Transaction) -> Code | NotSent:
    """The first code of a sign-in; the day's budget of the account counts it."""
    account, rules, now = transaction.account, transaction.rules, transaction.now
    if account.is_disowned:
        return NotSent.DISOWNED
    if is_resting(account, now=now):
        return NotSent.RESTING
    # Counted by epoch: a stranger who used them up must not keep the owner out after a new password.
    budget = f"codes:{account.id}:{account.epoch}"
    if not throttles.spend(session, budget, limit=rules.codes_per_day, window=DAY, now=now):
        return NotSent.DAY_IS_FULL
    digits = one_time.issue_code(
        session,
        vault=transaction.vault,
        purpose=Purpose.SIGN_IN_CODE,
        binding=transaction.binding,
        now=now,
        lifetime=rules.code_lifetime,
        digits=DIGITS,
    )
    return Code(digits, now + rules.code_lifetime)


def issue_again(session: Session, transaction: Transaction) -> Code | NotSent:
    """Another code of the same sign-in, within its wait and its number of resends."""
    rules = transaction.rules
    if resend_wait(session, transaction) > timedelta(0):
        return NotSent.TOO_SOON
    ends_at = transaction.now + BUDGETS_KEPT
    if not throttles.spend_until(
        session, f"resends:{transaction.binding}", limit=rules.code_resends, ends_at=ends_at
    ):
        return NotSent.NO_RESENDS_LEFT
    return issue(session, transaction)


def resend_wait(session: Session, transaction: Transaction) -> timedelta:
    """How long until another code may be asked for."""
    last = one_time.newest(session, purpose=Purpose.SIGN_IN_CODE, binding=transaction.binding)
    if last is None:
        return timedelta(0)
    return max(timedelta(0), last + transaction.rules.code_resend_wait - transaction.now)


def resends_left(session: Session, transaction: Transaction) -> int:
    """How many more codes this sign-in may ask for."""
    used = throttles.used(session, f"resends:{transaction.binding}", now=transaction.now)
    return max(0, transaction.rules.code_resends - used)


def tries_left(session: Session, transaction: Transaction) -> int:
    """How many more codes this sign-in may try."""
    tries = transaction.rules.code_tries
    return one_time.tries_left(
        session, purpose=Purpose.SIGN_IN_CODE, budget=transaction.binding, tries=tries, now=transaction.now
    )


def verify(session: Session, transaction: Transaction, entry: str) -> Verified | Refusal:
    """Compare a typed code, after counting the try; the day's wrong codes may put the second step to rest."""
    account, rules, now = transaction.account, transaction.rules, transaction.now
    if account.is_disowned:
        return Refusal.EXPIRED
    if is_resting(account, now=now):
        return Refusal.RESTING
    if not wrong_codes.count(session, account, rules=rules, now=now):
        return _rest(session, transaction)
    outcome = one_time.spend_code(
        session,
        vault=transaction.vault,
        purpose=Purpose.SIGN_IN_CODE,
        binding=transaction.binding,
        entry=entry,
        tries=rules.code_tries,
        budget=transaction.binding,
        budget_ends_at=now + BUDGETS_KEPT,
        now=now,
    )
    match outcome:
        case one_time.Spent():
            wrong_codes.give_back(session, account, now=now)
            return Verified()
        case one_time.Refusal.EXPIRED:
            return Refusal.EXPIRED
        case one_time.Refusal.EXHAUSTED:
            return Refusal.EXHAUSTED
        case one_time.Refusal.WRONG:
            is_last = wrong_codes.was_last(session, account, rules=rules, now=now)
            return _rest(session, transaction) if is_last else Refusal.WRONG


def _rest(session: Session, transaction: Transaction) -> Refusal:
    wrong_codes.rest(session, transaction.account, rules=transaction.rules, now=transaction.now)
    return Refusal.RESTING
