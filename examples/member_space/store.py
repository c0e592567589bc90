"""What the member space keeps on its own side: sessions, sign-ins under way, and what members declared."""

import hashlib
import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
# A member may enrol, and wait for a mail, between leaving for the provider and coming back.
SIGN_IN_LIFETIME = timedelta(hours=2)
LOGOUT_TOKEN_MEMORY = timedelta(hours=1)
# A session's last use is written at most this often.
_TOUCH_EVERY = 60


class Base(DeclarativeBase):
    """The mother of all rows. Instants are seconds since 1970."""


class SignIn(Base):
    """A sign-in under way: what one browser took to the provider, to compare with what it brings back."""

    __tablename__ = "sign_in"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    browser_hash: Mapped[str]
    space: Mapped[str]
    nonce: Mapped[str]
    verifier: Mapped[str]
    return_to: Mapped[str]
    max_age: Mapped[int | None]
    started_at: Mapped[int] = mapped_column(index=True)


class SpaceSession(Base):
    """A signed-in browser. Its cookie is a secret of which only the hash is kept; tokens stay here."""

    __tablename__ = "space_session"

    browser_hash: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[int]
    renewed_at: Mapped[int]
    seen_at: Mapped[int] = mapped_column(index=True)
    csrf: Mapped[str]
    space: Mapped[str]
    sub: Mapped[str] = mapped_column(index=True)
    sid: Mapped[str | None] = mapped_column(index=True)
    given_name: Mapped[str]
    full_name: Mapped[str]
    member_number: Mapped[str | None]
    population: Mapped[str | None]
    id_token: Mapped[str]
    access_token: Mapped[str]
    access_expires_at: Mapped[int]
    draft: Mapped[str | None]


class SpentLogoutToken(Base):
    """A logout token that was obeyed once (OIDC Back-Channel Logout 2.6)."""

    __tablename__ = "spent_logout_token"

    space: Mapped[str] = mapped_column(primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    sid: Mapped[str | None] = mapped_column(index=True)
    spent_at: Mapped[int] = mapped_column(index=True)


class Declaration(Base):
    """An accident, or a request for a reimbursement, that a member told the mutual."""

    __tablename__ = "declaration"

    reference: Mapped[str] = mapped_column(primary_key=True)
    sub: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    made_on: Mapped[date]
    about_on: Mapped[date]
    subject: Mapped[str]
    details: Mapped[str]


def new_secret() -> str:
    """256 random bits in 43 url-safe characters."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """SHA-256 in hex: enough for secrets of 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def live_session(session: Session, cookie: str, *, now: datetime) -> SpaceSession | None:
    """The session of that cookie, if it was used in the last 30 minutes and opened in the last 12 hours."""
    row = session.get(SpaceSession, hashed(cookie))
    second = int(now.timestamp())
    if row is None or second > row.opened_at + ABSOLUTE.total_seconds():
        return None
    if second > row.seen_at + IDLE.total_seconds():
        return None
    if second > row.seen_at + _TOUCH_EVERY:
        row.seen_at = second
    return row


def take_sign_in(
    session: Session, *, state: str, cookie: str, space: str, now: datetime
) -> SignIn | None:  # fmt: skip
    """The sign-in that this browser began with that state; whoever asks first gets it, once."""
    taken = (
        delete(SignIn)
        .where(SignIn.state_hash == hashed(state), SignIn.browser_hash == hashed(cookie))
        .where(SignIn.space == space)
        .returning(SignIn)
    )
    row = session.execute(taken).scalar_one_or_none()
    if row is None or now.timestamp() > row.started_at + SIGN_IN_LIFETIME.total_seconds():
        return None
    return row


def end_session(session: Session, cookie: str) -> None:
    """Forget the session of that cookie, tokens included."""
    session.execute(delete(SpaceSession).where(SpaceSession.browser_hash == hashed(cookie)))


def end_sessions_of(session: Session, *, space: str, sid: str | None, sub: str | None) -> int:
    """End what a logout token names: one provider session when it has `sid`, else all of the subject's."""
    named = SpaceSession.sid == sid if sid else SpaceSession.sub == sub
    ended = delete(SpaceSession).where(SpaceSession.space == space, named)
    return len(session.execute(ended.returning(SpaceSession.browser_hash)).all())


def spend_logout_token(
    session: Session, *, space: str, jti: str, sid: str | None, now: datetime
) -> bool:  # fmt: skip
    """Note the token's id; False when it was noted before."""
    values = {"space": space, "jti": jti, "sid": sid, "spent_at": int(now.timestamp())}
    spent = insert(SpentLogoutToken).values(values).on_conflict_do_nothing()
    return session.execute(spent.returning(SpentLogoutToken.jti)).scalar_one_or_none() is not None


def was_ended(session: Session, *, space: str, sid: str) -> bool:
    """Whether a logout token has named that provider session: it overtook a sign-in under way."""
    named = select(SpentLogoutToken.jti).where(SpentLogoutToken.space == space, SpentLogoutToken.sid == sid)
    return session.scalars(named.limit(1)).first() is not None


def declarations_of(session: Session, sub: str, kind: str) -> list[Declaration]:
    """What that member declared, newest first."""
    mine = select(Declaration).where(Declaration.sub == sub, Declaration.kind == kind)
    return list(session.scalars(mine.order_by(Declaration.made_on.desc(), Declaration.reference)))


def declaration_of(session: Session, sub: str, kind: str, reference: str) -> Declaration | None:
    """That declaration, if it is this member's: another's does not exist."""
    mine = select(Declaration).where(
        Declaration.reference == reference, Declaration.sub == sub, Declaration.kind == kind
    )
    return session.scalars(mine).one_or_none()


def purge(session: Session, *, now: datetime) -> None:
    """Delete what can no longer be used."""
    second = int(now.timestamp())
    started_before = second - int(SIGN_IN_LIFETIME.total_seconds())
    session.execute(delete(SignIn).where(SignIn.started_at < started_before))
    opened_before, seen_before = second - int(ABSOLUTE.total_seconds()), second - int(IDLE.total_seconds())
    over = or_(SpaceSession.seen_at < seen_before, SpaceSession.opened_at < opened_before)
    session.execute(delete(SpaceSession).where(over))
    spent_before = second - int(LOGOUT_TOKEN_MEMORY.total_seconds())
    session.execute(delete(SpentLogoutToken).where(SpentLogoutToken.spent_at < spent_before))
