"""What stands in the way of a member who comes back, and what their proof takes off the account."""

from datetime import datetime

from sqlalchemy.orm import Session

from idp.authenticators import strong
from idp.sessions import alarms
from idp.subjects.accounts import Account


def needs_access_code(account: Account) -> bool:
    """Whether a new password by mail asks for the access code too: while an alarm stands that it ends."""
    return alarms.stands(account) and alarms.accepts_access_code(account)


def needs_letter(account: Account) -> bool:
    """Whether no password is set by mail, since only a letter's code ends the alarm.

    Whoever reads the mailbox would void the letter on its way with each new password.
    """
    return alarms.stands(account) and not alarms.accepts_access_code(account)


def lift_all(session: Session, account: Account, *, now: datetime) -> None:
    """Take off what a letter's code proves enough for: an alarm, an authenticator app, passkeys, a rest.

    The caller voids what the account gave.
    """
    alarms.lift(account)
    strong.forget_all(session, account, now)
    account.second_step_rests_until = None
