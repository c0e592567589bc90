"""R9: eight processes that start together on an empty store make one key ring."""

import json
import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from idp.core.secrets import Vault
from idp.oidc import key_copy, key_rows
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import Algorithm
from tests.protocol.party import NOON, ROOT, ROOT_SECRET

PROCESSES = 8
# Says that it is ready, waits for the word, starts, and tells the ring that it ended up with.
STARTER = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc.key_store import KeyStore

url, folder, root = sys.argv[1:]
store = KeyStore(database=Database(url), vault=Vault.from_root(root), folder=Path(folder))
print("ready", flush=True)
sys.stdin.readline()
store.start(now=datetime(2026, 3, 12, tzinfo=UTC))
print(json.dumps({"mark": store.ring.mark, "keys": [[key.kid, key.state] for key in store.ring.keys]}), flush=True)
"""


def start_together(url, folder):
    command = [sys.executable, "-c", STARTER, url, str(folder), ROOT_SECRET]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(PROCESSES)
    ]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * PROCESSES
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_processes_on_an_empty_store_make_one_ring(database, tmp_path):
    url = database.engine.url.render_as_string(hide_password=False)

    told = start_together(url, tmp_path / "keys")

    assert all(ring == told[0] for ring in told)
    assert sorted(state for _, state in told[0]["keys"]) == ["active", "active", "next", "next"]
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM signing_key")).scalar_one() == 4
    copied, mark = key_copy.read(tmp_path / "keys", vault=Vault.from_root(ROOT_SECRET))
    assert mark == told[0]["mark"]
    assert [key.kid for key in copied] == [kid for kid, _ in told[0]["keys"]]
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [key_copy.NAME]


def test_rotations_at_once_leave_one_key_that_signs_and_one_that_will(database, vault, tmp_path):
    store = KeyStore(database=database, vault=vault, folder=tmp_path / "keys")
    store.start(now=NOON)
    barrier = threading.Barrier(4)

    def rotate():
        barrier.wait()
        with database.transaction() as session:
            key_rows.rotate(session, vault=vault, now=NOON, algorithm=Algorithm.ES256)

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as session:
        states = [key.state for key in key_rows.read(session) if key.algorithm == Algorithm.ES256]
    assert sorted(states) == ["active", "next", "retired", "retired", "retired", "retired"]
