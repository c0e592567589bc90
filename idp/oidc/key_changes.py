"""Changes of the key ring: one at a time, whole or not at all, and each in the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core import audit
from idp.core.secrets import Vault
from idp.oidc import key_rows, keys, revisions
from idp.oidc.key_rows import KeyRecord
from idp.oidc.keys import Algorithm, KeyState, RingKey


class Spares:
    """Keys made before the transaction that needs them: an RSA key takes long, and nobody shall wait for it."""

    def __init__(self, algorithms: Iterable[Algorithm] = ()) -> None:
        """Make one key for each algorithm named."""
        self._keys = [_new(algorithm) for algorithm in algorithms]

    def take(self, algorithm: Algorithm) -> RingKey:
        """A key that was never used; made now only when the ring changed after the spares were counted."""
        found = next((key for key in self._keys if key.algorithm is algorithm), None)
        if found is None:
            return _new(algorithm)
        self._keys.remove(found)
        return found


def _new(algorithm: Algorithm) -> RingKey:
    return RingKey.of(keys.generate(algorithm), algorithm=algorithm, state=KeyState.NEXT)


@dataclass(frozen=True, slots=True)
class Change:
    """The transaction in which this process alone changes the ring, and who asked for it."""

    session: Session
    vault: Vault
    spares: Spares
    now: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: who signs now, who did before, and how long the new signer had been published."""

    algorithm: Algorithm
    kid: str
    former: str
    published_for: timedelta


@dataclass(frozen=True, slots=True)
class Refused:
    """A key that was taken out at once, and the rotation that followed when it had been the one that signed."""

    was: KeyRecord
    rotated: Rotated | None


def begin(session: Session, *, vault: Vault, spares: Spares, now: datetime, by: str) -> Change:
    """Wait until no one else changes the ring. Raises WrongRootSecret."""
    revisions.hold(session, revisions.KEYS)
    key_rows.check_seals(session, vault)
    return Change(session, vault, spares, now, by)


def complete(change: Change) -> bool:
    """Give each algorithm the keys that it lacks: the first ring, or a new algorithm after an upgrade."""
    held = key_rows.records(change.session)
    lacking = keys.missing((record.algorithm, record.state) for record in held)
    for algorithm, state in lacking:
        _add(change, algorithm, state)
    if lacking:
        _publish(change)
    return bool(lacking)


def rotate(change: Change, algorithm: Algorithm, *, refuse_former: bool = False) -> Rotated:
    """Let the next key sign, and publish another next one.

    The former signer stays published as retired; in an emergency it is refused at once.
    """
    signers = {key.state: key for key in key_rows.records(change.session) if key.algorithm is algorithm}
    former, following = signers[KeyState.ACTIVE], signers[KeyState.NEXT]
    if refuse_former:
        _remove(change, former, event="key.refused")
    else:
        key_rows.retire(change.session, former.kid, now=change.now)
        _tell(change, "key.retired", former)
    key_rows.activate(change.session, following.kid, now=change.now)
    _tell(change, "key.rotated", following)
    _add(change, algorithm, KeyState.NEXT)
    _publish(change)
    return Rotated(algorithm, following.kid, former.kid, change.now - following.created_at)


def refuse(change: Change, kid: str) -> Refused | None:
    """Take one key out at once, whatever its state; another takes its place. None when there is no such key."""
    was = next((record for record in key_rows.records(change.session) if record.kid == kid), None)
    if was is None:
        return None
    if was.state is KeyState.ACTIVE:
        return Refused(was, rotate(change, was.algorithm, refuse_former=True))
    _remove(change, was, event="key.refused")
    if was.state is KeyState.NEXT:
        _add(change, was.algorithm, KeyState.NEXT)
    _publish(change)
    return Refused(was, None)


def drop(change: Change, record: KeyRecord) -> None:
    """Publish a retired key no more: nothing that it signed is still in use."""
    _remove(change, record, event="key.dropped")
    _publish(change)


def _add(change: Change, algorithm: Algorithm, state: KeyState) -> None:
    key = change.spares.take(algorithm)
    key_rows.add(change.session, key, state=state, vault=change.vault, now=change.now)
    _record(change, "key.made", key.kid, algorithm, state=state.value)


def _remove(change: Change, record: KeyRecord, *, event: str) -> None:
    key_rows.remove(change.session, record.kid)
    _tell(change, event, record)


def _publish(change: Change) -> None:
    """Every process reads the ring again in its next transaction."""
    revisions.bump(change.session, revisions.KEYS)


def _tell(change: Change, event: str, record: KeyRecord) -> None:
    _record(change, event, record.kid, record.algorithm, state=record.state.value)


def _record(change: Change, event: str, kid: str, algorithm: Algorithm, *, state: str) -> None:
    audit.record(
        change.session,
        now=change.now,
        event=event,
        kid=kid,
        algorithm=algorithm.value,
        state=state,
        by=change.by,
    )
