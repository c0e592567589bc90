"""Letters: codes that reach a member by post, sealed until they are printed."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects import one_time
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.subjects.one_time import Purpose, Refusal, Spent

SEAL = "letter"
DIGITS = 12
LIFETIME = timedelta(days=21)
TRIES = 5
# An invitation's code is asked for by number alone, which others may know: few tries would let a stranger use them
# up. Of all codes of 12 digits a hundred guesses meet one in ten thousand million.
INVITATION_TRIES = 100
# One letter a week: the post is slow, and each letter costs the mutual.
PAUSE = timedelta(days=7)
KEPT_AFTER_EXPIRY = timedelta(days=90)


class Kind(StrEnum):
    """What a letter is for."""

    RECOVERY = "recovery"
    INVITATION = "invitation"
    ACCESS_CODE = "access-code"
    """A request to the back office, which makes and posts a new access code; holds no code of ours."""


class StartedBy(StrEnum):
    """Who asked for a letter."""

    MEMBER = "member"
    HELP_DESK = "help-desk"
    MUTUAL = "mutual"


class Letter(Base):
    """One letter. `sealed` holds its code until it is printed; `subject` is what the code is good for."""

    __tablename__ = "letter"
    __table_args__ = (Index("ix_letter_subject", "kind", "subject"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    subject: Mapped[str] = mapped_column(Text)
    space: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    started_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    exported_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


def start(
    session: Session,
    *,
    vault: Vault,
    kind: Kind,
    member_id: str,
    subject: str,
    space: str,
    started_by: StartedBy,
    now: datetime,
) -> Letter | None:
    """Queue a letter for the next export; None when one for the same subject was begun within a week."""
    if begun_lately(session, kind=kind, subject=subject, now=now) is not None:
        return None
    letter_id = new_id()
    sealed = None
    if kind is not Kind.ACCESS_CODE:
        # A new letter has tries of its own, whoever used up those of the last one.
        throttles.restore(session, f"tries:{Purpose.LETTER_CODE}:{_binding(kind, subject)}")
        code = one_time.issue_code(
            session,
            vault=vault,
            purpose=Purpose.LETTER_CODE,
            binding=_binding(kind, subject),
            now=now,
            lifetime=LIFETIME,
            digits=DIGITS,
        )
        sealed = vault.seal(SEAL, code.encode(), bound_to=letter_id)
    letter = Letter(
        id=letter_id,
        kind=kind.value,
        member_id=member_id,
        subject=subject,
        space=space,
        sealed=sealed,
        started_by=started_by.value,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(letter)
    session.flush()
    return letter


def begun_lately(session: Session, *, kind: Kind, subject: str, now: datetime) -> datetime | None:
    """When the letter was begun that stands in the way of another for this subject; None when none does."""
    recent = (
        select(Letter.created_at)
        .where(
            Letter.kind == kind,
            Letter.subject == subject,
            Letter.created_at > now - PAUSE,
            # One that was withdrawn stands in nobody's way.
            Letter.expires_at > now,
        )
        .order_by(Letter.created_at.desc())
        .limit(1)
    )
    return session.execute(recent).scalar_one_or_none()


def recovery_subject(account: Account) -> str:
    """What a recovery letter is for: the account as it is now; whatever voids it voids the code."""
    return f"{account.id}:{account.epoch}"


def code_of(letter: Letter, vault: Vault) -> str | None:
    """The code to be printed; None for a letter that has none. Raises `secrets.BadSeal`."""
    if letter.sealed is None:
        return None
    return vault.unseal(SEAL, letter.sealed, bound_to=letter.id).decode()


def redeem(
    session: Session, *, vault: Vault, kind: Kind, subject: str, entry: str, now: datetime
) -> Spent | Refusal:
    """Count the try, compare the code of a letter, and use it up; where there is no letter it costs the same."""
    binding = _binding(kind, subject)
    outcome = one_time.spend_code(
        session,
        vault=vault,
        purpose=Purpose.LETTER_CODE,
        binding=binding,
        entry=entry,
        tries=INVITATION_TRIES if kind is Kind.INVITATION else TRIES,
        budget=binding,
        budget_ends_at=now + LIFETIME,
        now=now,
    )
    if outcome is Refusal.EXPIRED:
        # No try was counted, as it is where a letter is.
        throttles.spend_until(session, f"tries:nobody:{binding}", limit=TRIES, ends_at=now + LIFETIME)
    return outcome


def withdraw(session: Session, subject: str, *, now: datetime) -> None:
    """End the recovery letters of this subject: their codes are worthless, printed or not."""
    one_time.drop(session, purpose=Purpose.LETTER_CODE, binding=_binding(Kind.RECOVERY, subject))
    session.execute(
        update(Letter)
        .where(Letter.kind == Kind.RECOVERY, Letter.subject == subject, Letter.expires_at > now)
        .values(expires_at=now)
        .execution_options(synchronize_session=False)
    )


def is_waiting(session: Session, subject: str, *, now: datetime) -> bool:
    """Whether a recovery letter with a good code is on its way to this subject, or there."""
    waiting = select(Letter.id).where(
        Letter.kind == Kind.RECOVERY, Letter.subject == subject, Letter.expires_at > now
    )
    return session.execute(waiting.limit(1)).first() is not None


def waiting(session: Session) -> list[tuple[Letter, Member]]:
    """The letters that wait for an export, oldest first, with their members."""
    rows = (
        select(Letter, Member)
        .join(Member, Letter.member_id == Member.id)
        .where(Letter.exported_at.is_(None))
        .order_by(Letter.created_at, Letter.id)
    )
    return [(letter, member) for letter, member in session.execute(rows)]


def exported(session: Session) -> list[tuple[datetime, str, int]]:
    """When which kind of letter was exported, and how many, newest first."""
    rows = (
        select(Letter.exported_at, Letter.kind, func.count())
        .where(Letter.exported_at.is_not(None))
        .group_by(Letter.exported_at, Letter.kind)
        .order_by(Letter.exported_at.desc(), Letter.kind)
    )
    return [(when, kind, count) for when, kind, count in session.execute(rows) if when is not None]


def purge(session: Session, *, now: datetime) -> None:
    """Drop letters whose code ended more than 90 days ago."""
    session.execute(delete(Letter).where(Letter.expires_at <= now - KEPT_AFTER_EXPIRY))


def _binding(kind: Kind, subject: str) -> str:
    return f"{kind.value}:{subject}"
