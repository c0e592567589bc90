"""The plan `oidcc-dynamic-certification-test-plan`, with clients from client files in the place of registered ones.

The plan's variant is private_key_jwt. What only a client that registered itself can show is in the rows that need
dynamic registration (RFC 7591).
"""

from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from idp.oidc import key_care
from idp.oidc.client_files import BadClient
from idp.oidc.client_keys import ASKED_EVERY, ClientKeys
from idp.oidc.keys import Algorithm
from tests.conformance.suite import DISCOVERY, HTTPS_ISSUER, Suite, check_discovery, check_refresh, over_https
from tests.protocol.party import CLIENT_KEY, ClientKey


@pytest.fixture
def suite(world):
    """A client that signs assertions, and whose file asks for RS256."""
    return Suite(world, client_id="keyed-rs256")


def test_oidcc_idtoken_rs256(suite, member):
    given = suite.flow(member)

    assert given.header["alg"] == "RS256"


def test_oidcc_idtoken_unsigned(suite, member):
    # Skipped by the suite: no ID token without a signature is on offer, and none is given.
    assert "none" not in suite.discovery["id_token_signing_alg_values_supported"]

    token = suite.flow(member).tokens["id_token"]

    assert token.rpartition(".")[2]


@pytest.fixture
def with_query(world):
    """A client that registered http://127.0.0.1:9/cb?tenant=a%20b."""
    return Suite(world, client_id="with-query")


def test_oidcc_redirect_uri_query_ok(with_query, member):
    asked = with_query.ask()
    response = member.get(asked.url)

    with_query.finish(response, asked)

    assert dict(parse_qsl(urlsplit(response.location).query))["tenant"] == "a b"


@pytest.mark.parametrize("query", ["?tenant=other", "?tenant=a+b", "", "?tenant=a%20b&more=1"])
def test_oidcc_redirect_uri_query_mismatch(with_query, member, query):
    address = with_query.rp.redirect_uri.partition("?")[0] + query

    response = member.get(with_query.ask(redirect_uri=address).url)

    with_query.error_page(response)


def test_oidcc_redirect_uri_query_added(suite, member):
    response = member.get(suite.ask(redirect_uri=suite.rp.redirect_uri + "?foo=bar").url)

    suite.error_page(response)


def test_oidcc_redirect_uri_regfrag(world, suite, member):
    # A client file is how our clients register: one with a fragment is refused whole, by its key and its number.
    path = world.settings.clients_dir / "keyed-rs256.toml"
    address = suite.rp.redirect_uri
    path.write_text(path.read_text(encoding="utf-8").replace(f'"{address}"', f'"{address}#fragment"'))

    with pytest.raises(BadClient, match=r"P-9002: .*keyed-rs256\.toml, line \d+: redirect_uris.*fragment"):
        world.apply_clients()

    suite.error_page(member.get(suite.ask(redirect_uri=address + "#fragment").url))
    suite.flow(member)


def test_oidcc_discovery_endpoint_verification(world):
    http = over_https(world)

    response = http.get(DISCOVERY, base_url=HTTPS_ISSUER)

    assert response.status_code == 200
    check_discovery(response.json, HTTPS_ISSUER)
    assert "private_key_jwt" in response.json["token_endpoint_auth_methods_supported"]
    # Registration is closed unless the settings open it, and what is closed is not mentioned.
    assert "registration_endpoint" not in response.json


def test_oidcc_server_rotate_keys(suite, member, world):
    before = suite.flow(member)
    known = {key["kid"] for key in suite.keys}

    vault, now = world.parts.vault, world.clock.now()
    key_care.rotate(world.database, [Algorithm.RS256], vault=vault, emergency=False, now=now)
    after = suite.flow(member)

    published = {key["kid"] for key in suite.keys}
    assert known < published, "the old keys are there, and a new one"
    assert after.header["kid"] != before.header["kid"]
    assert suite.id_token(before.tokens, nonce=before.claims["nonce"]) == before.claims


class KeysOfTheClient:
    """The client's own address of keys, and a stopwatch that moves by hand."""

    def __init__(self, *keys):
        self.keys = keys
        self.asked = 0
        self.seconds = 0.0

    def read(self, url):
        assert url == "https://client.example.org/jwks.json"
        self.asked += 1
        return {"keys": [key.public_jwk for key in self.keys]}


def test_oidcc_refresh_token_rp_key_rotation(world, member):
    suite = Suite(world, client_id="published")
    published = KeysOfTheClient(CLIENT_KEY)
    world.parts.provider.client_keys = ClientKeys(published.read, monotonic=lambda: published.seconds)
    token = suite.flow(member, scope="openid offline_access").tokens["refresh_token"]
    assert published.asked == 1

    # The client rotates its key, waits a minute, and refreshes with the new one.
    suite.rp.key = ClientKey("k2")
    published.keys = (suite.rp.key,)
    published.seconds += 60
    world.clock.advance(seconds=60)
    tokens = suite.tokens(suite.rp.refresh(token))

    assert suite.id_token(tokens)
    assert published.asked == 2
    # The retired key is refused, and a stranger's key makes us ask no more often than every ten seconds.
    for key in (CLIENT_KEY, ClientKey("k3"), ClientKey("k4")):
        suite.rp.key = key
        assert suite.rp.refresh(token).status_code == 401
    assert published.asked == 2
    published.seconds += ASKED_EVERY
    assert suite.rp.refresh(token).status_code == 401
    assert published.asked == 3


def test_oidcc_refresh_token(suite, member, world):
    check_refresh(suite, Suite(world, client_id="refreshing"), member)


def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(suite, member, world):
    asked = suite.ask()
    code = suite.code(member.get(asked.url), asked)
    assertion = suite.rp.key.assertion("keyed-rs256", world.clock.now())
    assert jwt.decode(assertion, options={"verify_signature": False})["aud"] == suite.discovery["issuer"]

    response = suite.rp.redeem(code, asked, client_assertion=assertion)

    assert suite.id_token(suite.tokens(response), nonce=asked.parameters["nonce"])
