"""Clients as a whole (RFC 7591 section 2, RFC 7517, RFC 8707, FAPI 2.0): rules over several keys, and their lines."""

import hashlib

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from idp.core.spaces import Spaces
from idp.oidc import client_files
from idp.oidc.client_files import BadClient
from tests.protocol.party import ROOT

DIGEST = hashlib.sha256(b"x").hexdigest()
CALLBACK = ["https://rp.example/cb"]
WITH_SECRET = {"client_id": "service", "redirect_uris": CALLBACK, "client_secret_sha256": DIGEST}
KEYS_AT = "https://rp.example/jwks.json"
SIGNS = {"client_id": "signer", "redirect_uris": CALLBACK, "token_endpoint_auth_method": "private_key_jwt"}
PUBLIC = {"client_id": "phone", "redirect_uris": CALLBACK, "token_endpoint_auth_method": "none"}
FAPI = {"client_id": "fapi", "redirect_uris": CALLBACK, "profile": "fapi2", "jwks_uri": KEYS_AT}
SERVICE = {"client_id": "batch", "grant_types": ["client_credentials"], "client_secret_sha256": DIGEST}

EC = ECKey.generate_key("P-256", private=True)
RSA = RSAKey.generate_key(2048, private=True)
ED = OKPKey.generate_key("Ed25519", private=True)


@pytest.fixture(scope="module")
def spaces():
    return Spaces.read(ROOT / "config" / "spaces")


def parse(spaces, document, *, development=False, **changes):
    changed = {name: value for name, value in {**document, **changes}.items() if value is not None}
    return client_files.parse(changed, where="a.toml", spaces=spaces, development=development)


def refusals(spaces, document, **changes):
    with pytest.raises(BadClient) as refused:
        parse(spaces, document, **changes)
    return str(refused.value).splitlines()


def public(key, **members):
    return {**key.as_dict(private=False), **members}


@pytest.mark.parametrize(
    "document",
    [
        SERVICE,
        {**SERVICE, "scope": "admin:read admin:write helpdesk"},
        {**WITH_SECRET, "grant_types": ["authorization_code", "refresh_token"]},
        {**WITH_SECRET, "audiences": ["https://api.example/a?b=c", "urn:mutual:api"], "serves": ["urn:x:y"]},
        {**WITH_SECRET, "refresh_token_idle_lifetime": "1d", "refresh_token_lifetime": "1d"},
        {**SIGNS, "jwks_uri": KEYS_AT, "token_endpoint_auth_signing_alg": "PS256"},
        {**SIGNS, "jwks": {"keys": [public(EC, kid="a"), public(RSA, kid="b"), public(ED, kid="c")]}},
        {**SIGNS, "jwks": {"keys": [public(EC, use="sig", alg="ES256")]}},
        {**SIGNS, "jwks": {"keys": [public(EC), public(ECKey.generate_key("P-384"), use="enc")]}},
        {**PUBLIC, "grant_types": ["authorization_code", "refresh_token"], "refresh_token_rotation": True},
        FAPI,
        {**FAPI, "grant_types": ["authorization_code", "refresh_token"]},
        {**FAPI, "id_token_signed_response_alg": "EdDSA", "token_endpoint_auth_signing_alg": "EdDSA"},
    ],
)
def test_a_client_that_is_whole_is_accepted(spaces, document):
    assert parse(spaces, document).client_id == document["client_id"]


def test_fapi2_fills_in_what_the_profile_leaves_no_choice_about(spaces):
    client = parse(spaces, FAPI)

    assert client.token_endpoint_auth_method == "private_key_jwt"
    assert client.id_token_signed_response_alg == "ES256"
    assert client.require_pushed_authorization_requests
    assert client.dpop_bound_access_tokens
    assert not client.rotates_refresh_tokens


@pytest.mark.parametrize(
    ("document", "changes", "refusal"),
    [
        (SIGNS, {}, "jwks: missing"),
        (SIGNS, {"jwks_uri": KEYS_AT, "jwks": {"keys": [public(EC)]}}, "jwks_uri: must go"),
        (SIGNS, {"jwks_uri": KEYS_AT, "client_secret_sha256": DIGEST}, "client_secret_sha256: must go"),
        (SIGNS, {"jwks": {"keys": []}}, "jwks.keys: must hold a key for ES256"),
        (SIGNS, {"jwks_uri": "http://rp.example/jwks"}, "jwks_uri: 'http://rp.example/jwks' must be https"),
        (
            WITH_SECRET,
            {"token_endpoint_auth_signing_alg": "ES256"},
            "token_endpoint_auth_signing_alg: must go",
        ),
        (WITH_SECRET, {"client_secret_sha256": None}, "client_secret_sha256: missing"),
        (PUBLIC, {"client_secret_sha256": DIGEST}, "client_secret_sha256: must go"),
        (PUBLIC, {"refresh_token_rotation": False}, "refresh_token_rotation: must be true"),
        (PUBLIC, {"grant_types": ["client_credentials"]}, "grant_types: must not name client_credentials"),
        (WITH_SECRET, {"grant_types": []}, "grant_types: must name at least one"),
        (
            SERVICE,
            {"grant_types": ["client_credentials", "refresh_token"]},
            "grant_types: must name authorization",
        ),
        (WITH_SECRET, {"redirect_uris": None}, "redirect_uris: at least one is needed"),
        (WITH_SECRET, {"scope": "openid admin:read"}, "scope: must not hold admin:read"),
        (WITH_SECRET, {"scope": "helpdesk"}, "scope: must not hold helpdesk"),
        (WITH_SECRET, {"audiences": ["api"]}, "audiences.0: 'api' must be an absolute URI"),
        (WITH_SECRET, {"audiences": ["https://"]}, "audiences.0: 'https://' must be an absolute URI"),
        (
            WITH_SECRET,
            {"serves": ["https://a.example", "urn:a#b"]},
            "serves.1: 'urn:a#b' must have no fragment",
        ),
        (
            WITH_SECRET,
            {"refresh_token_idle_lifetime": "2d", "refresh_token_lifetime": "1d"},
            "refresh_token_idle_lifetime: must not be longer",
        ),
        (WITH_SECRET, {"client_name": "one\ntwo"}, "client_name: must be text that can be read"),
        (WITH_SECRET, {"client_name": "abc\u202edef"}, "client_name: must be text that can be read"),
        (WITH_SECRET, {"default_max_age": 10**12}, "default_max_age: must be less than"),
        (
            WITH_SECRET,
            {"logo_uri": "javascript:alert(1)"},
            "logo_uri: 'javascript:alert(1)' must be an https",
        ),
        (WITH_SECRET, {"tos_uri": "http://rp.example/"}, "tos_uri: 'http://rp.example/' must be https"),
        (WITH_SECRET, {"sector_identifier_uri": "ftp://rp.example/"}, "sector_identifier_uri: "),
        (SERVICE, {"subject_type": "pairwise"}, "sector_identifier_uri: needed"),
        (
            FAPI,
            {"token_endpoint_auth_method": "client_secret_basic"},
            "token_endpoint_auth_method: must be private",
        ),
        (FAPI, {"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method: must be private_key_jwt"),
        (
            FAPI,
            {"require_pushed_authorization_requests": False},
            "require_pushed_authorization_requests: must be",
        ),
        (FAPI, {"dpop_bound_access_tokens": False}, "dpop_bound_access_tokens: must be true"),
        (FAPI, {"refresh_token_rotation": True}, "refresh_token_rotation: must be false"),
        (
            FAPI,
            {"id_token_signed_response_alg": "RS256"},
            "id_token_signed_response_alg: must be ES256 or EdDSA",
        ),
        (
            FAPI,
            {"userinfo_signed_response_alg": "RS256"},
            "userinfo_signed_response_alg: must be ES256 or EdDSA",
        ),
        (
            FAPI,
            {"token_endpoint_auth_signing_alg": "RS256"},
            "token_endpoint_auth_signing_alg: must be ES256, PS",
        ),
        (FAPI, {"response_types": ["token"]}, "response_types.0: must be 'code'"),
        (
            FAPI,
            {"jwks_uri": None, "jwks": {"keys": [public(RSA, alg="RS256")]}},
            "jwks.keys: must hold a key for ES256, PS256, EdDSA",
        ),
    ],
)
def test_a_client_that_contradicts_itself_is_refused_by_the_key_that_must_change(
    spaces, document, changes, refusal
):
    assert any(
        line.startswith(f"P-9002: a.toml: {refusal}") for line in refusals(spaces, document, **changes)
    )


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        ([EC.as_dict(private=True)], "jwks.keys.0.d: must go: it is the private half"),
        ([public(EC), RSA.as_dict(private=True)], "jwks.keys.1.d: must go: it is the private half"),
        ([OctKey.generate_key(256).as_dict(private=True)], "jwks.keys.0.kty: must not be oct"),
        ([public(EC, k="c2VjcmV0")], "jwks.keys.0.k: must go"),
        ([public(ECKey.generate_key("P-384"))], "jwks.keys.0: must be an EC key on P-256"),
        ([public(OKPKey.generate_key("X25519"))], "jwks.keys.0: must be an EC key on P-256"),
        (
            [public(RSA, n=public(RSA)["n"][:170])],
            "jwks.keys.0: must be an EC key on P-256, an RSA key of 2048",
        ),
        ([public(RSA, e="Aw")], "jwks.keys.0: must be an EC key on P-256, an RSA key of 2048"),
        ([public(RSA, n=65537)], "jwks.keys.0: must be an EC key"),
        ([public(EC, y=public(EC)["x"])], "jwks.keys.0: must be an EC key"),
        ([{"kty": ["EC"], "crv": {}}], "jwks.keys.0: must be an EC key"),
        ([{}], "jwks.keys.0: must be an EC key"),
        ([public(EC, alg="RS256")], "jwks.keys.0.alg: must be ES256, or nothing"),
        ([public(EC, kid=7)], "jwks.keys.0.kid: must be a text"),
        ([public(EC, kid="a"), public(ED, kid="a")], "jwks.keys.1.kid: must be another"),
        ([public(EC, kid=str(number)) for number in range(21)], "jwks.keys: must hold at most 20"),
        (["x"], "jwks.keys: must be a list of keys"),
        ({}, "jwks.keys: must be a list of keys"),
    ],
)
def test_a_key_set_holds_public_keys_of_our_kinds_and_a_refusal_never_repeats_one(spaces, keys, refusal):
    lines = refusals(spaces, SIGNS, jwks={"keys": keys})

    assert lines[0].startswith(f"P-9002: a.toml: {refusal}")
    secret = [
        str(key[name]) for key in keys if isinstance(key, dict) for name in ("d", "k", "p") if name in key
    ]
    assert not any(value in line for value in secret for line in lines)


def test_a_key_set_must_hold_a_key_for_the_one_signature_that_is_accepted(spaces):
    document = {**SIGNS, "jwks": {"keys": [public(EC)]}, "token_endpoint_auth_signing_alg": "EdDSA"}

    assert refusals(spaces, document) == ["P-9002: a.toml: jwks.keys: must hold a key for EdDSA"]


@pytest.mark.parametrize(
    "key",
    [
        "redirect_uris", "post_logout_redirect_uris", "initiate_login_uri", "backchannel_logout_uri", "jwks_uri",
    ],
)  # fmt: skip
@pytest.mark.parametrize("address", ["http://127.0.0.1:8002/x", "http://localhost:8002/x"])
def test_http_on_this_host_is_for_development_and_native_clients_at_every_address(spaces, key, address):
    value = [address] if key.endswith("s") else address

    assert parse(spaces, WITH_SECRET, development=True, **{key: value})
    assert parse(spaces, WITH_SECRET, application_type="native", **{key: value})
    assert "must be https" in refusals(spaces, WITH_SECRET, **{key: value})[0]


def test_a_scheme_of_its_own_leads_browsers_back_to_a_native_client_and_nothing_else(spaces):
    own = "org.example.app:/x"

    assert parse(
        spaces, {**PUBLIC, "application_type": "native", "redirect_uris": [own]}, initiate_login_uri=own
    )
    for key in ("backchannel_logout_uri", "jwks_uri", "client_uri"):
        assert (
            "must be an https address" in refusals(spaces, PUBLIC, application_type="native", **{key: own})[0]
        )


FILE = """\
# A file in which much is wrong.
client_id = "service"
redirect_uris = [
  "https://rp.example/cb",
  "https://rp.example/cb#there",  # a fragment
]
post_logout_redirect_uris = ["https://*.example/"]
scope = "openid admin:write"
client_secret_sha256 = "{digest}"
token_endpoint_auth_method = "private_key_jwt"

[[jwks.keys]]
kty = "EC"
crv = "P-256"
x = "{x}"
y = "{y}"
kid = "1"

[[jwks.keys]]
kty = "oct"
k = "c2VjcmV0"
"""


def test_all_that_is_wrong_with_a_file_is_told_at_once_each_with_its_line(spaces, tmp_path):
    path = tmp_path / "service.toml"
    path.write_text(FILE.format(digest=DIGEST, **{name: public(EC)[name] for name in "xy"}), encoding="utf-8")

    with pytest.raises(BadClient) as refused:
        client_files.read_file(path, spaces=spaces, development=False)

    lines = [line.removeprefix(f"P-9002: {path}, ") for line in str(refused.value).splitlines()]
    assert [line.split(": ")[0:2] for line in lines] == [
        ["line 5", "redirect_uris.1"],
        ["line 7", "post_logout_redirect_uris.0"],
        ["line 9", "client_secret_sha256"],
        ["line 20", "jwks.keys.1.kty"],
        ["line 8", "scope"],
    ]
    assert "c2VjcmV0" not in str(refused.value)


def test_keys_that_are_wrong_by_themselves_are_told_together_with_the_nearest_known_one(spaces):
    text = 'client_id = "é"\nredirect_urls = []\nscope = 3\nclient_secret_sha256 = ["in-clear"]\nfirst_party = "x"\n'

    with pytest.raises(BadClient) as refused:
        client_files.read_text(text, where="a.toml", spaces=spaces, development=False)

    assert str(refused.value).splitlines() == [
        "P-9002: a.toml, line 1: client_id: must be visible ASCII, without spaces",
        "P-9002: a.toml, line 4: client_secret_sha256.0: must be a SHA-256 in 64 hexadecimal digits, small letters",
        "P-9002: a.toml, line 3: scope: must be a text",
        "P-9002: a.toml, line 5: first_party: must be true or false",
        "P-9002: a.toml, line 2: redirect_urls: unknown key; the nearest known one is redirect_uris",
    ]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('client_id = "a"\nscope = \n', "a.toml, line 2: not TOML: "),
        ('client_id = "a"\nclient_id = "b"\n', "a.toml, line 2: not TOML: "),
        ("a = " + "[" * 5000, "a.toml"),
    ],
)
def test_a_file_that_is_not_toml_is_refused_at_the_line_where_reading_stopped(spaces, text, refusal):
    with pytest.raises(BadClient) as refused:
        client_files.read_text(text, where="a.toml", spaces=spaces, development=False)

    assert str(refused.value).startswith(f"P-9002: {refusal}")
