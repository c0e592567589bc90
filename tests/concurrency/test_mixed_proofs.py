"""Two passwords on one sign-in never lend their proofs to each other."""

import threading

import pytest

from tests.support.people import CAMILLE, SACHA, is_signed_in
from tests.support.racing import copies, last_code

pytestmark = pytest.mark.settings(captcha={"login": "off"}, password={"gate_patience": "60s"})


def test_a_slow_password_does_not_take_over_the_code_of_another_account(app, browser, register, parts):
    register.open_account(CAMILLE)
    register.open_account(SACHA)
    browser.get("/connexion")
    address = f"/connexion?i={browser.handle}"
    fields = browser.fields()
    first, second = copies(app, browser, 2)
    gate = parts.passwords.gate
    before, between = threading.Event(), threading.Event()
    done = []

    def post(window, person):
        typed = {**fields, "identifier": person.email, "password": person.password}
        done.append(window.post(address, typed, follow=False))

    # The gate hashes in turn: Sacha's password, then (after a wait) Camille's.
    threads = [
        _start(gate.run, lambda: before.wait(60)),
        _queue(gate, 1, post, first, SACHA),
        _queue(gate, 2, gate.run, lambda: between.wait(60)),
        _queue(gate, 3, post, second, CAMILLE),
    ]
    _until(lambda: gate.statistics().waiting >= 3)
    before.set()
    threads[1].join(60)
    first.get(address)
    assert first.page.path == "/connexion/code"
    assert first.submit(code=last_code(parts)).path == "/connexion/appareil"
    between.set()
    for thread in threads:
        thread.join(60)

    # Camille's right password came too late for a sign-in that is Sacha's by now.
    for window in (second, first):
        window.get(address)
        if window.page.path == "/connexion/appareil":
            window.press("Non merci")
        window.get("/compte")
        assert "c****e@example.org" not in window.page.words
    assert is_signed_in(first)


def _start(job, *arguments):
    thread = threading.Thread(target=job, args=arguments, daemon=True)
    thread.start()
    return thread


def _queue(gate, behind, job, *arguments):
    """Start a job that will stand in the gate's queue, once those before it do."""
    _until(lambda: gate.statistics().waiting + gate.statistics().running >= behind)
    return _start(job, *arguments)


def _until(condition):
    limit = threading.Event()
    for _ in range(600):
        if condition():
            return
        limit.wait(0.05)
    raise AssertionError("it never came to that")
