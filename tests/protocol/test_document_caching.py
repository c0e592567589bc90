"""RFC 9110 section 13.1.2 and RFC 9111: discovery and keys may be kept, and asked for by what is known of them."""

import pytest

from idp.app import create_app
from idp.core.db import Database
from idp.oidc import key_care
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import Algorithm
from tests.protocol.party import ISSUER, NOON

PATHS = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/oauth2/jwks.json",
)
JWKS = PATHS[2]
KNOWN = {
    "the tag": "{}",
    "a weak tag, as a compressing proxy makes it": "W/{}",
    "one of a list": '"another", {}',
    "one of a list of weak ones without spaces": 'W/"another",W/{},"third"',
    "whatever there is": "*",
}
UNKNOWN = {
    "another": '"another"',
    "a part of it": '"{short}"',
    "more than it": '"x{bare}"',
    "several others": 'W/"a", "b"',
    "nothing": "",
    "nonsense": '"" , ,, W/ "',
}


@pytest.fixture
def http(world):
    return world.app.test_client()


def get(http, path, asked=None, method="GET"):
    headers = {} if asked is None else {"If-None-Match": asked}
    return http.open(path, method=method, base_url=ISSUER, headers=headers)


@pytest.mark.parametrize("asked", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("path", [PATHS[0], JWKS])
def test_who_knows_the_document_is_told_that_it_is_the_same(http, path, asked):
    etag = get(http, path).headers["ETag"]

    answers = [get(http, path, asked.format(etag), method) for method in ("GET", "HEAD")]

    for answer in answers:
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert "max-age=300" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("asked", UNKNOWN.values(), ids=UNKNOWN)
def test_who_knows_another_document_gets_this_one(http, asked):
    bare = get(http, JWKS).headers["ETag"].strip('"')

    answer = get(http, JWKS, asked.format(bare=bare, short=bare[:8]))

    assert answer.status_code == 200
    assert answer.json["keys"]


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_headers_of_get_and_no_body(http, path):
    full, head = get(http, path), get(http, path, method="HEAD")

    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == full.headers[name]


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused(http, path):
    answer = get(http, path, method="POST")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_tag_of_the_keys_changes_with_a_rotation(world, http):
    before = get(http, JWKS).headers["ETag"]

    key_care.rotate(world.database, [Algorithm.ES256], vault=world.parts.vault, emergency=False, now=NOON)
    world.parts.provider.keys.start(now=NOON)

    assert get(http, JWKS, before).status_code == 200
    assert get(http, JWKS).headers["ETag"] != before


def test_the_keys_are_kept_no_longer_than_the_settings_allow(world):
    brief = world.settings.oidc.model_copy(update={"key_cache": world.settings.oidc.id_token_lifetime / 5})
    settings = world.settings.model_copy(update={"oidc": brief})
    again = create_app(settings, clock=world.clock, database=world.database).test_client()

    assert get(again, JWKS).headers["Cache-Control"].startswith("public, max-age=60,")
    assert get(again, PATHS[0]).headers["Cache-Control"].startswith("public, max-age=300,")


def test_keys_that_were_never_had_are_unavailable_by_get_and_head(world, http, tmp_path):
    down = Database("sqlite:////nonexistent/folder/parvis.db")
    folder = tmp_path / "none"
    world.parts.provider.keys = KeyStore(database=down, vault=world.parts.vault, folder=folder)

    full, head = get(http, JWKS), get(http, JWKS, method="HEAD")

    assert full.status_code == head.status_code == 503
    assert full.headers["Cache-Control"] == head.headers["Cache-Control"] == "no-store"
    assert full.json["error"] == "temporarily_unavailable"
    assert head.data == b""
