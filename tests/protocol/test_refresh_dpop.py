"""RFC 9449 section 5: refresh tokens of clients that bind their tokens to a key."""

import pytest

from tests.protocol.party import ISSUER, ClientKey, verified

TOKEN = "/oauth2/token"
OTHER_KEY = ClientKey("other")


def proof(party, key=None):
    return {"DPoP": (key or party.key).proof(ISSUER + TOKEN, party.world.clock.now())}


def bound(party, browser, **changes):
    asked = party.ask(**changes)
    response = party.redeem(party.code_for(browser, asked), asked, headers=proof(party))
    assert response.status_code == 200, response.text
    assert response.json["token_type"] == "DPoP"
    return response.json["refresh_token"]


def is_refused(response):
    assert response.status_code == 400, response.text
    assert response.json["error"] in {"invalid_grant", "invalid_dpop_proof"}


def is_bound_to(response, key, world):
    assert response.status_code == 200, response.text
    assert response.json["token_type"] == "DPoP"
    assert verified(response.json["access_token"], world, audience=ISSUER)["cnf"] == {"jkt": key.jkt}


def test_a_public_client_needs_the_same_key(world, member):
    party = world.party("spa")
    token = bound(party, member)

    is_refused(party.refresh(token, headers=proof(party, OTHER_KEY)))

    is_bound_to(party.refresh(token, headers=proof(party)), party.key, world)


@pytest.mark.parametrize("client", ["refreshing", "rotating"])
def test_a_confidential_client_may_bring_another_key_since_it_proves_itself(world, member, client):
    party = world.party(client)
    token = bound(party, member)

    is_bound_to(party.refresh(token, headers=proof(party, OTHER_KEY)), OTHER_KEY, world)


@pytest.mark.parametrize("client", ["spa", "rotating", "refreshing"])
def test_a_bound_family_never_gives_a_bearer_token(world, member, client):
    party = world.party(client)
    token = bound(party, member)

    is_refused(party.refresh(token))

    is_bound_to(party.refresh(token, headers=proof(party)), party.key, world)


@pytest.mark.parametrize("header", ["", "garbage", "a.b.c"])
@pytest.mark.parametrize("client", ["spa", "refreshing"])
def test_a_bad_proof_does_not_use_the_token_up(world, member, client, header):
    party = world.party(client)
    token = bound(party, member)

    is_refused(party.refresh(token, headers={"DPoP": header}))

    is_bound_to(party.refresh(token, headers=proof(party)), party.key, world)


def test_whoever_holds_a_stolen_token_without_its_key_changes_nothing(world, member):
    # Neither the generation, nor the ten seconds of the token before, nor the day on which it ends.
    party = world.party("spa")
    first = bound(party, member, scope="openid offline_access")
    second = party.refresh(first, headers=proof(party)).json["refresh_token"]

    for key in (None, OTHER_KEY):
        is_refused(party.refresh(second, headers=proof(party, key) if key else None))

    assert party.refresh(first, headers=proof(party)).json["refresh_token"] == second
    world.clock.advance(days=13)
    is_refused(party.refresh(second, headers=proof(party, OTHER_KEY)))
    world.clock.advance(days=1)
    is_refused(party.refresh(second, headers=proof(party)))


def test_the_lost_answer_is_given_again_to_the_same_key_only(world, member):
    party = world.party("spa")
    first = bound(party, member)
    second = party.refresh(first, headers=proof(party)).json["refresh_token"]

    is_refused(party.refresh(first, headers=proof(party, OTHER_KEY)))

    assert party.refresh(first, headers=proof(party)).json["refresh_token"] == second


def test_a_family_that_began_without_a_key_may_bind_its_access_tokens(world, member):
    party = world.party("spa")
    token = party.tokens(member)["refresh_token"]

    is_bound_to(party.refresh(token, headers=proof(party)), party.key, world)


def test_a_proof_counts_once_across_refreshes(world, member):
    party = world.party("refreshing")
    token = bound(party, member)
    headers = proof(party)

    is_bound_to(party.refresh(token, headers=headers), party.key, world)
    is_refused(party.refresh(token, headers=headers))
