"""OpenID Connect Back-Channel Logout 1.0: each service that holds tokens of an ended session is told, once."""

from datetime import timedelta
from urllib.parse import urlencode

import jwt
import pytest
from sqlalchemy import select

from idp import housekeeping
from idp.core.outbox import Channel, OutboxMessage
from idp.oidc import grants, key_care, wiring
from idp.oidc.backchannel import logout_courier
from idp.oidc.keys import Algorithm
from idp.oidc.provider import Provider
from idp.sessions import service as sessions
from idp.sessions.service import SessionRow
from idp.subjects.accounts import Account
from tests.protocol.party import ISSUER, back_at, verified
from tests.support.http import ScriptedHttp

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Services(ScriptedHttp):
    """The relying parties' own server, a path for each, and the courier that calls them."""

    def __init__(self, world):
        super().__init__()
        for client_id in ("reader", "silent-alg", "pairwise", "poster"):
            path = world.settings.clients_dir / f"{client_id}.toml"
            address = f'\nbackchannel_logout_uri = "{self.url}/{client_id}?from=idp"\n'
            path.write_text(path.read_text(encoding="utf-8") + address, encoding="utf-8")
        world.apply_clients()
        courier = logout_courier(world.parts.provider, database=world.database, clock=world.clock)
        self.deliver = courier.deliver_once

    def told(self):
        """Who was told what: the logout tokens, by relying party."""
        return [
            (call.path.removeprefix("/").removesuffix("?from=idp"), call.form["logout_token"][0])
            for call in self.received
        ]


@pytest.fixture
def services(world):
    with Services(world) as running:
        yield running


def sign_out(browser):
    return browser.submit(browser.get("/deconnexion"))


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def queued(world):
    with world.database.reading() as session:
        wanted = select(OutboxMessage).where(OutboxMessage.channel == Channel.LOGOUT.value)
        return list(session.execute(wanted).scalars())


def test_discovery_says_so(world):
    document = world.browser().get("/.well-known/openid-configuration").json

    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True
    assert document["end_session_endpoint"] == f"{ISSUER}/oauth2/end_session"


def test_a_logout_token_is_posted_as_the_only_field_of_a_form(rp, member, services):
    rp.tokens(member)
    sign_out(member)

    services.deliver()

    (call,) = services.received
    assert call.method == "POST"
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert list(call.form) == ["logout_token"]
    assert len(call.form["logout_token"]) == 1


@pytest.mark.parametrize(("client_id", "algorithm"), [("reader", "ES256"), ("silent-alg", "RS256")])
def test_a_logout_token_is_verified_like_an_id_token_and_names_the_same_session(
    member, world, services, client_id, algorithm
):
    id_token = verified(world.party(client_id).tokens(member)["id_token"], world, audience=client_id)
    sign_out(member)

    services.deliver()

    ((_, token),) = services.told()
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("logout+jwt", algorithm)
    claims = verified(token, world, audience=client_id)
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert (claims["sub"], claims["sid"]) == (id_token["sub"], id_token["sid"])
    assert claims["events"] == {EVENT: {}}
    assert claims["aud"] == client_id
    assert claims["iat"] == int(world.clock.now().timestamp())
    assert claims["exp"] - claims["iat"] == 120


def test_a_client_with_pairwise_subjects_is_told_of_its_own(member, world, services):
    subject = claims_of(world.party("pairwise").tokens(member)["id_token"])["sub"]
    sign_out(member)

    services.deliver()

    assert subject != world.accounts["1234567"]
    assert [claims_of(token)["sub"] for _, token in services.told()] == [subject]


def test_every_service_that_holds_tokens_of_the_session_is_told_once_and_no_other(member, world, services):
    for client_id in ("reader", "reader", "poster", "public"):
        world.party(client_id).tokens(member)
    elsewhere = world.signed_in("1234567")
    world.party("pairwise").tokens(elsewhere)
    sign_out(member)

    for _ in range(2):
        services.deliver()
        world.clock.advance(timedelta(hours=1))

    assert sorted(name for name, _ in services.told()) == ["poster", "reader"]
    ids = {claims_of(token)["jti"] for _, token in services.told()}
    assert len(ids) == 2


def test_an_order_of_a_client_tells_it_and_the_others(rp, member, world, services):
    world.party("poster").tokens(member)
    hint = rp.tokens(member)["id_token"]

    member.get("/oauth2/end_session?" + urlencode({"id_token_hint": hint}))
    services.deliver()

    assert sorted(name for name, _ in services.told()) == ["poster", "reader"]
    assert back_at(member.get(rp.ask(prompt="none").url))["error"] == "login_required"


def test_the_member_waits_for_nobody(rp, member, services):
    rp.tokens(member)

    sign_out(member)

    assert services.received == [], "nothing is sent before the worker's turn"


def test_a_hint_without_the_browser_s_own_session_tells_nobody(rp, member, world, services):
    hint = rp.tokens(member)["id_token"]

    world.browser().get("/oauth2/end_session?" + urlencode({"id_token_hint": hint}))
    services.deliver()

    assert services.received == []


def test_a_revoked_grant_is_told_all_the_same(rp, member, world, services):
    rp.tokens(member)
    with world.database.transaction() as session:
        (grant_id,) = session.execute(select(grants.Grant.id)).scalars()
        grants.revoke(session, grant_id, now=world.clock.now())
    sign_out(member)

    services.deliver()

    assert len(services.received) == 1


def test_another_person_who_signs_in_here_ends_the_first_one_s_session_everywhere(
    rp, member, world, services
):
    first = claims_of(rp.tokens(member)["id_token"])
    world.add_member("7654321")
    asked = rp.ask(prompt="login")
    member.sign_in(member.get(asked.url), "7654321")

    services.deliver()

    assert [claims_of(token)["sid"] for _, token in services.told()] == [first["sid"]]


def test_a_device_that_is_trusted_no_more_ends_its_sessions_everywhere(rp, world, services):
    browser = world.signed_in("1234567")
    rp.tokens(browser)
    with world.database.transaction() as session:
        row = session.execute(select(SessionRow)).scalar_one()
        row.device_id = "the-device"
    with world.database.transaction() as session:
        sessions.end_for_device(session, "the-device", now=world.clock.now())

    services.deliver()

    assert len(services.received) == 1


def test_a_member_who_left_is_signed_out_everywhere_by_the_import(rp, member, world, services):
    rp.tokens(member)
    with world.database.transaction() as session:
        account = session.get_one(Account, world.accounts["1234567"])
        housekeeping.end_for_members(session, [account.member_id], now=world.clock.now())

    services.deliver()

    assert len(services.received) == 1
    assert back_at(member.get(rp.ask(prompt="none").url))["error"] == "login_required"


def test_a_service_is_told_as_long_as_the_session_lives_and_a_day_more(rp, member, world, services):
    rp.tokens(member)
    with world.database.reading() as session:
        row = session.execute(select(SessionRow)).scalar_one()
    world.clock.advance(row.expires_at + timedelta(hours=23) - world.clock.now())
    with world.database.transaction() as session:
        wiring.purge(session, now=world.clock.now())
    with world.database.transaction() as session:
        sessions.end(session, row.id, now=world.clock.now())

    services.deliver()

    assert len(services.received) == 1


def test_grants_are_forgotten_in_the_end(rp, member, world):
    rp.tokens(member)
    world.clock.advance(timedelta(days=3))

    with world.database.transaction() as session:
        wiring.purge(session, now=world.clock.now())
        assert (
            grants.clients_by_session(session, session.execute(select(SessionRow.id)).scalars().all()) == {}
        )


def test_a_token_is_signed_when_it_leaves_so_that_a_late_one_is_as_good(rp, member, world, services):
    rp.tokens(member)
    sign_out(member)
    services.script(503)
    services.deliver()
    key_care.rotate(
        world.database, [Algorithm.ES256], vault=world.parts.vault, emergency=False, now=world.clock.now()
    )
    world.clock.advance(timedelta(minutes=30))

    services.deliver()

    (_, early), (_, late) = services.told()
    assert claims_of(late)["jti"] != claims_of(early)["jti"]
    assert jwt.get_unverified_header(late)["kid"] != jwt.get_unverified_header(early)["kid"]
    assert verified(late, world, audience="reader")["iat"] == int(world.clock.now().timestamp())


def test_a_logout_token_passes_for_no_other_token(rp, member, world, services):
    rp.tokens(member)
    sign_out(member)
    services.deliver()
    ((_, token),) = services.told()
    other = world.signed_in("1234567")

    answer = other.get("/oauth2/end_session?" + urlencode({"id_token_hint": token}))

    assert answer.location == "/deconnexion", "it is no hint"
    assert rp.userinfo(token).status_code == 401
    assert back_at(other.get(rp.ask(id_token_hint=token, prompt="none").url)).get("code") is None


@pytest.mark.parametrize("status", [200, 204])
def test_200_and_204_are_done(rp, member, world, services, status):
    rp.tokens(member)
    sign_out(member)
    services.script(status)

    services.deliver()
    world.clock.advance(timedelta(hours=1))
    services.deliver()

    assert len(services.received) == 1
    assert [row.state for row in queued(world)] == ["sent"]


def test_400_is_final(rp, member, world, services):
    rp.tokens(member)
    sign_out(member)
    services.script(400)

    services.deliver()
    world.clock.advance(timedelta(hours=1))
    services.deliver()

    assert len(services.received) == 1
    assert [(row.state, row.last_error) for row in queued(world)] == [("refused", "status-400")]


@pytest.mark.parametrize("status", [201, 302, 404, 429, 500, 503])
def test_anything_else_is_tried_again(rp, member, world, services, status):
    rp.tokens(member)
    sign_out(member)
    services.script(status)

    services.deliver()
    assert [(row.state, row.last_error) for row in queued(world)] == [("queued", f"status-{status}")]
    world.clock.advance(timedelta(minutes=1))
    services.deliver()

    assert len(services.received) == 2
    assert [row.state for row in queued(world)] == ["sent"]


def test_in_production_no_private_address_is_called(rp, member, world, services):
    rp.tokens(member)
    path = world.settings.clients_dir / "reader.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(services.url, services.url.replace("http", "https"))
    )
    world.apply_clients()
    sign_out(member)
    public = world.settings.model_copy(update={"issuer": "https://id.example.org"})
    careful = Provider(
        settings=public, vault=world.parts.vault, database=world.database, spaces=world.parts.spaces
    )
    # A client file may name it all the same: a name's addresses are not known before it is called.
    careful.clients = world.parts.provider.clients

    logout_courier(careful, database=world.database, clock=world.clock).deliver_once()

    assert services.received == []
    assert queued(world)[0].last_error == "address"


@pytest.mark.parametrize("change", ["gone", "no address"])
def test_a_client_that_is_gone_is_not_called(rp, member, world, services, change):
    rp.tokens(member)
    sign_out(member)
    services.script(500)
    services.deliver()
    path = world.settings.clients_dir / "reader.toml"
    if change == "gone":
        path.unlink()
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith("backchannel")]
        path.write_text("\n".join(kept), encoding="utf-8")
    world.apply_clients()
    world.clock.advance(timedelta(hours=1))

    services.deliver()

    assert len(services.received) == 1
    assert (queued(world)[0].state, queued(world)[0].last_error) == ("refused", "client-gone")
