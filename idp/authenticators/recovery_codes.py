"""Recovery codes: ten words on paper for the day the authenticator app is lost, each good once."""

import secrets as random
from datetime import datetime

from sqlalchemy import ForeignKey, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.authenticators import authenticator_app
from idp.authenticators.authenticator_app import Refusal, Verified
from idp.authenticators.email_code import Transaction
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects.accounts import Account

PURPOSE = "recovery-code"
CODES = 10
LENGTH = 12
# No 0 and o, 1, i and l, 5 and s, 2 and z, u and v: 12 of these letters are 56 bits, behind five tries a sign-in.
LETTERS = "346789abcdefghjkmnpqrtwxy"
GROUP = 4


class RecoveryCode(Base):
    """One code, kept as a keyed hash bound to its account."""

    __tablename__ = "recovery_code"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    mac: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def make(session: Session, account: Account, *, vault: Vault, now: datetime) -> list[str]:
    """Ten new codes, to be shown once; the former ones are void."""
    # Two requests at once: the second set waits, and voids the first.
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    remove(session, account.id)
    codes = ["".join(random.choice(LETTERS) for _ in range(LENGTH)) for _ in range(CODES)]
    session.add_all(
        RecoveryCode(id=new_id(), account_id=account.id, mac=_mac(vault, account.id, code), created_at=now)
        for code in codes
    )
    session.flush()
    return [spaced(code) for code in codes]


def spaced(code: str) -> str:
    """A code as it is printed: groups of four letters."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def fold(entry: str) -> str:
    """What was typed, without case, spaces and hyphens."""
    return "".join(letter for letter in entry.lower() if letter.isalnum())


def verify(session: Session, transaction: Transaction, entry: str) -> Verified | Refusal:
    """Compare a typed recovery code, after counting the try, and use it up."""
    return authenticator_app.judge(session, transaction, lambda: _spend(session, transaction, entry))


def left(session: Session, account_id: str) -> int:
    """How many codes are still good."""
    count = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return session.execute(count).scalar_one()


def were_made_since(session: Session, account_id: str, since: datetime) -> bool:
    """Whether the codes of this account were made at this instant or later."""
    made = select(RecoveryCode.id).where(
        RecoveryCode.account_id == account_id, RecoveryCode.created_at >= since
    )
    return session.execute(made.limit(1)).first() is not None


def remove(session: Session, account_id: str) -> None:
    """Void every code of the account."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))


def _spend(session: Session, transaction: Transaction, entry: str) -> Verified | Refusal:
    account_id = transaction.account.id
    mac = _mac(transaction.vault, account_id, fold(entry))
    used = (
        update(RecoveryCode)
        .where(RecoveryCode.account_id == account_id, RecoveryCode.mac == mac, RecoveryCode.used_at.is_(None))
        .values(used_at=transaction.now)
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    )
    if session.execute(used).scalar_one_or_none() is not None:
        return Verified()
    known = select(RecoveryCode.id).where(RecoveryCode.account_id == account_id, RecoveryCode.mac == mac)
    return Refusal.REPLAYED if session.execute(known.limit(1)).first() is not None else Refusal.WRONG


def _mac(vault: Vault, account_id: str, code: str) -> str:
    return vault.mac(PURPOSE, account_id, code)
