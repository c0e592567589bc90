"""A new password after a recovery ends what the former one gave to services: sessions and refresh tokens."""

import json

from idp.core.outbox import PURPOSE, OutboxMessage
from tests.support.browser import Browser

NEW = "Sentier!Boussole84"


def mailed_link(world) -> str:
    with world.database.reading() as session:
        row = session.query(OutboxMessage).filter_by(kind="password-asked").one()
        sealed = world.parts.vault.unseal(PURPOSE, row.sealed, bound_to=row.cause)
    return json.loads(sealed)["context"]["link"].removeprefix(world.issuer)


def test_after_a_recovery_no_refresh_token_and_no_access_token_of_before_is_good(world, member):
    party = world.party("rotating")
    offline = party.tokens(member, scope="openid offline_access")
    stranger = Browser(world.app)
    stranger.get("/mot-de-passe-oublie")
    stranger.submit(identifier="m1234567@example.org")
    stranger.get(mailed_link(world))
    assert party.userinfo(offline["access_token"]).status_code == 200

    page = stranger.submit(password=NEW, password_confirm=NEW)

    assert page.path == "/mot-de-passe/fait"
    refused = party.refresh(offline["refresh_token"])
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")
    assert party.userinfo(offline["access_token"]).status_code == 401
