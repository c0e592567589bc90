"""What may become of one try to deliver something: accepted, refused for good, or postponed."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side took it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side will never take it; `reason` is a class of error, never an address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now. `outage`: the other side itself could not be used, so that what else goes there would fare no better."""

    reason: str
    outage: bool = False


Outcome: TypeAlias = Accepted | Refused | Postponed
