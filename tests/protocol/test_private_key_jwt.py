"""RFC 7523 section 3 and OIDC Core 9: a client proves itself by an assertion that it signed, for us, once."""

import hashlib
import hmac
import json
import secrets
from datetime import timedelta

import jwt
import pytest

from idp.oidc.client_keys import ASKED_EVERY, ClientKeys
from idp.oidc.client_rows import Registry
from idp.oidc.provider import Provider
from tests.protocol.party import ASSERTION_TYPE, CLIENT_KEY, ISSUER, ClientKey, basic
from tests.support.http import ScriptedHttp

SERVICE = {"grant_type": "client_credentials", "scope": ""}
MINUTE = 60


@pytest.fixture
def keyed(world):
    return world.party("keyed")


def send(party, assertion, **more):
    form = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **SERVICE, **more}
    return party.http.post("/oauth2/token", data=form, base_url=ISSUER, headers=more.pop("headers", None))


def at(world, seconds=0):
    return int(world.clock.now().timestamp()) + seconds


def test_a_signed_assertion_proves_the_client(keyed, world):
    response = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now()))

    assert response.status_code == 200, response.text
    assert response.json["token_type"] == "Bearer"


def test_the_whole_flow_by_assertions(keyed, world, member):
    asked = keyed.ask()

    response = keyed.redeem(keyed.code_for(member, asked), asked)

    assert response.status_code == 200
    assert keyed.refresh(response.json["refresh_token"]).status_code == 200


def test_an_assertion_counts_once(keyed, world):
    assertion = CLIENT_KEY.assertion("keyed", world.clock.now())

    assert [send(keyed, assertion).status_code for _ in range(3)] == [200, 401, 401]


def test_the_same_jti_counts_again_only_when_the_first_is_long_over(keyed, world):
    first = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now(), jti="one"))
    again = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now(), jti="one"))

    assert (first.status_code, again.status_code) == (200, 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [ISSUER]},
        {"aud": [ISSUER, "https://other.example.org"]},
        {"aud": ISSUER + "/oauth2/token"},
        {"aud": ISSUER + "/"},
        {"aud": "https://other.example.org"},
        {"aud": None},
        {"iss": "reader"},
        {"iss": None},
        {"sub": None},
        {"sub": "reader"},
        {"jti": None},
        {"jti": ""},
        {"jti": "j" * 257},
        {"exp": None},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_or_missing_refuses_the_client(keyed, world, changes):
    response = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now(), **changes))

    assert response.status_code == 401
    assert response.json["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("times", "is_good"),
    [
        ({"exp": -30}, True),  # a minute of leeway for clocks that differ
        ({"exp": -61}, False),
        ({"exp": -300}, False),
        ({"exp": 3600}, True),
        ({"exp": 3601}, False),
        ({"exp": 10**12}, False),
        ({"nbf": 8, "exp": 68}, True),
        ({"nbf": 61, "exp": 121}, False),
        ({"iat": 61, "exp": 121}, False),
        ({"iat": -600}, True),
    ],
)
def test_times_are_judged_with_a_minute_of_leeway(keyed, world, times, is_good):
    claims = {name: at(world, seconds) for name, seconds in times.items()}

    response = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now(), **claims))

    assert (response.status_code == 200) is is_good


@pytest.mark.parametrize("value", ["soon", True, None, [], 1e400, -(2**60)])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_that_is_no_number_is_refused(keyed, world, name, value):
    claims = {
        "iss": "keyed",
        "sub": "keyed",
        "aud": ISSUER,
        "jti": secrets.token_hex(8),
        "exp": at(world, 60),
    }
    assertion = jwt.encode({**claims, name: value}, CLIENT_KEY.private, algorithm="ES256")

    response = send(keyed, assertion)

    # `iat: -2**60` is merely long ago for a reader of numbers; here it is no time at all.
    assert response.status_code == 401


def test_another_key_proves_nobody(keyed, world):
    stranger = ClientKey()

    for headers in ({}, {"kid": "k2"}, {"jwk": stranger.bare_jwk}, {"jku": "https://evil.example/keys"}):
        response = send(keyed, stranger.assertion("keyed", world.clock.now(), headers=headers))
        assert response.status_code == 401


def test_an_assertion_without_kid_finds_its_key(keyed, world):
    claims = {
        "iss": "keyed",
        "sub": "keyed",
        "aud": ISSUER,
        "jti": secrets.token_hex(8),
        "exp": at(world, 60),
    }
    assertion = jwt.encode(claims, CLIENT_KEY.private, algorithm="ES256")

    assert send(keyed, assertion).status_code == 200


def test_the_public_key_is_no_shared_secret(keyed, world):
    # RFC 8725 section 2.1: HS256 over the bytes of the public key.
    def segment(document):
        return jwt.utils.base64url_encode(json.dumps(document).encode())

    claims = {"iss": "keyed", "sub": "keyed", "aud": ISSUER, "jti": "x", "exp": at(world, 60)}
    signed = segment({"alg": "HS256", "kid": "k1"}) + b"." + segment(claims)
    secret = json.dumps(CLIENT_KEY.public_jwk).encode()
    seal = jwt.utils.base64url_encode(hmac.new(secret, signed, hashlib.sha256).digest())

    assert send(keyed, (signed + b"." + seal).decode()).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {"client_secret": "x"},
        {"headers": {"Authorization": basic("keyed", "x")}},
    ],
    ids=["secret in the form", "secret in the header"],
)
def test_two_ways_at_once_are_a_bad_request(keyed, world, more):
    headers = more.pop("headers", None)
    form = {
        "client_assertion": CLIENT_KEY.assertion("keyed", world.clock.now()),
        "client_assertion_type": ASSERTION_TYPE,
        **SERVICE,
        **more,
    }
    response = keyed.http.post("/oauth2/token", data=form, headers=headers, base_url=ISSUER)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("client_id", ["reader", "nobody"])
def test_a_client_id_beside_the_assertion_must_be_its_subject(keyed, world, client_id):
    response = send(keyed, CLIENT_KEY.assertion("keyed", world.clock.now()), client_id=client_id)

    assert response.status_code == 401


def test_the_type_of_the_assertion_is_needed(keyed, world):
    form = {"client_assertion": CLIENT_KEY.assertion("keyed", world.clock.now()), **SERVICE}
    response = keyed.http.post("/oauth2/token", data=form, base_url=ISSUER)

    assert response.status_code == 401


def test_no_other_method_opens_this_client(keyed):
    bare = keyed.http.post("/oauth2/token", data={"client_id": "keyed", **SERVICE}, base_url=ISSUER)
    headers = {"Authorization": basic("keyed", "")}
    with_basic = keyed.http.post("/oauth2/token", data=SERVICE, headers=headers, base_url=ISSUER)

    assert (bare.status_code, with_basic.status_code) == (401, 401)


def test_a_client_with_a_secret_cannot_use_an_assertion(world):
    response = send(world.party("reader"), CLIENT_KEY.assertion("reader", world.clock.now()))

    assert response.status_code == 401


def test_no_two_processes_take_one_assertion(keyed, world):
    # The other process: another app over the same database.
    from tests.protocol.party import make_world

    other = make_world(world.settings.keys_dir.parent, world.database, world.settings)
    assertion = CLIENT_KEY.assertion("keyed", world.clock.now())

    assert send(keyed, assertion).status_code == 200
    assert send(other.party("keyed"), assertion).status_code == 401


class Publisher:
    """A client's own address of keys: what it says, and how often it was asked."""

    def __init__(self, document):
        self.document = document
        self.asked = 0

    def __call__(self, url):
        self.asked += 1
        return self.document


class Watch:
    """A stopwatch that moves by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def published(world):
    """The keyed client with its keys at an address instead of in its file."""
    client = world.parts.provider.clients.known.get("keyed")
    moved = client.model_copy(update={"jwks": None, "jwks_uri": "https://client.example.org/jwks"})
    clients = world.parts.provider.clients
    clients._registry = Registry.of({"keyed": moved}, mark="x")
    publisher, watch = Publisher({"keys": [CLIENT_KEY.public_jwk]}), Watch()
    return moved, clients, publisher, watch, ClientKeys(publisher, monotonic=watch)


def test_published_keys_are_read_once_and_kept(world, published):
    client, clients, publisher, _watch, keys = published

    for _ in range(5):
        keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)

    assert publisher.asked == 1
    assert [key["kid"] for key in keys.of(client)] == ["k1"]


def test_an_unknown_key_has_the_address_read_again_but_not_more_often_than_every_ten_seconds(
    world, published
):
    client, clients, publisher, watch, keys = published
    keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)
    renewed = ClientKey("k2")
    publisher.document = {"keys": [renewed.public_jwk]}

    keys.prepare(renewed.assertion("keyed", world.clock.now()), clients)
    assert publisher.asked == 1

    watch.seconds += ASKED_EVERY
    for _ in range(5):
        keys.prepare(renewed.assertion("keyed", world.clock.now()), clients)

    assert publisher.asked == 2
    assert [key["kid"] for key in keys.of(client)] == ["k2"]


def test_what_a_third_party_publishes_is_read_by_a_reader_of_its_own(world):
    known = world.parts.provider.clients.known.get("keyed")
    moved = {"jwks": None, "jwks_uri": "https://client.example.org/jwks"}
    clients, (inside, outside) = world.parts.provider.clients, (Publisher(None), Publisher({"keys": []}))
    keys = ClientKeys(inside, for_strangers=outside)

    for first_party in (True, False):
        client = known.model_copy(update={**moved, "first_party": first_party})
        clients._registry = Registry.of({"keyed": client}, mark="x")
        keys._asked_at.clear()
        keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)

    assert (inside.asked, outside.asked) == (1, 1)


@pytest.mark.parametrize("first_party", [True, False])
def test_only_the_mutuals_own_services_may_name_private_addresses(world, first_party):
    provider = world.parts.provider
    oidc = world.settings.oidc.model_copy(update={"private_addresses": True})
    opened = Provider(
        settings=world.settings.model_copy(update={"oidc": oidc}),
        vault=provider.vault,
        database=world.database,
        spaces=provider.spaces,
    )
    client = provider.clients.known.get("keyed").model_copy(update={"first_party": first_party})

    assert opened.reach_for(client).private is first_party


@pytest.mark.parametrize("document", [None, [], "keys", {"keys": "x"}, {"keys": [1, None]}])
def test_an_address_that_answers_nonsense_gives_no_key(world, published, document):
    client, clients, publisher, _watch, keys = published
    publisher.document = document

    keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)

    assert list(keys.of(client)) == []


def test_former_keys_stay_when_the_address_fails(world, published):
    client, clients, publisher, watch, keys = published
    keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)
    publisher.document = None
    watch.seconds += timedelta(hours=1).total_seconds()

    keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)

    assert [key["kid"] for key in keys.of(client)] == ["k1"]


def test_a_client_that_moves_its_keys_again_and_again_fills_no_memory(world, published):
    client, clients, publisher, _watch, keys = published

    for number in range(5):
        moved = client.model_copy(update={"jwks_uri": f"https://client.example.org/jwks/{number}"})
        clients._registry = Registry.of({"keyed": moved}, mark="x")
        keys.prepare(CLIENT_KEY.assertion("keyed", world.clock.now()), clients)

    assert publisher.asked == 5
    assert list(keys._published) == list(keys._asked_at) == ["https://client.example.org/jwks/4"]
    assert [key["kid"] for key in keys.of(moved)] == ["k1"]


def test_a_client_that_publishes_its_keys_rotates_them_by_itself(world):
    # OIDC Core 10.1.1: the provider follows the key that the header names; nobody tells it.
    former, renewed = ClientKey("old"), ClientKey("new")

    def answer(key):
        return 200, {"Content-Type": "application/json"}, json.dumps({"keys": [key.public_jwk]}).encode()

    with ScriptedHttp() as server:
        (world.settings.clients_dir / "publishing.toml").write_text(
            'client_id = "publishing"\ngrant_types = ["client_credentials"]\n'
            f'token_endpoint_auth_method = "private_key_jwt"\njwks_uri = "{server.url}/jwks"\n',
            encoding="utf-8",
        )
        world.apply_clients()
        keys = world.parts.provider.client_keys
        keys._monotonic = watch = Watch()
        party = world.party("keyed")
        server.script(answer(former), answer(renewed))

        first = send(party, former.assertion("publishing", world.clock.now()))
        watch.seconds += ASKED_EVERY
        second = send(party, renewed.assertion("publishing", world.clock.now()))
        third = send(party, former.assertion("publishing", world.clock.now()))

    assert [response.status_code for response in (first, second, third)] == [200, 200, 401]
    assert [request.path for request in server.received] == ["/jwks", "/jwks"]
