"""RFC 9700 section 4.14.2: a refresh token that was replaced and comes again ends its family, also after a refusal."""

import pytest


@pytest.fixture
def rotating(world):
    return world.party("rotating")


def test_a_replaced_token_ends_the_family_also_when_its_successor_was_refused_and_put_back(
    rotating, member, world
):
    first = rotating.tokens(member, scope="openid email")["refresh_token"]
    second = rotating.refresh(first).json["refresh_token"]
    beyond = rotating.refresh(second, scope="openid profile")

    reused = rotating.refresh(first)

    assert beyond.json["error"] == "invalid_scope"
    assert (reused.status_code, reused.json["error"]) == (400, "invalid_grant")
    assert rotating.refresh(second).json["error"] == "invalid_grant"


def test_a_token_that_asked_for_too_much_stays_good(rotating, member):
    first = rotating.tokens(member, scope="openid email")["refresh_token"]
    rotating.refresh(first, scope="openid profile")

    assert rotating.refresh(first).status_code == 200
