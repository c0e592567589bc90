"""RFC 8707 section 2.2: the token request names a part of what the authorization was for, never another service."""

import pytest

from tests.protocol.party import ISSUER, verified

CLAIMS, OTHER = "https://claims.example.org", "https://other.example.org/api"


@pytest.fixture
def wide(world):
    return world.party("wide")


def test_a_code_for_one_service_gives_no_token_for_another(wide, member):
    asked = wide.ask(resource=CLAIMS)
    code = wide.code_for(member, asked)

    refused = wide.redeem(code, asked, resource=OTHER)

    assert (refused.status_code, refused.json["error"]) == (400, "invalid_target")
    assert wide.redeem(code, asked, resource=CLAIMS).json["error"] == "invalid_grant"


@pytest.mark.parametrize("authorized", [None, CLAIMS])
def test_a_service_that_the_authorization_did_not_exclude_may_be_named(wide, member, world, authorized):
    asked = wide.ask(resource=authorized)

    given = wide.redeem(wide.code_for(member, asked), asked, resource=CLAIMS).json

    assert verified(given["access_token"], world, audience=CLAIMS)["aud"] == [CLAIMS, ISSUER]
