"""`parvis sessions revoke`: whom it signs out, what it asks first, and how it ends."""

import json

import pytest
from click.testing import CliRunner

from idp.cli_sessions import sessions as commands
from idp.core.db import new_id
from idp.oidc import grants
from idp.oidc.client_rows import ClientRow
from idp.oidc.grants import LiveGrant
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.subjects.accounts import Account
from tests.support.rows import events, make_account


@pytest.fixture
def parvis(database, monkeypatch, tmp_path):
    monkeypatch.setenv("PARVIS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("PARVIS_SECRET_KEY", "a root secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, answer="": CliRunner().invoke(commands, ["revoke", *arguments], input=answer)


@pytest.fixture
def epochs(database, parts, clock):
    """Two members are signed in, the second one at the service « shop » too; their epochs."""
    with database.transaction() as session:
        session.add(ClientRow(client_id="shop", document={}, digest="", updated_at=clock.now()))
        for name in ("1", "2"):
            account = make_account(session, now=clock.now(), name=name)
            row_id, _ = sessions.open_session(
                session, account=account, space=parts.spaces.default, device_id=None, browser_name="Firefox",
                methods=frozenset({Method.PASSWORD, Method.MAIL_CODE}), auth_time=clock.now(), now=clock.now(),
            )  # fmt: skip
        grant = LiveGrant(
            id=new_id(), account_id=account.id, client_id="shop", session_id=row_id, scope="openid",
            userinfo_claims=(), id_token_claims=(), sid="", epoch=0, auth_time=clock.now(), acr="", amr=(),
            resources=(), dpop_jkt=None, offline=True,
        )  # fmt: skip
        grants.add(session, grant, family=None, now=clock.now(), forget_at=clock.now())

    def now():
        with database.reading() as session:
            alive = {row.account_id for row in session.query(sessions.SessionRow) if row.ended_at is None}
            found = session.query(Account).order_by(Account.id)
            return [(account.epoch, account.id in alive) for account in found]

    return now


def test_one_member_is_signed_out_everywhere_and_nobody_else(parvis, epochs, database):
    answer = parvis("--population", "adherent", "--member", " 1 ")

    assert (answer.exit_code, answer.stdout) == (0, "accounts: 1\n")
    assert epochs() == [(1, False), (0, True)]
    assert events(database, "sessions.revoked") == [{"by": "operator", "account_id": "account-1"}]


def test_the_accounts_that_hold_tokens_at_a_client_are_signed_out(parvis, epochs, database):
    answer = parvis("--client", "shop", "--json", answer="y\n")

    assert json.loads(answer.stdout) == {"accounts": 1}
    assert epochs() == [(0, True), (1, False)]
    with database.reading() as session:
        assert grants.accounts_of(session, "shop") == []


def test_everybody_is_signed_out_after_a_question(parvis, epochs):
    refused = parvis("--all", answer="n\n")
    assert (refused.exit_code, epochs()) == (1, [(0, True), (0, True)])

    answer = parvis("--all", answer="y\n")

    assert (answer.exit_code, epochs()) == (0, [(1, False), (1, False)])
    assert parvis("--all", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--all", "--client", "shop"), 2),
        (("--member", "1"), 2),
        (("--population", "adherent", "--all"), 2),
        (("--population", "adherent", "--member", "999"), 1),
        (("--client", "nobody", "--yes"), 1),
    ],
)
def test_what_makes_no_sense_or_is_nobodys_changes_nothing(parvis, epochs, arguments, code):
    answer = parvis(*arguments)

    assert answer.exit_code == code
    assert answer.stderr
    assert epochs() == [(0, True), (0, True)]
