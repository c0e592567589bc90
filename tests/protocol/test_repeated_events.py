"""What is repeated without effect leaves one line in the audit trail: nobody can fill it."""

import pytest

from idp.core.audit import AuditEvent


@pytest.fixture
def spa(world):
    """A client that anybody can call as."""
    return world.party("spa")


def count_of(world, event):
    with world.database.reading() as session:
        return session.query(AuditEvent).filter(AuditEvent.event == event).count()


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_token_that_is_revoked_again_and_again_is_recorded_once(spa, member, world, kind):
    token = spa.tokens(member)[kind]

    answers = [spa.revoke(token).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert count_of(world, "token.revoked") == 1


def test_an_access_token_that_ended_long_ago_is_neither_recorded_nor_remembered(spa, member, world):
    token = spa.tokens(member)["access_token"]
    world.clock.advance(hours=1)

    assert spa.revoke(token).status_code == 200
    assert count_of(world, "token.revoked") == 0


def test_a_code_that_is_replayed_again_and_again_is_recorded_once(spa, member, world):
    asked = spa.ask()
    code = spa.code_for(member, asked)

    answers = [spa.redeem(code, asked).status_code for _ in range(4)]

    assert answers == [200, 400, 400, 400]
    assert count_of(world, "code.refused") == 1
