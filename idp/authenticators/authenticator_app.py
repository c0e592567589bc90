"""The authenticator app: six digits that change every 30 seconds (RFC 6238), each good for one sign-in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import pyotp
from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, delete, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.authenticators import wrong_codes
from idp.authenticators.email_code import BUDGETS_KEPT, Transaction
from idp.core import secrets, throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects.accounts import Account

SEAL = "authenticator-app"
DIGITS = 6
SECRET_LETTERS = 32
"""Of five bits each: the 160 bits that RFC 4226 section 4 recommends."""
# RFC 6238 section 5.2: one step each way for clocks that differ, and no code is taken twice.
DRIFT = 1
# How long the secret of an app that was not confirmed is shown again, and how many first codes may be tried.
PENDING_FOR = timedelta(minutes=30)
SETUP_TRIES = 10


class Refusal(StrEnum):
    """Why a code of an app, or of the recovery list, did not pass."""

    WRONG = "wrong"
    REPLAYED = "replayed"
    """It was right, and has been used already."""
    EXHAUSTED = "exhausted"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Verified:
    """The code was right and is used up."""


Compare: TypeAlias = Callable[[], Verified | Refusal]


class AuthenticatorApp(Base):
    """One app of an account; its secret is sealed to this row. It counts once its first code confirmed it."""

    __tablename__ = "authenticator_app"
    __table_args__ = (
        Index(
            "uq_authenticator_app_confirmed",
            "account_id",
            unique=True,
            sqlite_where=text("confirmed_at IS NOT NULL"),
            postgresql_where=text("confirmed_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    holder: Mapped[str] = mapped_column(Text)
    """The session or the sign-in that sets it up: no other is shown its secret."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    """The last step of 30 seconds whose code was taken: it and those before it are over."""


def of(session: Session, account_id: str) -> AuthenticatorApp | None:
    """The app that counts for this account."""
    return session.execute(
        select(AuthenticatorApp).where(
            AuthenticatorApp.account_id == account_id, AuthenticatorApp.confirmed_at.is_not(None)
        )
    ).scalar_one_or_none()


def begin(
    session: Session, account: Account, *, vault: Vault, holder: str, now: datetime
) -> AuthenticatorApp:
    """A new secret for an app that is being set up, in place of one that this holder had begun."""
    session.execute(
        delete(AuthenticatorApp).where(
            AuthenticatorApp.account_id == account.id,
            AuthenticatorApp.holder == holder,
            AuthenticatorApp.confirmed_at.is_(None),
        )
    )
    row_id = new_id()
    secret = pyotp.random_base32(SECRET_LETTERS)
    row = AuthenticatorApp(
        id=row_id,
        account_id=account.id,
        holder=holder,
        sealed=vault.seal(SEAL, secret.encode(), bound_to=row_id),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def pending(session: Session, account: Account, *, holder: str, now: datetime) -> AuthenticatorApp | None:
    """The app that this session or sign-in is setting up."""
    return session.execute(
        select(AuthenticatorApp)
        .where(
            AuthenticatorApp.account_id == account.id,
            AuthenticatorApp.holder == holder,
            AuthenticatorApp.confirmed_at.is_(None),
            AuthenticatorApp.created_at > now - PENDING_FOR,
        )
        .order_by(AuthenticatorApp.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def secret_of(app: AuthenticatorApp, *, vault: Vault) -> str:
    """The secret in Base32, as an app takes it. Raises BadSeal when the row was altered."""
    return vault.unseal(SEAL, app.sealed, bound_to=app.id).decode()


def address_of(app: AuthenticatorApp, *, vault: Vault, service: str, member: str) -> str:
    """The `otpauth` address that the QR code holds; `service` and `member` are the names that the app shows."""
    # Some apps split the label at its first colon.
    return _totp(app, vault).provisioning_uri(name=member, issuer_name=service.replace(":", " "))


def confirm(
    session: Session, app: AuthenticatorApp, entry: str, *, vault: Vault, now: datetime
) -> Verified | Refusal:
    """Take the first code of an app that is being set up; from then on it counts, in place of a former one."""
    if not throttles.spend_until(
        session, f"app-setup:{app.id}", limit=SETUP_TRIES, ends_at=now + BUDGETS_KEPT
    ):
        return Refusal.EXHAUSTED
    step = _step_of(app, entry, vault=vault, now=now)
    if step is None:
        return Refusal.WRONG
    # Whoever comes second waits here, and then finds the row confirmed.
    session.execute(select(Account.id).where(Account.id == app.account_id).with_for_update())
    session.execute(
        delete(AuthenticatorApp).where(
            AuthenticatorApp.account_id == app.account_id, AuthenticatorApp.id != app.id
        ),
        execution_options={"synchronize_session": False},
    )
    confirmed = (
        update(AuthenticatorApp)
        .where(AuthenticatorApp.id == app.id, AuthenticatorApp.confirmed_at.is_(None))
        .values(confirmed_at=now, last_step=step)
        .returning(AuthenticatorApp.id)
        .execution_options(synchronize_session=False)
    )
    is_mine = session.execute(confirmed).scalar_one_or_none() is not None
    return Verified() if is_mine else Refusal.REPLAYED


def verify(session: Session, transaction: Transaction, entry: str) -> Verified | Refusal:
    """Compare a code of the account's app, after counting the try; each code is taken once."""
    app = of(session, transaction.account.id)
    return judge(session, transaction, lambda: _spend(session, transaction, app, entry))


def judge(session: Session, transaction: Transaction, compare: Compare) -> Verified | Refusal:
    """Count a try of this sign-in and of the account's day, then compare: for app and recovery codes alike.

    The tries of one sign-in are shared by both, as the day is shared with the mailed codes.
    """
    account, rules, now = transaction.account, transaction.rules, transaction.now
    if wrong_codes.is_resting(account, now=now):
        return Refusal.RESTING
    if not wrong_codes.count(session, account, rules=rules, now=now):
        return _rest(session, transaction)
    if not throttles.spend_until(
        session, _tries(transaction), limit=rules.code_tries, ends_at=now + BUDGETS_KEPT
    ):
        return Refusal.EXHAUSTED
    outcome = compare()
    if isinstance(outcome, Verified):
        wrong_codes.give_back(session, account, now=now)
        return outcome
    if wrong_codes.was_last(session, account, rules=rules, now=now):
        return _rest(session, transaction)
    return outcome


def tries_left(session: Session, transaction: Transaction) -> int:
    """How many more codes this sign-in may try."""
    used = throttles.used(session, _tries(transaction), now=transaction.now)
    return max(0, transaction.rules.code_tries - used)


def remove(session: Session, account_id: str) -> bool:
    """Take the app off, with what was being set up; whether there was one."""
    had = of(session, account_id) is not None
    session.execute(delete(AuthenticatorApp).where(AuthenticatorApp.account_id == account_id))
    return had


def purge(session: Session, *, now: datetime) -> None:
    """Drop the secrets of apps that were never confirmed."""
    session.execute(
        delete(AuthenticatorApp).where(
            AuthenticatorApp.confirmed_at.is_(None), AuthenticatorApp.created_at <= now - PENDING_FOR
        )
    )


def _spend(
    session: Session, transaction: Transaction, app: AuthenticatorApp | None, entry: str
) -> Verified | Refusal:
    step = None if app is None else _step_of(app, entry, vault=transaction.vault, now=transaction.now)
    if app is None or step is None:
        return Refusal.WRONG
    # One UPDATE decides between two requests with one code, and refuses a code that was looked at over a shoulder.
    taken = (
        update(AuthenticatorApp)
        .where(
            AuthenticatorApp.id == app.id,
            or_(AuthenticatorApp.last_step.is_(None), AuthenticatorApp.last_step < step),
        )
        .values(last_step=step)
        .returning(AuthenticatorApp.id)
        .execution_options(synchronize_session=False)
    )
    return Verified() if session.execute(taken).scalar_one_or_none() is not None else Refusal.REPLAYED


def _step_of(app: AuthenticatorApp, entry: str, *, vault: Vault, now: datetime) -> int | None:
    """The step whose code was typed; each of the three is compared, whichever is right."""
    totp = _totp(app, vault)
    present = totp.timecode(now)
    steps = range(present - DRIFT, present + DRIFT + 1)
    right = [step for step in steps if secrets.same(totp.generate_otp(step), entry)]
    return right[-1] if right else None


def _totp(app: AuthenticatorApp, vault: Vault) -> pyotp.TOTP:
    return pyotp.TOTP(secret_of(app, vault=vault), digits=DIGITS)


def _tries(transaction: Transaction) -> str:
    return f"tries:app:{transaction.binding}"


def _rest(session: Session, transaction: Transaction) -> Refusal:
    wrong_codes.rest(session, transaction.account, rules=transaction.rules, now=transaction.now)
    return Refusal.RESTING
