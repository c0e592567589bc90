"""The challenges that passkeys answer: random, of one browser, for one purpose, and good once."""

import json
from datetime import datetime, timedelta

from sqlalchemy import Index, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from idp.core import secrets
from idp.core.db import Base, UtcDateTime

BYTES = 32
LIFETIME = timedelta(minutes=5)
# Of one browser and purpose the oldest challenges make room.
KEPT = 5


class PasskeyChallenge(Base):
    """One challenge that a browser may answer once, for one purpose."""

    __tablename__ = "passkey_challenge"
    __table_args__ = (Index("ix_passkey_challenge_browser", "browser", "purpose"),)

    challenge_hash: Mapped[str] = mapped_column(Text, primary_key=True)
    browser: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def ask(session: Session, *, browser: str, purpose: str, now: datetime) -> bytes:
    """A new challenge for this browser."""
    oldest = (
        select(PasskeyChallenge.challenge_hash)
        .where(PasskeyChallenge.browser == browser, PasskeyChallenge.purpose == purpose)
        .order_by(PasskeyChallenge.created_at.desc())
        .offset(KEPT - 1)
    )
    gone = list(session.execute(oldest).scalars())
    if gone:
        session.execute(
            delete(PasskeyChallenge).where(PasskeyChallenge.challenge_hash.in_(gone)),
            execution_options={"synchronize_session": False},
        )
    challenge = base64url_to_bytes(secrets.token())
    session.add(
        PasskeyChallenge(
            challenge_hash=_hash(challenge),
            browser=browser,
            purpose=purpose,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return challenge


def spend(session: Session, answer: str, *, browser: str, purpose: str, now: datetime) -> bytes | None:
    """The challenge that an answer names, used up by one DELETE; None when it is not this browser's to answer."""
    challenge = _named_challenge(answer)
    if challenge is None:
        return None
    spent = (
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.challenge_hash == _hash(challenge),
            PasskeyChallenge.browser == browser,
            PasskeyChallenge.purpose == purpose,
            PasskeyChallenge.expires_at > now,
        )
        .returning(PasskeyChallenge.challenge_hash)
        .execution_options(synchronize_session=False)
    )
    return challenge if session.execute(spent).scalar_one_or_none() is not None else None


def _named_challenge(answer: str) -> bytes | None:
    try:
        client_data = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
        challenge = base64url_to_bytes(client_data["challenge"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return challenge if len(challenge) == BYTES else None


def purge(session: Session, *, now: datetime) -> None:
    """Drop challenges that are over."""
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now))


def _hash(challenge: bytes) -> str:
    return secrets.fingerprint(bytes_to_base64url(challenge))
