"""RFC 9449 at the member-data API: a token bound to a key opens only with a fresh proof of that key."""

import base64
import json
import re
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from examples.member_data.app import create_app
from examples.member_data.dpop import UsedProof
from tests.support.proofs import Prover, encoded
from tests.support.tiny_provider import MEMBER_DATA

CARD = f"{MEMBER_DATA}/card"
HOUR = 3_600


@pytest.fixture
def api(data_app):
    return data_app.test_client()


@pytest.fixture(scope="module")
def prover():
    return Prover()


@pytest.fixture
def token(provider, prover):
    """An access token bound to the prover's key."""
    return provider.access_token(cnf={"jkt": prover.jkt})


def card(api, token, *proofs, scheme="DPoP"):
    headers = [("Authorization", f"{scheme} {token}"), *(("DPoP", proof) for proof in proofs)]
    return api.get("/card", headers=headers)


def challenges(answer):
    """What each scheme's challenge says."""
    found = {}
    for line in answer.headers.getlist("WWW-Authenticate"):
        scheme, _, rest = line.partition(" ")
        found[scheme] = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    return found


def is_refused(answer, error="invalid_dpop_proof"):
    assert answer.status_code == 401, answer.text
    assert challenges(answer)["DPoP"]["error"] == error
    assert challenges(answer)["DPoP"]["algs"] == "ES256 PS256 EdDSA"
    assert "error" not in challenges(answer)["Bearer"]
    assert "card" not in answer.get_json()


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_a_bound_token_opens_with_a_proof_of_its_key(api, provider, algorithm):
    prover = Prover(algorithm)
    token = provider.access_token(cnf={"jkt": prover.jkt})

    answer = card(api, token, prover.proof("GET", CARD, token))

    assert answer.status_code == 200
    assert answer.get_json()["card"]


@pytest.mark.parametrize("scheme", ["DPoP", "DPOP", "dpop"])
def test_the_scheme_is_read_in_any_case(api, prover, token, scheme):
    assert card(api, token, prover.proof("GET", CARD, token), scheme=scheme).status_code == 200


@pytest.mark.parametrize(
    "htu",
    [
        f"{CARD}?year=2026",
        f"{CARD}#top",
        f"{CARD}?#",
        "HTTP://127.0.0.1:8001/card",
        f"{MEMBER_DATA}/c%61rd",
    ],
)
def test_the_address_is_compared_as_addresses_are(api, prover, token, htu):
    assert card(api, token, prover.proof("GET", htu, token)).status_code == 200


@pytest.mark.parametrize(
    "htu", ["https://data.example/card", "HTTPS://DATA.example/card", "https://data.example:443/card"]
)
def test_host_and_default_port_may_be_written_in_several_ways(provider, prover, tmp_path, htu):
    audience = "https://data.example"
    api = create_app(provider.url, audience, tmp_path / "data.db").test_client()
    token = provider.access_token(cnf={"jkt": prover.jkt}, aud=audience)

    assert card(api, token, prover.proof("GET", htu, token)).status_code == 200


def test_claims_and_headers_that_nobody_asked_for_are_ignored(api, prover, token):
    more = {"aud": "x", "iss": 7, "sub": ["y"], "exp": 1, "nonce": "n", "custom": {"a": None}}

    proof = prover.proof("GET", CARD, token, header={"kid": "any"}, **more)

    assert card(api, token, proof).status_code == 200


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_minute_of_skew_does_no_harm(api, prover, token, seconds):
    proof = prover.proof("GET", CARD, token, at=time.time() + seconds)

    assert card(api, token, proof).status_code == 200


def wrong_headers(prover):
    yield "no typ", {"typ": None}
    yield "typ JWT", {"typ": "JWT"}
    yield "typ of an access token", {"typ": "at+jwt"}
    yield "typ is a number", {"typ": 7}
    yield "no alg", {"alg": None}
    yield "alg none", {"alg": "none"}
    yield "alg HS256", {"alg": "HS256"}
    yield "alg ES384", {"alg": "ES384"}
    yield "alg of another key", {"alg": "PS256"}
    yield "alg is a list", {"alg": ["ES256"]}
    yield "no jwk", {"jwk": None}
    yield "jwk is text", {"jwk": json.dumps(prover.jwk)}
    yield "jwk is a list", {"jwk": [prover.jwk]}
    yield "jwk is empty", {"jwk": {}}
    yield "private key in jwk", {"jwk": prover.private_jwk}
    yield "secret in jwk", {"jwk": {**prover.jwk, "k": "c2VjcmV0"}}
    yield "symmetric jwk", {"jwk": {"kty": "oct", "k": "c2VjcmV0"}}
    yield "another curve", {"jwk": {**prover.jwk, "crv": "secp256k1"}}
    yield "a point off the curve", {"jwk": {**prover.jwk, "x": encoded(b"\1" * 32)}}
    yield "a key of numbers", {"jwk": {**prover.jwk, "x": 7}}
    yield "crit", {"crit": ["b64"], "b64": True}
    yield "unknown crit", {"crit": ["x"], "x": 1}
    yield "b64 false", {"b64": False}


def wrong_claims():
    now = int(time.time())
    for name in ("jti", "htm", "htu", "iat", "ath"):
        yield f"no {name}", {name: None}
        yield f"{name} is a list", {name: ["x"]}
    yield "empty jti", {"jti": ""}
    yield "endless jti", {"jti": "x" * 300}
    yield "jti is half a character", {"jti": "\ud800"}
    yield "another method", {"htm": "POST"}
    yield "method in small letters", {"htm": "get"}
    for htu in (
        f"{MEMBER_DATA}/contract",
        f"{CARD}/",
        f"{CARD}/../card",
        MEMBER_DATA,
        "/card",
        "",
        "https://127.0.0.1:8001/card",
        "http://127.0.0.1/card",
        "http://127.0.0.1:0/card",
        "http://127.0.0.1:99999/card",
        "http://127.0.0.1.evil.example:8001/card",
        "http://member@127.0.0.1:8001/card",
        "http://[::1/card",
    ):
        yield f"htu {htu}", {"htu": htu}
    yield "an hour ago", {"iat": now - HOUR}
    yield "in an hour", {"iat": now + HOUR}
    yield "more than skew ago", {"iat": now - 95}
    yield "iat as text", {"iat": str(now)}
    yield "iat is true", {"iat": True}
    yield "iat is no number", {"iat": float("nan")}
    yield "iat has no end", {"iat": float("inf")}
    yield "iat is huge", {"iat": 10**400}
    yield "ath of another token", {"ath": encoded(b"x" * 32)}
    yield "empty ath", {"ath": ""}


WRONG_HEADERS = [name for name, _ in wrong_headers(Prover())]
WRONG_CLAIMS = [name for name, _ in wrong_claims()]


@pytest.mark.parametrize("name", WRONG_HEADERS)
def test_a_proof_with_a_wrong_header_is_refused(api, prover, token, name):
    proof = prover.proof("GET", CARD, token, header=dict(wrong_headers(prover))[name])

    is_refused(card(api, token, proof))


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_a_proof_that_says_the_wrong_thing_is_refused(api, prover, token, name):
    proof = prover.proof("GET", CARD, token, **dict(wrong_claims())[name])

    is_refused(card(api, token, proof))


def test_rs256_is_not_accepted_even_for_a_key_that_could_sign_ps256(api, provider):
    prover = Prover("RS256")
    token = provider.access_token(cnf={"jkt": prover.jkt})

    is_refused(card(api, token, prover.proof("GET", CARD, token)))


def test_a_short_rsa_key_is_refused(api, provider):
    prover = Prover("PS256", private=rsa.generate_private_key(65537, 1024))
    token = provider.access_token(cnf={"jkt": prover.jkt})

    is_refused(card(api, token, prover.proof("GET", CARD, token)))


def test_a_proof_of_another_curve_is_refused(api, provider):
    other = ec.generate_private_key(ec.SECP384R1())
    prover = Prover(private=other)
    token = provider.access_token(cnf={"jkt": prover.jkt})
    proof = jwt.encode(
        {"htm": "GET", "htu": CARD, "iat": int(time.time()), "jti": "1"},
        other,
        "ES384",
        headers={"typ": "dpop+jwt", "jwk": prover.jwk},
    )

    is_refused(card(api, token, proof))


def test_a_proof_of_another_key_is_refused(api, token):
    thief = Prover()

    is_refused(card(api, token, thief.proof("GET", CARD, token)))


def test_a_proof_that_names_the_right_key_but_is_signed_by_another_is_refused(api, prover, token):
    thief = Prover()

    is_refused(card(api, token, thief.proof("GET", CARD, token, header={"jwk": prover.jwk})))


def broken(proof):
    header, payload, signature = proof.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    yield "no proof", ""
    yield "a word", "proof"
    yield "two segments", f"{header}.{payload}"
    yield "no signature", f"{header}.{payload}."
    yield "short signature", f"{header}.{payload}.{signature[:-8]}"
    yield "bits of the signature flipped", f"{header}.{payload}.{encoded(bytes([raw[0] ^ 1]) + raw[1:])}"
    yield "zeros for a signature", f"{header}.{payload}.{encoded(bytes(64))}"
    yield "another payload", f"{header}.{encoded(b'{}')}.{signature}"
    yield "payload no object", f"{header}.{encoded(b'[]')}.{signature}"
    yield "header no object", f"{encoded(b'[]')}.{payload}.{signature}"
    yield "header no JSON", f"{encoded(b'{')}.{payload}.{signature}"
    yield "deep header", f"{encoded(b'[' * 2000)}.{payload}.{signature}"
    yield "five segments", f"{proof}.x.y"
    yield "in quotes", f'"{proof}"'
    yield "too long", f"{header}.{payload}.{signature}{'A' * 5000}"


@pytest.mark.parametrize("name", [name for name, _ in broken("a.b.c0")])
def test_a_broken_proof_is_refused(api, prover, token, name):
    is_refused(card(api, token, dict(broken(prover.proof("GET", CARD, token)))[name]))


def test_two_proofs_are_refused_and_so_is_none(api, prover, token):
    first, second = (prover.proof("GET", CARD, token) for _ in range(2))

    is_refused(card(api, token, first, second))
    is_refused(card(api, token, first, first))
    is_refused(card(api, token))
    assert card(api, token, first).status_code == 200


def test_a_bound_token_without_its_proof_is_no_bearer_token(api, prover, token):
    for proofs in ([], [prover.proof("GET", CARD, token)]):
        answer = card(api, token, *proofs, scheme="Bearer")

        assert answer.status_code == 401
        assert challenges(answer)["Bearer"]["error"] == "invalid_token"
        assert challenges(answer)["DPoP"]["algs"] == "ES256 PS256 EdDSA"


def test_a_token_bound_to_no_key_does_not_pass_with_a_proof(api, provider, prover):
    token = provider.access_token()

    is_refused(card(api, token, prover.proof("GET", CARD, token)), "invalid_token")


@pytest.mark.parametrize("cnf", [{}, [], "jkt", {"jkt": None}, {"jkt": 7}, {"x5t#S256": "x"}, {"jwk": {}}, 0])
def test_a_confirmation_that_is_not_understood_is_never_taken_for_none(api, provider, prover, cnf):
    token = provider.access_token(cnf=cnf)

    is_refused(card(api, token, prover.proof("GET", CARD, token)), "invalid_token")
    assert card(api, token, scheme="Bearer").status_code == 401


def test_a_proof_is_good_once(api, prover, token):
    proof = prover.proof("GET", CARD, token)

    assert card(api, token, proof).status_code == 200
    for _ in range(2):
        is_refused(card(api, token, proof))
    # Signed again over the same identifier it is the same proof.
    again = prover.proof(
        "GET", CARD, token, jti=jwt.decode(proof, options={"verify_signature": False})["jti"]
    )
    is_refused(card(api, token, again))


def test_two_clients_may_choose_the_same_identifier(api, provider):
    for prover in (Prover(), Prover()):
        token = provider.access_token(cnf={"jkt": prover.jkt})

        assert card(api, token, prover.proof("GET", CARD, token, jti="1")).status_code == 200


def test_of_parallel_uses_of_one_proof_exactly_one_passes(data_app, prover, token):
    proof = prover.proof("GET", CARD, token)
    barrier, statuses = threading.Barrier(8), []

    def use():
        barrier.wait()
        statuses.append(card(data_app.test_client(), token, proof).status_code)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [401] * 7


def test_a_refused_proof_leaves_no_trace_and_old_ones_are_forgotten(provider, prover, tmp_path):
    now = [time.time()]
    api = create_app(
        provider.url, MEMBER_DATA, tmp_path / "data.db", clock=lambda: moment(now[0])
    ).test_client()
    token = provider.access_token(cnf={"jkt": prover.jkt})

    card(api, token, Prover().proof("GET", CARD, token))
    assert remembered(tmp_path) == 0
    card(api, token, prover.proof("GET", CARD, token))
    assert remembered(tmp_path) == 1
    now[0] += 200
    card(api, token, prover.proof("GET", CARD, token, at=now[0]))
    assert remembered(tmp_path) == 1


def moment(timestamp):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(timestamp, UTC)


def remembered(folder):
    from sqlalchemy import create_engine, func, select

    engine = create_engine(f"sqlite:///{folder}/data.db")
    with engine.connect() as connection:
        count = connection.execute(select(func.count()).select_from(UsedProof.__table__)).scalar_one()
    engine.dispose()
    return count


def test_a_change_needs_a_proof_for_that_change(api, provider, prover):
    token = provider.access_token(cnf={"jkt": prover.jkt}, acr="urn:parvis:acr:2sv")
    url = f"{MEMBER_DATA}/bank-account"
    body = {"iban": "FR4799999999997788650136597"}

    def post(proof):
        return api.post("/bank-account", json=body, headers={"Authorization": f"DPoP {token}", "DPoP": proof})

    is_refused(post(prover.proof("GET", url, token)))
    assert post(prover.proof("POST", url, token)).status_code == 200


def test_step_up_and_scope_are_asked_in_the_scheme_that_was_used(api, provider, prover):
    weak = provider.access_token(cnf={"jkt": prover.jkt}, acr="urn:parvis:acr:2sv-remembered")
    narrow = provider.access_token(cnf={"jkt": prover.jkt}, scope="openid")
    proof = prover.proof("POST", f"{MEMBER_DATA}/bank-account", weak)

    answer = api.post("/bank-account", json={}, headers={"Authorization": f"DPoP {weak}", "DPoP": proof})
    assert challenges(answer)["DPoP"]["error"] == "insufficient_user_authentication"
    answer = card(api, narrow, prover.proof("GET", CARD, narrow))
    assert answer.status_code == 403
    assert challenges(answer)["DPoP"]["error"] == "insufficient_scope"
    assert "error" not in challenges(answer)["Bearer"]


def test_the_metadata_says_which_proofs_are_taken(api):
    document = api.get("/.well-known/oauth-protected-resource").get_json()

    assert document["dpop_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]
    assert document["dpop_bound_access_tokens_required"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "machine", "client_id": "machine", "member_number": None, "auth_time": None, "acr": None},
        {"sub": "machine", "client_id": "machine"},
    ],
)
def test_a_token_that_a_service_got_for_itself_opens_no_members_data(api, provider, changes):
    answer = card(api, provider.access_token(**changes), scheme="Bearer")

    assert answer.status_code == 401
    assert challenges(answer)["Bearer"]["error"] == "invalid_token"


def test_a_token_for_the_issuer_alone_opens_nothing_here(api, provider, prover):
    for audience in (provider.url, [provider.url]):
        token = provider.access_token(aud=audience, cnf={"jkt": prover.jkt})

        is_refused(card(api, token, prover.proof("GET", CARD, token)), "invalid_token")
