"""When keys change: published before they sign, published after they signed; times only, nothing is done here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.oidc import key_rows, keys
from idp.oidc.clients import LONGEST_LIFETIME
from idp.oidc.key_rows import KeyRecord
from idp.oidc.keys import Algorithm, KeyState

# Hosts and services may disagree about the time, and accept a token a little after its end.
CLOCK_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The three spans of a key's life."""

    rotation: timedelta
    prepublication: timedelta
    retention: timedelta

    @classmethod
    def of(cls, settings: Settings, spaces: Spaces) -> "Schedule":
        """The schedule of an installation."""
        return cls(
            rotation=settings.oidc.key_rotation,
            prepublication=settings.oidc.key_prepublication,
            retention=_longest_use(settings, spaces) + settings.oidc.key_cache + CLOCK_MARGIN,
        )


def _longest_use(settings: Settings, spaces: Spaces) -> timedelta:
    """How long anything that a key signed may still be shown to somebody.

    An ID token is a hint as long as its session lives. A client's lifetime counts as the longest that one may
    have: it may have been shortened a moment ago, while its longer tokens are still in use.
    """
    return max(
        settings.oidc.access_token_lifetime,
        settings.oidc.id_token_lifetime,
        LONGEST_LIFETIME,
        *(space.session_absolute for space in spaces),
    )


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What an operator may know of one key; ages are in seconds, `state_age` since it came into its state."""

    kid: str
    algorithm: Algorithm
    state: KeyState
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    age: int
    state_age: int
    signs_from: datetime | None
    """When the schedule lets a `next` key sign."""
    rotates_at: datetime | None
    """When the schedule retires an `active` key."""
    leaves_at: datetime | None
    """When the schedule drops a `retired` key."""

    def as_json(self) -> dict[str, str | int | None]:
        """The facts with instants in ISO 8601."""
        return {
            name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Due:
    """What the schedule asks for at an instant."""

    missing: tuple[tuple[Algorithm, KeyState], ...] = ()
    rotations: tuple[Algorithm, ...] = ()
    over: tuple[KeyRecord, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.rotations or self.over)

    @property
    def needed(self) -> tuple[Algorithm, ...]:
        """The algorithms of the keys that must be made for it."""
        return (*(algorithm for algorithm, _ in self.missing), *self.rotations)


def describe(session: Session, *, schedule: Schedule, now: datetime) -> list[KeyFacts]:
    """The ring as it is, and what the schedule will do with each key."""
    return facts(key_rows.records(session), schedule=schedule, now=now)


def facts(records: Sequence[KeyRecord], *, schedule: Schedule, now: datetime) -> list[KeyFacts]:
    """The same of keys already read."""
    changes = _changes(records, schedule)
    return [
        KeyFacts(
            kid=record.kid,
            algorithm=record.algorithm,
            state=record.state,
            created_at=record.created_at,
            activated_at=record.activated_at,
            retired_at=record.retired_at,
            age=_seconds(now - record.created_at),
            state_age=_seconds(now - _since(record)),
            signs_from=changes.get(record.algorithm) if record.state is KeyState.NEXT else None,
            rotates_at=changes.get(record.algorithm) if record.state is KeyState.ACTIVE else None,
            leaves_at=_since(record) + schedule.retention if record.state is KeyState.RETIRED else None,
        )
        for record in records
    ]


def due(records: Sequence[KeyRecord], *, schedule: Schedule, now: datetime) -> Due:
    """What must be done now."""
    return Due(
        missing=keys.missing((record.algorithm, record.state) for record in records),
        rotations=tuple(
            algorithm for algorithm, instant in _changes(records, schedule).items() if instant <= now
        ),
        over=tuple(
            record
            for record in records
            if record.state is KeyState.RETIRED and _since(record) + schedule.retention <= now
        ),
    )


def _changes(records: Sequence[KeyRecord], schedule: Schedule) -> dict[Algorithm, datetime]:
    """When the next key of each algorithm takes over: the active one is old enough, the next one known enough."""
    places = {(record.algorithm, record.state): record for record in records}
    return {
        algorithm: max(
            _since(places[algorithm, KeyState.ACTIVE]) + schedule.rotation,
            _since(places[algorithm, KeyState.NEXT]) + schedule.prepublication,
        )
        for algorithm in Algorithm
        if {(algorithm, KeyState.ACTIVE), (algorithm, KeyState.NEXT)} <= places.keys()
    }


def _since(record: KeyRecord) -> datetime:
    """When a key came into its state."""
    match record.state:
        case KeyState.NEXT:
            return record.created_at
        case KeyState.ACTIVE:
            return record.activated_at or record.created_at
        case KeyState.RETIRED:
            return record.retired_at or record.created_at


def _seconds(span: timedelta) -> int:
    return max(0, int(span.total_seconds()))
