"""One-time secrets, links and codes: issued, counted, compared and spent here and nowhere else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Index, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import secrets, throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault

# A resend leaves this many codes alive: mails may arrive in another order than they left.
ALIVE = 3
LONGEST_ENTRY = 32
KEPT_AFTER_EXPIRY = timedelta(days=7)


class Purpose(StrEnum):
    """What a secret is for; one made for a purpose is worthless for every other."""

    ENROLMENT_LINK = "enrolment-link"
    ENROLMENT_CODE = "enrolment-code"
    SIGN_IN_CODE = "sign-in-code"
    LETTER_CODE = "letter-code"
    INVITATION_LINK = "invitation-link"
    INVITATION_PROOF = "invitation-proof"
    """The link of whoever gave the right number and code: it needs no number any more."""
    INVITATION_CODE = "invitation-code"
    ADDRESS_LINK = "address-link"
    ADDRESS_CODE = "address-code"
    NOT_ME_LINK = "not-me-link"
    PASSWORD_LINK = "password-link"
    PASSWORD_CODE = "password-code"
    NOTHING = "nothing"
    """Stands for a secret that is not made, where all must cost the same; nobody learns it."""


class Refusal(StrEnum):
    """Why a code was not accepted."""

    WRONG = "wrong"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Spent:
    """The secret was right and is now used up."""

    binding: str


class OneTimeSecret(Base):
    """One secret, kept as a keyed hash bound to its purpose and to the one thing it belongs to."""

    __tablename__ = "one_time_secret"
    __table_args__ = (Index("ix_one_time_secret_binding", "purpose", "binding"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    binding: Mapped[str] = mapped_column(Text)
    mac: Mapped[str] = mapped_column(Text, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def issue_link(
    session: Session, *, vault: Vault, purpose: Purpose, binding: str, now: datetime, lifetime: timedelta
) -> str:
    """A link token of 256 bits for one thing; found again by its keyed hash."""
    token = secrets.token()
    _keep(session, purpose, binding, mac=vault.mac(purpose, token), now=now, lifetime=lifetime)
    return token


def issue_code(
    session: Session,
    *,
    vault: Vault,
    purpose: Purpose,
    binding: str,
    now: datetime,
    lifetime: timedelta,
    digits: int,
) -> str:
    """A code of so many digits for one thing."""
    code = secrets.digits(digits)
    _keep(session, purpose, binding, mac=vault.mac(purpose, binding, code), now=now, lifetime=lifetime)
    return code


def _keep(
    session: Session, purpose: Purpose, binding: str, *, mac: str, now: datetime, lifetime: timedelta
) -> None:
    expires_at = now + lifetime
    session.add(
        OneTimeSecret(
            id=new_id(), purpose=purpose, binding=binding, mac=mac, created_at=now, expires_at=expires_at
        )
    )
    session.flush()


def find_link(
    session: Session, *, vault: Vault, purpose: Purpose, token: str, now: datetime | None = None
) -> str | None:
    """What a link belongs to, expired or not, or with `now` only while it lives: looking changes nothing."""
    row = select(OneTimeSecret.binding).where(
        OneTimeSecret.mac == vault.mac(purpose, token), OneTimeSecret.purpose == purpose
    )
    if now is not None:
        row = row.where(OneTimeSecret.expires_at > now)
    return session.execute(row).scalar_one_or_none()


def spend_code(
    session: Session,
    *,
    vault: Vault,
    purpose: Purpose,
    binding: str,
    entry: str,
    tries: int,
    budget: str,
    budget_ends_at: datetime,
    now: datetime,
) -> Spent | Refusal:
    """Count the try, then compare it with the codes alive, then use the right one up.

    `budget` names what the tries are counted for, and is kept until `budget_ends_at`, which no code of it
    outlives. The count is one upsert and the use one UPDATE, so that
    parallel requests get exactly `tries` comparisons and at most one success.
    """
    rows = _alive(session, purpose, binding, now)
    if not rows:
        return Refusal.EXPIRED
    key = f"tries:{purpose}:{budget}"
    if not throttles.spend_until(session, key, limit=tries, ends_at=budget_ends_at):
        return Refusal.EXHAUSTED
    mac = vault.mac(purpose, binding, entry[:LONGEST_ENTRY])
    right = [row.id for row in rows if secrets.same(row.mac, mac)]
    if not right:
        return Refusal.WRONG
    return Spent(binding) if _use(session, right[0], now) else Refusal.EXPIRED


def _alive(session: Session, purpose: Purpose, binding: str, now: datetime) -> list[OneTimeSecret]:
    alive = (
        select(OneTimeSecret)
        .where(
            OneTimeSecret.purpose == purpose,
            OneTimeSecret.binding == binding,
            OneTimeSecret.spent_at.is_(None),
            OneTimeSecret.expires_at > now,
        )
        .order_by(OneTimeSecret.created_at.desc())
        .limit(ALIVE)
    )
    return list(session.execute(alive).scalars())


def _use(session: Session, secret_id: str, now: datetime) -> bool:
    used = (
        update(OneTimeSecret)
        .where(
            OneTimeSecret.id == secret_id, OneTimeSecret.spent_at.is_(None), OneTimeSecret.expires_at > now
        )
        .values(spent_at=now)
        .returning(OneTimeSecret.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(used).scalar_one_or_none() is not None


def tries_left(session: Session, *, purpose: Purpose, budget: str, tries: int, now: datetime) -> int:
    """How many tries a budget still has."""
    return max(0, tries - throttles.used(session, f"tries:{purpose}:{budget}", now=now))


def newest(session: Session, *, purpose: Purpose, binding: str) -> datetime | None:
    """When the last secret of this purpose was issued for this thing."""
    row = (
        select(OneTimeSecret.created_at)
        .where(OneTimeSecret.purpose == purpose, OneTimeSecret.binding == binding)
        .order_by(OneTimeSecret.created_at.desc())
        .limit(1)
    )
    return session.execute(row).scalar_one_or_none()


def drop(session: Session, *, purpose: Purpose, binding: str) -> None:
    """Take back the secrets of a thing that came to nothing."""
    session.execute(
        delete(OneTimeSecret).where(OneTimeSecret.purpose == purpose, OneTimeSecret.binding == binding)
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop secrets that expired more than a week ago (a late link is still told that it lapsed)."""
    session.execute(delete(OneTimeSecret).where(OneTimeSecret.expires_at <= now - KEPT_AFTER_EXPIRY))
