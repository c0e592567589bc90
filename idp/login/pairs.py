"""Member number and access code: compared within growing delays, wherever a page asks for both."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from idp.core import throttles
from idp.core.throttles import Schedule
from idp.core.words import N_
from idp.subjects.directory import MemberDirectory, RegisteredMember
from idp.web.kit import Visit

MINUTE = timedelta(minutes=1)
WRONG = N_("Le numéro d’adhérent et le code d’accès ne vont pas ensemble. Vérifiez-les sur votre courrier.")
TOO_SOON = N_("Trop d’essais. Attendez %(wait)s, puis recommencez.")

# Tries of (number, code): a stranger's guesses wait ever longer, the owner elsewhere hardly at all.
PAIR_FROM_NETWORK = Schedule(free=5, first=timedelta(seconds=5), longest=timedelta(minutes=30))
PAIR_FROM_ANYWHERE = Schedule(free=30, first=timedelta(seconds=1), longest=timedelta(seconds=5))
ANY_PAIR_FROM_NETWORK = Schedule(free=30, first=timedelta(seconds=2), longest=timedelta(minutes=5))
ALL_PAIRS_PER_MINUTE = 2000


@dataclass(frozen=True, slots=True)
class WrongPair:
    """Number and code do not go together, or are nobody's."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too many tries: how long until the next."""

    delay: timedelta


def check(
    visit: Visit,
    directory: MemberDirectory,
    *,
    number: str,
    access_code: str,
    populations: Collection[str] | None = None,
) -> RegisteredMember | WrongPair | Wait:
    """Count the try, then compare; one answer for an unknown number, a wrong code and a member who left.

    Looked for in the space's populations, or in those that are given.
    """
    wait = _count(visit.session, number=number, network=visit.network, now=visit.now)
    if wait is not None:
        return Wait(wait)
    found = [
        member
        for population in sorted(visit.space.populations if populations is None else populations)
        if (member := directory.matches(visit.session, population, number, access_code)) is not None
    ]
    if len(found) != 1:
        visit.audit("pair.wrong")
        return WrongPair()
    # Only wrong pairs slow anybody down: a family, or a whole village behind one address, enrols in peace.
    throttles.forget(visit.session, f"pair:{number}:{visit.network}")
    throttles.give_back(visit.session, f"pair:{number}")
    throttles.give_back(visit.session, f"pairs:{visit.network}")
    return found[0]


def _count(session: Session, *, number: str, network: str, now: datetime) -> timedelta | None:
    any_pair = f"pairs:{network}"
    wait = throttles.waiting(session, any_pair, now=now)
    if wait is None:
        wait = throttles.attempt_near_and_far(
            session,
            near=f"pair:{number}:{network}",
            near_schedule=PAIR_FROM_NETWORK,
            far=f"pair:{number}",
            far_schedule=PAIR_FROM_ANYWHERE,
            now=now,
        )
    if wait is None:
        wait = throttles.attempt(session, any_pair, schedule=ANY_PAIR_FROM_NETWORK, now=now)
    if wait is not None:
        return wait
    if throttles.spend(session, "pairs", limit=ALL_PAIRS_PER_MINUTE, window=MINUTE, now=now):
        return None
    return MINUTE
