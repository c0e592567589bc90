"""The places of a mailbox: one account, or two of those who may share it; and never a third."""

import pytest
from sqlalchemy import delete

from idp.sessions import credentials
from idp.subjects import accounts
from idp.subjects.accounts import Account
from tests.support.rows import make_account

MEMBERS = frozenset({"adherent"})
ADDRESS = "couple@example.org"


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


@pytest.fixture
def people(session, clock):
    """Three members with an account and an address each."""
    return [make_account(session, now=clock.now(), name=name) for name in ("1", "2", "3")]


def move(session, account, clock, mates=MEMBERS):
    return credentials.change_address(session, account, ADDRESS, now=clock.now(), mates=mates)


def test_two_move_in_and_the_third_is_refused(session, people, clock):
    first, second, third = people

    assert [move(session, account, clock) for account in people] == [True, True, False]

    assert [account.id for account in accounts.all_by_email(session, ADDRESS)] == [first.id, second.id]
    assert [account.mailbox_slot for account in people] == [0, 1, 0]
    assert third.email == "3"
    assert third.epoch == 0
    assert accounts.by_email(session, ADDRESS) is first


@pytest.mark.parametrize("mates", [frozenset(), frozenset({"elu"})], ids=["nobody shares", "others share"])
def test_one_alone_keeps_it_where_its_population_may_not_share(session, people, clock, mates):
    first, second, _ = people
    move(session, first, clock)

    assert not move(session, second, clock, mates)
    assert accounts.is_taken(session, ADDRESS, but=second.id, mates=mates)
    assert not accounts.is_taken(session, ADDRESS, but=second.id, mates=MEMBERS)
    assert not accounts.is_taken(session, ADDRESS, but=first.id)


def test_a_place_that_was_left_is_free_again(session, people, clock):
    first, second, third = people
    move(session, first, clock)
    move(session, second, clock)
    accounts.end_for_members(session, [first.member_id], now=clock.now())

    assert accounts.free_place(session, ADDRESS, mates=MEMBERS) == 0
    assert move(session, third, clock)
    assert {second.mailbox_slot, third.mailbox_slot} == {0, 1}


def test_an_account_opens_in_the_second_place_only_where_it_may(session, people, clock):
    first, second, _ = people
    move(session, first, clock)
    session.execute(delete(Account).where(Account.id == second.id))
    wanted = {
        "member_id": second.member_id, "email": ADDRESS, "email_folded": ADDRESS, "password_hash": "x",
        "terms_version": "1", "terms_hash": "x", "terms_accepted_at": clock.now(),
    }  # fmt: skip

    assert accounts.open_if_none(session, now=clock.now(), **wanted) is None
    assert accounts.open_if_none(session, now=clock.now(), mates=MEMBERS, **wanted) is not None
    # The member has one now, whatever place is free.
    elsewhere = {**wanted, "email": "free@example.org", "email_folded": "free@example.org"}
    assert accounts.open_if_none(session, now=clock.now(), mates=MEMBERS, **elsewhere) is None
