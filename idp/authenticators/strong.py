"""The stronger second steps of an account together: whether it has one, and taking all of them off."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from idp.authenticators import authenticator_app, passkey, recovery_codes
from idp.core import audit
from idp.subjects.accounts import Account


@dataclass(frozen=True, slots=True)
class Strong:
    """What an account has beside its password."""

    app: bool
    passkey: bool

    def __bool__(self) -> bool:
        """Whether it has any."""
        return self.app or self.passkey


def of(session: Session, account: Account) -> Strong:
    """Which stronger second steps the account has."""
    return Strong(
        app=authenticator_app.of(session, account.id) is not None,
        passkey=passkey.has_any(session, account.id),
    )


def has_strong(session: Session, account: Account) -> bool:
    """Whether the account has an authenticator app or a passkey."""
    return bool(of(session, account))


def forget_all(session: Session, account: Account, now: datetime) -> bool:
    """Take app, passkeys and recovery codes off an account, as its recovery does; whether there were any.

    The caller voids what they opened (`credentials.void`) and tells the owner.
    """
    had_app = authenticator_app.remove(session, account.id)
    keys = passkey.remove_all(session, account.id)
    recovery_codes.remove(session, account.id)
    if not had_app and not keys:
        return False
    audit.record(
        session, now=now, event="strong.forgotten", account_id=account.id, app=had_app, passkeys=keys
    )
    return True


def forget_since(session: Session, account: Account, *, since: datetime, now: datetime) -> bool:
    """Take off what was added since then, as an alarm does: a stranger may have added it; whether there was any.

    What is older stays: it is the member's own, and stronger than a mailbox. The caller voids what they opened.
    """
    new = [key.id for key in passkey.of(session, account.id) if key.created_at >= since]
    for key_id in new:
        passkey.remove(session, account.id, key_id)
    app = authenticator_app.of(session, account.id)
    has_new_app = app is not None and app.confirmed_at is not None and app.confirmed_at >= since
    if has_new_app:
        authenticator_app.remove(session, account.id)
    has_new_codes = recovery_codes.were_made_since(session, account.id, since)
    if has_new_codes:
        recovery_codes.remove(session, account.id)
    if not (new or has_new_app or has_new_codes):
        return False
    audit.record(
        session, now=now, event="strong.forgotten", account_id=account.id, app=has_new_app, passkeys=len(new)
    )
    return True
