"""The room where passwords are hashed: one low-priority thread per process, and a short, bounded queue."""

import contextlib
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")

_NICENESS = 10
_WEIGHT = 0.2
"""How much the latest job moves the average."""


class GateBusy(Exception):
    """Too many sign-ins are waiting; the page keeps its form and answers 503 with Retry-After."""

    def __init__(self, retry_after: timedelta) -> None:
        """Keep how long to wait before another try, in whole seconds, at least one."""
        super().__init__(f"retry after {retry_after}")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class GateStatistics:
    """What the metrics page shows of this process; counts since its start."""

    waiting: int
    running: int
    done: int
    refused: int
    abandoned: int
    average: timedelta


class HashGate:
    """Runs slow jobs one at a time, so that tokens never wait for passwords (reliability R21).

    A process that was forked gets a room of its own: threads and held locks do not survive a fork.
    """

    def __init__(self, places: int = 32, patience: timedelta = timedelta(seconds=5)) -> None:
        """At most `places` callers wait, and none longer than `patience` for its job to begin."""
        self._places = places
        self._patience = patience.total_seconds()
        self._rooms: dict[int, _Room] = {}

    def run(self, job: Callable[[], T]) -> T:
        """The job's result or its exception; raises GateBusy at once when the wait would be too long."""
        room = self._room()
        future = room.admit(job, self._patience)
        # Not result(timeout): a TimeoutError of the job itself would look like ours.
        if wait([future], self._patience).not_done and room.withdraw(future):
            raise GateBusy(room.expected_wait())
        # The job has begun: its result is near, but even that wait is bounded.
        if wait([future], self._patience).not_done:
            raise GateBusy(room.expected_wait())
        return future.result()

    def statistics(self) -> GateStatistics:
        """The figures of this process."""
        return self._room().statistics()

    def _room(self) -> "_Room":
        room = self._rooms.get(os.getpid())
        # setdefault is atomic: two first callers get the same room.
        return room or self._rooms.setdefault(os.getpid(), _Room(self._places))


class _Room:
    """The queue, the thread and the figures of one process."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._changed = threading.Condition()
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._thread: threading.Thread | None = None
        self._began: float | None = None
        self._average = 0.0
        self._done = self._refused = self._abandoned = 0

    def admit(self, job: Callable[[], T], patience: float) -> Future[T]:
        """Take a place in the queue, or raise GateBusy."""
        future: Future[T] = Future()
        with self._changed:
            if len(self._queue) >= self._places or self._expected_seconds() > patience:
                self._refused += 1
                raise GateBusy(self._retry_after())
            self._queue.append((future, job))
            self._keep_a_thread()
            self._changed.notify()
        return future

    def withdraw(self, future: Future[Any]) -> bool:
        """Give the place back; False when the job has begun or ended."""
        with self._changed:
            if not future.cancel():
                return False
            self._queue = deque(entry for entry in self._queue if entry[0] is not future)
            self._abandoned += 1
            return True

    def expected_wait(self) -> timedelta:
        """How long a newcomer would wait now, for Retry-After."""
        with self._changed:
            return self._retry_after()

    def statistics(self) -> GateStatistics:
        """The figures, all of one moment."""
        with self._changed:
            return GateStatistics(
                waiting=len(self._queue),
                running=int(self._began is not None),
                done=self._done,
                refused=self._refused,
                abandoned=self._abandoned,
                average=timedelta(seconds=self._average),
            )

    def _retry_after(self) -> timedelta:
        return timedelta(seconds=max(1, math.ceil(self._expected_seconds())))

    def _expected_seconds(self) -> float:
        """The wait of a newcomer: those before it, the running job less what it has had already."""
        if self._began is None:
            return len(self._queue) * self._average
        elapsed = time.monotonic() - self._began
        # A job that lasts longer than the average shows that the average is out of date.
        each = max(self._average, elapsed)
        return len(self._queue) * each + each - elapsed

    def _keep_a_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="hash-gate", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        _step_back()
        while True:
            future, job = self._next()
            _settle(future, job)
            # Without this the thread would hold the last password until the next one comes.
            del future, job
            self._finish()

    def _next(self) -> tuple[Future[Any], Callable[[], Any]]:
        with self._changed:
            while not self._queue:
                self._changed.wait()
            future, job = self._queue.popleft()
            future.set_running_or_notify_cancel()
            self._began = time.monotonic()
            return future, job

    def _finish(self) -> None:
        with self._changed:
            took = time.monotonic() - (self._began or 0.0)
            self._average += (took - self._average) * (_WEIGHT if self._done else 1.0)
            self._done += 1
            self._began = None


def _settle(future: Future[Any], job: Callable[[], Any]) -> None:
    """Run the job, and hand its result or its exception to the caller that waits."""
    try:
        result = job()
    except BaseException as accident:  # noqa: BLE001 (it belongs to the caller; the thread must live on)
        future.set_exception(accident)
    else:
        future.set_result(result)


def _step_back() -> None:
    """Let request threads go first (Linux nices single threads); where that is refused, go on as equals."""
    with contextlib.suppress(OSError, AttributeError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
