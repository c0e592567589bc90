"""OIDC Core 2 and 3.1.3.7: ID tokens, verified by PyJWT as an independent client would."""

import base64
import hashlib

import jwt
import pytest

from idp.oidc.claims import subject_of
from tests.protocol.party import ISSUER, NOON, REMEMBERED, verified


def header_of(token):
    return jwt.get_unverified_header(token)


@pytest.mark.parametrize(
    ("client", "algorithm"), [("reader", "ES256"), ("silent-alg", "RS256"), ("edwards", "EdDSA")]
)
def test_it_is_signed_as_the_client_registered_and_rs256_when_it_said_nothing(
    world, member, client, algorithm
):
    token = world.party(client).tokens(member)["id_token"]

    assert header_of(token)["alg"] == algorithm
    assert header_of(token)["kid"]
    assert verified(token, world, audience=client, algorithms=[algorithm])


def test_it_says_who_when_and_how_and_nothing_more(rp, member, world):
    asked = rp.ask(scope="openid profile email member")
    given = rp.redeem(rp.code_for(member, asked), asked).json

    claims = verified(given["id_token"], world, audience="reader")

    issued_at = int(NOON.timestamp())
    assert claims == {
        "iss": ISSUER,
        "aud": "reader",
        "sub": world.accounts["1234567"],
        "iat": issued_at,
        "exp": issued_at + 300,
        "auth_time": issued_at,
        "nonce": asked.parameters["nonce"],
        "acr": "urn:parvis:acr:2sv",
        "amr": ["pwd", "otp"],
        "sid": claims["sid"],
        "at_hash": at_hash(given["access_token"]),
    }
    assert len(claims["sid"]) >= 22


def at_hash(access_token, hashing=hashlib.sha256):
    digest = hashing(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("client", "hashing"),
    [("reader", hashlib.sha256), ("silent-alg", hashlib.sha256), ("edwards", hashlib.sha512)],
)
def test_at_hash_belongs_to_the_access_token_beside_it(world, member, client, hashing):
    # OIDC Core 3.1.3.6: by the hash of the ID token's own signature; Ed25519 signs over SHA-512.
    given = world.party(client).tokens(member)

    claims = verified(given["id_token"], world, audience=client)

    assert claims["at_hash"] == at_hash(given["access_token"], hashing)


@pytest.mark.parametrize(
    ("client", "hashing"), [("refreshing", hashlib.sha256), ("edwards-refreshing", hashlib.sha512)]
)
def test_at_hash_of_a_refreshed_one_belongs_to_the_new_access_token(world, member, client, hashing):
    party = world.party(client)
    given = party.tokens(member)

    answer = party.refresh(given["refresh_token"]).json

    claims = verified(answer["id_token"], world, audience=client)
    assert claims["at_hash"] == at_hash(answer["access_token"], hashing)
    assert claims["at_hash"] != at_hash(given["access_token"], hashing)


def test_clients_of_each_signature_live_side_by_side(world, member):
    tokens = {client: world.party(client).tokens(member) for client in ("reader", "silent-alg", "edwards")}

    keys = {client: header_of(given["id_token"]) for client, given in tokens.items()}
    assert [keys[client]["alg"] for client in tokens] == ["ES256", "RS256", "EdDSA"]
    assert len({header["kid"] for header in keys.values()}) == 3
    # Access tokens are for services, not for the client: one signature for all (RFC 9068).
    assert {header_of(given["access_token"])["alg"] for given in tokens.values()} == {"ES256"}
    subjects = {
        verified(given["id_token"], world, audience=client)["sub"] for client, given in tokens.items()
    }
    assert len(subjects) == 1


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_no_other_key_of_ours_verifies_it(world, member, algorithm):
    token = world.party("edwards").tokens(member)["id_token"]

    with pytest.raises(jwt.InvalidTokenError):
        verified(token, world, audience="edwards", algorithms=[algorithm])


def test_a_client_that_changes_its_signature_gets_the_new_one_at_once(world, member):
    party = world.party("refreshing")
    given = party.tokens(member)
    assert header_of(given["id_token"])["alg"] == "RS256"

    world.change_client("refreshing", id_token_signed_response_alg="EdDSA")

    assert header_of(party.refresh(given["refresh_token"]).json["id_token"])["alg"] == "EdDSA"


def test_on_a_trusted_device_it_says_so_and_never_multi_factor(rp, world):
    browser = world.signed_in(methods=REMEMBERED)

    claims = verified(rp.tokens(browser)["id_token"], world, audience="reader")

    assert claims["acr"] == "urn:parvis:acr:2sv-remembered"
    assert claims["amr"] == ["pwd"]


def test_without_nonce_in_the_request_there_is_none_in_the_token(rp, member, world):
    token = rp.tokens(member, nonce=None)["id_token"]

    assert "nonce" not in verified(token, world, audience="reader")


def test_the_lifetime_is_the_clients_own(world, member):
    claims = verified(world.party("brief").tokens(member)["id_token"], world, audience="brief")

    assert claims["exp"] - claims["iat"] == 120


def test_lifetimes_of_one_client_are_not_anothers(world, member):
    world.change_client("reader", id_token_lifetime="1h", access_token_lifetime="20m")

    lived = {}
    for client in ("reader", "brief", "edwards"):
        given = world.party(client).tokens(member)
        documents = [verified(given[kind], world, audience=aud) for kind, aud in
                     (("id_token", client), ("access_token", ISSUER))]  # fmt: skip
        lived[client] = [claims["exp"] - claims["iat"] for claims in documents]
        assert given["expires_in"] == lived[client][1]

    assert lived == {"reader": [3600, 1200], "brief": [120, 90], "edwards": [300, 300]}


def test_a_pairwise_subject_is_the_clients_own_stable_and_not_the_account(world, rp, member):
    party = world.party("pairwise")

    first = verified(party.tokens(member)["id_token"], world, audience="pairwise")["sub"]
    again = verified(party.tokens(world.signed_in())["id_token"], world, audience="pairwise")["sub"]
    public = verified(rp.tokens(member)["id_token"], world, audience="reader")["sub"]
    given = party.tokens(member)

    assert first == again != public
    assert party.userinfo(given["access_token"]).json["sub"] == first
    assert verified(given["access_token"], world, audience=ISSUER)["sub"] == first


@pytest.mark.parametrize("address", ["http://127.0.0.1/cb", "org.example.app:/cb"])
def test_native_clients_that_name_what_nobody_owns_do_not_share_their_pairwise_subjects(world, address):
    known = {"redirect_uris": (address,), "subject_type": "pairwise"}
    phone = world.parts.provider.clients.known.clients["phone"].model_copy(update=known)
    impostor = phone.model_copy(update={"client_id": "impostor"})

    subjects = {subject_of(each, "account", vault=world.parts.vault) for each in (phone, impostor)}

    assert len(subjects) == 2


def test_the_subject_is_never_the_number_or_the_address(rp, member, world):
    sub = verified(rp.tokens(member)["id_token"], world, audience="reader")["sub"]

    assert "1234567" not in sub
    assert "@" not in sub
    assert len(sub) <= 255
    assert sub.isascii()
