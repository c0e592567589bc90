"""Workers and couriers that run beside a test, and the wait for what they do."""

import threading

import pytest

# Seconds: what takes longer does not happen.
PATIENCE = 20.0
GLANCE = 0.01


class Running:
    """Workers or couriers at work, each in a thread of its own."""

    def __init__(self, *workers):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=worker.run, args=(self._stop,)) for worker in workers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)


def wait_for(condition):
    """Return once the condition holds; fail the test when it never does."""
    waiting = threading.Event()
    for _ in range(int(PATIENCE / GLANCE)):
        if condition():
            return
        waiting.wait(GLANCE)
    pytest.fail("it did not happen in time")
