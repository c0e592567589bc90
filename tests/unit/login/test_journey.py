"""Every combination of facts: no way through the journey goes around a factor."""

from dataclasses import fields, replace
from itertools import product

import pytest

from idp.login.facts import Facts
from idp.login.journey import JOURNEY, StepName, next_step
from idp.sessions import assurance
from idp.sessions.assurance import Method

NAMES = [field.name for field in fields(Facts)]
EVERY = [
    Facts(**dict(zip(NAMES, values, strict=True))) for values in product([False, True], repeat=len(NAMES))
]
OVER = [facts for facts in EVERY if next_step(facts) is None]


def test_there_are_combinations_that_pass_and_many_that_do_not():
    assert len(EVERY) == 2 ** len(NAMES)
    assert 0 < len(OVER) < len(EVERY) / 2


@pytest.mark.parametrize("facts", OVER, ids=str)
def test_nobody_passes_without_the_password(facts):
    assert facts.password


@pytest.mark.parametrize("facts", OVER, ids=str)
def test_nobody_passes_without_the_code_unless_the_device_is_trusted_and_no_code_demanded(facts):
    assert facts.mail_code or (facts.device_trusted and not facts.code_demanded)


@pytest.mark.parametrize("facts", OVER, ids=str)
def test_nobody_passes_with_an_enrolment_that_waits(facts):
    assert not facts.activation_pending


@pytest.mark.parametrize("facts", OVER, ids=str)
def test_whoever_passes_has_methods_that_open_a_session(facts):
    proved = {
        Method.PASSWORD: facts.password,
        Method.MAIL_CODE: facts.mail_code,
        Method.TRUSTED_DEVICE: facts.device_trusted,
    }
    methods = frozenset(method for method, is_proved in proved.items() if is_proved)

    assert assurance.acr(methods) is not None
    assert not facts.code_demanded or assurance.acr(methods) == assurance.TWO_STEPS


@pytest.mark.parametrize("facts", EVERY, ids=str)
def test_another_proof_never_takes_a_member_back_behind_the_password(facts):
    for proof in ("mail_code", "device_trusted", "trust_answered"):
        further = replace(facts, **{proof: True})
        assert (next_step(further) is StepName.PASSWORD) == (next_step(facts) is StepName.PASSWORD)


@pytest.mark.parametrize("facts", EVERY, ids=str)
def test_the_step_that_is_due_is_the_first_one_needed(facts):
    needed = [rule.name for rule in JOURNEY if rule.needed(facts)]

    assert next_step(facts) == (needed[0] if needed else None)


def test_the_usual_way_goes_by_password_code_and_question():
    facts = Facts()
    way = []
    proofs = {
        StepName.PASSWORD: {"password": True},
        StepName.MAIL_CODE: {"mail_code": True},
        StepName.TRUST: {"trust_answered": True},
    }
    while (step := next_step(facts)) is not None:
        way.append(step)
        facts = replace(facts, **proofs[step])

    assert way == [StepName.PASSWORD, StepName.MAIL_CODE, StepName.TRUST]


def test_every_step_of_the_journey_stands_in_it_once():
    assert {rule.name for rule in JOURNEY} == set(StepName)
    assert len(JOURNEY) == len(StepName)
