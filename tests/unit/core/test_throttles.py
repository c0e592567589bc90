"""Budgets and growing delays: what is counted, when it is forgotten, and who waits."""

from datetime import timedelta

import pytest

from idp.core import throttles
from idp.core.throttles import Schedule

HOUR = timedelta(hours=1)
SCHEDULE = Schedule(free=3, first=timedelta(seconds=2), longest=timedelta(seconds=10))


@pytest.fixture
def session(database):
    with database.transaction() as session:
        yield session


def test_a_budget_is_spent_up_to_its_limit(session, clock):
    results = [throttles.spend(session, "key", limit=3, window=HOUR, now=clock.now()) for _ in range(5)]

    assert results == [True, True, True, False, False]
    assert throttles.used(session, "key", window=HOUR, now=clock.now()) == 3


def test_a_budget_begins_again_with_its_next_window(session, clock):
    throttles.spend(session, "key", limit=1, window=HOUR, now=clock.now())
    clock.advance(HOUR)

    assert throttles.spend(session, "key", limit=1, window=HOUR, now=clock.now())


def test_two_keys_have_two_budgets(session, clock):
    throttles.spend(session, "one", limit=1, window=HOUR, now=clock.now())

    assert throttles.spend(session, "two", limit=1, window=HOUR, now=clock.now())


def test_a_budget_of_nothing_is_never_spent(session, clock):
    assert not throttles.spend(session, "key", limit=0, window=HOUR, now=clock.now())


def test_a_budget_of_one_thing_does_not_begin_again(session, clock):
    ends_at = clock.now() + timedelta(days=2)
    assert throttles.spend_until(session, "key", limit=1, ends_at=ends_at)
    clock.advance(days=1)

    assert not throttles.spend_until(session, "key", limit=1, ends_at=ends_at)


def test_a_restored_budget_is_whole(session, clock):
    throttles.spend_until(session, "key", limit=1, ends_at=clock.now() + HOUR)

    throttles.restore(session, "key")

    assert throttles.spend_until(session, "key", limit=1, ends_at=clock.now() + HOUR)


def test_a_refund_gives_one_unit_back_and_never_more_than_was_used(session, clock):
    throttles.spend(session, "key", limit=2, window=HOUR, now=clock.now())
    for _ in range(3):
        throttles.refund(session, "key", window=HOUR, now=clock.now())

    assert throttles.used(session, "key", window=HOUR, now=clock.now()) == 0


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (2, 0), (3, 2), (4, 4), (5, 8), (6, 10), (50, 10), (10_000, 10)]
)
def test_delays_double_up_to_the_longest(failures, seconds):
    assert SCHEDULE.delay_after(failures) == timedelta(seconds=seconds)


def test_the_free_tries_do_not_wait_and_then_each_waits_longer(session, clock):
    waits = []
    for _ in range(6):
        wait = throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now())
        if wait is not None:
            waits.append(wait.total_seconds())
            clock.advance(wait)
            assert throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now()) is None

    assert waits == [2, 4, 8]


def test_a_try_that_must_wait_is_not_counted(session, clock):
    for _ in range(20):
        throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now())

    assert throttles.failures(session, "key", now=clock.now()) == 3


def test_calm_erases_the_count(session, clock):
    for _ in range(3):
        throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now())
    clock.advance(SCHEDULE.calm)

    assert throttles.failures(session, "key", now=clock.now()) == 0
    assert throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now()) is None


def test_a_success_erases_the_count(session, clock):
    for _ in range(3):
        throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now())

    throttles.forget(session, "key")

    assert throttles.attempt(session, "key", schedule=SCHEDULE, now=clock.now()) is None


def far(session, network, clock):
    return throttles.attempt_near_and_far(
        session,
        near=f"near:{network}",
        near_schedule=SCHEDULE,
        far="far",
        far_schedule=SCHEDULE,
        now=clock.now(),
    )


def test_the_first_try_of_a_network_never_waits_for_what_others_did(session, clock):
    for network in range(6):
        far(session, network, clock)

    assert far(session, "the owner's", clock) is None
    assert far(session, "the owner's", clock) == timedelta(seconds=2)


def test_a_try_refused_near_is_counted_nowhere(session, clock):
    for _ in range(9):
        far(session, "one", clock)

    assert throttles.failures(session, "far", now=clock.now()) == 3


def test_the_purge_drops_what_is_over_and_nothing_else(session, clock):
    throttles.spend(session, "old", limit=5, window=HOUR, now=clock.now())
    throttles.attempt(session, "old", schedule=SCHEDULE, now=clock.now())
    clock.advance(days=2)
    throttles.spend(session, "new", limit=5, window=HOUR, now=clock.now())
    throttles.attempt(session, "new", schedule=SCHEDULE, now=clock.now())

    for _ in range(2):
        throttles.purge(session, now=clock.now())

    assert throttles.used(session, "new", window=HOUR, now=clock.now()) == 1
    assert throttles.failures(session, "new", now=clock.now()) == 1
    assert session.query(throttles.Budget).count() == 1
    assert session.query(throttles.Delay).count() == 1
