"""RFC 7517: the published keys, their life from next to retired, and the sealed copy."""

import json
import sqlite3
import stat
import threading
import time
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import text

from idp.app import create_app
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc import key_care, key_copy, key_rows, revisions
from idp.oidc.key_rows import WrongRootSecret
from idp.oidc.key_store import PATIENCE, KeyStore
from idp.oidc.keys import Algorithm, KeyState, missing
from tests.protocol.party import ISSUER, NOON, ROOT_SECRET, make_world, verified
from tests.support.rows import events


def published(world):
    return world.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER).json["keys"]


def rotate(world, algorithm=Algorithm.ES256):
    vault, now = world.parts.vault, world.clock.now()
    key_care.rotate(world.database, [algorithm], vault=vault, emergency=False, now=now)


def new_store(world, **more):
    return KeyStore(database=world.database, vault=world.parts.vault, folder=world.settings.keys_dir, **more)


def forget_eddsa(world):
    """Leave the ring, and its copy, as a version that did not know EdDSA had them."""
    with world.database.transaction() as session:
        session.execute(text("DELETE FROM signing_key WHERE algorithm = 'EdDSA'"))
        revisions.bump(session, revisions.KEYS)
    key_care.copy(world.database, vault=world.parts.vault, folder=world.settings.keys_dir)


def test_each_key_has_its_own_kid_and_no_private_member(world):
    keys = published(world)

    assert len(keys) == 6
    assert len({key["kid"] for key in keys}) == 6
    assert {key["alg"] for key in keys} == {"ES256", "RS256", "EdDSA"}
    assert all(key["use"] == "sig" for key in keys)
    assert not [name for key in keys for name in ("d", "p", "q", "dp", "dq", "qi", "k") if name in key]
    assert all(jwt.PyJWK(key).key_type in {"EC", "RSA", "OKP"} for key in keys)


def test_a_retired_key_still_verifies_and_the_published_next_one_signs(world, rp, member):
    before = rp.tokens(member)["id_token"]
    known = {key["kid"] for key in published(world)}

    rotate(world)
    after = rp.tokens(member)["id_token"]

    assert verified(before, world, audience="reader")
    assert verified(after, world, audience="reader")
    signed_by = jwt.get_unverified_header(after)["kid"]
    assert signed_by != jwt.get_unverified_header(before)["kid"]
    assert signed_by in known, "a client that cached the keys before the rotation knows the new signer"


def test_a_rotation_by_another_process_holds_in_the_next_transaction(world, rp, member):
    rp.tokens(member)
    other = Database(world.settings.database_url.get_secret_value())
    key_care.rotate(other, [Algorithm.ES256], vault=world.parts.vault, emergency=False, now=NOON)
    other.dispose()

    token = rp.tokens(member)["id_token"]

    assert verified(token, world, audience="reader")
    assert len(published(world)) == 7


def test_a_process_that_only_serves_keys_tells_of_a_rotation_half_a_second_later_at_most(world):
    elapsed = [0.0]
    store = new_store(world, monotonic=lambda: elapsed[0])
    store.start(now=NOON)
    store.refresh_soon()
    rotate(world)

    store.refresh_soon()
    early = len(store.ring.keys)
    elapsed[0] = 0.6
    store.refresh_soon()
    late = len(store.ring.keys)

    assert (early, late) == (6, 7)


def test_a_database_that_hangs_delays_one_answer_for_a_moment_and_no_other(world):
    elapsed, let_go = [0.0], threading.Event()

    def hang(*_):
        let_go.wait(20)
        raise sqlite3.OperationalError("gone")

    store = new_store(world, monotonic=lambda: elapsed[0])
    store.start(now=NOON)
    world.database.engine.dispose()
    world.database.engine.pool._creator = hang

    waits = []
    for elapsed[0] in (1.0, 2.0, 3.0):
        begun = time.monotonic()
        store.refresh_soon()
        waits.append(time.monotonic() - begun)
        assert len(store.ring.keys) == 6
    let_go.set()
    store._refreshing.acquire()  # the thread is over before its database goes

    assert PATIENCE <= waits[0] < 5
    assert max(waits[1:]) < PATIENCE


def test_private_keys_are_sealed_in_the_database_and_in_the_copy(world):
    with world.database.reading() as session:
        rows = session.execute(text("SELECT sealed FROM signing_key")).scalars().all()
    copy = (world.settings.keys_dir / key_copy.NAME).read_bytes()

    assert len(rows) == 6
    for stored in (*rows, copy):
        assert b'"d"' not in stored
        assert b"kty" not in stored
    assert stat.S_IMODE((world.settings.keys_dir / key_copy.NAME).stat().st_mode) == 0o600


def test_the_whole_provider_starts_from_the_copy_while_the_database_is_down(world):
    keys = published(world)
    down = Database("sqlite:////nonexistent/folder/parvis.db")

    http = create_app(world.settings, clock=world.clock, database=down).test_client()
    jwks = http.get("/oauth2/jwks.json", base_url=ISSUER)
    discovery = http.get("/.well-known/openid-configuration", base_url=ISSUER)
    userinfo = http.get("/oauth2/userinfo", base_url=ISSUER, headers={"Authorization": "Bearer a.b.c"})

    assert jwks.json["keys"] == keys
    assert discovery.json["issuer"] == ISSUER
    assert (userinfo.status_code, userinfo.headers["Retry-After"]) == (503, "2")


def test_a_store_of_before_gets_the_keys_of_a_new_algorithm_at_the_next_start(world):
    before = {key["kid"] for key in published(world) if key["alg"] != "EdDSA"}
    forget_eddsa(world)

    new_store(world).start(now=NOON)

    again = make_world(world.settings.keys_dir.parent, world.database, world.settings)
    after = published(again)
    assert before < {key["kid"] for key in after}
    with world.database.reading() as session:
        states = [key.state for key in key_rows.records(session) if key.algorithm is Algorithm.EDDSA]
    assert sorted(states) == ["active", "next"]
    assert [event["by"] for event in events(world.database, "key.made")][-2:] == ["start", "start"]


def test_a_provider_that_started_from_an_old_copy_mends_the_ring_when_the_database_is_back(world):
    forget_eddsa(world)
    broken = Database("sqlite:////nonexistent/folder/parvis.db")
    store = KeyStore(database=broken, vault=world.parts.vault, folder=world.settings.keys_dir)
    store.start(now=NOON)
    without = len(store.ring.keys)

    with world.database.transaction() as session:
        ring = store.current(session, mark=revisions.read(session)[revisions.KEYS], now=NOON)

    assert (without, ring.missing) == (4, ())
    assert ring.signer(Algorithm.EDDSA)


def test_keys_of_an_algorithm_that_only_a_newer_version_knows_are_left_alone(world, rp, member):
    with world.database.transaction() as session:
        session.execute(text("UPDATE signing_key SET algorithm = 'ML-DSA-65' WHERE algorithm = 'EdDSA'"))
        revisions.bump(session, revisions.KEYS)

    assert verified(rp.tokens(member)["id_token"], world, audience="reader")

    with world.database.reading() as session:
        rows = session.execute(text("SELECT count(*) FROM signing_key WHERE algorithm = 'ML-DSA-65'"))
        assert rows.scalar_one() == 2


def test_without_database_and_copy_the_keys_are_unavailable_and_say_when_to_come_back(world, tmp_path):
    down = Database("sqlite:////nonexistent/folder/parvis.db")
    provider = world.parts.provider
    provider.keys = KeyStore(database=down, vault=world.parts.vault, folder=tmp_path / "none")

    response = world.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER)

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert json.loads(response.data)["error"] == "temporarily_unavailable"


def test_the_copy_follows_each_rotation_whole(world, rp, member):
    rotate(world, Algorithm.RS256)
    rp.tokens(member)

    keys, mark = key_copy.read(world.settings.keys_dir, vault=world.parts.vault)

    with world.database.reading() as session:
        assert keys == key_rows.read(session)
        assert mark == revisions.read(session)[revisions.KEYS]
    assert [path.name for path in world.settings.keys_dir.iterdir()] == [key_copy.NAME]


def test_a_damaged_copy_is_ignored(world):
    path = world.settings.keys_dir / key_copy.NAME
    path.write_bytes(path.read_bytes()[:-5])

    assert key_copy.read(world.settings.keys_dir, vault=world.parts.vault) is None


def test_another_root_secret_stops_the_start_by_its_number(world):
    store = KeyStore(
        database=world.database,
        vault=Vault.from_root(ROOT_SECRET + "-another"),
        folder=world.settings.keys_dir,
    )

    with pytest.raises(WrongRootSecret, match="P-9004"):
        store.start(now=NOON)


def test_a_rolled_back_ring_is_never_kept(world):
    from idp.core.db import Base

    empty = Database("sqlite:///" + str(world.settings.keys_dir / "empty.db"))
    Base.metadata.create_all(empty.engine)
    store = KeyStore(database=empty, vault=world.parts.vault, folder=world.settings.keys_dir / "copy")
    session = empty.open()
    phantom = store.current(session, mark=None, now=NOON)
    session.rollback()
    session.close()

    store.start(now=NOON + timedelta(seconds=1))

    assert store.ring.mark != phantom.mark
    assert not {key.kid for key in store.ring.keys} & {key.kid for key in phantom.keys}
    empty.dispose()


def test_taking_out_each_kind_of_key_leaves_a_whole_ring(world):
    for state in KeyState:
        if state is KeyState.RETIRED:
            rotate(world)
        with world.database.reading() as session:
            kid = next(key.kid for key in key_rows.records(session) if key.state is state)

        refused = key_care.refuse(world.database, kid, vault=world.parts.vault, now=NOON)

        assert refused.was.kid == kid
        with world.database.reading() as session:
            records = key_rows.records(session)
        assert kid not in {key.kid for key in records}
        assert missing((key.algorithm, key.state) for key in records) == ()
    assert [event["state"] for event in events(world.database, "key.refused")] == list(KeyState)


def test_a_change_under_another_root_secret_is_refused_before_anything_is_written(world):
    stranger = Vault.from_root(ROOT_SECRET + "-another")

    with pytest.raises(WrongRootSecret, match="P-9004"):
        key_care.rotate(world.database, [Algorithm.ES256], vault=stranger, emergency=True, now=NOON)

    with world.database.reading() as session:
        assert [key.state for key in key_rows.records(session)].count(KeyState.ACTIVE) == 3
    assert events(world.database, "key.refused") == []
