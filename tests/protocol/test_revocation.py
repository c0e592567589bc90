"""RFC 7009: a client gives its tokens back, and from the answer on they count no more."""

import pytest

from tests.protocol.party import ISSUER, basic, secret_of, verified
from tests.support.rows import count_rows, events

CLAIMS = "https://claims.example.org"


def is_done(response):
    """RFC 7009 section 2.2: 200, and nothing to read."""
    assert response.status_code == 200, response.text
    assert response.data == b""
    assert response.headers["Cache-Control"] == "no-store"


def is_refused(response, status, error):
    assert response.status_code == status, response.text
    assert response.json["error"] == error


def opens(party, given):
    """Whether an access token opens userinfo."""
    status = party.userinfo(given["access_token"]).status_code
    assert status in {200, 401}
    return status == 200


def refreshes(party, refresh_token):
    """Whether a refresh token still gives tokens."""
    status = party.refresh(refresh_token).status_code
    assert status in {200, 400}
    return status == 200


# Refresh tokens


@pytest.mark.parametrize("client", ["spa", "rotating", "refreshing"])
def test_a_refresh_token_takes_its_family_and_its_access_tokens_along(world, member, client):
    party = world.party(client)
    first = party.tokens(member)
    second = party.refresh(first["refresh_token"]).json
    assert opens(party, first)

    is_done(party.revoke(second["refresh_token"]))

    assert not refreshes(party, second["refresh_token"])
    assert not refreshes(party, first["refresh_token"])
    assert not opens(party, first)
    assert not opens(party, second)


@pytest.mark.parametrize("generation", [0, 1, 2, 3])
def test_one_of_any_generation_ends_its_family(world, member, generation):
    party = world.party("spa")
    given = [party.tokens(member)]
    for _ in range(3):
        given.append(party.refresh(given[-1]["refresh_token"]).json)
    world.clock.advance(minutes=2)

    is_done(party.revoke(given[generation]["refresh_token"]))

    assert not refreshes(party, given[-1]["refresh_token"])
    assert not any(opens(party, tokens) for tokens in given)


def test_one_that_was_over_already_still_ends_what_it_gave(world, member):
    # The member's own access token may be good for minutes after the last refresh.
    party = world.party("fleeting")
    token = party.tokens(member)["refresh_token"]
    world.clock.advance(minutes=29)
    last = party.refresh(token).json
    world.clock.advance(minutes=2)
    assert opens(party, last)

    is_done(party.revoke(token))

    assert not opens(party, last)


def test_other_families_of_the_same_member_go_on(world, member):
    party = world.party("spa")
    one, two = party.tokens(member), party.tokens(member)
    elsewhere = world.party("rotating").tokens(member)

    is_done(party.revoke(one["refresh_token"]))

    assert refreshes(party, two["refresh_token"])
    assert opens(party, two)
    assert refreshes(world.party("rotating"), elsewhere["refresh_token"])


def test_offline_access_is_given_back_too(world, member):
    party = world.party("spa")
    given = party.tokens(member, scope="openid offline_access")

    is_done(party.revoke(given["refresh_token"]))

    assert not refreshes(party, given["refresh_token"])
    assert not opens(party, given)


def test_the_members_session_goes_on(world, member):
    party = world.party("spa")

    is_done(party.revoke(party.tokens(member)["refresh_token"]))

    assert opens(party, party.tokens(member, prompt="none"))


# Access tokens


@pytest.mark.parametrize("client", ["reader", "spa", "public"])
def test_an_access_token_goes_alone(world, member, client):
    party = world.party(client)
    one, two = party.tokens(member), party.tokens(member)

    is_done(party.revoke(one["access_token"]))

    assert not opens(party, one)
    assert opens(party, two)


def test_the_others_of_its_grant_and_its_refresh_token_go_on(world, member):
    party = world.party("spa")
    first = party.tokens(member)
    second = party.refresh(first["refresh_token"]).json

    is_done(party.revoke(first["access_token"]))

    assert not opens(party, first)
    assert opens(party, second)
    assert refreshes(party, second["refresh_token"])


def test_a_service_gives_its_own_token_back(world):
    robot, api = world.party("robot"), world.party("api")
    token = robot.token({"grant_type": "client_credentials", "resource": CLAIMS}).json["access_token"]
    assert api.introspect(token).json["active"] is True

    is_done(robot.revoke(token))

    assert api.introspect(token).json == {"active": False}


def test_one_that_is_over_is_done_already(world, member, rp):
    given = rp.tokens(member)
    world.clock.advance(hours=1)

    is_done(rp.revoke(given["access_token"]))


def test_it_is_kept_by_its_identifier_alone(world, member, rp):
    given = rp.tokens(member)
    jti = verified(given["access_token"], world, audience=ISSUER)["jti"]

    rp.revoke(given["access_token"])

    with world.database.reading() as session:
        from idp.oidc.denied import DeniedToken

        assert [row.jti for row in session.query(DeniedToken)] == [jti]


# Whose token it is


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("other", ["rotating", "public", "reader"])
def test_another_clients_token_is_refused_and_stays_good(world, member, kind, other):
    # RFC 7009 section 2.1: the client is told that it is not its own.
    party = world.party("spa")
    given = party.tokens(member)

    is_refused(world.party(other).revoke(given[kind]), 400, "invalid_grant")

    assert opens(party, given)
    assert refreshes(party, given["refresh_token"])
    assert events(world.database, "token.revoked") == []


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ({}, None),
        ({"client_id": "rotating"}, None),
        ({}, basic("rotating", "wrong")),
        ({"client_id": "rotating", "client_secret": "wrong"}, None),
        ({"client_id": "spa", "client_secret": secret_of("spa")}, None),
    ],
)
def test_whoever_does_not_prove_itself_revokes_nothing(world, member, form, header):
    party = world.party("rotating")
    given = party.tokens(member)
    headers = {"Authorization": header} if header else {}

    response = world.app.test_client().post(
        "/oauth2/revoke", data={"token": given["refresh_token"], **form}, headers=headers, base_url=ISSUER
    )

    is_refused(response, 401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert refreshes(party, given["refresh_token"])


@pytest.mark.parametrize("client", ["public", "spa"])
def test_a_public_client_gives_its_tokens_back_by_its_identifier(world, member, client):
    party = world.party(client)
    given = party.tokens(member)

    response = world.app.test_client().post(
        "/oauth2/revoke", data={"token": given["access_token"], "client_id": client}, base_url=ISSUER
    )

    is_done(response)
    assert not opens(party, given)


def test_scripts_of_public_clients_may_call_it(world):
    response = world.app.test_client().options(
        "/oauth2/revoke", headers={"Origin": "http://127.0.0.1:9"}, base_url=ISSUER
    )

    assert response.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:9"


# What makes no difference


@pytest.mark.parametrize(
    "hint", ["access_token", "refresh_token", "id_token", "nonsense", "é", "x" * 5000, ""]
)
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_the_hint_may_be_right_wrong_or_unknown(world, member, kind, hint):
    party = world.party("refreshing")
    given = party.tokens(member)

    is_done(party.revoke(given[kind], token_type_hint=hint))

    assert not opens(party, given)
    assert refreshes(party, given["refresh_token"]) is (kind == "access_token")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_saying_it_twice_is_the_same_as_once(world, member, kind):
    party = world.party("spa")
    given = party.tokens(member)

    is_done(party.revoke(given[kind]))
    rows = count_rows(world.database)
    is_done(party.revoke(given[kind]))

    assert not opens(party, given)
    # Anybody who holds one of its tokens could repeat it for ever: the trail does not grow.
    assert count_rows(world.database) == rows
    assert [event["kind"] for event in events(world.database, "token.revoked")] == [kind]


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "..", "A" * 22 + ".0." + "0" * 64, "é", "\x00", "x" * 20_000, "' OR 1=1 --", "null", " "],
)
def test_what_was_never_a_token_counts_no_more_either(world, member, token):
    party = world.party("spa")
    given = party.tokens(member)

    is_done(party.revoke(token))

    assert opens(party, given)
    assert refreshes(party, given["refresh_token"])
    assert events(world.database, "token.revoked") == []


def test_an_id_token_is_none_that_could_be_revoked(world, member):
    party = world.party("spa")
    given = party.tokens(member)

    is_done(party.revoke(given["id_token"]))

    assert opens(party, given)
    assert refreshes(party, given["refresh_token"])


def test_a_token_whose_grant_was_purged_is_done_already(world, member):
    party = world.party("spa")
    given = party.tokens(member)
    world.happens("DELETE FROM token_grant")

    is_done(party.revoke(given["refresh_token"]))


@pytest.mark.parametrize(
    "form", [{}, {"token": ""}, {"token": ["a", "b"]}, {"token_type_hint": "access_token"}]
)
def test_without_exactly_one_token_the_request_is_invalid(world, form):
    is_refused(world.party("refreshing").call("/oauth2/revoke", form), 400, "invalid_request")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_other_methods_are_405_and_revoke_nothing(world, member, method):
    party = world.party("spa")
    given = party.tokens(member)
    url = f"/oauth2/revoke?token={given['refresh_token']}&client_id=spa"

    response = party.http.open(url, method=method, base_url=ISSUER)

    assert response.status_code == 405
    assert refreshes(party, given["refresh_token"])


# From the answer on


def test_from_the_answer_on_nothing_takes_it(world, member):
    world.change_client("spa", audiences=[CLAIMS])
    party, api = world.party("spa"), world.party("api")
    given = party.tokens(member, resource=[CLAIMS])
    assert api.introspect(given["access_token"]).json["active"] is True

    is_done(party.revoke(given["refresh_token"]))

    assert not opens(party, given)
    assert api.introspect(given["access_token"]).json == {"active": False}
    assert not refreshes(party, given["refresh_token"])


def test_it_is_in_the_audit_trail_without_the_token(world, member):
    party = world.party("spa")
    given = party.tokens(member)

    party.revoke(given["access_token"])
    party.revoke(given["refresh_token"])

    found = events(world.database, "token.revoked")
    assert [(event["client_id"], event["kind"]) for event in found] == [
        ("spa", "access_token"),
        ("spa", "refresh_token"),
    ]
    assert given["refresh_token"] not in str(found)
    assert given["access_token"] not in str(found)
