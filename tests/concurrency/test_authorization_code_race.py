"""R1: of parallel redemptions of one authorization code exactly one wins, and none is a server error."""

import threading
from collections import Counter

import pytest
from sqlalchemy import text

AT_ONCE = 8
ROUNDS = 60


def redeem_at_once(relying_party, code, asked):
    """The answers to `AT_ONCE` redemptions of one code that start together."""
    barrier = threading.Barrier(AT_ONCE)
    answers = []

    def redeem():
        caller = relying_party.world.party(relying_party.client_id)
        barrier.wait()
        answers.append(caller.redeem(code, asked))

    threads = [threading.Thread(target=redeem) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_at_once_sixty_times_give_sixty_tokens(world):
    # Flask with Authlib as documented spent 21 to 28 of 60 codes more than once; one conditional UPDATE, none.
    browser = world.signed_in("1234567")
    relying_party = world.party("reader")

    rounds = []
    for _ in range(ROUNDS):
        asked = relying_party.ask()
        code = relying_party.code_for(browser, asked)
        rounds.append(redeem_at_once(relying_party, code, asked))

    for answers in rounds:
        statuses = Counter(answer.status_code for answer in answers)
        assert statuses == {200: 1, 400: AT_ONCE - 1}, statuses
        assert {answer.json["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}
    with world.database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM token_grant")).scalar_one() == ROUNDS
    assert_replays_revoked(relying_party, rounds)


def assert_replays_revoked(relying_party, rounds):
    for answers in rounds:
        given = next(answer.json for answer in answers if answer.status_code == 200)
        assert relying_party.userinfo(given["access_token"]).status_code == 401
