"""RFC 7662: whether a token counts at this instant, told to the services that it is meant for."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.oidc.keys import Algorithm, Kind
from tests.protocol.party import AUDIENCE, ISSUER, verified

CLAIMS, OTHER = "https://claims.example.org", "https://other.example.org/api"
INACTIVE = {"active": False}
# What RFC 7662 and RFC 9068 name, and our member's number; nothing of how we keep things.
SHOWN = {
    "active", "token_type", "iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "sid", "acr", "amr",
    "auth_time", "member_number",
}  # fmt: skip


@pytest.fixture
def api(world):
    """The service that answers for two audiences: a resource server."""
    return world.party("api")


@pytest.fixture
def wide(world):
    """A client whose tokens may be for that service."""
    return world.party("wide")


@pytest.fixture
def token(wide, member):
    """A member's token for that service."""
    return wide.tokens(member, scope="openid profile", resource=[CLAIMS])["access_token"]


def told(party, token, **more):
    """What a service is told of a token."""
    response = party.introspect(token, **more)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"
    return response.json


def is_active(party, token, **more):
    answer = told(party, token, **more)
    assert answer["active"] in {True, False}
    if not answer["active"]:
        # RFC 7662 section 2.2: nothing more is said of a token that does not count.
        assert answer == INACTIVE
    return answer["active"]


# What is told


def test_a_service_is_told_what_the_token_says_and_no_more(api, token, world):
    answer = told(api, token)

    claims = verified(token, world, audience=CLAIMS)
    assert answer == {
        "active": True,
        "token_type": "Bearer",
        "aud": [CLAIMS, ISSUER],
        **{name: claims[name] for name in claims if name not in {"grant", "aud"}},
    }
    assert set(answer) == SHOWN - {"member_number"}
    assert claims["grant"] not in json.dumps(answer)


def test_the_member_data_service_is_told_the_number(api, wide, member):
    answer = told(api, wide.tokens(member, scope="openid member_data")["access_token"])

    assert set(answer) == SHOWN
    assert answer["member_number"] == "1234567"


def test_a_pairwise_subject_stays_the_clients_own(api, world, member):
    world.change_client("pairwise", audiences=[CLAIMS])
    given = world.party("pairwise").tokens(member, resource=[CLAIMS])

    answer = told(api, given["access_token"])

    assert answer["sub"] == verified(given["id_token"], world, audience="pairwise")["sub"]
    assert world.accounts["1234567"] not in json.dumps(answer)


def test_a_bound_token_is_told_with_its_key(api, world, member):
    world.change_client("bound", audiences=[CLAIMS])
    party = world.party("bound")
    asked = party.ask(resource=[CLAIMS])
    given = party.redeem(party.code_for(member, asked), asked, headers=party.proof("/oauth2/token")).json

    answer = told(api, given["access_token"])

    assert answer["token_type"] == "DPoP"
    assert answer["cnf"] == {"jkt": party.key.jkt}


def test_a_services_own_token_is_told_without_any_member(api, world):
    form = {"grant_type": "client_credentials", "scope": "claims:read", "resource": CLAIMS}
    token = world.party("robot").token(form).json["access_token"]

    answer = told(api, token)

    assert answer["active"] is True
    assert answer["sub"] == answer["client_id"] == "robot"
    assert answer["scope"] == "claims:read"
    assert not {"sid", "acr", "amr", "auth_time", "member_number"} & set(answer)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_the_hint_changes_nothing(api, token, hint):
    assert is_active(api, token, token_type_hint=hint)


def test_looking_changes_nothing(api, token, wide):
    for _ in range(3):
        assert is_active(api, token)

    assert wide.userinfo(token).status_code == 200


# Who is told


def test_a_service_that_the_token_is_not_for_is_told_nothing(api, wide, member, world):
    for resource in ([OTHER], [ISSUER]):
        token = wide.tokens(member, resource=resource)["access_token"]
        assert wide.userinfo(token).status_code == 200
        assert told(api, token) == INACTIVE
    for_claims = wide.tokens(member, resource=[CLAIMS])["access_token"]
    for client in ("reader", "wide", "robot", "poster"):
        assert told(world.party(client), for_claims) == INACTIVE


def test_a_service_whose_client_id_is_the_audience_is_told(world, member, wide):
    world.change_client("wide", audiences=["urn:example:api"])

    token = wide.tokens(member, resource=["urn:example:api"])["access_token"]

    assert is_active(world.party("urn:example:api"), token)
    assert not is_active(world.party("api"), token)


@pytest.mark.parametrize("client", ["public", "spa"])
def test_a_public_client_is_told_nothing(world, token, client):
    response = world.party(client).introspect(token)

    assert response.status_code == 401
    assert response.json["error"] == "invalid_client"
    assert "active" not in response.json


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"client_id": "api"}, {}),
        ({"client_id": "api", "client_secret": "x"}, {}),
        ({}, {"Authorization": "Basic YXBpOng="}),
        ({}, {"Authorization": "Bearer x"}),
        ({"client_id": "nobody"}, {}),
    ],
)
def test_whoever_does_not_prove_itself_gets_401_with_the_scheme_to_use(world, token, form, headers):
    http = world.app.test_client()

    response = http.post(
        "/oauth2/introspect", data={"token": token, **form}, headers=headers, base_url=ISSUER
    )

    assert response.status_code == 401
    assert response.json["error"] == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert response.headers["Cache-Control"] == "no-store"


def test_the_token_itself_proves_nothing_here(world, token):
    # RFC 7662 section 2.1 knows callers that present a token of their own; ours present their client's proof.
    http = world.app.test_client()
    headers = {"Authorization": f"Bearer {token}"}

    response = http.post("/oauth2/introspect", data={"token": token}, headers=headers, base_url=ISSUER)

    assert response.status_code == 401


def test_a_disabled_service_is_told_nothing(api, token, world):
    world.enable_client("api", enabled=False)

    assert api.introspect(token).status_code == 401


@pytest.mark.parametrize(
    "form", [{}, {"token": ""}, {"token": ["a", "b"]}, {"token_type_hint": "access_token"}]
)
def test_without_exactly_one_token_the_request_is_invalid(api, form):
    response = api.call("/oauth2/introspect", form)

    assert response.status_code == 400
    assert response.json["error"] == "invalid_request"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_405_and_never_answered(api, token, method):
    headers = {"Authorization": "Basic x"}
    url = f"/oauth2/introspect?token={token}"

    response = api.http.open(url, method=method, headers=headers, base_url=ISSUER)

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_a_token_in_the_address_counts_for_nothing(api, token):
    response = api.call(f"/oauth2/introspect?token={token}", {})

    assert response.status_code == 400


def test_no_script_of_another_site_may_read_the_answer(world):
    response = world.app.test_client().options(
        "/oauth2/introspect", headers={"Origin": "http://127.0.0.1:9"}, base_url=ISSUER
    )

    assert "Access-Control-Allow-Origin" not in response.headers


# What counts no more


def test_it_counts_until_its_last_second(api, token, world):
    world.clock.advance(timedelta(seconds=299))
    assert is_active(api, token)

    world.clock.advance(timedelta(seconds=1))

    assert not is_active(api, token)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE token_grant SET revoked_at = created_at",
        "DELETE FROM token_grant",
        "UPDATE account SET epoch = epoch + 1",
        "UPDATE account SET ended_at = created_at",
        "UPDATE member SET status = 'suspended'",
        "UPDATE member SET status = 'left'",
        "UPDATE session SET ended_at = created_at",
        "UPDATE session SET expires_at = created_at",
    ],
)
def test_it_counts_no_more_once_what_it_stands_on_has_ended(api, token, world, statement):
    assert is_active(api, token)

    world.happens(statement)

    assert not is_active(api, token)


def test_it_counts_no_more_after_its_revocation_and_after_the_sign_out(api, wide, member):
    one, two = (wide.tokens(member, resource=[CLAIMS])["access_token"] for _ in range(2))

    wide.revoke(one)
    assert not is_active(api, one)
    assert is_active(api, two)

    member.submit(member.get("/deconnexion"), "/deconnexion")
    assert not is_active(api, two)


def test_it_counts_no_more_once_its_client_is_disabled(api, token, world):
    world.enable_client("wide", enabled=False)

    assert not is_active(api, token)


def test_offline_access_counts_after_the_sign_out_until_the_account_ends(api, world, member):
    world.change_client("spa", audiences=[CLAIMS])
    given = world.party("spa").tokens(member, scope="openid offline_access", resource=[CLAIMS])
    member.submit(member.get("/deconnexion"), "/deconnexion")

    answer = told(api, given["access_token"])
    assert answer["active"] is True
    assert "sid" not in answer

    world.happens("UPDATE account SET epoch = epoch + 1")
    assert not is_active(api, given["access_token"])


# What never counts


def test_tokens_of_other_kinds_never_count(api, world, member):
    world.change_client("spa", audiences=[CLAIMS])
    world.change_client("signed-info", audiences=[CLAIMS])
    given = world.party("spa").tokens(member, resource=[CLAIMS])
    info = world.party("signed-info").tokens(member, resource=[CLAIMS])
    signed = world.party("signed-info").userinfo(info["access_token"]).text

    assert is_active(api, given["access_token"])
    assert is_active(api, info["access_token"])
    for other in (given["id_token"], given["refresh_token"], signed):
        assert not is_active(api, other)


def test_a_well_signed_token_of_another_issuer_never_counts(api, token, world):
    ring = world.parts.provider.keys.ring
    claims = jwt.decode(token, options={"verify_signature": False})

    for issuer in (ISSUER + "/", "https://elsewhere.example", None):
        odd = ring.signer(Algorithm.ES256).sign(Kind.ACCESS_TOKEN, {**claims, "iss": issuer})
        assert not is_active(api, odd)


def test_forged_and_broken_tokens_never_count(api, token):
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    signed, _, signature = token.rpartition(".")
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers=header)
    more = (
        base64.urlsafe_b64encode(json.dumps({**claims, "scope": "admin:write"}).encode())
        .rstrip(b"=")
        .decode()
    )
    changed = f"{token.split('.')[0]}.{more}.{signature}"

    for odd in (forged, changed, signed + ".", signed, token[:-2], token + "A", token + " ", "x", "a.b.c", "..",
                "é", "\x00", "x" * 20_000, '{"active": true}'):  # fmt: skip
        assert not is_active(api, odd)
    assert is_active(api, token)


def test_the_deny_list_is_forgotten_only_once_the_token_is_over(api, token, wide, world):
    from idp.oidc import denied

    wide.revoke(token)
    for seconds in (0, 250, 60):
        world.clock.advance(seconds=seconds)
        with world.database.transaction() as session:
            denied.purge(session, now=world.clock.now())
        assert not is_active(api, token)

    world.clock.advance(minutes=11)
    with world.database.transaction() as session:
        denied.purge(session, now=world.clock.now())
    assert not is_active(api, token)
    with world.database.reading() as session:
        assert session.query(denied.DeniedToken).count() == 0


def test_the_audience_is_compared_whole(world, member, wide):
    # `serves` names whole audiences: nothing that begins alike or is a part of one.
    token = wide.tokens(member, resource=[CLAIMS])["access_token"]
    for serves in ([CLAIMS + "/"], [CLAIMS[:-1]], ["https://org"], [AUDIENCE]):
        world.change_client("api", serves=serves)
        assert not is_active(world.party("api"), token)
