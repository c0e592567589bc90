"""The administration API: what it tells, and whose tokens open it (interface.md, RFC 6750, RFC 9449)."""

import json

import pytest

from tests.protocol.party import ISSUER, ClientKey, verified

CONFIG, KEYS = "/admin/api/v1/config", "/admin/api/v1/keys"


@pytest.fixture
def robot(world):
    """A service with `admin:read`."""
    return world.party("robot")


def token_of(party, scope="admin:read", *, headers=None, **more):
    form = {"grant_type": "client_credentials", "scope": scope, **more}
    return party.token(form, headers=headers).json["access_token"]


def read(world, path, token=None, **headers):
    if token is not None:
        headers.setdefault("Authorization", f"Bearer {token}")
    return world.app.test_client().get(path, headers=headers, base_url=ISSUER)


def test_the_configuration_is_shown_with_its_policies_and_no_secret(world, robot):
    response = read(world, CONFIG, token_of(robot))

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["policies"]["password"]["numbers"]["minimum"] == 12
    assert response.json["policies"]["password"]["rules"]
    assert response.json["settings"]["oidc"]["code_lifetime"]
    assert set(response.json["spaces"]) == {"adherent", "professionnel", "elu", "staff"}
    for secret in (world.settings.secret_key, world.settings.pepper, world.settings.database_url):
        assert secret.get_secret_value() not in response.text


def test_a_password_inside_an_address_is_masked_too(world):
    from idp.core.settings import shown

    storage = "valkey://user:hunter2@127.0.0.1:6379/0"
    limits = world.settings.limits.model_copy(update={"storage": storage})

    document = shown(world.settings.model_copy(update={"limits": limits}))

    assert "hunter2" not in json.dumps(document)
    assert document["limits"]["storage"].endswith("@127.0.0.1:6379/0")


def test_the_hash_names_the_content(world, robot):
    from idp.admin import effective

    first = read(world, CONFIG, token_of(robot)).json
    second = read(world, CONFIG, token_of(robot)).json
    sign_in = world.settings.sign_in.model_copy(update={"code_tries": 4})
    changed = effective.document(world.settings.model_copy(update={"sign_in": sign_in}), world.parts.spaces)

    assert first["hash"] == second["hash"] != changed["hash"]


def test_the_ring_is_shown_without_private_members(world, robot):
    keys = read(world, KEYS, token_of(robot)).json["keys"]

    assert {(key["algorithm"], key["state"]) for key in keys} == {
        (algorithm, state) for algorithm in ("ES256", "RS256", "EdDSA") for state in ("active", "next")
    }
    published = world.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER).json["keys"]
    assert {key["kid"] for key in keys} == {key["kid"] for key in published}
    assert all(key["age"] >= 0 and not {"d", "sealed"} & key.keys() for key in keys)


@pytest.mark.parametrize("path", [CONFIG, KEYS])
def test_without_a_token_there_is_a_challenge_and_nothing_else(world, path):
    response = read(world, path)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("path", [CONFIG, KEYS])
def test_a_token_without_the_scope_is_told_which_one_it_lacks(world, robot, path):
    response = read(world, path, token_of(robot, "claims:read"))

    assert (response.status_code, response.json["error"]) == (403, "insufficient_scope")
    assert 'scope="admin:read"' in response.headers["WWW-Authenticate"]


def test_a_token_for_another_service_opens_nothing_here(world, robot):
    token = token_of(robot, resource="https://claims.example.org")

    assert read(world, CONFIG, token).status_code == 401


def test_no_member_gets_the_scope_whatever_the_client_may(world, member):
    both = world.party("both")

    tokens = both.tokens(member, scope="openid admin:read")

    assert tokens["scope"] == "openid"
    assert read(world, CONFIG, tokens["access_token"]).status_code == 403
    assert read(world, CONFIG, token_of(both)).status_code == 200


def test_a_revoked_token_opens_nothing(world, robot):
    token = token_of(robot)
    robot.revoke(token)

    assert read(world, CONFIG, token).status_code == 401


def test_a_bound_token_needs_its_proof(world, robot):
    robot.key = ClientKey()
    token = token_of(robot, headers=robot.proof("/oauth2/token"))
    proof = robot.key.proof(ISSUER + CONFIG, world.clock.now(), method="GET", token=token)

    as_bearer = read(world, CONFIG, token)
    proven = read(world, CONFIG, None, Authorization=f"DPoP {token}", DPoP=proof)

    assert (as_bearer.status_code, proven.status_code) == (401, 200)
    assert verified(token, world, audience=ISSUER)["cnf"]["jkt"] == robot.key.jkt


def test_the_database_down_is_a_503_in_json(world, robot):
    token = token_of(robot)
    world.database.dispose()
    path = world.settings.database_url.get_secret_value().removeprefix("sqlite:///")
    with open(path, "wb") as file:  # noqa: PTH123 (what a broken disk leaves)
        file.write(b"not a database" * 100)

    response = read(world, CONFIG, token)

    assert response.status_code in {500, 503}
    assert response.mimetype == "application/json"


def test_only_reading_is_possible(world, robot):
    response = world.app.test_client().post(CONFIG, headers={"Authorization": "x"}, base_url=ISSUER)

    assert response.status_code == 405
    assert response.mimetype == "application/json"
