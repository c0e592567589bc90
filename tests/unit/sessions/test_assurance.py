"""What tokens may say: two-step verification is never called more than it is."""

from itertools import chain, combinations

import pytest

from idp.sessions import assurance
from idp.sessions.assurance import TWO_STEPS, TWO_STEPS_REMEMBERED, Method

EVERY = [
    frozenset(some)
    for some in chain.from_iterable(combinations(Method, size) for size in range(len(Method) + 1))
]


@pytest.mark.parametrize("methods", EVERY, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_no_level_is_reached_without_the_password_and_a_second_proof(methods):
    reached = assurance.acr(methods)

    if reached is not None:
        assert Method.PASSWORD in methods
        assert methods & {Method.MAIL_CODE, Method.TRUSTED_DEVICE}
    assert (reached == TWO_STEPS) == ({Method.PASSWORD, Method.MAIL_CODE} <= methods)


@pytest.mark.parametrize("methods", EVERY, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_a_mailed_code_is_never_called_multi_factor_and_a_device_is_no_method(methods):
    words = assurance.amr(methods)

    assert set(words) <= {"pwd", "otp"}
    assert ("otp" in words) == (Method.MAIL_CODE in methods)


@pytest.mark.parametrize("methods", EVERY, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_methods_survive_their_column(methods):
    assert assurance.read(assurance.write(methods)) == methods


@pytest.mark.parametrize(
    ("reached", "demanded", "enough"),
    [
        (TWO_STEPS, TWO_STEPS, True),
        (TWO_STEPS, TWO_STEPS_REMEMBERED, True),
        (TWO_STEPS_REMEMBERED, TWO_STEPS, False),
        (TWO_STEPS_REMEMBERED, TWO_STEPS_REMEMBERED, True),
        (TWO_STEPS, None, True),
        (None, None, True),
        (None, TWO_STEPS, False),
        (TWO_STEPS, "urn:other", False),
        ("urn:other", TWO_STEPS, False),
    ],
)
def test_a_level_reaches_itself_and_the_weaker_ones(reached, demanded, enough):
    assert assurance.reaches(reached, demanded) is enough
