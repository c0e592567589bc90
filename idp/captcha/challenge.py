"""One puzzle shown to one browser, to read or to hear: its answers stay on the server, and one try spends it."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Index, LargeBinary, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.captcha.picture import POOL, Pictures
from idp.captcha.verdict import CaptchaVerdict
from idp.core import secrets
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import BadSeal, Vault
from idp.core.settings import Captcha

# A browser may have this many unanswered pictures (tabs, reloads); the oldest go when it asks for more.
LIVE_PER_BROWSER = 6
LONGEST_ANSWER = 64
SEAL = "captcha"
DIGITS = 6
_DIGITS_KEY, _SEED_KEY = "captcha-digits", "captcha-audio"
_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


class CaptchaChallenge(Base):
    """A picture, whom it was shown to, and its answer, sealed so that a stolen database reveals none."""

    __tablename__ = "captcha_challenge"
    __table_args__ = (Index("ix_captcha_challenge_browser", "browser", "created_at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    browser: Mapped[str] = mapped_column(Text)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the page needs to know of a picture: nothing that answers it."""

    id: str
    expires_at: datetime


def issue(
    session: Session,
    *,
    vault: Vault,
    browser: str,
    now: datetime,
    settings: Captcha,
    pictures: Pictures = POOL,
) -> Challenge:
    """A new picture for this browser; its oldest ones make room."""
    _make_room(session, browser)
    picture = pictures.take()
    row = CaptchaChallenge(
        id=(challenge_id := new_id()),
        browser=browser,
        answer=vault.seal(SEAL, picture.text.encode(), bound_to=challenge_id),
        picture=picture.png,
        created_at=now,
        expires_at=now + settings.lifetime,
    )
    session.add(row)
    session.flush()
    return Challenge(row.id, row.expires_at)


def _make_room(session: Session, browser: str) -> None:
    # Looking at pages writes rows: without a bound, one browser could fill the table.
    newest = (
        select(CaptchaChallenge.id)
        .where(CaptchaChallenge.browser == browser, CaptchaChallenge.spent_at.is_(None))
        .order_by(CaptchaChallenge.created_at.desc(), CaptchaChallenge.id)
        .limit(LIVE_PER_BROWSER - 1)
    )
    older = (CaptchaChallenge.browser == browser) & CaptchaChallenge.id.not_in(newest)
    _delete(session, older)


def _delete(session: Session, which: ColumnElement[bool]) -> None:
    """Delete rows, but for those that another transaction is busy with: nobody waits, nobody deadlocks."""
    free = select(CaptchaChallenge.id).where(which).with_for_update(skip_locked=True)
    session.execute(
        delete(CaptchaChallenge).where(CaptchaChallenge.id.in_(free)),
        execution_options={"synchronize_session": False},
    )


def check(
    session: Session, *, vault: Vault, challenge_id: str, browser: str, answer: str, now: datetime
) -> CaptchaVerdict:
    """Spend the picture, whatever the answer, then compare: one try, one winner among parallel ones."""
    if not _ID.fullmatch(challenge_id):
        return CaptchaVerdict.EXPIRED
    spend = (
        update(CaptchaChallenge)
        .where(
            CaptchaChallenge.id == challenge_id,
            CaptchaChallenge.browser == browser,
            CaptchaChallenge.spent_at.is_(None),
            CaptchaChallenge.expires_at > now,
        )
        .values(spent_at=now, picture=None)
        .returning(CaptchaChallenge.answer)
        .execution_options(synchronize_session=False)
    )
    sealed = session.execute(spend).scalar_one_or_none()
    if sealed is None:
        return CaptchaVerdict.EXPIRED
    try:
        right = vault.unseal(SEAL, sealed, bound_to=challenge_id).decode()
    except BadSeal:
        # The root secret was changed since: nobody can answer this one any more.
        return CaptchaVerdict.EXPIRED
    heard = digits_of(vault, challenge_id)
    given = fold(answer)
    # Both are compared in any case, so that the time tells nothing.
    is_right = secrets.same(given, right) | secrets.same(given, heard)
    return CaptchaVerdict.PASSED if is_right else CaptchaVerdict.WRONG


def digits_of(vault: Vault, challenge_id: str) -> str:
    """What the audio says: derived from the number of the challenge, so that nothing of it is stored."""
    return f"{int(vault.mac(_DIGITS_KEY, challenge_id), 16) % 10**DIGITS:0{DIGITS}d}"


def seed_of(vault: Vault, challenge_id: str) -> str:
    """Where the audio's pauses come from: the same at each listening, and guessed by nobody."""
    return vault.mac(_SEED_KEY, challenge_id)


def fold(answer: str) -> str:
    """An answer without case and spaces; full-width letters count as plain ones."""
    plain = unicodedata.normalize("NFKC", answer[:LONGEST_ANSWER])
    return "".join(plain.split()).upper()


def newest(session: Session, *, browser: str, now: datetime) -> str | None:
    """The picture that this browser was shown last and can still answer."""
    rows = (
        select(CaptchaChallenge.id)
        .where(
            CaptchaChallenge.browser == browser,
            CaptchaChallenge.spent_at.is_(None),
            CaptchaChallenge.expires_at > now,
        )
        .order_by(CaptchaChallenge.created_at.desc(), CaptchaChallenge.id)
        .limit(1)
    )
    return session.execute(rows).scalar_one_or_none()


def picture_of(session: Session, *, challenge_id: str, browser: str, now: datetime) -> bytes | None:
    """The PNG of a picture that a page showed to this browser and that can still be answered."""
    if not _ID.fullmatch(challenge_id):
        return None
    row = select(CaptchaChallenge.picture).where(
        CaptchaChallenge.id == challenge_id,
        CaptchaChallenge.browser == browser,
        CaptchaChallenge.spent_at.is_(None),
        CaptchaChallenge.expires_at > now,
    )
    return session.execute(row).scalar_one_or_none()


def is_open(session: Session, *, challenge_id: str, browser: str, now: datetime) -> bool:
    """Whether a page showed this challenge to this browser, and it can still be answered."""
    if not _ID.fullmatch(challenge_id):
        return False
    row = select(CaptchaChallenge.id).where(
        CaptchaChallenge.id == challenge_id,
        CaptchaChallenge.browser == browser,
        CaptchaChallenge.spent_at.is_(None),
        CaptchaChallenge.expires_at > now,
    )
    return session.execute(row).scalar_one_or_none() is not None


def void(session: Session, *, challenge_id: str, browser: str) -> None:
    """« Changer le texte »: drop this browser's picture; the page that follows shows another."""
    if _ID.fullmatch(challenge_id):
        own = (CaptchaChallenge.id == challenge_id) & (CaptchaChallenge.browser == browser)
        session.execute(delete(CaptchaChallenge).where(own), execution_options={"synchronize_session": False})


def purge(session: Session, *, now: datetime) -> None:
    """Drop the pictures that can no longer be answered."""
    _delete(session, CaptchaChallenge.expires_at <= now)
