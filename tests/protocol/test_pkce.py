"""RFC 7636: S256 only, for every client, refused at authorize; no downgrade."""

import base64
import hashlib

import pytest

from tests.protocol.party import back_at

VERIFIER = "v" * 64
S256 = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("client", ["reader", "public", "poster"])
@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ((S256, "S256"), True),
        ((S256, None), False),
        ((S256, "plain"), False),
        ((VERIFIER, "plain"), False),
        ((VERIFIER, None), False),
        ((S256, "s256"), False),
        ((None, "S256"), False),
        ((None, "plain"), False),
        ((None, None), False),
        ((S256[:-1], "S256"), False),
        ((S256 + "=", "S256"), False),
    ],
)
def test_only_an_s256_challenge_is_accepted_from_any_client(world, member, client, sent, accepted):
    # Authlib's CodeChallenge(required=True) accepts `plain` and exempts confidential clients.
    challenge, method = sent
    asked = world.party(client).ask(code_challenge=challenge, code_challenge_method=method)

    answer = back_at(member.get(asked.url))

    assert ("code" in answer) is accepted
    assert accepted or answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("verifier", "error"),
    [
        # The FAPI suite wants invalid_grant of a missing verifier: it is one that does not match.
        (None, "invalid_grant"),
        ("", "invalid_grant"),
        ("w" * 64, "invalid_grant"),
        (S256, "invalid_grant"),
        ("short", "invalid_grant"),
        ("v" * 129, "invalid_grant"),
        (VERIFIER + "\n", "invalid_grant"),
        ("é" * 50, "invalid_grant"),
    ],
)
def test_a_wrong_verifier_gives_nothing_and_leaves_the_code_to_its_owner(rp, member, verifier, error):
    asked = rp.ask(code_challenge=S256)
    code = rp.code_for(member, asked)

    refused = rp.redeem(code, asked, code_verifier=verifier)
    owner = rp.redeem(code, asked, code_verifier=VERIFIER)

    assert refused.status_code == 400
    assert refused.json["error"] == error
    assert owner.status_code == 200
