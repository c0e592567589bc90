"""OIDC Core 5.3 and RFC 6750: userinfo, and the tokens that it refuses."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from idp.oidc.keys import Algorithm, Kind
from idp.sessions import service as sessions
from tests.protocol.party import ISSUER, NOON, back_at


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_gives_the_claims_of_the_scopes(rp, member, world, method):
    token = rp.tokens(member, scope="openid profile email member")["access_token"]

    response = rp.userinfo(token, method)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json == {
        "sub": world.accounts["1234567"],
        "name": "Camille Zoé-Martin",
        "given_name": "Camille",
        "family_name": "Zoé-Martin",
        "birthdate": "1950-02-03",
        "locale": "fr",
        "updated_at": int(NOON.timestamp()),
        "email": "m1234567@example.org",
        "email_verified": True,
        "member_number": "1234567",
        "population": "adherent",
        "space": "adherent",
    }


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", set()),
        ("openid email", {"email", "email_verified"}),
        ("openid member", {"member_number", "population", "space"}),
        ("openid member_data", set()),
    ],
)
def test_each_scope_opens_its_own_claims_only(rp, member, scope, names):
    token = rp.tokens(member, scope=scope)["access_token"]

    assert set(rp.userinfo(token).json) == names | {"sub"}


def test_a_token_in_the_form_of_a_post_works_and_one_in_the_address_never(rp, member):
    token = rp.tokens(member)["access_token"]

    in_form = rp.http.post("/oauth2/userinfo", data={"access_token": token}, base_url=ISSUER)
    in_address = rp.http.get(f"/oauth2/userinfo?access_token={token}", base_url=ISSUER)

    assert in_form.status_code == 200
    assert in_address.status_code == 401


def test_two_tokens_at_once_are_refused(rp, member):
    token = rp.tokens(member)["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    response = rp.http.post(
        "/oauth2/userinfo", data={"access_token": token}, headers=headers, base_url=ISSUER
    )

    assert response.status_code == 400
    assert response.json["error"] == "invalid_request"


def test_without_a_token_the_scheme_is_told_without_an_error(rp):
    response = rp.http.get("/oauth2/userinfo", base_url=ISSUER)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="parvis"'


def test_a_token_without_openid_is_not_enough(rp, member):
    response = rp.userinfo(rp.tokens(member, scope="profile")["access_token"])

    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def is_refused(response):
    assert response.status_code == 401, response.text
    assert response.json["error"] == "invalid_token"
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_token_for_another_service_is_refused(rp, member):
    is_refused(rp.userinfo(rp.tokens(member, scope="member_data")["access_token"]))


def test_an_id_token_is_no_access_token(rp, member):
    is_refused(rp.userinfo(rp.tokens(member)["id_token"]))


def test_a_token_is_refused_from_its_last_second_on(rp, member, world):
    token = rp.tokens(member)["access_token"]
    world.clock.advance(timedelta(seconds=299))
    assert rp.userinfo(token).status_code == 200

    world.clock.advance(timedelta(seconds=1))

    is_refused(rp.userinfo(token))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE token_grant SET revoked_at = created_at",
        "DELETE FROM token_grant",
        "UPDATE account SET epoch = epoch + 1",
        "UPDATE account SET ended_at = created_at",
        "UPDATE member SET status = 'left'",
        "UPDATE session SET ended_at = created_at",
    ],
)
def test_a_token_opens_nothing_once_what_it_stands_on_has_ended(rp, member, world, statement):
    token = rp.tokens(member)["access_token"]

    with world.database.transaction() as session:
        session.execute(text(statement))

    is_refused(rp.userinfo(token))


def test_nothing_that_starts_after_a_logout_succeeds(rp, member, world):
    token = rp.tokens(member)["access_token"]
    with world.database.transaction() as session:
        row = session.execute(text("SELECT id FROM session")).scalar_one()
        sessions.end(session, row, now=world.clock.now())

    is_refused(rp.userinfo(token))


# Signed (OIDC Core 5.3.2)


def signed_info(party, browser, method="GET", **changes):
    response = party.userinfo(party.tokens(browser, **changes)["access_token"], method)
    assert response.status_code == 200
    assert response.content_type == "application/jwt"
    assert response.headers["Cache-Control"] == "no-store"
    return response.text


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("client", "algorithm"), [("signed-info", "ES256"), ("signed-rs256", "RS256")])
def test_it_is_signed_for_a_client_that_registered_so(world, member, client, algorithm, method):
    party = world.party(client)

    told = signed_info(party, member, method, scope="openid email")

    keys = party.http.get("/oauth2/jwks.json", base_url=ISSUER).json["keys"]
    header = jwt.get_unverified_header(told)
    key = next(jwt.PyJWK(key) for key in keys if key["kid"] == header["kid"])
    claims = jwt.decode(told, key, algorithms=[algorithm], audience=client, issuer=ISSUER)
    assert header["alg"] == algorithm
    assert set(claims) == {"iss", "aud", "sub", "email", "email_verified"}
    assert claims["email"] == "m1234567@example.org"
    assert (claims["sub"] == world.accounts["1234567"]) is (client == "signed-info")


def test_signed_userinfo_passes_for_no_other_token(world, member):
    # It has the members of an ID token: only its type tells them apart.
    party = world.party("signed-info")
    told = signed_info(party, member)

    is_refused(party.userinfo(told))
    answer = back_at(member.get(party.ask(id_token_hint=told, prompt="none").url))
    page = member.get(f"/oauth2/end_session?id_token_hint={told}")

    assert jwt.get_unverified_header(told)["typ"] not in {"JWT", "at+jwt"}
    assert answer["error"] == "invalid_request"
    assert page.location == "/deconnexion", "the member is asked, as without a hint"
    party.tokens(member, prompt="none")


def test_an_id_token_is_no_signed_userinfo(world, member):
    party = world.party("signed-info")
    given = party.tokens(member)

    header = jwt.get_unverified_header(given["id_token"])

    assert header["typ"] != jwt.get_unverified_header(party.userinfo(given["access_token"]).text)["typ"]


def test_its_refusals_are_plain_json(world, member):
    party = world.party("signed-info")
    given = party.tokens(member)
    world.clock.advance(timedelta(minutes=5))

    response = party.userinfo(given["access_token"])

    is_refused(response)
    assert response.content_type == "application/json"


def test_a_refreshed_token_opens_it_with_the_claims_of_its_own_scopes(world, member):
    party = world.party("refreshing")
    given = party.tokens(member, scope="openid email member")

    narrowed = party.refresh(given["refresh_token"], scope="openid member").json

    assert set(party.userinfo(narrowed["access_token"]).json) == {
        "sub",
        "member_number",
        "population",
        "space",
    }
    assert "email" in party.userinfo(given["access_token"]).json


def test_it_speaks_of_the_member_as_of_now(rp, member, world):
    token = rp.tokens(member, scope="openid email profile")["access_token"]

    world.happens("UPDATE account SET email = 'autre@example.org'")
    world.happens("UPDATE member SET family_name = 'Durand'")

    told = rp.userinfo(token).json
    assert told["email"] == "autre@example.org"
    assert told["family_name"] == "Durand"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(rp, member, method):
    assert rp.userinfo(rp.tokens(member)["access_token"], method).status_code == 405


def test_a_disabled_clients_tokens_open_nothing(rp, member, world):
    token = rp.tokens(member)["access_token"]

    world.enable_client("reader", enabled=False)

    is_refused(rp.userinfo(token))


def segments(header, claims, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def forgeries(token, keys):
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    signed, _, signature = token.rpartition(".")
    stranger = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key()))
    yield "none", segments({**header, "alg": "none"}, claims)
    yield "none, kept signature", segments({**header, "alg": "none"}, claims).rstrip(".") + "." + signature
    yield "stranger", jwt.encode(claims, stranger, "ES256", headers=header)
    yield "own jwk", jwt.encode(claims, stranger, "ES256", headers={**header, "jwk": public})
    yield "no kid", jwt.encode(claims, stranger, "ES256", headers={"typ": "at+jwt"})
    yield "unknown kid", jwt.encode(claims, stranger, "ES256", headers={**header, "kid": "x"})
    yield "changed claims", segments(header, {**claims, "sub": "other"}).rstrip(".") + "." + signature
    yield "no signature", signed + "."
    yield "short signature", token[:-4]
    yield "two segments", signed
    yield "four segments", token + ".x"
    yield "spaces", token.replace(".", ". ")
    yield "huge", token + "A" * 100_000
    for key in keys:
        for secret in (json.dumps(key), key["kid"], key.get("x") or key.get("n")):
            message = segments({**header, "alg": "HS256", "kid": key["kid"]}, claims).rpartition(".")[0]
            digest = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
                message.encode(), secret.encode()
            )
            yield (
                "HS256 with a public key",
                message + "." + base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            )


def test_forged_tokens_are_refused(rp, member, world):
    token = rp.tokens(member)["access_token"]
    keys = rp.http.get("/oauth2/jwks.json", base_url=ISSUER).json["keys"]

    for name, forged in forgeries(token, keys):
        response = rp.userinfo(forged)
        assert response.status_code == 401, name


@pytest.mark.parametrize(
    "more",
    [{"crit": ["x"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"zip": "DEF"}, {"x5u": "http://e"}],
)
def test_headers_that_we_never_write_are_refused_even_well_signed(rp, member, world, more):
    ring = world.parts.provider.keys.ring
    claims = jwt.decode(rp.tokens(member)["access_token"], options={"verify_signature": False})
    signer = ring.signer(Algorithm.ES256)
    header = {"typ": "at+jwt", "alg": "ES256", "kid": signer.kid}
    good = jwt.encode(claims, signer.key.private_key, "ES256", headers=header)
    odd = jwt.encode(claims, signer.key.private_key, "ES256", headers={**header, **more})

    assert rp.userinfo(good).status_code == 200
    assert ring.read(good, Kind.ACCESS_TOKEN) is not None
    is_refused(rp.userinfo(odd))


@pytest.mark.parametrize(
    ("name", "value"), [("iss", ISSUER + "/"), ("iss", ISSUER[:-1]), ("aud", ISSUER + "x"), ("exp", 0)]
)
def test_a_well_signed_token_of_another_issuer_audience_or_time_is_refused(rp, member, world, name, value):
    ring = world.parts.provider.keys.ring
    claims = jwt.decode(rp.tokens(member)["access_token"], options={"verify_signature": False})

    is_refused(rp.userinfo(ring.signer(Algorithm.ES256).sign(Kind.ACCESS_TOKEN, {**claims, name: value})))


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer x", "Basic eDp5", "Bearer é", "Bearer a b c"]
)
def test_a_malformed_header_is_never_a_500(rp, header):
    response = rp.http.get("/oauth2/userinfo", headers={"Authorization": header}, base_url=ISSUER)

    assert response.status_code in {400, 401}
