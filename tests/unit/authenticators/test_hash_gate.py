"""One thread for slow hashes, and a queue that says no in time."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from idp.authenticators.hash_gate import GateBusy, HashGate


@pytest.fixture
def threads():
    with ThreadPoolExecutor(max_workers=64) as pool:
        yield pool


def wait_until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


class Latch:
    """A job that holds the gate until it is told to end."""

    def __init__(self):
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.opened.wait(10)
        return "held"


def test_a_job_gives_its_result():
    assert HashGate().run(lambda: 42) == 42


@pytest.mark.parametrize("accident", [ValueError("no"), TimeoutError("slow disk"), SystemExit(3)])
def test_the_exception_of_a_job_reaches_its_caller_and_the_gate_goes_on(accident):
    gate = HashGate()

    def fail():
        raise accident

    with pytest.raises(type(accident)) as caught:
        gate.run(fail)

    assert caught.value is accident
    assert gate.run(lambda: "still here") == "still here"


def test_eight_jobs_at_once_of_a_quarter_of_a_second_all_succeed(threads):
    gate = HashGate()
    gate.run(lambda: time.sleep(0.25))

    def job(number):
        return lambda: (time.sleep(0.25), number)[1]

    answers = [threads.submit(gate.run, job(number)) for number in range(8)]

    assert [answer.result() for answer in answers] == list(range(8))
    assert gate.statistics().refused == 0


def test_jobs_run_one_at_a_time_in_the_order_of_their_arrival(threads):
    gate, latch, order = HashGate(), Latch(), []
    first = threads.submit(gate.run, latch)
    latch.begun.wait()
    answers = []
    for number in range(6):
        answers.append(threads.submit(gate.run, lambda number=number: order.append(number)))
        wait_until(lambda number=number: gate.statistics().waiting == number + 1)

    latch.opened.set()
    for answer in (first, *answers):
        answer.result()

    assert order == list(range(6))


def test_beyond_its_places_the_gate_refuses_at_once(threads):
    gate, latch = HashGate(places=2), Latch()
    held = [threads.submit(gate.run, latch)]
    latch.begun.wait()
    held += [threads.submit(gate.run, lambda: "waited") for _ in range(2)]
    wait_until(lambda: gate.statistics().waiting == 2)

    began = time.monotonic()
    with pytest.raises(GateBusy) as busy:
        gate.run(lambda: "never")
    took = time.monotonic() - began

    latch.opened.set()
    assert took < 0.2
    assert busy.value.retry_after >= timedelta(seconds=1)
    assert [answer.result() for answer in held] == ["held", "waited", "waited"]
    assert gate.statistics().refused == 1


def test_an_expected_wait_beyond_patience_is_refused_at_once(threads):
    gate, latch = HashGate(patience=timedelta(seconds=1)), Latch()
    gate.run(lambda: time.sleep(0.4))
    held = [threads.submit(gate.run, latch)]
    latch.begun.wait()
    for number in range(2):
        held.append(threads.submit(gate.run, lambda: "waited"))
        wait_until(lambda number=number: gate.statistics().waiting == number + 1)

    began = time.monotonic()
    with pytest.raises(GateBusy) as busy:
        gate.run(lambda: "a fourth job of 0.4 s")
    took = time.monotonic() - began

    latch.opened.set()
    assert took < 0.2
    assert timedelta(seconds=1) <= busy.value.retry_after <= timedelta(seconds=3)
    assert [answer.result() for answer in held] == ["held", "waited", "waited"]


def test_a_caller_that_waited_too_long_gives_up_and_its_job_never_runs(threads):
    gate, latch, ran = HashGate(patience=timedelta(seconds=0.2)), Latch(), []
    held = threads.submit(HashGate.run, gate, latch)
    latch.begun.wait()

    with pytest.raises(GateBusy):
        gate.run(lambda: ran.append("too late"))

    figures = gate.statistics()
    latch.opened.set()
    wait_until(lambda: gate.statistics().done == 1)
    gate.run(lambda: ran.append("next"))
    assert (figures.waiting, figures.running, figures.abandoned) == (0, 1, 1)
    assert ran == ["next"]
    assert held.exception() is None or isinstance(held.exception(), GateBusy)


def test_even_a_job_that_never_ends_does_not_hold_its_caller():
    gate, latch = HashGate(patience=timedelta(seconds=0.1)), Latch()

    with pytest.raises(GateBusy):
        gate.run(latch)

    latch.opened.set()


def test_the_thread_is_made_when_needed_and_steps_back():
    gate = HashGate()
    before = threading.active_count()

    niceness = gate.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    worker = gate.run(threading.current_thread)

    assert before < threading.active_count()
    assert worker.daemon
    assert niceness >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 1)
    assert gate.run(threading.current_thread) is worker


def test_a_refused_priority_is_tolerated(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)

    assert HashGate().run(lambda: "as equals") == "as equals"


def test_the_figures_count_what_happened():
    gate = HashGate()
    for _ in range(3):
        gate.run(lambda: time.sleep(0.01))
    wait_until(lambda: gate.statistics().done == 3)

    figures = gate.statistics()

    assert (figures.waiting, figures.running, figures.refused, figures.abandoned) == (0, 0, 0, 0)
    assert timedelta(milliseconds=9) < figures.average < timedelta(seconds=1)


def _answer_in_a_child(gate, sender):
    sender.send((gate.run(os.getpid), gate.statistics().waiting))


def test_after_a_fork_the_child_has_its_own_thread_even_when_the_parent_was_busy(threads):
    gate, latch = HashGate(), Latch()
    held = threads.submit(gate.run, latch)
    latch.begun.wait()
    receiver, sender = multiprocessing.Pipe(duplex=False)

    # The worst moment: another thread of the parent holds the lock of the gate's room.
    with gate._room()._changed:
        child = multiprocessing.get_context("fork").Process(target=_answer_in_a_child, args=(gate, sender))
        child.start()
        answered = receiver.poll(10)

    latch.opened.set()
    assert answered
    assert receiver.recv() == (child.pid, 0)
    child.join(10)
    assert held.result() == "held"
