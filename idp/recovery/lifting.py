"""What stands in the way of a member who comes back, and what their proof takes off the account."""

from datetime import datetime

from sqlalchemy.orm import Session

from idp.authenticators import strong, wrong_codes
from idp.sessions import alarms
from idp.subjects import accounts, address_changes, letters
from idp.subjects.accounts import Account
from idp.subjects.address_changes import Origin


def needs_access_code(session: Session, account: Account, *, now: datetime) -> bool:
    """Whether the mailbox alone sets no new password: the access code of the papers is asked for too.

    So while an alarm stands that it ends; while its owner is on another way back, which whoever reads the mailbox
    would void with a new password; and where another member reads the same mailbox.
    """
    if alarms.stands(account):
        return alarms.accepts_access_code(account)
    change = address_changes.pending_of(session, account, now=now)
    is_coming_back = change is not None and change.origin == Origin.LOST
    subject = letters.recovery_subject(account)
    return (
        is_coming_back
        or letters.is_waiting(session, subject, now=now)
        or len(accounts.all_by_email(session, account.email)) > 1
    )


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
    wrong_codes.forget(session, account)
