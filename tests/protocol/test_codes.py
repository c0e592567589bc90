"""RFC 6749 section 4.1.2: authorization codes are short-lived, bound, and good once."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from idp.oidc import wiring
from idp.sessions import service as sessions


def test_a_replayed_code_is_refused_and_what_it_gave_is_revoked(rp, member):
    # Authlib neither spends codes atomically nor revokes anything on a replay.
    asked = rp.ask()
    code = rp.code_for(member, asked)
    first = rp.redeem(code, asked)
    assert rp.userinfo(first.json["access_token"]).status_code == 200

    second = rp.redeem(code, asked)

    assert second.status_code == 400
    assert second.json["error"] == "invalid_grant"
    assert rp.userinfo(first.json["access_token"]).status_code == 401


@pytest.mark.parametrize("later", [timedelta(seconds=30), timedelta(seconds=90), timedelta(minutes=9)])
def test_a_replay_is_seen_for_what_it_is_also_later(rp, member, world, later):
    asked = rp.ask()
    code = rp.code_for(member, asked)
    first = rp.redeem(code, asked)
    world.clock.advance(later)
    with world.database.transaction() as session:
        wiring.purge(session, now=world.clock.now())

    second = rp.redeem(code, asked)

    assert second.json["error"] == "invalid_grant"
    with world.database.reading() as session:
        assert session.execute(text("SELECT revoked_at FROM token_grant")).scalar_one() is not None
    assert rp.userinfo(first.json["access_token"]).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400), (61, 400)])
def test_a_code_is_good_for_a_minute(rp, member, world, seconds, status):
    asked = rp.ask()
    code = rp.code_for(member, asked)

    world.clock.advance(timedelta(seconds=seconds))

    assert rp.redeem(code, asked).status_code == status


def test_a_code_of_another_client_is_refused_and_stays_its_owners(rp, member, world):
    asked = rp.ask()
    code = rp.code_for(member, asked)

    stolen = world.party("poster").redeem(code, asked)
    owner = rp.redeem(code, asked)

    assert stolen.json["error"] == "invalid_grant"
    assert owner.status_code == 200


def test_a_spent_code_shown_by_a_stranger_revokes_nothing(rp, member, world):
    asked = rp.ask()
    code = rp.code_for(member, asked)
    given = rp.redeem(code, asked).json

    world.party("poster").redeem(code, asked)

    assert rp.userinfo(given["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("http://127.0.0.1:9/reader/other", "invalid_grant"),
        ("http://127.0.0.1:9/reader/cb/", "invalid_grant"),
        (None, "invalid_request"),
    ],
)
def test_the_address_of_the_request_must_come_again(rp, member, address, error):
    asked = rp.ask()
    code = rp.code_for(member, asked)

    response = rp.redeem(code, asked, redirect_uri=address)

    assert response.status_code == 400
    assert response.json["error"] == error


@pytest.mark.parametrize("code", ["", "x", "x" * 43, "é", "a\x00b", "%00", "x" * 50_000])
def test_a_code_that_was_never_issued_is_refused(rp, code):
    response = rp.redeem(code, rp.ask())

    assert response.status_code == 400
    assert response.json["error"] == ("invalid_grant" if code else "invalid_request")


def test_a_code_is_worthless_after_the_member_signed_out(rp, member, world):
    asked = rp.ask()
    code = rp.code_for(member, asked)
    with world.database.transaction() as session:
        row = session.execute(text("SELECT id FROM session")).scalar_one()
        sessions.end(session, row, now=world.clock.now())

    assert rp.redeem(code, asked).json["error"] == "invalid_grant"


def test_a_code_is_worthless_after_the_account_was_suspended(rp, member, world):
    asked = rp.ask()
    code = rp.code_for(member, asked)
    with world.database.transaction() as session:
        session.execute(text("UPDATE member SET status = 'left'"))

    assert rp.redeem(code, asked).json["error"] == "invalid_grant"


def test_codes_are_kept_as_fingerprints(rp, member, world):
    code = rp.code_for(member, rp.ask())

    with world.database.reading() as session:
        row = session.execute(text("SELECT * FROM authorization_code")).one()
    assert code not in " ".join(str(value) for value in row)


def test_the_purge_drops_what_is_over_and_may_be_repeated(rp, member, world):
    rp.tokens(member)
    with world.database.transaction() as session:
        wiring.purge(session, now=world.clock.now())
    assert counts(world) == (1, 1)

    world.clock.advance(timedelta(hours=1))
    with world.database.transaction() as session:
        wiring.purge(session, now=world.clock.now())
    # The grant stays while its session may end, so that the service can be told of that end.
    assert counts(world) == (0, 1)

    world.clock.advance(timedelta(days=3))
    for _ in range(2):
        with world.database.transaction() as session:
            wiring.purge(session, now=world.clock.now())

    assert counts(world) == (0, 0)


def counts(world):
    with world.database.reading() as session:
        codes = session.execute(text("SELECT count(*) FROM authorization_code")).scalar_one()
        return codes, session.execute(text("SELECT count(*) FROM token_grant")).scalar_one()
