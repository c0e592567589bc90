"""RFC 8707 and RFC 9068 section 3: for which services access tokens are, as asked for or by their scopes."""

import pytest

from tests.protocol.party import AUDIENCE, ISSUER, back_at, verified

CLAIMS, OTHER = "https://claims.example.org", "https://other.example.org/api"
ELSEWHERE = "https://elsewhere.example.org"

# Each is refused, at whichever endpoint it comes.
REFUSED = [
    ELSEWHERE,
    CLAIMS + "/",
    CLAIMS + "#fragment",
    CLAIMS + "#",
    CLAIMS.upper(),
    "claims.example.org",
    "//claims.example.org",
    "/api",
    "https:",
    "https://",
    "https://[",
    "urn:",
    "reader",
    "*",
    CLAIMS + " " + OTHER,
    CLAIMS + "\n",
    "https://clàims.example.org",
    CLAIMS + "/" + "x" * 600,
]


@pytest.fixture
def wide(world):
    """A client with two services of its own beside the member-data service."""
    return world.party("wide")


def is_refused(response, error="invalid_target"):
    assert response.status_code == 400, response.text
    assert response.json["error"] == error
    assert response.json.get("error_description", "").isascii()


def claims_of(answer, world, audience):
    first = audience if isinstance(audience, str) else audience[0]
    return verified(answer["access_token"], world, audience=first)


# At authorize


@pytest.mark.parametrize(
    ("scope", "resource", "audience"),
    [
        ("openid", [CLAIMS], [CLAIMS, ISSUER]),
        ("openid", [CLAIMS, OTHER], [CLAIMS, OTHER, ISSUER]),
        ("openid", [OTHER, CLAIMS, OTHER], [OTHER, CLAIMS, ISSUER]),
        ("openid", [ISSUER], ISSUER),
        ("openid", [ISSUER, CLAIMS], [ISSUER, CLAIMS]),
        ("profile", [CLAIMS], CLAIMS),
        ("profile", [CLAIMS, OTHER], [CLAIMS, OTHER]),
        ("member_data", [AUDIENCE], AUDIENCE),
        ("openid member_data", [AUDIENCE], [AUDIENCE, ISSUER]),
        ("openid member_data", [AUDIENCE, CLAIMS], [AUDIENCE, CLAIMS, ISSUER]),
        # Without `resource`.
        ("openid", [], ISSUER),
        ("profile", [], ISSUER),
        ("member_data", [], AUDIENCE),
        ("openid member_data", [], [AUDIENCE, ISSUER]),
        ("profile member_data", [], AUDIENCE),
    ],
)
def test_the_audience_is_what_was_asked_for_and_ourselves_for_openid(wide, member, scope, resource, audience):
    answer = wide.tokens(member, scope=scope, **({"resource": resource} if resource else {}))

    assert claims_of(answer, wide.world, audience)["aud"] == audience
    assert wide.userinfo(answer["access_token"]).status_code == (
        200 if "openid" in scope else 403 if audience == ISSUER else 401
    )


@pytest.mark.parametrize("resource", REFUSED)
def test_what_the_client_has_no_tokens_for_is_told_by_the_redirect(wide, member, resource):
    answer = back_at(member.get(wide.ask(resource=resource).url))

    assert answer["error"] in {"invalid_target", "invalid_request"}
    assert "code" not in answer
    assert answer["state"]


def test_one_that_is_not_allowed_spoils_the_others(wide, member):
    answer = back_at(member.get(wide.ask(resource=[CLAIMS, ELSEWHERE]).url))

    assert answer["error"] == "invalid_target"


def test_it_is_told_before_the_member_is_asked_for_anything(wide, world):
    answer = back_at(world.browser().get(wide.ask(resource=ELSEWHERE).url))

    assert answer["error"] == "invalid_target"


def test_a_client_without_audiences_has_its_own_defaults_only(rp, member):
    assert back_at(member.get(rp.ask(resource=CLAIMS).url))["error"] == "invalid_target"
    assert rp.tokens(member, resource=[AUDIENCE], scope="member_data")
    assert rp.tokens(member, resource=[ISSUER])


def test_the_member_data_service_is_only_for_clients_with_its_scope(world, member):
    narrow = world.party("narrow")

    assert back_at(member.get(narrow.ask(resource=AUDIENCE).url))["error"] == "invalid_target"


def test_the_wish_survives_the_pages_of_the_sign_in(wide, world):
    browser = world.browser()
    asked = wide.ask(resource=[CLAIMS, OTHER])
    back = back_at(browser.sign_in(browser.get(asked.url)))

    answer = wide.redeem(back["code"], asked).json

    assert claims_of(answer, world, CLAIMS)["aud"] == [CLAIMS, OTHER, ISSUER]


# The member's number and the scope of its service, only where that service is the audience


@pytest.mark.parametrize(
    ("resource", "carried"),
    [([], True), ([AUDIENCE], True), ([AUDIENCE, CLAIMS], True), ([CLAIMS], False), ([ISSUER], False)],
)
def test_the_number_travels_to_the_member_data_service_only(wide, member, world, resource, carried):
    answer = wide.tokens(
        member, scope="openid email member_data", **({"resource": resource} if resource else {})
    )

    claims = verified(answer["access_token"], world, audience=ISSUER)
    assert ("member_number" in claims) is carried
    assert ("member_data" in claims["scope"].split()) is carried
    assert answer["scope"] == claims["scope"]


def test_the_scope_member_is_for_userinfo_and_puts_no_number_in_the_access_token(wide, member, world):
    answer = wide.tokens(member, scope="openid member")

    assert "member_number" not in verified(answer["access_token"], world, audience=ISSUER)
    assert wide.userinfo(answer["access_token"]).json["member_number"] == "1234567"


def test_a_token_that_would_carry_no_scope_says_none(wide, member, world):
    # The one scope asked for means nothing to the service asked for: the token opens nothing there.
    answer = wide.tokens(member, scope="member_data", resource=[CLAIMS])

    assert "scope" not in claims_of(answer, world, CLAIMS)
    assert answer.get("scope") != ""


# At the token endpoint


@pytest.mark.parametrize(
    ("resource", "audience"),
    [
        (None, [CLAIMS, OTHER, ISSUER]),
        (CLAIMS, [CLAIMS, ISSUER]),
        (OTHER, [OTHER, ISSUER]),
        ([OTHER, CLAIMS], [OTHER, CLAIMS, ISSUER]),
    ],
)
def test_some_of_what_was_granted_may_be_asked_for_with_the_code(wide, member, world, resource, audience):
    asked = wide.ask(resource=[CLAIMS, OTHER])

    answer = wide.redeem(wide.code_for(member, asked), asked, resource=resource).json

    assert claims_of(answer, world, audience)["aud"] == audience


def test_more_than_was_granted_is_refused_with_the_code(wide, member):
    asked = wide.ask(resource=[CLAIMS])

    is_refused(wide.redeem(wide.code_for(member, asked), asked, resource=[CLAIMS, OTHER]))


def test_when_none_was_named_the_token_request_may_name_one(wide, member, world):
    asked = wide.ask()

    answer = wide.redeem(wide.code_for(member, asked), asked, resource=CLAIMS).json

    assert claims_of(answer, world, CLAIMS)["aud"] == [CLAIMS, ISSUER]


@pytest.mark.parametrize("resource", [*REFUSED, CLAIMS + "\x00"])
def test_what_the_client_has_no_tokens_for_is_told_in_json_and_spends_nothing(wide, member, resource):
    asked = wide.ask()
    code = wide.code_for(member, asked)

    is_refused(wide.redeem(code, asked, resource=resource))

    assert wide.redeem(code, asked).status_code == 200


# At a refresh


def test_each_refresh_may_ask_for_another_part_of_what_was_granted(wide, member, world):
    token = wide.tokens(member, resource=[CLAIMS, OTHER])["refresh_token"]

    for resource, audience in [
        ({"resource": CLAIMS}, [CLAIMS, ISSUER]),
        ({"resource": OTHER}, [OTHER, ISSUER]),
        ({}, [CLAIMS, OTHER, ISSUER]),
    ]:
        answer = wide.refresh(token, **resource).json
        assert claims_of(answer, world, audience)["aud"] == audience


def test_what_the_code_narrowed_may_be_had_whole_by_a_refresh(wide, member, world):
    # RFC 8707 section 2.2: the grant is what the member's request named.
    asked = wide.ask(resource=[CLAIMS, OTHER])
    token = wide.redeem(wide.code_for(member, asked), asked, resource=CLAIMS).json["refresh_token"]

    answer = wide.refresh(token, resource=OTHER).json

    assert claims_of(answer, world, OTHER)["aud"] == [OTHER, ISSUER]


@pytest.mark.parametrize("resource", [OTHER, ELSEWHERE, [CLAIMS, OTHER], AUDIENCE, ISSUER])
def test_more_than_was_granted_is_refused_at_a_refresh_and_the_token_stays_good(wide, member, resource):
    token = wide.tokens(member, resource=[CLAIMS])["refresh_token"]

    is_refused(wide.refresh(token, resource=resource))

    assert wide.refresh(token).status_code == 200


def test_a_service_that_the_client_lost_since_is_given_no_more(wide, member, world):
    both = wide.tokens(member, resource=[CLAIMS, OTHER])["refresh_token"]
    lost = wide.tokens(member, resource=[OTHER])["refresh_token"]
    world.change_client("wide", audiences=[CLAIMS])

    assert claims_of(wide.refresh(both).json, world, CLAIMS)["aud"] == [CLAIMS, ISSUER]
    response = wide.refresh(lost)

    assert response.status_code == 400
    assert response.json["error"] in {"invalid_grant", "invalid_target"}


def test_eleven_services_are_too_many(wide, member):
    many = [f"https://{number}.example.org" for number in range(11)]
    wide.world.change_client("wide", audiences=many)

    assert back_at(member.get(wide.ask(resource=many).url))["error"] == "invalid_target"
    assert wide.tokens(member, resource=many[:10])
