"""The account API (scope `account:devices`): a member's own devices, for the mutual's own spaces only."""

from datetime import timedelta

import pytest

from idp.authenticators import trusted_device
from idp.core import throttles
from idp.oidc.client_files import BadClient
from idp.sessions.service import SessionRow
from idp.subjects import consents
from idp.subjects.accounts import Account
from tests.protocol.party import ISSUER, ClientKey
from tests.support.rows import events

API = "/api/v1/account/devices"
SCOPE = "openid account:devices"


@pytest.fixture
def world(world):
    """The services whose files list the scope."""
    scope = "openid profile email member member_data account:devices"
    world.change_client("reader", scope=scope)
    world.change_client("bound", scope=scope)
    return world


def trust(world, name, number="1234567"):
    """A device that the member trusts; its id."""
    with world.database.transaction() as session:
        account = session.get_one(Account, world.accounts[number])
        now = world.clock.now()
        return trusted_device.trust(
            session, vault=world.parts.vault, account=account, name=name, now=now
        ).device_id


def opened_on(world, device_id):
    """The member's session was opened on that device."""
    world.happens("UPDATE session SET device_id = :id", id=device_id)


def call(world, token, *, method="GET", device=None, scheme="Bearer", **headers):
    path = API if device is None else f"{API}/{device}"
    headers = {"Authorization": f"{scheme} {token}", **headers} if token is not None else headers
    return world.app.test_client().open(path, method=method, headers=headers, base_url=ISSUER)


def token_of(party, browser, scope=SCOPE):
    return party.tokens(browser, scope=scope)["access_token"]


def test_the_members_devices_are_listed_and_the_current_one_is_named(world, rp, member):
    first = trust(world, "Firefox sur Linux")
    world.clock.advance(minutes=20)
    second = trust(world, "Chrome sur Android")
    opened_on(world, first)

    answer = call(world, token_of(rp, member))

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert [(each["id"], each["name"], each["current"]) for each in answer.json] == [
        (second, "Chrome sur Android", False),
        (first, "Firefox sur Linux", True),
    ]
    assert answer.json[1]["created_at"] == "2026-03-12T12:00:00+00:00"
    assert answer.json[1]["expires_at"] == "2026-06-10T12:00:00+00:00"
    assert set(answer.json[0]) == {"id", "name", "created_at", "last_used_at", "expires_at", "current"}


def test_a_revoked_device_is_gone_with_the_other_sessions_that_it_opened(world, rp, member):
    device = trust(world, "Firefox sur Linux")
    token = token_of(rp, member)
    world.signed_in()
    opened_on(world, device)

    answer = call(world, token, method="DELETE", device=device)

    assert (answer.status_code, answer.data) == (204, b"")
    assert call(world, token).json == [], "the token's own session goes on"
    with world.database.reading() as session:
        ended = [
            row.ended_at is not None for row in session.query(SessionRow).order_by(SessionRow.created_at)
        ]
    assert sorted(ended) == [False, True]
    assert [each["client_id"] for each in events(world.database, "device.revoked")] == ["reader"]
    assert call(world, token, method="DELETE", device=device).status_code == 404


def test_the_device_of_another_member_does_not_exist(world, rp, member):
    world.add_member("7654321")
    theirs = trust(world, "Firefox sur Linux", "7654321")
    token = token_of(rp, member)

    for device in (theirs, "x", "..%2f..%2fcompte", "é"):
        answer = call(world, token, method="DELETE", device=device)
        assert answer.status_code == 404, device

    assert call(world, token).json == []
    with world.database.reading() as session:
        assert session.get(trusted_device.TrustedDeviceRow, theirs).revoked_at is None


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_without_a_good_token_there_is_a_challenge(world, rp, member, method):
    device = "x" if method == "DELETE" else None
    none = call(world, None, method=method, device=device)
    bad = call(world, "nonsense", method=method, device=device)
    narrow = call(world, token_of(rp, member, "openid profile"), method=method, device=device)
    in_address = world.app.test_client().get(f"{API}?access_token={token_of(rp, member)}", base_url=ISSUER)

    assert none.status_code == 401
    assert none.headers["WWW-Authenticate"] == 'Bearer realm="parvis"'
    assert (bad.status_code, bad.json["error"]) == (401, "invalid_token")
    assert (narrow.status_code, narrow.json["error"]) == (403, "insufficient_scope")
    assert 'scope="account:devices"' in narrow.headers["WWW-Authenticate"]
    assert in_address.status_code == 401


def test_a_token_dies_with_its_session_and_with_its_clients_scope(world, rp, member):
    token = token_of(rp, member)
    assert call(world, token).status_code == 200

    world.change_client("reader", scope="openid profile email")
    assert call(world, token).status_code == 403
    world.happens("UPDATE session SET ended_at = :now", now=world.clock.now())
    assert call(world, token).status_code == 401


def test_a_bound_token_needs_its_key(world, member):
    party = world.party("bound")
    party.key = ClientKey()
    asked = party.ask(scope=SCOPE)
    code = party.code_for(member, asked)
    token = party.redeem(code, asked, headers=party.proof("/oauth2/token")).json["access_token"]
    proof = party.key.proof(ISSUER + API, world.clock.now(), method="GET", token=token)

    assert call(world, token, scheme="DPoP", DPoP=proof).status_code == 200
    assert call(world, token).status_code == 401
    stranger = ClientKey().proof(ISSUER + API, world.clock.now(), method="GET", token=token)
    assert call(world, token, scheme="DPoP", DPoP=stranger).status_code == 401


def test_no_third_party_and_no_service_ever_gets_the_scope(world):
    world.change_client("robot", scope="claims:read account:devices")
    form = {"grant_type": "client_credentials", "scope": "account:devices"}
    assert world.party("robot").token(form).json["error"] == "invalid_scope"

    with pytest.raises(BadClient, match="account:devices"):
        world.change_client("partner", scope="openid account:devices")


def test_discovery_and_the_description_name_it(world):
    http = world.app.test_client()

    assert "account:devices" in http.get("/.well-known/openid-configuration").json["scopes_supported"]
    described = http.get("/openapi.json").json["paths"]
    assert set(described[API]) == {"get"}
    assert "delete" in described[f"{API}/{{device_id}}"]


def test_each_account_has_a_number_of_calls_a_minute(world, rp, member):
    token = token_of(rp, member)
    key = f"account-api:{world.accounts['1234567']}"
    limit = world.settings.limits.pages_per_minute
    with world.database.transaction() as session:
        now = world.clock.now()
        throttles.spend(session, key, limit=limit, window=timedelta(minutes=1), now=now)
    world.happens("UPDATE budget SET used = :limit WHERE key = :key", limit=limit, key=key)

    answer = call(world, token)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert answer.json["error_description"] == "P-4029"


def test_the_members_own_page_lists_each_service_and_takes_its_access_back(world, rp, member):
    token = token_of(rp, member)
    with world.database.transaction() as session:
        consents.give(
            session, world.accounts["1234567"], "partner", scopes=frozenset({"openid", "email"}),
            claims=frozenset({"birthdate"}), now=world.clock.now(),
        )  # fmt: skip
    page = member.get("/compte/services")
    assert "Service reader" in page.text
    assert "Vos appareils de confiance" in page.text
    assert "Service partner" in page.text
    assert "Votre date de naissance" in page.text

    for client_id in ("reader", "partner", "nobody"):
        member.submit(page, "/compte/services/retirer", service=client_id)

    assert "Aucun service" in member.get("/compte/services").text
    assert call(world, token).status_code == 401
    with world.database.reading() as session:
        assert consents.find(session, world.accounts["1234567"], "partner") is None
    assert {each["client_id"] for each in events(world.database, "consent.taken_back")} == {
        "reader",
        "partner",
    }
    history = member.get("/compte/historique").text
    assert "Service partner" in history
