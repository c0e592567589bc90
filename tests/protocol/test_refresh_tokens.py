"""RFC 6749 section 6 and RFC 9700 section 4.14.2: refresh tokens, their rotation, their ends, and reuse."""

import logging
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.protocol.party import ISSUER, verified
from tests.support.rows import events

GRACE = timedelta(seconds=10)
OFFLINE = "openid offline_access"


def is_refused(response, error="invalid_grant"):
    assert response.status_code == 400, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["error"] == error
    description = response.json.get("error_description", "")
    assert description.isascii()
    assert not set('"\\') & set(description)


def refreshed(party, refresh_token, **more):
    """What a refresh gives, with its access token seen to work."""
    response = party.refresh(refresh_token, **more)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert party.userinfo(response.json["access_token"]).status_code == 200
    return response.json


def opens_nothing(party, *given):
    for tokens in given:
        assert party.userinfo(tokens["access_token"]).status_code == 401


# Rotation


@pytest.mark.parametrize("client", ["spa", "rotating"])
def test_each_use_gives_the_next_token_to_a_public_client_and_to_one_that_rotates(world, member, client):
    party = world.party(client)
    first = party.tokens(member)["refresh_token"]

    second = refreshed(party, first)["refresh_token"]
    third = refreshed(party, second)["refresh_token"]

    assert len({first, second, third}) == 3


def test_a_confidential_client_keeps_its_token(world, member):
    party = world.party("refreshing")
    given = party.tokens(member)

    answers = [refreshed(party, given["refresh_token"]) for _ in range(3)]
    world.clock.advance(hours=11)
    answers.append(refreshed(party, given["refresh_token"]))

    assert {answer["refresh_token"] for answer in answers} == {given["refresh_token"]}
    assert len({answer["access_token"] for answer in [given, *answers]}) == 5


@pytest.mark.parametrize("client", ["spa", "rotating"])
@pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=5), GRACE])
def test_an_answer_that_got_lost_is_given_again_within_ten_seconds(world, member, client, later):
    party = world.party(client)
    first = party.tokens(member)["refresh_token"]
    lost = refreshed(party, first)["refresh_token"]

    world.clock.advance(later)
    again = refreshed(party, first)["refresh_token"]

    assert again == lost
    assert refreshed(party, again)["refresh_token"] not in {first, again}


def test_asking_again_does_not_make_the_grace_longer(world, member):
    party = world.party("spa")
    first = party.tokens(member)["refresh_token"]
    refreshed(party, first)

    world.clock.advance(seconds=8)
    refreshed(party, first)
    world.clock.advance(seconds=3)

    is_refused(party.refresh(first))


@pytest.mark.parametrize("client", ["spa", "rotating"])
def test_a_replaced_token_that_comes_later_ends_its_family_and_all_that_it_gave(world, member, client):
    party = world.party(client)
    given = party.tokens(member)
    successor = refreshed(party, given["refresh_token"])

    world.clock.advance(GRACE + timedelta(microseconds=1))
    is_refused(party.refresh(given["refresh_token"]))

    is_refused(party.refresh(successor["refresh_token"]))
    opens_nothing(party, given, successor)
    assert [event["client_id"] for event in events(world.database, "refresh.reused")] == [client]


def test_a_token_whose_successor_was_used_already_ends_its_family_at_once(world, member):
    # Within the grace too: whoever uses the successor has had the answer.
    party = world.party("spa")
    first = party.tokens(member)
    second = refreshed(party, first["refresh_token"])
    third = refreshed(party, second["refresh_token"])

    is_refused(party.refresh(first["refresh_token"]))

    is_refused(party.refresh(second["refresh_token"]))
    is_refused(party.refresh(third["refresh_token"]))
    opens_nothing(party, first, second, third)


def test_the_end_of_one_family_leaves_the_members_other_ones(world, member):
    party = world.party("spa")
    stolen, other = party.tokens(member), party.tokens(member)
    refreshed(party, stolen["refresh_token"])

    world.clock.advance(seconds=11)
    is_refused(party.refresh(stolen["refresh_token"]))

    refreshed(party, other["refresh_token"])


def test_a_replayed_code_ends_the_family_that_it_began(world, member):
    party = world.party("spa")
    asked = party.ask()
    code = party.code_for(member, asked)
    successor = refreshed(party, party.redeem(code, asked).json["refresh_token"])

    is_refused(party.redeem(code, asked))

    is_refused(party.refresh(successor["refresh_token"]))
    opens_nothing(party, successor)


def test_a_client_that_begins_to_rotate_takes_its_kept_tokens_along(world, member):
    party = world.party("refreshing")
    kept = party.tokens(member)["refresh_token"]
    refreshed(party, kept)

    world.change_client("refreshing", refresh_token_rotation=True)

    second = refreshed(party, kept)["refresh_token"]
    third = refreshed(party, second)["refresh_token"]
    assert len({kept, second, third}) == 3


# Whose token it is


@pytest.mark.parametrize(
    ("owner", "other"), [("spa", "rotating"), ("refreshing", "spa"), ("spa", "refreshing")]
)
def test_another_clients_token_gives_nothing_and_stays_good_for_its_owner(world, member, owner, other):
    token = world.party(owner).tokens(member)["refresh_token"]

    is_refused(world.party(other).refresh(token))

    refreshed(world.party(owner), token)
    assert events(world.database, "refresh.reused") == []


def test_a_replaced_token_shown_by_another_client_ends_nothing(world, member):
    party = world.party("spa")
    first = party.tokens(member)["refresh_token"]
    second = refreshed(party, first)["refresh_token"]
    world.clock.advance(minutes=1)

    is_refused(world.party("rotating").refresh(first))

    refreshed(party, second)


@pytest.mark.parametrize("client", ["reader", "public", "robot"])
def test_a_client_that_is_not_registered_for_it_gets_no_refresh_token_and_may_use_none(world, member, client):
    party = world.party(client)
    token = world.party("refreshing").tokens(member)["refresh_token"]

    if client != "robot":
        given = party.tokens(member, scope="openid offline_access")
        assert "refresh_token" not in given
        assert given["scope"] == "openid", "offline_access is left out, and the client is told"

    is_refused(party.refresh(token), "unauthorized_client")


@pytest.mark.parametrize("scope", ["openid", "openid offline_access", "profile"])
def test_a_client_that_is_registered_for_it_always_gets_one(world, member, scope):
    given = world.party("refreshing").tokens(member, scope=scope)

    assert given["refresh_token"]
    assert given["scope"] == scope


def test_a_disabled_client_is_refused_and_may_go_on_once_it_is_enabled(world, member):
    party = world.party("spa")
    token = party.tokens(member)["refresh_token"]

    world.enable_client("spa", enabled=False)
    assert party.refresh(token).status_code == 401
    world.enable_client("spa", enabled=True)

    refreshed(party, token)


# Scope


def test_fewer_scopes_may_be_asked_for_and_all_of_them_again_later(world, member):
    party = world.party("rotating")
    first = party.tokens(member, scope="openid profile email")["refresh_token"]

    narrowed = refreshed(party, first, scope="openid email")
    again = refreshed(party, narrowed["refresh_token"])

    assert narrowed["scope"] == "openid email"
    assert verified(narrowed["access_token"], world, audience=ISSUER)["scope"] == "openid email"
    assert set(party.userinfo(narrowed["access_token"]).json) == {"sub", "email", "email_verified"}
    assert again["scope"] == "openid profile email"


def test_without_openid_no_id_token_is_given(world, member):
    party = world.party("refreshing")
    token = party.tokens(member, scope="openid profile")["refresh_token"]

    response = party.refresh(token, scope="profile")

    assert response.status_code == 200
    assert "id_token" not in response.json
    assert party.userinfo(response.json["access_token"]).status_code == 403


@pytest.mark.parametrize("client", ["spa", "rotating", "refreshing"])
@pytest.mark.parametrize("scope", ["openid profile", "member_data", "openid admin:read", "openid  ", "*"])
def test_more_scopes_than_were_granted_are_refused_and_the_token_stays_good(world, member, client, scope):
    party = world.party(client)
    token = party.tokens(member, scope="openid email")["refresh_token"]

    is_refused(party.refresh(token, scope=scope), "invalid_scope")

    refreshed(party, token)


def test_a_refused_request_leaves_the_family_as_it_was(world, member):
    # The answer to the first token got lost; the second was never used, whatever was asked with it in vain.
    party = world.party("spa")
    first = party.tokens(member)["refresh_token"]
    second = refreshed(party, first)["refresh_token"]

    is_refused(party.refresh(second, scope="openid profile"), "invalid_scope")

    assert refreshed(party, first)["refresh_token"] == second
    world.clock.advance(seconds=11)
    assert refreshed(party, second)["refresh_token"] not in {first, second}


def test_a_refused_request_is_no_use_that_puts_the_end_off(world, member):
    party = world.party("hourly")
    token = party.tokens(member, scope=OFFLINE)["refresh_token"]
    world.clock.advance(minutes=59)

    is_refused(party.refresh(token, scope="openid profile"), "invalid_scope")
    world.clock.advance(minutes=1)

    is_refused(party.refresh(token))


def test_scopes_that_the_client_lost_since_are_given_no_more(world, member):
    party = world.party("refreshing")
    given = party.tokens(member, scope="openid email member_data")
    world.change_client("refreshing", scope="openid email")

    answer = refreshed(party, given["refresh_token"])

    assert answer["scope"] == "openid email"
    document = verified(answer["access_token"], world, audience=ISSUER)
    assert document["scope"] == "openid email"
    assert document["aud"] == ISSUER
    assert "member_number" not in document
    is_refused(party.refresh(given["refresh_token"], scope="member_data"), "invalid_scope")


def test_a_member_whom_the_client_admits_no_more_gets_nothing_from_its_old_tokens(world, member):
    party = world.party("refreshing")
    token = party.tokens(member, scope=OFFLINE)["refresh_token"]
    world.change_client("refreshing", populations=["elu"])

    is_refused(party.refresh(token))


# Its ends


@pytest.mark.parametrize(
    ("client", "idle"),
    [("spa", timedelta(days=14)), ("refreshing", timedelta(days=14)), ("hourly", timedelta(hours=1))],
)
def test_a_token_that_is_not_used_ends(world, member, client, idle):
    party = world.party(client)
    first, second = (party.tokens(member, scope=OFFLINE)["refresh_token"] for _ in range(2))

    world.clock.advance(idle - timedelta(seconds=1))
    refreshed(party, first)
    world.clock.advance(seconds=1)

    is_refused(party.refresh(second))


@pytest.mark.parametrize(
    ("client", "step", "whole"),
    [
        ("spa", timedelta(days=13), timedelta(days=90)),
        ("refreshing", timedelta(days=13), timedelta(days=90)),
        ("hourly", timedelta(minutes=50), timedelta(hours=3)),
    ],
)
def test_use_puts_the_idle_end_off_and_never_the_absolute_one(world, member, client, step, whole):
    party = world.party(client)
    began = world.clock.now()
    token = party.tokens(member, scope=OFFLINE)["refresh_token"]

    while world.clock.now() + step < began + whole:
        world.clock.advance(step)
        token = refreshed(party, token)["refresh_token"]
    world.clock.advance(began + whole - world.clock.now() - timedelta(seconds=1))
    token = refreshed(party, token)["refresh_token"]
    world.clock.advance(seconds=1)

    is_refused(party.refresh(token))


def test_an_absolute_end_before_the_idle_one_is_the_end(world, member):
    party = world.party("fleeting")
    token = party.tokens(member)["refresh_token"]

    world.clock.advance(minutes=29)
    refreshed(party, token)
    world.clock.advance(minutes=1)

    is_refused(party.refresh(token))


def test_a_token_that_is_over_is_no_reuse_however_old_it_is(world, member):
    party = world.party("hourly")
    first = party.tokens(member, scope=OFFLINE)["refresh_token"]
    refreshed(party, first)

    world.clock.advance(hours=4)
    is_refused(party.refresh(first))

    assert events(world.database, "refresh.reused") == []


# What it stands on

GONE_WITH_THE_SESSION = [
    "UPDATE session SET ended_at = created_at",
    "UPDATE session SET expires_at = created_at",
    "DELETE FROM session",
]
GONE_WITH_THE_ACCOUNT = [
    "UPDATE account SET epoch = epoch + 1",
    "UPDATE account SET ended_at = created_at",
    "UPDATE member SET status = 'suspended'",
    "UPDATE member SET status = 'left'",
    "UPDATE token_grant SET revoked_at = created_at",
    "DELETE FROM token_grant",
]


@pytest.mark.parametrize("client", ["spa", "refreshing"])
@pytest.mark.parametrize("statement", GONE_WITH_THE_SESSION + GONE_WITH_THE_ACCOUNT)
def test_a_token_gives_nothing_once_what_it_stands_on_has_ended(world, member, client, statement):
    party = world.party(client)
    given = party.tokens(member)

    world.happens(statement)

    is_refused(party.refresh(given["refresh_token"]))
    opens_nothing(party, given)


@pytest.mark.parametrize("statement", GONE_WITH_THE_ACCOUNT)
def test_offline_access_ends_with_the_account(world, member, statement):
    party = world.party("spa")
    given = party.tokens(member, scope=OFFLINE)

    world.happens(statement)

    is_refused(party.refresh(given["refresh_token"]))
    opens_nothing(party, given)


@pytest.mark.parametrize("statement", GONE_WITH_THE_SESSION)
def test_offline_access_outlives_its_session(world, member, statement):
    party = world.party("spa")
    given = party.tokens(member, scope=OFFLINE)

    world.happens(statement)

    assert party.userinfo(given["access_token"]).status_code == 200
    assert "sid" not in verified(given["access_token"], world, audience=ISSUER)
    answer = refreshed(party, given["refresh_token"])
    assert "sid" not in verified(answer["access_token"], world, audience=ISSUER)


def test_the_members_sign_out_ends_what_was_bound_to_the_session_and_leaves_offline_access(world, member):
    party = world.party("spa")
    bound, offline = party.tokens(member), party.tokens(member, scope=OFFLINE)

    member.submit(member.get("/deconnexion"), "/deconnexion")

    is_refused(party.refresh(bound["refresh_token"]))
    refreshed(party, offline["refresh_token"])


def test_a_suspended_member_who_comes_back_may_go_on(world, member):
    # The register says so from one import to the next: a suspension is no reason to sign in again.
    party = world.party("spa")
    token = party.tokens(member, scope=OFFLINE)["refresh_token"]

    world.happens("UPDATE member SET status = 'suspended'")
    is_refused(party.refresh(token))
    world.happens("UPDATE member SET status = 'active'")

    refreshed(party, token)


# The ID token


@pytest.mark.parametrize("client", ["spa", "refreshing"])
def test_a_refreshed_id_token_speaks_of_the_same_sign_in(world, member, client):
    party = world.party(client)
    given = party.tokens(member)
    before = verified(given["id_token"], world, audience=client)

    world.clock.advance(hours=2)
    answer = refreshed(party, given["refresh_token"])

    after = verified(answer["id_token"], world, audience=client)
    # OIDC Core 12.2.
    same = ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["iat"] == before["iat"] + 7200
    assert after["exp"] - after["iat"] == before["exp"] - before["iat"]
    assert "nonce" in before
    assert "nonce" not in after


def test_a_step_up_since_then_changes_nothing_in_the_tokens_of_the_earlier_sign_in(world, member):
    party = world.party("refreshing")
    given = party.tokens(member)
    before = verified(given["access_token"], world, audience=ISSUER)
    world.clock.advance(minutes=5)
    world.happens("UPDATE session SET auth_time = :now, methods = 'device pwd'", now=world.clock.now())

    answer = refreshed(party, given["refresh_token"])

    after = verified(answer["access_token"], world, audience=ISSUER)
    for name in ("auth_time", "acr", "amr", "sid", "sub", "client_id", "scope", "aud", "grant"):
        assert before[name] == after[name]
    assert before["jti"] != after["jti"]


# The token itself


def test_it_is_opaque_and_of_visible_ascii(world, member):
    party = world.party("spa")
    first = party.tokens(member)["refresh_token"]
    second = refreshed(party, first)["refresh_token"]

    for token in (first, second):
        # RFC 6749 appendix A.17: %x20-7E; and no space, so that no form changes it.
        assert all("!" <= character <= "~" for character in token)
        assert 43 <= len(token) <= 255
        assert world.accounts["1234567"] not in token


def test_only_its_fingerprint_is_kept(world, member, tmp_path):
    party = world.party("spa")
    first = party.tokens(member)["refresh_token"]
    second = refreshed(party, first)["refresh_token"]
    with world.database.reading() as session:
        kept = session.execute(text("SELECT refresh_hash FROM token_grant")).scalar_one()

    stored = b"".join(path.read_bytes() for path in sorted((tmp_path / "store").glob("parvis.db*")))

    assert kept.encode() in stored, "what is searched for in vain below would be found here"
    for token in (first, second):
        assert token.encode() not in stored
        assert token.rpartition(".")[2].encode() not in stored


def test_it_reaches_no_log(world, member, caplog):
    caplog.set_level(logging.DEBUG)
    party = world.party("spa")

    first = party.tokens(member)["refresh_token"]
    second = refreshed(party, first)["refresh_token"]
    world.clock.advance(minutes=1)
    is_refused(party.refresh(first))

    for token in (first, second):
        assert token not in caplog.text
        assert token.rpartition(".")[2] not in caplog.text


def malformed(token):
    grant, generation, seal = token.split(".")
    yield "x"
    yield "." * 2
    yield token[:-1]
    yield token + "0"
    yield token + "\n"
    yield " " + token
    yield token.upper()
    yield f"{grant}.{generation}.{seal[:-1]}{'0' if seal[-1] != '0' else '1'}"
    yield f"{grant}.1.{seal}"
    yield f"{grant}.00.{seal}"
    yield f"{grant}.-1.{seal}"
    yield f"{grant}.٠.{seal}"
    yield f"{grant}.{'9' * 5000}.{seal}"
    yield f"{'A' * 22}.{generation}.{seal}"
    yield f"{grant}.{generation}.{'0' * 64}"
    yield f"{grant}.{generation}.é{seal[1:]}"
    yield f"{grant}\x00.{generation}.{seal}"
    yield f"{grant}.{generation}.{seal}\ud800".encode("utf-8", "surrogatepass")
    yield "a.b.c.d.e"
    yield "' OR 1=1 --"
    yield "x" * 50_000


def test_a_malformed_token_is_refused_and_harms_no_family(world, member):
    party = world.party("refreshing")
    given = party.tokens(member)

    for token in malformed(given["refresh_token"]):
        is_refused(party.refresh(token))
    is_refused(party.refresh(given["access_token"]))
    is_refused(party.refresh(given["id_token"]))

    refreshed(party, given["refresh_token"])


@pytest.mark.parametrize("more", [{}, {"refresh_token": ""}, {"refresh_token": ["a", "b"]}])
def test_without_exactly_one_token_the_request_is_invalid(world, more):
    is_refused(world.party("refreshing").token({"grant_type": "refresh_token", **more}), "invalid_request")
