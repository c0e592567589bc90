"""RFC 6749 section 4.4: a service that acts in its own name, and speaks of no member."""

import jwt
import pytest

from idp.oidc.client_files import BadClient
from tests.protocol.party import AUDIENCE, ISSUER, basic, secret_of, verified

CLAIMS, OTHER = "https://claims.example.org", "https://other.example.org/api"
OF_MEMBERS = ["openid", "profile", "email", "member", "member_data", "offline_access", "account:devices"]


@pytest.fixture
def robot(world):
    """A service of its own, with three scopes."""
    return world.party("robot")


def ask(party, **more):
    return party.token({"grant_type": "client_credentials", **more})


def given(party, **more):
    response = ask(party, **more)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return response.json


def is_refused(response, error, status=400):
    assert response.status_code == status, response.text
    assert response.json["error"] == error


def test_the_answer_holds_an_access_token_and_nothing_of_a_sign_in(robot):
    answer = given(robot, scope="claims:read")

    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 300


def test_the_token_speaks_of_the_service_alone(robot, world):
    token = given(robot, scope="claims:read claims:write")["access_token"]

    claims = verified(token, world, audience=ISSUER)
    # RFC 9068 section 2.2: `sub` is the client itself; no session, no sign-in, no grant.
    assert set(claims) == {"iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp"}
    assert claims["sub"] == claims["client_id"] == "robot"
    assert claims["scope"] == "claims:read claims:write"
    assert claims["aud"] == ISSUER
    assert claims["exp"] - claims["iat"] == 300
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


def test_without_scope_it_gets_all_its_own_and_is_told(robot, world):
    answer = given(robot)

    assert answer["scope"] == "claims:read claims:write admin:read"
    assert verified(answer["access_token"], world, audience=ISSUER)["scope"] == answer["scope"]


@pytest.mark.parametrize(
    "scope", ["claims:delete", "claims:read nothing", "claims:read  claims:write", "CLAIMS:READ"]
)
def test_a_scope_that_is_not_its_own_is_refused(robot, scope):
    is_refused(ask(robot, scope=scope), "invalid_scope")


@pytest.mark.parametrize("scope", OF_MEMBERS)
def test_a_scope_that_speaks_of_members_is_refused_even_when_the_file_has_it(robot, world, scope):
    world.change_client("robot", scope=" ".join(["claims:read", *OF_MEMBERS]))

    is_refused(ask(robot, scope=scope), "invalid_scope")
    is_refused(ask(robot, scope=f"claims:read {scope}"), "invalid_scope")
    assert given(robot)["scope"] == "claims:read"


def test_a_client_with_scopes_of_members_only_gets_a_token_without_any(world):
    answer = given(world.party("keyed"))

    assert "scope" not in answer
    assert "scope" not in verified(answer["access_token"], world, audience=ISSUER)


@pytest.mark.parametrize(
    ("resource", "audience"),
    [
        (None, ISSUER),
        (CLAIMS, CLAIMS),
        ([CLAIMS, OTHER], [CLAIMS, OTHER]),
        ([CLAIMS, CLAIMS], CLAIMS),
        ([CLAIMS, ISSUER], [CLAIMS, ISSUER]),
    ],
)
def test_the_token_is_for_the_services_that_it_names(robot, world, resource, audience):
    more = {} if resource is None else {"resource": resource}

    token = given(robot, scope="claims:read", **more)["access_token"]

    first = audience if isinstance(audience, str) else audience[0]
    assert verified(token, world, audience=first)["aud"] == audience


@pytest.mark.parametrize("resource", [AUDIENCE, "https://claims.example.org/", [CLAIMS, "https://x.example"]])
def test_a_service_that_it_has_no_tokens_for_is_refused(robot, resource):
    is_refused(ask(robot, resource=resource), "invalid_target")


@pytest.mark.parametrize("client", ["public", "spa", "reader", "refreshing"])
def test_a_client_that_is_not_registered_for_it_is_refused(world, client):
    is_refused(ask(world.party(client)), "unauthorized_client")


def test_no_public_client_can_be_a_service(world):
    # RFC 6749 section 4.4: confidential clients only. The file is refused, and so is the request.
    with pytest.raises(BadClient, match="client_credentials"):
        world.change_client("public", grant_types=["authorization_code", "client_credentials"])

    response = ask(world.party("public"))

    assert response.status_code in {400, 401}
    assert "access_token" not in response.json


@pytest.mark.parametrize("header", [None, basic("robot", "wrong"), basic("api", secret_of("robot"))])
def test_a_service_that_does_not_prove_itself_gets_nothing(world, header):
    headers = {"Authorization": header} if header else {}
    form = {"grant_type": "client_credentials", "client_id": "robot"}

    response = world.app.test_client().post("/oauth2/token", data=form, headers=headers, base_url=ISSUER)

    is_refused(response, "invalid_client", status=401)
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "more", [{"username": "m1234567@example.org"}, {"sub": "x"}, {"member_number": "1234567"}]
)
def test_it_cannot_ask_in_the_name_of_a_member(robot, world, more):
    claims = verified(given(robot, **more)["access_token"], world, audience=ISSUER)

    assert claims["sub"] == "robot"
    assert "member_number" not in claims


@pytest.mark.parametrize("client", ["robot", "both", "keyed"])
def test_userinfo_has_nothing_to_say_to_it(world, client):
    party = world.party(client)
    token = given(party)["access_token"]

    response = party.userinfo(token)

    assert response.status_code == 403
    assert response.json == {"error": "insufficient_scope"}


def test_a_token_for_another_service_is_unknown_at_userinfo(robot):
    assert robot.userinfo(given(robot, resource=CLAIMS)["access_token"]).status_code == 401


def test_it_cannot_be_refreshed(world):
    party = world.party("keyed")
    token = given(party)["access_token"]

    is_refused(party.refresh(token), "invalid_grant")


def test_the_services_own_tokens_and_its_members_tokens_are_different_things(world, member):
    party = world.party("both")
    of_member = party.tokens(member, scope="openid admin:read")
    of_service = given(party)

    # What a service may do in its own name is nothing that a member's token may carry, and the other way round.
    assert of_member["scope"] == "openid"
    assert of_service["scope"] == "admin:read"
    assert verified(of_member["access_token"], world, audience=ISSUER)["sub"] == world.accounts["1234567"]
    assert verified(of_service["access_token"], world, audience=ISSUER)["sub"] == "both"


def test_its_lifetime_is_the_clients_own(robot, world):
    world.change_client("robot", access_token_lifetime="90s")

    answer = given(robot)

    claims = verified(answer["access_token"], world, audience=ISSUER)
    assert answer["expires_in"] == claims["exp"] - claims["iat"] == 90


def test_its_token_ends_with_the_client(robot, world):
    api = world.party("api")
    token = given(robot, resource=CLAIMS)["access_token"]
    assert api.introspect(token).json["active"] is True

    world.enable_client("robot", enabled=False)

    assert api.introspect(token).json == {"active": False}
    is_refused(ask(robot), "invalid_client", status=401)
