"""When keys change: a table of rings and instants, and what is due."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from idp.core.settings import Oidc
from idp.oidc import key_schedule
from idp.oidc.key_rows import KeyRecord
from idp.oidc.key_schedule import Schedule
from idp.oidc.keys import PLACES, Algorithm, KeyState

DAY_ZERO = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SCHEDULE = Schedule(rotation=90 * DAY, prepublication=2 * DAY, retention=25 * HOUR)


def record(state, created, *, activated=None, retired=None, algorithm=Algorithm.ES256):
    """A key whose times are given in days since day zero."""
    return KeyRecord(
        algorithm=algorithm,
        kid=f"{algorithm.value}-{state.value}-{created}",
        state=state,
        created_at=DAY_ZERO + created * DAY,
        activated_at=None if activated is None else DAY_ZERO + activated * DAY,
        retired_at=None if retired is None else DAY_ZERO + retired * DAY,
    )


def ring(*, activated=0, published=0, retired=()):
    """A ring of ES256 only: its signer, its next key, and retired keys, by the days of their changes."""
    return [
        *(record(KeyState.RETIRED, day - 90, activated=day - 88, retired=day) for day in retired),
        record(KeyState.ACTIVE, activated - 2, activated=activated),
        record(KeyState.NEXT, published),
    ]


@pytest.mark.parametrize(
    ("activated", "published", "day", "rotates"),
    [
        (0, 0, 0, False),
        (0, 0, 89.9, False),
        (0, 0, 90, True),
        (0, 0, 400, True),  # no worker ran for a year: once is enough
        (0, 89, 90, False),  # the next key was replaced yesterday: caches do not know it yet
        (0, 89, 90.9, False),
        (0, 89, 91, True),
        (88, 0, 90, False),  # forced two days ago: the new signer has its whole time
    ],
)
def test_the_next_key_signs_when_the_signer_is_old_and_itself_well_known(activated, published, day, rotates):
    keys = ring(activated=activated, published=published)

    due = key_schedule.due(keys, schedule=SCHEDULE, now=DAY_ZERO + day * DAY)

    assert due.rotations == ((Algorithm.ES256,) if rotates else ())


@pytest.mark.parametrize(("hours", "over"), [(0, 0), (24.9, 0), (25, 1), (500, 2), (529, 3)])
def test_a_retired_key_leaves_when_its_last_use_is_over(hours, over):
    keys = ring(activated=20, retired=(0, 1, 21))

    due = key_schedule.due(keys, schedule=SCHEDULE, now=DAY_ZERO + hours * HOUR)

    assert [key.retired_at for key in due.over] == [DAY_ZERO + day * DAY for day in (0, 1, 21)[:over]]


@pytest.mark.parametrize(
    "held",
    [[], [Algorithm.ES256], [Algorithm.ES256, Algorithm.RS256], list(Algorithm)],
    ids=["empty", "one", "before EdDSA", "whole"],
)
def test_an_algorithm_without_keys_gets_one_that_signs_and_one_that_will(held):
    keys = [
        record(state, 0, activated=0, algorithm=algorithm)
        for algorithm in held
        for state in (KeyState.ACTIVE, KeyState.NEXT)
    ]

    due = key_schedule.due(keys, schedule=SCHEDULE, now=DAY_ZERO)

    assert due.missing == tuple(place for place in PLACES if place[0] not in held)
    assert due.needed == tuple(algorithm for algorithm, _ in due.missing)
    assert bool(due) == (len(held) < len(Algorithm))


def test_the_facts_tell_ages_and_what_comes_next():
    now = DAY_ZERO + 10 * DAY
    retired, active, following = key_schedule.facts(
        ring(activated=4, published=4, retired=(9.5,)), schedule=SCHEDULE, now=now
    )

    assert (retired.age, retired.state_age) == (int(90.5 * 86400), 43200)
    assert (active.age, active.state_age) == (8 * 86400, 6 * 86400)
    assert (following.age, following.state_age) == (6 * 86400, 6 * 86400)
    assert retired.leaves_at == DAY_ZERO + 9.5 * DAY + SCHEDULE.retention
    assert active.rotates_at == following.signs_from == DAY_ZERO + 94 * DAY
    assert [retired.signs_from, retired.rotates_at, active.signs_from, active.leaves_at] == [None] * 4
    assert following.as_json() == {
        "kid": "ES256-next-4", "algorithm": "ES256", "state": "next",
        "created_at": "2026-03-05T00:00:00+00:00", "activated_at": None, "retired_at": None,
        "age": 6 * 86400, "state_age": 6 * 86400,
        "signs_from": "2026-06-03T00:00:00+00:00", "rotates_at": None, "leaves_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "session", "cache", "longest"),
    [
        ("5m", "12h", "1h", timedelta(hours=25)),  # a client may have tokens of 24 h
        ("5m", "3d", "1h", timedelta(days=3, hours=1)),
        ("2d", "12h", "2h", timedelta(days=2, hours=2)),
    ],
)
def test_a_retired_key_stays_as_long_as_anything_that_it_signed(tokens, session, cache, longest):
    oidc = Oidc.model_validate({"id_token_lifetime": tokens, "key_cache": cache})
    lifetime = Oidc.model_validate({"code_lifetime": session}).code_lifetime
    spaces = [SimpleNamespace(session_absolute=HOUR), SimpleNamespace(session_absolute=lifetime)]

    schedule = Schedule.of(SimpleNamespace(oidc=oidc), spaces)

    assert schedule.retention == longest + key_schedule.CLOCK_MARGIN
    assert (schedule.rotation, schedule.prepublication) == (90 * DAY, 2 * DAY)


def test_a_key_may_not_sign_before_caches_can_know_it():
    with pytest.raises(ValueError, match="key_prepublication must be at least key_cache"):
        Oidc.model_validate({"key_prepublication": "30m", "key_cache": "1h"})
