"""One-time secrets: bound, counted before they are compared, spent once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from idp.subjects import one_time
from idp.subjects.one_time import OneTimeSecret, Purpose, Refusal, Spent

LIFETIME = timedelta(minutes=10)
TRIES = 5


class Office:
    """Issues and spends codes at one instant."""

    def __init__(self, session, vault, clock):
        self.session, self.vault, self.clock = session, vault, clock

    def code(self, binding="sign-in 1", purpose=Purpose.SIGN_IN_CODE):
        return one_time.issue_code(
            self.session,
            vault=self.vault,
            purpose=purpose,
            binding=binding,
            now=self.clock.now(),
            lifetime=LIFETIME,
            digits=6,
        )

    def spend(self, entry, binding="sign-in 1", purpose=Purpose.SIGN_IN_CODE, budget=None):
        return one_time.spend_code(
            self.session,
            vault=self.vault,
            purpose=purpose,
            binding=binding,
            entry=entry,
            tries=TRIES,
            budget=budget or binding,
            budget_ends_at=self.clock.now() + timedelta(days=1),
            now=self.clock.now(),
        )

    def link(self, binding="enrolment 1"):
        return one_time.issue_link(
            self.session,
            vault=self.vault,
            purpose=Purpose.ENROLMENT_LINK,
            binding=binding,
            now=self.clock.now(),
            lifetime=LIFETIME,
        )

    def find(self, token, purpose=Purpose.ENROLMENT_LINK):
        return one_time.find_link(self.session, vault=self.vault, purpose=purpose, token=token)


@pytest.fixture
def office(database, vault, clock):
    with database.transaction() as session:
        yield Office(session, vault, clock)


def another(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_code_is_spent_once(office):
    code = office.code()

    assert office.spend(code) == Spent("sign-in 1")
    assert office.spend(code) is Refusal.EXPIRED


def test_a_wrong_code_is_refused_five_times_then_even_the_right_one(office):
    code = office.code()
    assert [office.spend(another(code)) for _ in range(TRIES)] == [Refusal.WRONG] * TRIES

    assert office.spend(code) is Refusal.EXHAUSTED


def test_a_code_expires_at_its_instant(office, clock):
    code = office.code()
    clock.advance(LIFETIME)

    assert office.spend(code) is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("binding", "purpose"),
    [("sign-in 2", Purpose.SIGN_IN_CODE), ("sign-in 1", Purpose.ENROLMENT_CODE)],
    ids=["another sign-in", "another purpose"],
)
def test_a_code_is_worthless_for_anything_else(office, binding, purpose):
    code = office.code()
    while office.code(binding, purpose) == code:
        pass  # once in a million

    assert office.spend(code, binding, purpose) is Refusal.WRONG
    assert office.spend(code) == Spent("sign-in 1")


def test_the_last_three_codes_are_alive(office, clock):
    codes = []
    for _ in range(4):
        codes.append(office.code())
        clock.advance(seconds=60)

    assert office.spend(codes[0]) is Refusal.WRONG
    assert office.spend(codes[1]) == Spent("sign-in 1")


def test_all_codes_of_one_thing_share_its_tries(office, clock):
    first = office.code()
    for _ in range(3):
        office.spend(another(first))
    clock.advance(seconds=60)
    second = office.code()
    for _ in range(2):
        office.spend(another(second))

    assert office.spend(second) is Refusal.EXHAUSTED


def test_a_try_without_any_code_alive_uses_none_up(office, clock):
    for _ in range(TRIES + 1):
        assert office.spend("000000") is Refusal.EXPIRED
    code = office.code()

    assert office.spend(code) == Spent("sign-in 1")


@pytest.mark.parametrize("entry", ["", "1" * 10_000, "é", "\u0000", "１２３４５６", "12345"])
def test_an_odd_entry_is_wrong(office, entry):
    office.code()

    assert office.spend(entry) is Refusal.WRONG


def test_neither_code_nor_token_is_in_the_database(office):
    code, token = office.code(), office.link()

    rows = office.session.execute(select(OneTimeSecret)).scalars().all()

    assert all(code not in row.mac and token not in row.mac for row in rows)
    assert all(len(row.mac) == 64 for row in rows)


def test_a_link_is_found_by_its_token_and_looking_spends_nothing(office):
    token = office.link()

    assert [office.find(token) for _ in range(3)] == ["enrolment 1"] * 3
    assert office.find(token[:-1]) is None
    assert office.find(token, Purpose.SIGN_IN_CODE) is None
    assert office.find("") is None


def test_a_link_is_still_found_after_it_expired_so_that_its_page_can_say_so(office, clock):
    token = office.link()
    clock.advance(days=1)

    assert office.find(token) == "enrolment 1"


def test_the_purge_drops_what_expired_a_week_ago_and_nothing_else(office, clock):
    office.link("old")
    clock.advance(days=7, minutes=11)
    kept = office.link("new")

    for _ in range(2):
        one_time.purge(office.session, now=clock.now())

    assert [row.binding for row in office.session.execute(select(OneTimeSecret)).scalars()] == ["new"]
    assert office.find(kept) == "new"
