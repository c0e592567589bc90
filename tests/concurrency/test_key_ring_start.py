"""R9: processes that start together make one key ring, and workers that keep it change it once."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from idp.core.secrets import Vault
from idp.oidc import key_care, key_copy, key_rows, revisions
from idp.oidc.key_schedule import Schedule
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import Algorithm
from tests.protocol.party import NOON, PEPPER, ROOT, ROOT_SECRET
from tests.support.racing import at_once
from tests.support.rows import events

PROCESSES = 8
WHOLE_RING = ["active", "active", "active", "next", "next", "next"]
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


# The same with the whole provider, as a server process makes it.
INSTANCE = """
import json, sys
from idp.app import create_app
from idp.core.settings_sources import load

print("ready", flush=True)
sys.stdin.readline()
app = create_app(load())
ring = app.extensions["parvis"].provider.keys.ring
served = app.test_client().get("/oauth2/jwks.json").json["keys"]
assert {key["kid"] for key in served} == {key.kid for key in ring.keys}
print(json.dumps({"mark": ring.mark, "keys": [[key.kid, key.state] for key in ring.keys]}), flush=True)
"""


def start_together(program, count, *arguments, environment=None):
    """Let so many processes begin at one word; the rings that they ended up with."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        for _ in range(count)
    ]  # fmt: skip
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * count
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def assert_one_whole_ring(database, told, folder):
    assert all(ring == told[0] for ring in told)
    assert sorted(state for _, state in told[0]["keys"]) == WHOLE_RING
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM signing_key")).scalar_one() == 6
    copied, mark = key_copy.read(folder, vault=Vault.from_root(ROOT_SECRET))
    assert mark == told[0]["mark"]
    assert [key.kid for key in copied] == [kid for kid, _ in told[0]["keys"]]
    assert [path.name for path in folder.iterdir()] == [key_copy.NAME]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_processes_on_an_empty_store_make_one_ring(database, tmp_path):
    url = database.engine.url.render_as_string(hide_password=False)

    told = start_together(STARTER, PROCESSES, url, str(tmp_path / "keys"), ROOT_SECRET)

    assert_one_whole_ring(database, told, tmp_path / "keys")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_instances_on_an_empty_store_serve_one_ring(database, tmp_path):
    environment = {
        "PARVIS_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "PARVIS_SECRET_KEY": ROOT_SECRET,
        "PARVIS_PEPPER": PEPPER,
        "PARVIS_KEYS_DIR": str(tmp_path / "keys"),
    }

    told = start_together(INSTANCE, 3, environment=environment)

    assert_one_whole_ring(database, told, tmp_path / "keys")


def test_eight_starts_on_a_store_of_before_eddsa_add_its_keys_once(database, vault, tmp_path):
    stores = [KeyStore(database=database, vault=vault, folder=tmp_path / "keys") for _ in range(8)]
    stores[0].start(now=NOON)
    with database.transaction() as session:
        session.execute(text("DELETE FROM signing_key WHERE algorithm = 'EdDSA'"))
        revisions.bump(session, revisions.KEYS)

    at_once([partial(store.start, now=NOON) for store in stores])

    assert states(database, Algorithm.EDDSA) == ["active", "next"]
    assert len({store.ring.mark for store in stores}) == 1
    assert all(store.ring.missing == () for store in stores)
    assert len(events(database, "key.made")) == 8


def test_rotations_at_once_leave_one_key_that_signs_and_one_that_will(database, vault, tmp_path):
    store = KeyStore(database=database, vault=vault, folder=tmp_path / "keys")
    store.start(now=NOON)

    at_once(
        [
            partial(key_care.rotate, database, [Algorithm.ES256], vault=vault, emergency=False, now=NOON)
            for _ in range(4)
        ]
    )

    assert states(database) == ["active", "next", "retired", "retired", "retired", "retired"]


def test_workers_that_find_a_rotation_due_at_once_rotate_once(database, vault, tmp_path):
    folder = tmp_path / "keys"
    KeyStore(database=database, vault=vault, folder=folder).start(now=NOON)
    schedule = Schedule(timedelta(days=90), timedelta(days=2), timedelta(days=2))
    later = NOON + timedelta(days=90)

    done = at_once(
        [
            partial(key_care.keep, database, vault=vault, schedule=schedule, folder=folder, now=later)
            for _ in range(4)
        ]
    )

    assert sorted(len(due.rotations) for due in done) == [0, 0, 0, 3]
    assert states(database) == ["active", "next", "retired"]
    assert len(events(database, "key.rotated")) == 3


def states(database, algorithm=Algorithm.ES256):
    with database.reading() as session:
        return sorted(key.state for key in key_rows.records(session) if key.algorithm is algorithm)
