"""What changes a credential ends all that stood on the former one: one integer, the account's epoch, voids it.

Sessions, trusted devices, grants with their tokens, codes and links carry the epoch they were made under, and count
only while it is the account's.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from idp.sessions import service as sessions
from idp.sessions.service import SessionRow
from idp.subjects import accounts, emails
from idp.subjects.accounts import Account


def void(session: Session, account: Account, *, now: datetime, but: str | None = None) -> int:
    """End all that this account gave, `but` the session of this row, which goes on; returns the new epoch.

    The services of the ended sessions are told (OIDC Back-Channel Logout).
    """
    epoch = accounts.raise_epoch(session, account, now=now)
    if but is not None:
        session.execute(
            update(SessionRow)
            .where(SessionRow.id == but, SessionRow.ended_at.is_(None), SessionRow.epoch == epoch - 1)
            .values(epoch=epoch)
        )
    sessions.end_for_accounts(session, [account.id], now=now, but=but)
    return epoch


def void_many(session: Session, account_ids: Collection[str] | None, *, now: datetime) -> int:
    """End all that these accounts gave, or (None) all accounts; how many there were."""
    count = accounts.raise_epochs(session, account_ids, now=now)
    if account_ids is None:
        sessions.end_all(session, now=now)
    else:
        sessions.end_for_accounts(session, account_ids, now=now)
    return count


def change_password(
    session: Session, account: Account, stored: str, *, now: datetime, but: str | None = None
) -> None:
    """Give the account another password's hash; what the former one opened ends, `but` one session."""
    account.password_hash = stored
    void(session, account, now=now, but=but)


def change_address(
    session: Session,
    account: Account,
    address: str,
    *,
    now: datetime,
    but: str | None = None,
    mates: frozenset[str] = frozenset(),
) -> bool:
    """Give the account another address; False, and nothing changed, when the mailbox has no room for it.

    `mates`: the populations of which another member's account may have the mailbox as well (`Spaces.mates`).
    """
    place = accounts.free_place(session, address, but=account.id, mates=mates)
    if place is None:
        return False
    try:
        with session.begin_nested():
            account.email = address
            account.email_folded = emails.fold(address)
            account.mailbox_slot = place
            # What was said of the former mailbox is not said of this one.
            account.email_disowned_at = None
            session.flush()
    except IntegrityError:
        # Another account took the place since: the index decides.
        return False
    void(session, account, now=now, but=but)
    return True
