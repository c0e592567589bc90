"""R1: an assertion, a proof of possession and a pushed request count once, however many bring it at once."""

from datetime import timedelta
from functools import partial

import pytest

from idp.oidc import pushed, used_once
from idp.oidc.used_once import Kind
from tests.protocol.party import ASSERTION_TYPE, ISSUER, NOON
from tests.support.racing import at_once

MANY = 50
AT_ONCE = 8
ROUNDS = 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def in_transaction(database, job):
    with database.transaction() as session:
        return job(session)


@pytest.mark.parametrize("kind", list(Kind))
def test_fifty_uses_of_one_identifier_have_one_winner(database, kind):
    use = partial(used_once.use, kind=kind, owner="o", jti="j", forget_at=NOON)

    winners = at_once([lambda: in_transaction(database, use)] * MANY)

    assert winners.count(True) == 1
    assert winners.count(False) == MANY - 1


def test_fifty_answers_to_one_pushed_request_have_one_winner(database):
    lifetime = timedelta(seconds=90)
    uri = in_transaction(database, lambda s: pushed.keep(s, "reader", {}, lifetime=lifetime, now=NOON))
    spend = partial(pushed.spend, request_uri=uri, now=NOON)

    winners = at_once([lambda: in_transaction(database, spend)] * MANY)

    assert winners.count(True) == 1


def test_identifiers_of_different_owners_never_meet(database):
    uses = [
        partial(used_once.use, kind=kind, owner=owner, jti="j", forget_at=NOON)
        for kind in Kind
        for owner in ("a", "b", "c", "d")
    ]

    assert all(at_once([lambda use=use: in_transaction(database, use) for use in uses]))


def test_an_identifier_whose_first_use_was_rolled_back_is_still_good(database):
    use = partial(used_once.use, kind=Kind.DPOP_PROOF, owner="o", jti="j", forget_at=NOON)

    def fail(session):
        assert use(session)
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(database, fail)

    assert in_transaction(database, use)


def test_one_assertion_sent_eight_times_proves_its_client_once(world):
    client = world.party("keyed")
    for _ in range(ROUNDS):
        form = {
            "grant_type": "client_credentials",
            "client_id": "keyed",
            "client_assertion": client.key.assertion("keyed", world.clock.now()),
            "client_assertion_type": ASSERTION_TYPE,
        }
        send = [
            partial(world.app.test_client().post, "/oauth2/token", data=form, base_url=ISSUER)
            for _ in range(AT_ONCE)
        ]

        answers = at_once(send)

        assert sorted(answer.status_code for answer in answers) == [200] + [401] * (AT_ONCE - 1)


def test_one_proof_sent_eight_times_opens_the_door_once(world):
    client = world.party("refreshing")
    asked = client.ask()
    code = client.code_for(world.signed_in(), asked)
    token = client.redeem(code, asked, headers=client.proof("/oauth2/token")).json["refresh_token"]
    for _ in range(ROUNDS):
        headers = client.proof("/oauth2/token")
        send = [partial(world.party("refreshing").refresh, token, headers=headers) for _ in range(AT_ONCE)]

        answers = at_once(send)

        assert sorted(answer.status_code for answer in answers) == [200] + [400] * (AT_ONCE - 1)
        assert {answer.json.get("error") for answer in answers} == {None, "invalid_dpop_proof"}


def test_one_pushed_request_opened_in_eight_windows_gives_one_code(world):
    client = world.party("pushing")
    for _ in range(ROUNDS):
        browsers = [world.signed_in() for _ in range(AT_ONCE)]
        asked = client.ask()
        uri = client.push(asked.parameters).json["request_uri"]
        url = f"/oauth2/authorize?client_id=pushing&request_uri={uri}"

        answers = at_once([partial(browser.get, url) for browser in browsers])

        codes = [answer for answer in answers if answer.status_code == 303 and "code=" in answer.location]
        assert len(codes) == 1
        assert {answer.status_code for answer in answers} <= {303, 400}
