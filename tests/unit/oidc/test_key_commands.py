"""`parvis keys` on the command line: what it prints, what it changes, and how it ends."""

import json
import logging

import pytest
import structlog
from click.testing import CliRunner

from idp.cli import main
from idp.cli_keys import ALGORITHMS
from idp.oidc import key_rows
from idp.oidc.keys import Algorithm, KeyState
from tests.conftest import ROOT, ROOT_SECRET
from tests.support.rows import events


@pytest.fixture
def parvis(sqlite_database, monkeypatch, tmp_path):
    monkeypatch.setenv("PARVIS_DATABASE_URL", sqlite_database.engine.url.render_as_string())
    monkeypatch.setenv("PARVIS_SECRET_KEY", ROOT_SECRET)
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(ROOT / "config" / "spaces"))
    monkeypatch.setenv("PARVIS_KEYS_DIR", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    # The command sets logging up for a process of its own; this one has other tests to run.
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    yield lambda *arguments: CliRunner().invoke(main, ["keys", *arguments])
    logging.root.handlers[:], logging.root.level = handlers, level
    structlog.configure(**configured)


@pytest.fixture
def ring(sqlite_database, key_ring):
    """A store that has its ring already."""
    key_ring.copy_to(sqlite_database)
    return Ring(sqlite_database)


class Ring:
    def __init__(self, database):
        self.database = database

    def kids(self, state, algorithm=None):
        with self.database.reading() as session:
            return [
                record.kid
                for record in key_rows.records(session)
                if record.state is state and algorithm in {None, record.algorithm}
            ]


def test_the_algorithms_offered_are_those_that_exist():
    assert set(ALGORITHMS) == {algorithm.value for algorithm in Algorithm}


def test_an_empty_store_gets_its_ring_and_the_list_shows_it(parvis, sqlite_database):
    listed = parvis("list", "--json")

    assert listed.exit_code == 0
    keys = json.loads(listed.stdout)
    assert sorted((key["algorithm"], key["state"]) for key in keys) == [
        (algorithm, state) for algorithm in sorted(ALGORITHMS) for state in ("active", "next")
    ]
    for key in keys:
        assert (key["rotates_at"] is not None) == (key["state"] == "active")
        assert (key["signs_from"] is not None) == (key["state"] == "next")
    assert len(events(sqlite_database, "key.made")) == 6


def test_the_table_has_one_line_for_each_key(parvis, ring):
    parvis("rotate", "--algorithm", "ES256")

    listed = parvis("list")

    header, *lines = listed.stdout.splitlines()
    assert header.split() == [
        "KID", "ALGORITHM", "STATE", "AGE", "CREATED", "ACTIVATED", "RETIRED", "SCHEDULE",
    ]  # fmt: skip
    assert len(lines) == 7
    assert sum("leaves at" in line for line in lines) == 1
    assert sum("rotates at" in line for line in lines) == sum("signs from" in line for line in lines) == 3


def test_rotate_lets_the_next_key_sign_and_keeps_the_former_published(parvis, ring, tmp_path):
    former, following = (ring.kids(state, Algorithm.EDDSA) for state in (KeyState.ACTIVE, KeyState.NEXT))
    others = ring.kids(KeyState.ACTIVE, Algorithm.ES256)

    run = parvis("rotate", "--algorithm", "eddsa")

    assert run.exit_code == 0
    assert run.stdout.startswith(f"EdDSA: {following[0]} signs now; {former[0]} stays published until ")
    assert run.stderr == ""  # it was published long ago
    assert ring.kids(KeyState.ACTIVE, Algorithm.EDDSA) == following
    assert ring.kids(KeyState.RETIRED) == former
    assert ring.kids(KeyState.ACTIVE, Algorithm.ES256) == others
    assert (tmp_path / "keys" / "ring.sealed").exists()
    assert [event["kid"] for event in events(ring.database, "key.rotated")] == following
    assert [event["by"] for event in events(ring.database, "key.retired")] == ["command"]


def test_rotate_takes_all_algorithms_unless_one_is_named(parvis, ring):
    following = ring.kids(KeyState.NEXT)

    assert parvis("rotate").exit_code == 0

    assert ring.kids(KeyState.ACTIVE) == following
    assert len(ring.kids(KeyState.RETIRED)) == 3


def test_a_key_that_was_published_too_short_signs_with_a_warning(parvis, ring):
    parvis("rotate", "--algorithm", "ES256")

    again = parvis("rotate", "--algorithm", "ES256")

    assert again.exit_code == 0
    assert "signs now" in again.stdout
    assert again.stderr.startswith(f"warning: {ring.kids(KeyState.ACTIVE, Algorithm.ES256)[0]} was published")
    assert "less than oidc.key_prepublication (2 d)" in again.stderr


def test_an_emergency_takes_the_former_key_out(parvis, ring):
    former = ring.kids(KeyState.ACTIVE, Algorithm.ES256)[0]

    run = parvis("rotate", "--algorithm", "ES256", "--emergency")

    assert f"{former} is refused from now on" in run.stdout
    assert ring.kids(KeyState.RETIRED) == []
    assert former not in parvis("jwks").stdout
    assert [event["kid"] for event in events(ring.database, "key.refused")] == [former]


@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED])
def test_retire_takes_one_key_out_at_once_and_another_takes_its_place(parvis, ring, state):
    parvis("rotate", "--algorithm", "ES256")
    kid, following = ring.kids(state, Algorithm.ES256)[0], ring.kids(KeyState.NEXT, Algorithm.ES256)[0]

    run = parvis("retire", kid)

    assert run.exit_code == 0
    assert f"{kid}" in run.stdout
    assert "refused from now on" in run.stdout
    assert (f"{following} signs now" in run.stdout) == (state is KeyState.ACTIVE)
    everywhere = [key for each in KeyState for key in ring.kids(each)]
    assert kid not in everywhere
    assert len(everywhere) == (6 if state is KeyState.RETIRED else 7)


def test_an_unknown_key_is_refused_by_number_with_the_known_ones(parvis, ring):
    run = parvis("retire", "-unknown")

    assert run.exit_code == 1
    assert run.stderr.startswith("P-9020: there is no key -unknown")
    assert all(kid in run.stderr for state in KeyState for kid in ring.kids(state))


@pytest.mark.parametrize("kid", ["-hAJmPm", "--help-me", "-"])
def test_a_key_whose_name_begins_with_a_hyphen_is_no_option(parvis, ring, kid):
    run = parvis("retire", kid)

    assert run.stderr.startswith(f"P-9020: there is no key {kid};")


def test_jwks_are_the_public_keys(parvis, ring):
    keys = json.loads(parvis("jwks").stdout)["keys"]

    assert {key["kid"] for key in keys} == {kid for state in KeyState for kid in ring.kids(state)}
    assert not [key for key in keys if "d" in key]


def test_without_the_database_it_says_what_to_do_and_the_public_keys_come_from_the_copy(
    parvis, ring, monkeypatch
):
    parvis("rotate", "--algorithm", "ES256")
    published = parvis("jwks").stdout
    monkeypatch.setenv("PARVIS_DATABASE_URL", "postgresql://127.0.0.1:1/parvis")

    runs = [parvis("list"), parvis("rotate"), parvis("retire", "some-key")]

    for run in runs:
        assert run.exit_code == 1
        assert run.stderr.startswith("P-9021: the database cannot be used (connection failed")
        assert "PARVIS_DATABASE_URL" in run.stderr
    assert parvis("jwks").stdout == published


def test_without_database_and_copy_there_are_no_public_keys_to_print(parvis, monkeypatch):
    monkeypatch.setenv("PARVIS_DATABASE_URL", "postgresql://127.0.0.1:1/parvis")

    run = parvis("jwks")

    assert run.exit_code == 1
    assert run.stdout == ""
    assert "P-9021" in run.stderr


def test_a_database_without_tables_is_told_how_to_get_them(parvis, monkeypatch, tmp_path):
    monkeypatch.setenv("PARVIS_DATABASE_URL", f"sqlite:///{tmp_path}/fresh.db")

    run = parvis("list")

    assert run.exit_code == 1
    assert "no such table" in run.stderr
    assert "parvis db upgrade" in run.stderr


def test_another_root_secret_changes_nothing(parvis, ring, monkeypatch):
    before = ring.kids(KeyState.ACTIVE)
    monkeypatch.setenv("PARVIS_SECRET_KEY", "another root secret of the tests, long enough")

    runs = [parvis("rotate"), parvis("retire", before[0])]

    for run in runs:
        assert run.exit_code == 1
        assert run.stderr.startswith("P-9004")
    assert ring.kids(KeyState.ACTIVE) == before


@pytest.mark.parametrize("arguments", [["rotate", "--algorithm", "HS256"], ["retire"], ["turn"]])
def test_a_wrong_use_ends_with_2(parvis, arguments):
    assert parvis(*arguments).exit_code == 2
