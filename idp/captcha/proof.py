"""The proof of work: challenges and solutions of ALTCHA's second protocol, each solution good once.

Challenges are made by the library. Solutions are checked here, since `altcha.verify_solution` reads the
machine's clock and this product reads `now`; the tests hold both to the same verdicts.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
from sqlalchemy import Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.captcha.verdict import CaptchaVerdict
from idp.core.db import Base, UtcDateTime, insert_into
from idp.core.secrets import same

ALGORITHM = "PBKDF2/SHA-256"
# One step costs about 1 ms of a desktop and 4 ms of a phone. The counter that solves a challenge is drawn below a
# bound: no solver can begin nearer to it, and the longest wait is known.
ITERATIONS = 5_000
# For everybody: half a second at most on a desktop, two on a phone.
STEPS = 400
# For the few who can neither see nor hear the other challenge: ten times as much, so that it is no cheap way in.
STEPS_INSTEAD = 4_000
LONGEST_PAYLOAD = 4096
# A purging host may be ahead of a verifying one: a nonce is kept a little longer than its challenge lives.
CLOCK_SKEW = timedelta(minutes=5)


class CaptchaProofUsed(Base):
    """A challenge whose solution was accepted."""

    __tablename__ = "captcha_proof_used"

    nonce: Mapped[str] = mapped_column(Text, primary_key=True)
    forget_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What a payload claims."""

    parameters: dict[str, str | int]
    signature: str
    derived_key: str


def new_challenge(*, key: bytes, now: datetime, lifetime: timedelta, steps: int = STEPS) -> dict[str, Any]:
    """A signed challenge, as `{"parameters": {…}, "signature": …}`; nothing is stored until it is solved.

    Solving takes up to `steps` steps, half of them on average; making it takes one.
    """
    challenge = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        counter=secrets.randbelow(steps),
        expires_at=now + lifetime,
        hmac_secret=key,
        hmac_key_secret=_solution_key(key),
    )
    return challenge.to_dict()


def verify(session: Session, *, key: bytes, payload: str, now: datetime) -> CaptchaVerdict:
    """Whether a base64 payload solves a challenge of ours that is alive and unused; never raises on it."""
    proof = _read(payload)
    if proof is None or not _is_ours(proof, key) or not _is_solved(proof, key):
        return CaptchaVerdict.WRONG
    # Signed by us from here on: the names and types are those of `new_challenge`.
    nonce, expires_at = (
        proof.parameters["nonce"],
        datetime.fromtimestamp(int(proof.parameters["expiresAt"]), UTC),
    )
    if expires_at <= now or not _use(session, nonce=str(nonce), forget_at=expires_at + CLOCK_SKEW):
        return CaptchaVerdict.EXPIRED
    return CaptchaVerdict.PASSED


def purge(session: Session, *, now: datetime) -> None:
    """Forget the challenges that have expired."""
    over = select(CaptchaProofUsed.nonce).where(CaptchaProofUsed.forget_at <= now)
    # Two purges at once share the work instead of waiting for each other.
    free = over.with_for_update(skip_locked=True)
    session.execute(
        delete(CaptchaProofUsed).where(CaptchaProofUsed.nonce.in_(free)),
        execution_options={"synchronize_session": False},
    )


def _use(session: Session, *, nonce: str, forget_at: datetime) -> bool:
    """Remember the nonce; True for the first to do so, among any number at once."""
    first = (
        insert_into(session, CaptchaProofUsed)
        .values(nonce=nonce, forget_at=forget_at)
        .on_conflict_do_nothing(index_elements=[CaptchaProofUsed.nonce])
        .returning(CaptchaProofUsed.nonce)
    )
    return session.execute(first).scalar_one_or_none() is not None


def _read(payload: str) -> _Proof | None:
    if len(payload) > LONGEST_PAYLOAD:
        return None
    try:
        document = json.loads(base64.b64decode(payload, validate=True))
        parameters, signature = document["challenge"]["parameters"], document["challenge"]["signature"]
        derived_key = document["solution"]["derivedKey"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(signature, str) or not isinstance(derived_key, str) or not isinstance(parameters, dict):
        return None
    if not all(type(value) in {str, int} for value in parameters.values()):
        return None
    return _Proof(parameters, signature, derived_key)


def _is_ours(proof: _Proof, key: bytes) -> bool:
    # The protocol signs the parameters as JSON with sorted names and no spaces.
    canonical = json.dumps(proof.parameters, sort_keys=True, separators=(",", ":"))
    return same(proof.signature, hmac.digest(key, canonical.encode(), hashlib.sha256).hex())


def _is_solved(proof: _Proof, key: bytes) -> bool:
    try:
        derived = bytes.fromhex(proof.derived_key)
    except ValueError:
        return False
    expected = hmac.digest(_solution_key(key), derived, hashlib.sha256).hex()
    return same(str(proof.parameters.get("keySignature")), expected)


def _solution_key(key: bytes) -> bytes:
    return hmac.digest(key, b"solution", hashlib.sha256)
