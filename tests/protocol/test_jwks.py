"""RFC 7517: the published keys, their life from next to retired, and the sealed copy."""

import json
import stat
from datetime import timedelta

import jwt
import pytest
from sqlalchemy import text

from idp.core.db import Database
from idp.core.secrets import Vault
from idp.oidc import key_copy, key_rows, revisions
from idp.oidc.key_rows import WrongRootSecret
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import Algorithm
from tests.protocol.party import ISSUER, NOON, ROOT_SECRET, verified


def published(world):
    return world.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER).json["keys"]


def rotate(world, algorithm=Algorithm.ES256):
    with world.database.transaction() as session:
        key_rows.rotate(session, vault=world.parts.vault, now=world.clock.now(), algorithm=algorithm)


def test_each_key_has_its_own_kid_and_no_private_member(world):
    keys = published(world)

    assert len(keys) == 6
    assert len({key["kid"] for key in keys}) == 6
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert all(key["use"] == "sig" for key in keys)
    assert not [name for key in keys for name in ("d", "p", "q", "dp", "dq", "qi", "k") if name in key]
    assert all(jwt.PyJWK(key).key_type in {"EC", "RSA"} for key in keys)


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
    with other.transaction() as session:
        key_rows.rotate(session, vault=world.parts.vault, now=NOON, algorithm=Algorithm.ES256)
    other.dispose()

    token = rp.tokens(member)["id_token"]

    assert verified(token, world, audience="reader")
    assert len(published(world)) == 7


def test_a_process_that_only_serves_keys_reads_a_rotation_behind_the_answer(world):
    elapsed = [0.0]
    store = KeyStore(
        database=world.database,
        vault=world.parts.vault,
        folder=world.settings.keys_dir,
        monotonic=lambda: elapsed[0],
    )
    store.start(now=NOON)
    rotate(world)

    store.refresh_soon()
    early = len(store.ring.keys)
    elapsed[0] = 6.0
    store.refresh_soon()
    with store._refreshing:  # the background reading holds it until it is done
        late = len(store.ring.keys)

    assert (early, late) == (4, 5)


def test_private_keys_are_sealed_in_the_database_and_in_the_copy(world):
    with world.database.reading() as session:
        rows = session.execute(text("SELECT sealed FROM signing_key")).scalars().all()
    copy = (world.settings.keys_dir / key_copy.NAME).read_bytes()

    assert len(rows) == 6
    for stored in (*rows, copy):
        assert b'"d"' not in stored
        assert b"kty" not in stored
    assert stat.S_IMODE((world.settings.keys_dir / key_copy.NAME).stat().st_mode) == 0o600


def test_the_copy_serves_a_start_while_the_database_is_down(world):
    down = Database("sqlite:////nonexistent/folder/parvis.db")
    store = KeyStore(database=down, vault=world.parts.vault, folder=world.settings.keys_dir)

    store.start(now=NOON)

    assert {key.kid for key in store.ring.keys} == {key["kid"] for key in published(world)}


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
