"""Rules that hold for any input, tried with many: addresses, PKCE, scopes, claims, authorization requests."""

import base64
import hashlib
import json
import os
import re
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idp.core.secrets import Vault
from idp.core.spaces import Spaces
from idp.oidc import addresses, claims, client_files, codes, requests, wanted
from idp.oidc.claims import Subject
from idp.oidc.client_rows import Registry
from idp.oidc.requests import KNOWN, AuthorizationRequest, Doubt, Refused
from idp.oidc.wanted import Wanted
from idp.subjects.accounts import Profile
from tests.protocol.party import CLIENTS, ROOT, ROOT_SECRET, make_settings

# A run that others wait for tries the same inputs each time.
QUICK = settings(max_examples=200, deadline=None, derandomize="CI" in os.environ)

WEB = ("https://rp.example/cb", "https://rp.example/cb?tenant=a%20b", "http://127.0.0.1:9/cb")
NATIVE = ("http://127.0.0.1/cb", "http://[::1]/cb?x=1", "http://127.0.0.1:8080/other", "org.example.app:/cb")
# What makes parsers disagree: about the host, the path, or where an address ends.
TRICKS = [
    "@", "\\", "/", "//", "..", "..;/", ";", "#", "?", "%2e", "%00", "%0d%0a", "\t", "\n", " ", "\0", ":", ":443",
    ":9", ":80", ".", "*", "evil.example", "@evil.example", ".evil.example", "user:pw@", "%40", "%5c", "\uff0f",
    "\u3002", "\u200b", "[", "]", "\ufeff", "&", "=", "'", '"', "<", "localhost", "127.0.0.2", "0", "00",
]  # fmt: skip
# A description goes into headers, addresses and JSON as it is (RFC 6749 section 4.1.2.1).
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")


@st.composite
def mutated(draw, known):
    """An address that is nearly a registered one."""
    address = draw(st.sampled_from(known))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(address)))
        length = draw(st.sampled_from([0, 0, 0, 1, 2]))
        put = draw(st.one_of(st.sampled_from(TRICKS), st.characters(), st.just("")))
        address = address[:place] + put + address[place + length :]
    return address


@QUICK
@given(st.one_of(mutated(WEB), st.text(), st.sampled_from(WEB).map(str.upper)))
@example("https://rp.example/cb/../cb")
@example("https://rp.example@evil.example/cb")
@example("http://127.0.0.1:10/cb")
def test_a_web_client_gets_codes_at_registered_addresses_only(address):
    assert addresses.is_registered(address, WEB, native=False) == (address in WEB)


@QUICK
@given(st.one_of(mutated(NATIVE), st.text()))
@example("http://127.0.0.1:65535/cb")
@example("http://127.0.0.1:65536/cb")
@example("http://127.0.0.1:99999999/cb")
@example("http://127.0.0.1:80@evil.example/cb")
@example("http://localhost:80/cb")
@example("org.example.app:8080/cb")
def test_of_a_native_clients_loopback_address_the_port_alone_may_differ(address):
    if not addresses.is_registered(address, NATIVE, native=True) or address in NATIVE:
        return

    parts = urlsplit(address)
    without_port = address.replace(f":{parts.port}", "", 1)

    assert parts.scheme == "http"
    assert parts.hostname in {"127.0.0.1", "::1"}
    assert without_port in {"http://127.0.0.1/cb", "http://[::1]/cb?x=1", "http://127.0.0.1/other"}


@QUICK
@given(st.integers(1, 65535), st.sampled_from(NATIVE[:2]))
def test_any_port_of_a_native_clients_loopback_address_will_do(port, known):
    address = known.replace("/cb", f":{port}/cb")

    assert addresses.is_registered(address, NATIVE, native=True)
    assert not addresses.is_registered(address, NATIVE, native=False)


# How a browser reads an address (WHATWG URL): only what it reads as it stands may be registered.
READ_AS_IT_STANDS = re.compile(
    r"(https|http)://([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?([/?][!-~]*)?"
)


@QUICK
@given(mutated(WEB + NATIVE), st.booleans(), st.booleans())
@example("https://rp%2eexample/cb", False, False)
@example("https://rp.example:/cb", False, False)
@example("https://rp.example:0443/cb", False, False)
@example("https://rp.example/a/%2e%2E/cb", False, False)
@example("https://rp.example,evil.example/cb", False, False)
@example("https://127.1/cb", False, False)
@example("https://0x7f000001/cb", False, False)
@example("https://2130706433/cb", False, False)
@example("https://rp.example./cb", False, False)
def test_an_address_that_a_browser_would_read_otherwise_cannot_be_registered(
    address, loopback_http, own_scheme
):
    if addresses.why_refused(address, loopback_http=loopback_http, own_scheme=own_scheme) is not None:
        return

    scheme = urlsplit(address).scheme
    if scheme not in {"http", "https"}:
        assert own_scheme
        assert "." in scheme
        return
    assert READ_AS_IT_STANDS.fullmatch(address)
    assert not re.search(r"(^|/)(\.|%2e){2}(/|$)", urlsplit(address).path, re.IGNORECASE)
    host = urlsplit(address).hostname
    if re.search(r"(^|\.)(0x[0-9a-f]*|\d+)$", host):
        assert re.fullmatch(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}", host)
    if scheme == "http":
        assert loopback_http
        assert host in {"localhost", "::1"} or host.startswith("127.")


UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
VERIFIERS = st.text(UNRESERVED, min_size=43, max_size=128)


@QUICK
@given(VERIFIERS)
def test_a_challenge_is_the_hash_of_its_verifier_and_never_the_verifier(verifier):
    digest = hashlib.sha256(verifier.encode()).digest()

    assert codes.challenge_of(verifier) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert codes.challenge_of(verifier) != verifier
    # `plain` by another way: the challenge itself is no verifier of it.
    assert codes.challenge_of(codes.challenge_of(verifier)) != codes.challenge_of(verifier)


@QUICK
@given(VERIFIERS, st.one_of(st.text(), VERIFIERS, VERIFIERS.map(str.swapcase)))
def test_only_the_right_verifier_has_the_challenge(verifier, other):
    for wrong in (other, verifier[:-1], verifier + "A", verifier + "=", f" {verifier}", verifier + "\n"):
        if wrong != verifier:
            assert codes.challenge_of(wrong) != codes.challenge_of(verifier)


@QUICK
@given(
    st.text(st.characters(), max_size=140).filter(
        lambda text: not re.fullmatch(r"[\w.~-]{43,128}", text, re.ASCII)
    )
)
@example("é" * 43)
@example("A" * 42)
@example("A" * 129)
@example("A" * 42 + "\n")
def test_what_is_no_verifier_has_no_challenge_that_a_request_could_name(text):
    assert not requests._CHALLENGE.fullmatch(codes.challenge_of(text))


@pytest.fixture(scope="module")
def provider_settings(tmp_path_factory):
    return make_settings(tmp_path_factory.mktemp("properties"), "sqlite://")


@pytest.fixture(scope="module")
def registry():
    """Every kind of client that the protocol tests know."""
    spaces = Spaces.read(ROOT / "config" / "spaces")
    found = {}
    for client_id, more in CLIENTS.items():
        document = {
            "client_id": client_id,
            "redirect_uris": [f"http://127.0.0.1:9/{client_id}/cb"],
            "scope": "openid profile email member member_data",
            **more,
        }
        if document.get("token_endpoint_auth_method", "client_secret").startswith("client_secret"):
            document |= {} if "profile" in more else {"client_secret_sha256": "0" * 64}
        found[client_id] = client_files.parse(document, where=client_id, spaces=spaces, development=True)
    return Registry.of(found, mark=None)


PROFILE = Profile(
    account_id="account",
    population="adherent",
    member_number="1234567",
    given_name="Camille",
    family_name="Zoé",
    birth_date=date(1950, 2, 3),
    email="camille@example.org",
    epoch=0,
    updated_at=datetime(2026, 3, 12, tzinfo=UTC),
)
CLAIMS = [name for names in claims.BY_SCOPE.values() for name in names]
SCOPES = st.lists(st.one_of(st.sampled_from([*claims.SCOPES, *claims.SERVICE_SCOPES]), st.text(max_size=8)))
NAMES = st.lists(st.one_of(st.sampled_from([*CLAIMS, *claims.OF_EVERY_ID_TOKEN]), st.text(max_size=8)))


@QUICK
@given(data=st.data(), scopes=SCOPES, wanted_names=NAMES, is_known=st.booleans())
def test_a_client_never_reads_a_claim_outside_its_scopes_nor_a_null(
    data, registry, scopes, wanted_names, is_known
):
    client = registry.clients[data.draw(st.sampled_from(sorted(registry.clients)))]
    profile = PROFILE if is_known else _without_birth_date()
    allowed = {name for scope in client.scopes for name in claims.BY_SCOPE.get(scope, ())}
    asked = {name for scope in scopes for name in claims.BY_SCOPE.get(scope, ())} | set(wanted_names)

    found = Subject(client, profile).claims(scopes=scopes, wanted=wanted_names)

    assert found.keys() <= allowed & asked
    assert None not in found.values()
    assert not found.keys() & {"iss", "sub", "aud", "exp", "iat", "acr", "amr", "nonce", "sid"}
    backwards = Subject(client, profile).claims(scopes=scopes[::-1] * 2, wanted=wanted_names[::-1] * 2)
    assert backwards == found


def _without_birth_date():
    from dataclasses import replace

    return replace(PROFILE, birth_date=None)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(CLAIMS), st.text(max_size=6)), inner, max_size=4),
    ),
    max_leaves=12,
)
DEMANDS = st.one_of(
    st.text(),
    JSON.map(json.dumps),
    st.fixed_dictionaries({}, optional={"id_token": JSON, "userinfo": JSON, "sub": JSON}).map(json.dumps),
    st.dictionaries(
        st.sampled_from(["id_token", "userinfo"]),
        st.dictionaries(
            st.sampled_from([*CLAIMS, "acr", "auth_time"]),
            st.one_of(
                st.none(),
                st.fixed_dictionaries({}, optional={"essential": JSON, "value": JSON, "values": JSON}),
            ),
        ),
    ).map(json.dumps),
    st.sampled_from(
        ["", "null", "[]", "{", '{"id_token":' * 5_000, "[" * 100_000, '{"id_token": {"acr": {"value": NaN}}}',
         "9" * 5_000, '{"userinfo": {"\\ud800": null}}', '{"id_token": null, "id_token": 7}', "\ufeff{}"]
    ),
)  # fmt: skip


@QUICK
@given(DEMANDS)
def test_the_claims_parameter_is_read_or_refused_and_never_raises(text):
    found = wanted.read(text)

    assert found is None or isinstance(found, Wanted)
    if found is None:
        return
    assert all(isinstance(name, str) for name in (*found.id_token, *found.userinfo, *found.acr_values))
    assert len(found.id_token) <= wanted.MOST_NAMES
    assert len(found.userinfo) <= wanted.MOST_NAMES
    assert found.subject is None or isinstance(found.subject, str)
    assert isinstance(json.loads(text), dict)


VALUES = {
    "client_id": st.sampled_from([*CLIENTS, "nobody", "READER", "reader "]),
    "response_type": st.sampled_from(["code", "token", "code id_token", "none", "CODE"]),
    "response_mode": st.sampled_from(["query", "form_post", "fragment", "query.jwt"]),
    "scope": st.lists(st.sampled_from([*claims.SCOPES, *claims.SERVICE_SCOPES, "", "x"])).map(" ".join),
    "code_challenge": st.sampled_from(["x" * 43, "x" * 42, "x" * 43 + "=", "é" * 43, "x" * 43 + "\n"]),
    "code_challenge_method": st.sampled_from(["S256", "plain", "s256", "S512"]),
    "prompt": st.sampled_from(["none", "login", "none login", "create consent", "x", " login  login "]),
    "max_age": st.sampled_from(["0", "60", "-1", "1e3", "9" * 50, "\u0663", "١"]),
    "acr_values": st.sampled_from(["urn:parvis:acr:2sv", "x urn:parvis:acr:2sv", "0"]),
    "claims": DEMANDS,
    "resource": st.sampled_from(
        ["http://127.0.0.1:8001", "http://[", "x", "urn:a", "http://a#b", "http://a b"]
    ),
    "dpop_jkt": st.sampled_from(["x" * 43, "x", "é" * 43]),
    "request_uri": st.sampled_from(["urn:ietf:params:oauth:request_uri:x", "http://127.0.0.1:9/r"]),
}
ANY = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "\0", "\ufffd", '"\\', "x" * 5_000, "\ud800", "\r\n"])
)


@st.composite
def parameters(draw):
    """A valid request of some client, with anything changed, doubled, added or left out."""
    client_id = draw(VALUES["client_id"])
    known = CLIENTS.get(client_id, {}).get("redirect_uris") or [f"http://127.0.0.1:9/{client_id}/cb"]
    asked = {
        "client_id": [client_id],
        "redirect_uri": [draw(st.one_of(st.sampled_from(known), st.sampled_from(known), mutated(known)))],
        "response_type": ["code"],
        "scope": ["openid"],
        "code_challenge": ["x" * 43],
        "code_challenge_method": ["S256"],
    }
    for name in draw(st.lists(st.one_of(st.sampled_from(KNOWN), st.text(max_size=5)), max_size=4)):
        value = st.one_of(VALUES.get(name, ANY), ANY)
        asked[name] = draw(st.lists(value, max_size=2))
    return asked


@settings(QUICK, max_examples=300)
@given(asked=parameters(), is_pushed=st.booleans())
def test_any_request_is_read_refused_or_doubted_and_never_raises(
    registry, provider_settings, asked, is_pushed
):
    found = requests.read(asked, clients=registry, settings=provider_settings, is_pushed=is_pushed)

    if isinstance(found, Doubt):
        return
    client, address = found.target.client, found.target.redirect_uri
    assert asked["client_id"] == [client.client_id] or "" in asked["client_id"]
    assert address in asked["redirect_uri"]
    assert address in client.redirect_uris or (client.is_native and urlsplit(address).hostname == "127.0.0.1")
    if isinstance(found, Refused):
        assert re.fullmatch(r"[a-z_]+", found.error)
        assert DESCRIPTION.fullmatch(found.description)
        return
    assert isinstance(found, AuthorizationRequest)
    assert set(found.scopes) <= client.scopes - set(claims.SERVICE_SCOPES)
    assert len(set(found.scopes)) == len(found.scopes) > 0
    assert asked["code_challenge_method"] == ["S256"] or "" in asked["code_challenge_method"]
    assert len(found.code_challenge) == 43
    # What a sign-in keeps of a request is read again to the same request.
    assert requests.again(found.parameters).keys() == found.parameters.keys()
    again = requests.read(
        requests.again(found.parameters), clients=registry, settings=provider_settings, is_pushed=is_pushed
    )
    assert again == found


@QUICK
@given(asked=SCOPES)
def test_order_and_repetition_of_scopes_give_no_more(registry, asked):
    client = registry.clients["reader"]

    def read(scopes):
        try:
            return set(requests._scopes({"scope": " ".join(scopes)}, client))
        except requests._Wrong:
            return set()

    assert read(asked) == read(asked[::-1]) == read(asked * 2) <= client.scopes


@QUICK
@given(st.text(min_size=1), st.sampled_from(["pairwise", "reader"]))
def test_a_pairwise_subject_is_nobodys_account_and_always_the_same(registry, account_id, client_id):
    vault, client = Vault.from_root(ROOT_SECRET), registry.clients[client_id]

    subject = claims.subject_of(client, account_id, vault=vault)

    assert (subject == account_id) == (client.subject_type == "public")
    assert subject == claims.subject_of(client, account_id, vault=vault)
