"""RFC 9068: JWT access tokens, verified by PyJWT as a resource server would."""

import jwt
import pytest

from tests.protocol.party import AUDIENCE, ISSUER, NOON, verified


def test_its_header_says_what_it_is(rp, member):
    header = jwt.get_unverified_header(rp.tokens(member)["access_token"])

    assert header["typ"] == "at+jwt"
    assert header["alg"] == "ES256"
    assert set(header) == {"typ", "alg", "kid"}


def test_it_says_for_whom_by_whom_and_how(rp, member, world):
    claims = verified(rp.tokens(member, scope="openid email")["access_token"], world, audience=ISSUER)

    issued_at = int(NOON.timestamp())
    assert claims == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": world.accounts["1234567"],
        "client_id": "reader",
        "scope": "openid email",
        "jti": claims["jti"],
        "iat": issued_at,
        "exp": issued_at + 300,
        "auth_time": issued_at,
        "acr": "urn:parvis:acr:2sv",
        "amr": ["pwd", "otp"],
        "sid": claims["sid"],
        "grant": claims["grant"],
    }


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        ("openid", ISSUER),
        ("openid profile", ISSUER),
        ("profile", ISSUER),
        ("member_data", AUDIENCE),
        ("openid member_data", [AUDIENCE, ISSUER]),
    ],
)
def test_its_audience_follows_the_scopes(rp, member, world, scope, audience):
    token = rp.tokens(member, scope=scope)["access_token"]
    first = audience if isinstance(audience, str) else audience[0]

    claims = verified(token, world, audience=first)

    assert claims["aud"] == audience
    assert claims.get("member_number") == ("1234567" if "member_data" in scope else None)


def test_it_lives_five_minutes_unless_the_client_says_otherwise(rp, member, world):
    # Authlib's own default is ten days.
    ours = rp.tokens(member)
    brief = world.party("brief").tokens(member)

    assert ours["expires_in"] == 300
    assert brief["expires_in"] == 90
    claims = verified(brief["access_token"], world, audience=ISSUER)
    assert claims["exp"] - claims["iat"] == 90


def test_two_tokens_never_share_their_jti(rp, member, world):
    tokens = [rp.tokens(member)["access_token"] for _ in range(3)]

    assert len({verified(token, world, audience=ISSUER)["jti"] for token in tokens}) == 3


def test_scopes_that_the_client_may_not_have_are_left_out_and_it_is_told(world, member):
    given = world.party("narrow").tokens(member, scope="openid email member_data")

    assert given["scope"] == "openid"
    assert verified(given["access_token"], world, audience=ISSUER)["scope"] == "openid"
