"""What tokens may say: two-step verification is never called more than it is."""

from itertools import chain, combinations

import pytest

from idp.sessions import assurance
from idp.sessions.assurance import MULTI_FACTOR, SECOND_STEPS, TWO_STEPS, TWO_STEPS_REMEMBERED, Method

EVERY = [
    frozenset(some)
    for some in chain.from_iterable(combinations(Method, size) for size in range(len(Method) + 1))
]


@pytest.mark.parametrize("methods", EVERY, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_no_level_is_reached_without_a_passkey_or_the_password_and_a_second_proof(methods):
    reached = assurance.acr(methods)

    if reached is not None and Method.PASSKEY not in methods:
        assert Method.PASSWORD in methods
        assert methods & {*SECOND_STEPS, Method.TRUSTED_DEVICE}
    by_app = {Method.PASSWORD, Method.APP_CODE} <= methods
    assert (reached == MULTI_FACTOR) == (Method.PASSKEY in methods or by_app)
    if reached == TWO_STEPS:
        assert methods & {Method.MAIL_CODE, Method.RECOVERY_CODE}


@pytest.mark.parametrize("methods", EVERY, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_only_an_app_or_a_passkey_is_called_multi_factor_and_a_device_is_no_method(methods):
    words = assurance.amr(methods)

    assert set(words) <= {"pwd", "otp", "pop", "user", "mfa"}
    codes = {Method.MAIL_CODE, Method.APP_CODE, Method.RECOVERY_CODE}
    assert ("otp" in words) == bool(methods & codes)
    assert ("pop" in words) == ("user" in words) == (Method.PASSKEY in methods)
    assert ("mfa" in words) == (assurance.acr(methods) == MULTI_FACTOR)
    if not methods & {Method.APP_CODE, Method.PASSKEY}:
        assert "mfa" not in words


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
        (MULTI_FACTOR, TWO_STEPS, True),
        (TWO_STEPS, MULTI_FACTOR, False),
        (TWO_STEPS, None, True),
        (None, None, True),
        (None, TWO_STEPS, False),
        (TWO_STEPS, "urn:other", False),
        ("urn:other", TWO_STEPS, False),
    ],
)
def test_a_level_reaches_itself_and_the_weaker_ones(reached, demanded, enough):
    assert assurance.reaches(reached, demanded) is enough
