"""A courier delivers one channel of the outbox: takes what is due, hands it over, writes down what became of it."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeAlias, assert_never

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp.core import outbox
from idp.core.clock import Clock
from idp.core.db import Database
from idp.core.logs import accident
from idp.core.outbox import Channel, Claim
from idp.core.outcomes import Accepted, Outcome, Postponed, Refused

BATCH = 10
POLL = timedelta(milliseconds=500)
# A delivery is begun only in the first part of its lease, so that it is over before another worker may take it.
BEGUN_WITHIN = timedelta(seconds=20)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)

# Hands one delivery over, within `outbox.LEASE`; every failure of the other side is an outcome.
Send: TypeAlias = Callable[[Claim], Outcome]
# Queues what the database says is to be delivered, in a transaction of its own.
Gather: TypeAlias = Callable[[], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round met."""

    taken: int = 0
    outage: bool = False
    """The other side of a lane could not be used: wait before the next try there."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """A lane whose other side is down is left alone, longer after each try."""

    until: float
    pause: timedelta

    @classmethod
    def after(cls, former: "_Rest | None") -> "_Rest":
        pause = FIRST_PAUSE if former is None else min(2 * former.pause, LONGEST_PAUSE)
        return cls(time.monotonic() + pause.total_seconds(), pause)


class Courier:
    """Delivers one channel. Any number may run beside each other, on any host.

    The deliveries of one lane go one after the other, those of `at_once` lanes at the same time: a lane whose
    other side is slow or down holds up no other.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        send: Send,
        database: Database,
        clock: Clock,
        gather: Gather | None = None,
        at_once: int = 1,
        poll: timedelta = POLL,
    ) -> None:
        """Do nothing yet; `run` or `deliver_once` begins."""
        self.channel = channel
        self._send = send
        self._database = database
        self._clock = clock
        self._gather = gather
        self._at_once = at_once
        self._poll = poll
        self._busy: set[str] = set()
        self._rests: dict[str, _Rest] = {}
        self._lanes = threading.Lock()
        self._lane_is_free = threading.Event()
        self._unwritten: list[Callable[[Session], bool]] = []
        self._writing = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is on its way is finished first, the rest is given back.

        A database that is down is waited for, longer at each try.
        """
        pause = FIRST_PAUSE
        with ThreadPoolExecutor(self._at_once, thread_name_prefix=self.channel.value) as hands:
            while not stop.is_set():
                taken = self._begin(hands, stop)
                if taken is None:
                    stop.wait(pause.total_seconds())
                    pause = min(2 * pause, LONGEST_PAUSE)
                    continue
                pause = FIRST_PAUSE
                if taken < BATCH:
                    self._lane_is_free.wait(self._poll.total_seconds())
                    self._lane_is_free.clear()

    def deliver_once(self, stop: threading.Event | None = None) -> Round:
        """Send one batch of what is due, whatever lane rests, and wait for it; raises what the database raises."""
        batch = self._take(but=())
        with ThreadPoolExecutor(self._at_once) as hands:
            outages = list(hands.map(lambda claims: self._carry(claims, stop), batch.values()))
        return Round(sum(map(len, batch.values())), outage=any(outages))

    def _begin(self, hands: Executor, stop: threading.Event) -> int | None:
        """Hand what is due to free hands; how many were taken, None while the database cannot be used."""
        try:
            batch = self._take(but=self._lanes_left_alone())
        except SQLAlchemyError as problem:
            log.warning("worker.database_unavailable", channel=self.channel.value, **accident(problem))
            return None
        except Exception as problem:  # noqa: BLE001 (as for a delivery)
            # Whatever one round meets, the next one is tried: mails must not wait for a person's restart.
            log.error("worker.round_failed", channel=self.channel.value, **accident(problem))
            return None
        for lane, claims in batch.items():
            with self._lanes:
                self._busy.add(lane)
            hands.submit(self._work, lane, claims, stop)
        return sum(map(len, batch.values()))

    def _lanes_left_alone(self) -> Collection[str]:
        now = time.monotonic()
        with self._lanes:
            return self._busy | {lane for lane, rest in self._rests.items() if rest.until > now}

    def _work(self, lane: str, claims: Sequence[Claim], stop: threading.Event) -> None:
        outage = True
        try:
            outage = self._carry(claims, stop)
        except Exception as problem:  # noqa: BLE001 (as for a delivery)
            log.warning("worker.lane_failed", channel=self.channel.value, **accident(problem))
        with self._lanes:
            self._busy.discard(lane)
            former = self._rests.pop(lane, None)
            if outage:
                self._rests[lane] = _Rest.after(former)
        self._lane_is_free.set()

    def _take(self, *, but: Collection[str]) -> Mapping[str, Sequence[Claim]]:
        """Claim what is due, by lane."""
        self._write_down()
        if self._gather is not None:
            self._gather()
        batch: dict[str, list[Claim]] = defaultdict(list)
        for claim in self._claim(but):
            batch[claim.lane].append(claim)
        return batch

    def _claim(self, but: Collection[str]) -> Sequence[Claim]:
        now = self._clock.now()
        if len(self._busy) >= self._at_once:
            return ()
        with self._database.reading() as session:
            if not outbox.has_due(session, now=now, channel=self.channel, but=but):
                return ()
        with self._database.transaction() as session:
            expired = outbox.expire(session, now=now, channel=self.channel)
            claims = outbox.claim_due(session, now=now, limit=BATCH, channel=self.channel, but=but)
        if expired:
            log.warning("worker.given_up", channel=self.channel.value, count=expired)
        return claims

    def _carry(self, claims: Sequence[Claim], stop: threading.Event | None) -> bool:
        """Deliver the claims of one lane, one after the other; whether its other side could not be used."""
        for position, claim in enumerate(claims):
            begun_late = self._clock.now() > claim.lease - outbox.LEASE + BEGUN_WITHIN
            if begun_late or (stop is not None and stop.is_set()):
                self._give_back(claims[position:])
                return False
            outcome = self._attempt(claim)
            self._settle(claim, outcome)
            if isinstance(outcome, Postponed) and outcome.outage:
                # The next one would meet the same: one try at a time until the other side is back.
                self._give_back(claims[position + 1 :])
                return True
        return False

    def _attempt(self, claim: Claim) -> Outcome | None:
        """Deliver one, outside any transaction; None when it came too late."""
        if claim.is_over(self._clock.now()):
            return None
        try:
            return self._send(claim)
        except Exception as problem:  # noqa: BLE001 (one delivery never holds up the others)
            # Another root secret, a fault in a template, a space that is gone: nothing is lost meanwhile,
            # since a worker that is configured well, or the next version, may send it.
            log.error("worker.delivery_failed", message=claim.id, kind=claim.kind, **accident(problem))
            return Postponed(type(problem).__name__)

    def _settle(self, claim: Claim, outcome: Outcome | None) -> None:
        now = self._clock.now()
        match outcome:
            case None:
                write = partial(outbox.mark_expired, claim=claim)
            case Accepted():
                write = partial(outbox.mark_sent, claim=claim, now=now)
            case Refused(reason):
                write = partial(outbox.mark_refused, claim=claim, reason=reason)
            case Postponed(reason):
                write = partial(outbox.postpone, claim=claim, reason=reason, now=now)
            case _:
                assert_never(outcome)
        log.info(
            "worker.delivery", message=claim.id, kind=claim.kind, lane=claim.lane, outcome=_name(outcome)
        )
        self._write_down(write)

    def _give_back(self, claims: Sequence[Claim]) -> None:
        self._write_down(*(partial(outbox.release, claim=claim) for claim in claims))

    def _write_down(self, *writes: Callable[[Session], bool]) -> None:
        """Record what happened; it is remembered here while the database is down, and nothing new begins."""
        with self._writing:
            self._unwritten += writes
            if not self._unwritten:
                return
            with self._database.transaction() as session:
                for write in self._unwritten:
                    write(session)
            self._unwritten.clear()


def _name(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "expired"
        case Accepted():
            return "accepted"
        case Refused(reason):
            return f"refused {reason}"
        case Postponed(reason):
            return f"postponed {reason}"
        case _:
            assert_never(outcome)
