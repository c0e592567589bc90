"""The member-data API: whom it answers, whom it refuses and how, and that each member sees their own rows only."""

import base64
import hmac
import json
import re
import threading
import time
from datetime import date

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm

from examples.member_data.app import create_app
from examples.member_data.iban import normalised
from examples.member_data.records import Owned
from examples.member_data.synthetic import invent
from tests.support.tiny_provider import MEMBER_DATA, SigningKey

ENDPOINTS = ("/reimbursements", "/contract", "/card", "/quotes", "/messages", "/documents", "/bank-account")
GOOD_IBAN = "FR4799999999997788650136597"


@pytest.fixture
def api(data_app):
    return data_app.test_client()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def challenge(answer):
    scheme, _, rest = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    return dict(re.findall(r'(\w+)="([^"]*)"', rest))


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_member_with_a_good_token_gets_an_answer(api, provider, path):
    answer = api.get(path, headers=bearer(provider.access_token()))

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json()


@pytest.mark.parametrize("path", [*ENDPOINTS, "/documents/some"])
def test_without_a_token_the_challenge_names_no_error_and_says_where_to_look(api, path):
    answer = api.get(path)

    fields = challenge(answer)
    assert answer.status_code == 401
    assert "error" not in fields
    assert fields["resource_metadata"] == f"{MEMBER_DATA}/.well-known/oauth-protected-resource"


def test_the_metadata_says_where_tokens_come_from(api, provider):
    document = api.get("/.well-known/oauth-protected-resource").get_json()

    assert document["resource"] == MEMBER_DATA
    assert document["authorization_servers"] == [provider.url]
    assert document["scopes_supported"] == ["member_data"]
    assert document["bearer_methods_supported"] == ["header"]


def test_a_token_in_the_address_is_not_looked_at(api, provider):
    answer = api.get("/card", query_string={"access_token": provider.access_token()})

    assert answer.status_code == 401


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_of_an_access_token_is_read_as_media_types_are(api, provider, typ):
    assert api.get("/card", headers=bearer(provider.access_token(typ=typ))).status_code == 200


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "jwt+at", None, 7])
def test_a_token_of_another_type_is_refused(api, provider, typ):
    answer = api.get("/card", headers=bearer(provider.access_token(typ=typ)))

    assert answer.status_code == 401
    assert challenge(answer)["error"] == "invalid_token"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://127.0.0.1:9"},
        {"iss": None},
        {"iss": ["http://127.0.0.1:9"]},
        {"aud": "http://127.0.0.1:80011"},
        {"aud": []},
        {"aud": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"client_id": None},
        {"jti": None},
        {"member_number": None},
        {"member_number": 1234567},
        {"member_number": ""},
        {"member_number": "1' OR '1'='1"},
    ],
    ids=str,
)
def test_a_token_that_says_the_wrong_thing_is_refused(api, provider, changes):
    answer = api.get("/card", headers=bearer(provider.access_token(**changes)))

    assert answer.status_code == 401
    assert challenge(answer)["error"] == "invalid_token"


def test_the_issuer_is_compared_whole_not_by_its_beginning(api, provider):
    for issuer in (f"{provider.url}/", f"{provider.url}.evil.example", provider.url[:-1]):
        answer = api.get("/card", headers=bearer(provider.access_token(iss=issuer)))

        assert answer.status_code == 401


def test_a_minute_of_skew_between_clocks_does_no_harm(api, provider):
    answer = api.get("/card", headers=bearer(provider.access_token(exp=int(time.time()) - 30)))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "scope", ["openid profile", "member_data_admin", "member", "", None, ["member_data"]]
)
def test_without_its_scope_the_service_stays_closed(api, provider, scope):
    answer = api.get("/card", headers=bearer(provider.access_token(scope=scope)))

    assert answer.status_code == 403
    assert challenge(answer)["error"] == "insufficient_scope"
    assert challenge(answer)["scope"] == "member_data"


def test_a_forged_signature_is_refused(api, provider):
    forged = provider.access_token(key=SigningKey("first"))

    assert api.get("/card", headers=bearer(forged)).status_code == 401


def test_no_other_algorithm_gets_through(api, provider):
    claims = jwt.decode(provider.access_token(), options={"verify_signature": False})
    headers = {"kid": "first", "typ": "at+jwt"}
    rs384 = jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS384", headers=headers)

    for token in (
        jwt.encode(claims, None, algorithm="none", headers=headers),
        signed_with_the_public_key(claims, headers, provider.keys[0].public_jwk()),
        rs384,
    ):
        assert api.get("/card", headers=bearer(token)).status_code == 401


def signed_with_the_public_key(claims, headers, jwk):
    """The old confusion: a public key, known to all, taken for the secret of an HMAC."""
    parts = [encoded(json.dumps(part).encode()) for part in (headers | {"alg": "HS256"}, claims)]
    mac = hmac.digest(json.dumps(jwk).encode(), ".".join(parts).encode(), "sha256")
    return ".".join([*parts, encoded(mac)])


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_key_carried_by_the_token_itself_is_not_used(api, provider):
    thief = SigningKey("mine")
    claims = jwt.decode(provider.access_token(), options={"verify_signature": False})
    headers = {"typ": "at+jwt", "kid": "mine", "jwk": thief.public_jwk()}
    token = jwt.encode(claims, thief.private, algorithm="ES256", headers=headers)

    assert api.get("/card", headers=bearer(token)).status_code == 401


def test_critical_extensions_are_refused_even_one_that_pyjwt_knows(api, provider):
    claims = jwt.decode(provider.access_token(), options={"verify_signature": False})
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "first", "crit": ["b64"], "b64": True}
    message = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(message.encode(), provider.keys[0].private)

    answer = api.get("/card", headers=bearer(f"{message}.{encoded(signature)}"))

    assert answer.status_code == 401
    assert "critical" in challenge(answer)["error_description"]


@pytest.mark.parametrize(
    "token",
    ["", "a.b.c", "é", "....", "e30.e30.", "W1tbW1tb" * 500 + ".e30.e30", "x" * 9000, "a.b.c.d.e"],
    ids=lambda token: token[:12] or "empty",
)
def test_garbage_is_refused_without_an_accident(api, token):
    answer = api.get("/card", headers={"Authorization": f"Bearer {token}".encode().decode("latin-1")})

    assert answer.status_code == 401


def test_a_token_over_8_kilobytes_is_refused_before_it_is_read(api, provider):
    token = provider.access_token(padding="x" * 9_000)

    answer = api.get("/card", headers=bearer(token))

    assert answer.status_code == 401
    assert "too long" in challenge(answer)["error_description"]
    assert provider.calls["/jwks"] == 0


def test_a_flood_of_unknown_keys_asks_for_the_key_set_once(api, provider):
    assert api.get("/card", headers=bearer(provider.access_token())).status_code == 200

    for rank in range(200):
        unknown = provider.access_token(key=SigningKey(f"unknown-{rank}"))
        assert api.get("/card", headers=bearer(unknown)).status_code == 401

    assert provider.calls["/jwks"] == 1


def test_rows_of_one_member_are_never_shown_to_another(api, provider):
    mine, theirs = provider.access_token(), provider.access_token(member_number="7654321")
    my_documents = api.get("/documents", headers=bearer(mine)).get_json()["documents"]

    for document in my_documents:
        assert api.get(f"/documents/{document['id']}", headers=bearer(mine)).status_code == 200
        assert api.get(f"/documents/{document['id']}", headers=bearer(theirs)).status_code == 404
    for path in ENDPOINTS:
        one = api.get(path, headers=bearer(mine)).get_json()
        assert one != api.get(path, headers=bearer(theirs)).get_json()


def test_leading_zeros_make_another_member(api, provider):
    plain = api.get("/contract", headers=bearer(provider.access_token(member_number="123"))).get_json()
    padded = api.get("/contract", headers=bearer(provider.access_token(member_number="0123"))).get_json()

    assert plain["contract"]["reference"] != padded["contract"]["reference"]


def test_what_was_shown_once_is_kept(provider, tmp_path):
    for _ in range(2):
        api = create_app(provider.url, MEMBER_DATA, tmp_path / "kept.db").test_client()
        shown = api.get("/reimbursements", headers=bearer(provider.access_token())).get_json()
        answers = {json.dumps(shown)}

    assert len(answers) == 1
    assert len(shown["reimbursements"]) == 12


def test_two_first_visits_at_once_write_the_rows_once(data_app, provider):
    token = provider.access_token()
    counts = []

    def visit():
        answer = data_app.test_client().get("/reimbursements", headers=bearer(token))
        counts.append(len(answer.get_json()["reimbursements"]))

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [12] * 8


def _plain(rows: list[Owned]):
    return [{name: value for name, value in vars(row).items() if not name.startswith("_")} for row in rows]


def test_the_same_number_always_gets_the_same_rows():
    today = date(2026, 3, 12)

    assert _plain(invent("1234567", today)) == _plain(invent("1234567", today))
    assert _plain(invent("1234567", today)) != _plain(invent("1234568", today))


@pytest.mark.parametrize("number", [f"{rank:07d}" for rank in range(40)])
def test_invented_rows_make_sense(number):
    today = date(2026, 1, 1)
    rows = invent(number, today)

    paid = [row for row in rows if row.__tablename__ == "reimbursement"]
    ids = [row.id for row in rows]
    assert all(0 <= row.amount_cents <= row.spent_cents for row in paid)
    assert all(row.care_on < row.paid_on <= today for row in paid)
    assert {row.statement_id for row in paid} <= set(ids)
    assert len(ids) == len(set(ids))
    assert number not in " ".join(ids)
    [account] = [row for row in rows if row.__tablename__ == "bank_account"]
    assert normalised(account.iban) == account.iban


def test_a_document_is_a_pdf_to_download(api, provider):
    headers = bearer(provider.access_token())
    [first, *_] = api.get("/documents", headers=headers).get_json()["documents"]

    answer = api.get(f"/documents/{first['id']}", headers=headers)

    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-1.4")
    assert answer.data.endswith(b"%%EOF\n")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "Numéro d'adhérent : 1234567".encode("cp1252") in answer.data


def test_a_change_of_bank_account_needs_a_recent_sign_in_in_two_steps(api, provider):
    now = int(time.time())
    weak = (
        {"acr": "urn:parvis:acr:2sv-remembered"},
        {"acr": None},
        {"acr": "urn:parvis:acr:2sv", "auth_time": now - 330},
        {"acr": "urn:parvis:acr:2sv", "auth_time": None},
        {"acr": "urn:parvis:acr:2sv", "auth_time": "now"},
        {"acr": "urn:parvis:acr:2sv", "auth_time": now + 3600},
    )
    for changes in weak:
        headers = bearer(provider.access_token(**changes))
        answer = api.post("/bank-account", headers=headers, json={"iban": GOOD_IBAN})

        fields = challenge(answer)
        assert answer.status_code == 401, changes
        assert fields["error"] == "insufficient_user_authentication"
        assert fields["acr_values"] == "urn:parvis:acr:2sv"
        assert fields["max_age"] == "300"
    assert "6597" not in api.get("/bank-account", headers=headers).text


@pytest.mark.parametrize("acr", ["urn:parvis:acr:2sv", "urn:parvis:acr:mfa"])
def test_after_a_recent_sign_in_in_two_steps_the_account_changes(api, provider, acr):
    headers = bearer(provider.access_token(acr=acr))

    answer = api.post("/bank-account", headers=headers, json={"iban": "fr47 9999 9999 9977 8865 0136 597"})

    assert answer.status_code == 200
    assert answer.get_json()["bank_account"]["iban_masked"] == "FR47 •••• •••• 6597"
    assert api.get("/bank-account", headers=headers).get_json() == answer.get_json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"iban": 7}',
        b'{"iban": "FR0099999999997788650136597"}',
        b'{"iban": "FR47"}',
        b"[" * 4000,
        b"\xff",
        '{"iban": "FR４７99999999997788650136597"}'.encode(),
    ],
    ids=repr,
)
def test_a_bad_account_number_is_refused_and_nothing_changes(api, provider, body):
    headers = bearer(provider.access_token(acr="urn:parvis:acr:2sv"))
    before = api.get("/bank-account", headers=headers).get_json()

    answer = api.post("/bank-account", headers=headers, data=body, content_type="application/json")

    assert answer.status_code == 422
    assert api.get("/bank-account", headers=headers).get_json() == before


def test_a_huge_body_is_refused(api, provider):
    headers = bearer(provider.access_token(acr="urn:parvis:acr:2sv"))

    answer = api.post("/bank-account", headers=headers, json={"iban": "F" * 10_000})

    assert answer.status_code == 413


def test_errors_are_json_with_the_usual_headers(api):
    for answer, status in ((api.get("/nothing"), 404), (api.delete("/card"), 405)):
        assert answer.status_code == status
        assert "error" in answer.get_json()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_before_the_provider_has_started_the_answer_is_try_again(tmp_path, provider):
    token = provider.access_token()
    provider.stop()
    api = create_app(provider.url, MEMBER_DATA, tmp_path / "early.db").test_client()

    answer = api.get("/card", headers=bearer(token))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_lost_database_is_a_503(provider, tmp_path):
    folder = tmp_path / "lost"
    api = create_app(provider.url, MEMBER_DATA, folder / "data.db").test_client()
    assert api.get("/health").status_code == 200
    for file in folder.iterdir():
        file.write_bytes(b"not a database" * 500)

    answer = api.get("/card", headers=bearer(provider.access_token()))

    assert answer.status_code == 503


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_each_algorithm_of_the_provider_is_accepted(api, provider, algorithm):
    provider.keys[:] = [SigningKey("only", algorithm)]

    assert api.get("/card", headers=bearer(provider.access_token())).status_code == 200
