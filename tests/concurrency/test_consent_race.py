"""Two windows of one member: what is allowed in one is neither lost nor revived by the other."""

import threading

import pytest

from idp.subjects import consents
from tests.support.signed_in import NOW

PATIENCE = 10.0


@pytest.fixture
def allowed(database):
    with database.transaction() as session:
        consents.give(session, "a", "c", scopes=frozenset({"openid"}), claims=frozenset(), now=NOW)
    return database


def run_beside(work, *, database, before):
    """Do `work` in a transaction that begins while the one of `before` has not ended."""

    def run():
        with database.transaction() as session:
            work(session)

    thread = threading.Thread(target=run)
    with database.transaction() as session:
        before(session)
        thread.start()
        thread.join(0.3)
    thread.join(PATIENCE)
    with database.reading() as session:
        found = consents.find(session, "a", "c")
        return None if found is None else found.scopes


def allow(scope):
    return lambda session: consents.give(
        session, "a", "c", scopes=frozenset({scope}), claims=frozenset(), now=NOW
    )


def test_what_is_allowed_in_two_windows_at_once_is_allowed_whole(allowed):
    assert run_beside(allow("profile"), database=allowed, before=allow("email")) == [
        "email",
        "openid",
        "profile",
    ]


def test_what_is_taken_back_is_not_revived_by_what_is_allowed_at_the_same_time(allowed):
    def take_back(session):
        assert consents.take_back(session, "a", "c")

    assert run_beside(allow("email"), database=allowed, before=take_back) == ["email"]
