"""The worker: runs the couriers, each in a thread of its own, and keeps house beside them."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from idp.core import outbox
from idp.core.clock import Clock
from idp.core.courier import Courier
from idp.core.db import Database
from idp.core.logs import accident

HOUSEKEEPING_EVERY = timedelta(minutes=5)
LOOK_EVERY = timedelta(seconds=1)

log = structlog.get_logger(__name__)


class Chore(Protocol):
    """Something to do now and then, in a transaction of its own: a purge, a schedule."""

    def __call__(self, session: Session, *, now: datetime) -> object:
        """Do it; doing it twice, or in two workers at once, must do no harm."""
        ...


class Errand(Protocol):
    """Something to do now and then, in as many transactions as it likes."""

    def __call__(self, *, now: datetime) -> object:
        """Do it; doing it twice, or in two workers at once, must do no harm."""
        ...


class Worker:
    """Delivers and purges. Any number may run beside each other, on any host."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        couriers: Sequence[Courier],
        housekeeping: Sequence[Chore] = (),
        errands: Sequence[Errand] = (),
    ) -> None:
        """Do nothing yet; `run` begins. The outbox purges itself without being listed."""
        self._database = database
        self._clock = clock
        self._couriers = couriers
        self._chores: Sequence[Chore] = (outbox.purge, *housekeeping)
        self._errands = errands
        self._chores_due: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is on its way is finished first."""
        at_work = [
            threading.Thread(target=courier.run, args=(stop,), name=f"courier-{courier.channel.value}")
            for courier in self._couriers
        ]
        for thread in at_work:
            thread.start()
        while not stop.is_set():
            self._keep_house_when_due()
            stop.wait(LOOK_EVERY.total_seconds())
        for thread in at_work:
            thread.join()

    def keep_house(self) -> None:
        """Do every chore, each in its own transaction, and every errand; one that fails stops none of the others."""
        for chore in self._chores:
            self._try(chore, partial(self._in_transaction, chore))
        for errand in self._errands:
            self._try(errand, partial(self._run, errand))

    def _in_transaction(self, chore: Chore) -> None:
        with self._database.transaction() as session:
            chore(session, now=self._clock.now())

    def _run(self, errand: Errand) -> None:
        errand(now=self._clock.now())

    def _try(self, chore: Chore | Errand, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as problem:  # noqa: BLE001 (whatever one meets, the others are done)
            name = getattr(chore, "__qualname__", type(chore).__name__)
            log.error("worker.chore_failed", chore=name, **accident(problem))

    def _keep_house_when_due(self) -> None:
        now = self._clock.now()
        if self._chores_due is None or now >= self._chores_due:
            self._chores_due = now + HOUSEKEEPING_EVERY
            self.keep_house()
