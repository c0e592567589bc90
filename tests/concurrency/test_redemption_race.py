"""R3: what a code gives while its account's epoch rises is void with all the rest."""

import pytest
from sqlalchemy import event, update

from idp.subjects.accounts import Account
from tests.protocol import party


@pytest.fixture
def world(database, tmp_path):
    party.write_clients(tmp_path / "clients")
    url = database.engine.url.render_as_string(hide_password=False)
    return party.make_world(tmp_path, database, party.make_settings(tmp_path, url))


# SQLite has one writer at a time: there the epoch rises before the redemption or after it.
@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
@pytest.mark.parametrize("position", range(1, 4))
def test_tokens_do_not_survive_an_epoch_that_rose_between_two_statements_of_their_redemption(world, position):
    # Given a code, and a change of password that commits after the n-th look of its redemption
    browser, service = world.signed_in("1234567"), world.party("refreshing")
    asked = service.ask(scope="openid offline_access")
    code = service.code_for(browser, asked)
    looks = 0

    def raise_epoch(_connection, _cursor, statement, *_more):
        nonlocal looks
        looks += statement.lstrip().upper().startswith("SELECT")
        if looks == position:
            looks += 100
            with world.database.transaction() as other:
                other.execute(update(Account).values(epoch=Account.epoch + 1))

    # When the code is redeemed meanwhile
    event.listen(world.database.engine, "after_cursor_execute", raise_epoch)
    redeemed = service.redeem(code, asked)
    event.remove(world.database.engine, "after_cursor_execute", raise_epoch)
    assert looks >= 100 + position, "a redemption has fewer looks by now"

    # Then nothing of it is good afterwards
    if redeemed.status_code == 200:
        assert service.userinfo(redeemed.json["access_token"]).status_code == 401
        assert service.refresh(redeemed.json["refresh_token"]).status_code == 400
