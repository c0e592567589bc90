"""Rows of clients that registered themselves, on both databases: changed and ended once, and never brought back."""

from datetime import UTC, datetime

from idp.oidc import client_rows, revisions
from idp.oidc.clients import Client
from idp.oidc.registration import Registration

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)


def client(name):
    return Client(
        client_id="by-itself",
        client_name=name,
        redirect_uris=("https://app.example/cb",),
        token_endpoint_auth_method="none",
        space="adherent",
    )


def mark(session):
    return revisions.read(session)[revisions.CLIENTS]


def test_a_client_that_has_ended_cannot_be_changed_back_to_life(database):
    with database.transaction() as session:
        client_rows.register(session, client("Before"), token_hash="hash", now=NOW)
        first = mark(session)
    with database.transaction() as session:
        assert client_rows.replace(session, client("After"), now=NOW)
        assert mark(session) != first, "every process reads the clients again"
    with database.transaction() as session:
        found = client_rows.registered(session, "by-itself")
        assert (found.document["client_name"], found.registration_token_hash) == ("After", "hash")

        assert client_rows.end(session, "by-itself", now=NOW)

    with database.transaction() as session:
        assert not client_rows.replace(session, client("Again"), now=NOW)
        assert not client_rows.end(session, "by-itself", now=NOW)
        assert client_rows.registered(session, "by-itself") is None


def test_a_disabled_client_is_not_found_until_it_is_let_in_again(database):
    with database.transaction() as session:
        client_rows.register(session, client("App"), token_hash="hash", now=NOW)
        assert client_rows.set_disabled(session, "by-itself", disabled=True, now=NOW)
        assert client_rows.registered(session, "by-itself") is None
        assert client_rows.set_disabled(session, "by-itself", disabled=False, now=NOW)
        assert client_rows.registered(session, "by-itself") is not None
        assert not client_rows.set_disabled(session, "nobody", disabled=True, now=NOW)


def test_an_identifier_with_a_nul_is_nobodys(database, settings):
    rules = Registration(settings, spaces=None, read=None)

    with database.reading() as session:
        assert rules.find(session, "by-itself\x00", "token") is None
