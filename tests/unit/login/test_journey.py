"""Every combination of facts: no way through the journey goes around a factor."""

from dataclasses import fields, replace
from itertools import product

from idp.login.facts import Facts
from idp.login.journey import JOURNEY, StepName, next_step
from idp.sessions import assurance
from idp.sessions.assurance import Method

NAMES = [field.name for field in fields(Facts)]
EVERY = [
    Facts(**dict(zip(NAMES, values, strict=True))) for values in product([False, True], repeat=len(NAMES))
]
OVER = [facts for facts in EVERY if next_step(facts) is None]
PROOFS = {
    Method.PASSWORD: "password",
    Method.MAIL_CODE: "mail_code",
    Method.TRUSTED_DEVICE: "device_trusted",
    Method.APP_CODE: "app_code",
    Method.RECOVERY_CODE: "recovery_code",
    Method.PASSKEY: "passkey",
}
# Thousands of combinations: each test goes through all of them, and names the ones that break its rule.


def methods_of(facts):
    proved = {method for method, name in PROOFS.items() if getattr(facts, name)}
    if facts.known_by_passkey:
        # The session that is built on keeps what opened it.
        proved.add(Method.PASSKEY)
    return frozenset(proved)


def test_there_are_combinations_that_pass_and_many_that_do_not():
    assert len(EVERY) == 2 ** len(NAMES)
    assert 0 < len(OVER) < len(EVERY) / 2


def test_nobody_passes_without_the_password_or_a_passkey():
    assert [facts for facts in OVER if not facts.is_known] == []


def test_nobody_passes_without_a_second_step_unless_the_device_is_trusted_and_no_code_demanded():
    spared = [facts for facts in OVER if not facts.has_second_step]

    assert spared
    assert [f for f in spared if not f.device_trusted or f.code_demanded or f.strong_demanded] == []


def test_nobody_passes_with_an_enrolment_a_choice_or_terms_that_wait():
    assert [f for f in OVER if f.activation_pending or f.choice_pending or f.terms_due] == []


def test_nobody_passes_an_alarm_without_its_proof():
    assert [facts for facts in OVER if facts.alarm] == []


def test_the_alarm_is_asked_about_only_after_a_second_step_whatever_device_is_trusted():
    asked = [facts for facts in EVERY if next_step(facts) is StepName.ALARM]

    assert asked
    assert [facts for facts in asked if not (facts.is_known and facts.has_second_step)] == []


def test_nothing_but_the_first_step_comes_before_the_choice():
    others = {next_step(facts) for facts in EVERY if facts.choice_pending}

    assert others == {StepName.CHOOSER, StepName.PASSWORD}


def test_nobody_whose_account_has_an_app_passes_by_the_mailed_code():
    by_mail = [f for f in OVER if f.has_app and f.mail_code and not f.device_trusted]

    assert [f for f in by_mail if not (f.is_strong or f.recovery_code)] == []


def test_nobody_passes_where_a_device_of_their_own_is_demanded_without_one():
    assert [facts for facts in OVER if facts.strong_demanded and not facts.is_strong] == []


def test_whoever_passes_has_methods_that_open_a_session():
    reached = {facts: assurance.acr(methods_of(facts)) for facts in OVER}

    assert [facts for facts, acr in reached.items() if acr is None] == []
    demanded = [facts for facts in OVER if facts.code_demanded]
    assert [f for f in demanded if not assurance.reaches(reached[f], assurance.TWO_STEPS)] == []
    strong = [facts for facts in OVER if facts.strong_demanded]
    assert [f for f in strong if reached[f] != assurance.MULTI_FACTOR] == []


def test_another_proof_never_takes_a_member_back_behind_the_first_step():
    behind = [
        (facts, proof)
        for facts in EVERY
        if next_step(facts) is not StepName.PASSWORD
        for proof in (*PROOFS.values(), "trust_answered")
        if not getattr(facts, proof)
        if next_step(replace(facts, **{proof: True})) is StepName.PASSWORD
    ]

    assert behind == []


def test_the_step_that_is_due_is_the_first_one_needed():
    for facts in EVERY:
        needed = [rule.name for rule in JOURNEY if rule.needed(facts)]
        assert next_step(facts) == (needed[0] if needed else None)


def way_of(facts: Facts) -> list[StepName]:
    """The steps that somebody goes through who gives each proof that is asked for."""
    way = []
    proofs = {
        StepName.PASSWORD: {"password": True},
        StepName.APP: {"app_code": True},
        StepName.MAIL_CODE: {"mail_code": True},
        StepName.STRONG_SETUP: {"passkey": True},
        StepName.TERMS: {"terms_due": False},
        StepName.TRUST: {"trust_answered": True},
    }
    while (step := next_step(facts)) is not None:
        way.append(step)
        facts = replace(facts, **proofs[step])
    return way


def test_the_usual_way_goes_by_password_code_and_question():
    assert way_of(Facts()) == [StepName.PASSWORD, StepName.MAIL_CODE, StepName.TRUST]


def test_new_terms_are_asked_for_before_the_question():
    way = way_of(Facts(terms_due=True))

    assert way == [StepName.PASSWORD, StepName.MAIL_CODE, StepName.TERMS, StepName.TRUST]


def test_an_app_stands_in_the_place_of_the_mailed_code():
    assert way_of(Facts(has_app=True)) == [StepName.PASSWORD, StepName.APP, StepName.TRUST]


def test_a_passkey_alone_is_the_whole_way():
    assert way_of(Facts(passkey=True)) == []


def test_who_has_no_device_of_their_own_sets_one_up_where_it_is_demanded():
    way = way_of(Facts(strong_demanded=True))

    assert way == [StepName.PASSWORD, StepName.MAIL_CODE, StepName.STRONG_SETUP]


def test_a_recovery_code_leads_to_a_new_device_where_one_is_demanded():
    way = way_of(Facts(password=True, has_app=True, recovery_code=True, strong_demanded=True))

    assert way == [StepName.STRONG_SETUP]


def test_every_step_of_the_journey_stands_in_it_once():
    assert {rule.name for rule in JOURNEY} == set(StepName)
    assert len(JOURNEY) == len(StepName)
