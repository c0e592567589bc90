"""`make demo`'s own processes, started once, and a Chromium to look at them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.member import Demo

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OFFSETS = (0, 1, 2, 25, 26)
# As in the other tests: how long a hash takes is not what is looked at.
CHEAP = {"PARVIS_PASSWORD__BCRYPT_COST": "4"}
READY_SECONDS = 90
# A machine that has much else to do takes its time: only what never comes fails.
PATIENCE = 30_000  # milliseconds, as of Playwright's other waits
expect.set_options(timeout=PATIENCE)


def free_base() -> int:
    """A base whose ports are all free."""
    # Each process of a parallel run begins elsewhere: the servers share ports, so two demos on one base would mix.
    first = 20_000 + os.getpid() % 160 * 50
    for base in [*range(first, 28_000, 50), *range(20_000, first, 50)]:
        with_ports = [socket.socket() for _ in OFFSETS]
        try:
            for probe, offset in zip(with_ports, OFFSETS, strict=True):
                probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        finally:
            for probe in with_ports:
                probe.close()
        return base
    raise RuntimeError("no free ports")


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """The demo, as `make demo` starts it, on other ports and in another folder."""
    base = free_base()
    told = folder / "told.txt"
    command = [sys.executable, "-m", "idp.cli", "demo", "--port-base", str(base), "--directory", str(folder)]
    with told.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, cwd=Path.cwd(), env={**os.environ, **CHEAP}
        )
    try:
        until = time.monotonic() + READY_SECONDS
        while "Ctrl-C" not in told.read_text():
            assert process.poll() is None, told.read_text()
            assert time.monotonic() < until, told.read_text()
            time.sleep(0.2)
        members = re.findall(r"^member_number=(\d+) access_code=([a-z]+)$", told.read_text(), re.MULTILINE)
        yield Demo(base, folder, members)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
