"""Whether somebody has an account is never told: by no word, header, cookie, delay, hash or statement."""

from dataclasses import replace

import pytest

from tests.support.observing import Visitor, are_the_same, differences, watched
from tests.support.people import Person
from tests.support.states import ACTIVE, LEFT, NEVER, NEW_ADDRESS, NOBODY, OTHER, PENDING, SUBJECTS

pytestmark = pytest.mark.settings(captcha={"login": "off"})

WRONG = "Un mot de passe faux 27!"
TRIES = 9


def sign_in(visitor: Visitor, identifier: str, *, tries: int = 2, password: str = WRONG) -> None:
    visitor.get("/connexion")
    for _ in range(tries):
        visitor.send({"identifier": identifier, "password": password})


@pytest.mark.parametrize("named", ["email", "number"])
def test_a_wrong_password_is_that_of_nobody(observer, subtests, named):
    are_the_same(
        observer,
        subtests,
        lambda visitor: sign_in(visitor, getattr(NOBODY, named)),
        {
            f"{person.email} by {named}": lambda visitor, person=person: sign_in(
                visitor, getattr(person, named)
            )
            for person in SUBJECTS
        },
    )


def test_wrong_passwords_wait_as_long_for_nobody(observer, subtests):
    are_the_same(
        observer,
        subtests,
        lambda visitor: sign_in(visitor, NOBODY.email, tries=TRIES),
        {
            person.email: lambda visitor, person=person: sign_in(visitor, person.email, tries=TRIES)
            for person in (ACTIVE, PENDING)
        },
    )


def enrol(visitor: Visitor, person: Person, address: str, clock) -> None:
    """The form, the page that waits, a wrong code, the mail once more."""
    begin(visitor, person, address)
    visitor.get("/inscription/code")
    visitor.send({"code": "00000000"})
    clock.advance(seconds=61)
    visitor.get("/inscription/validation")
    visitor.send({}, address="/inscription/renvoyer")


def begin(visitor: Visitor, person: Person, address: str) -> None:
    visitor.get("/inscription")
    typed = {"member_number": person.number, "access_code": person.code, "email": address, "terms": "y"}
    visitor.send({**typed, "password": person.password, "password_confirm": person.password})


def test_an_enrolment_that_cannot_be_looks_like_one_that_can(observer, subtests, clock):
    are_the_same(
        observer,
        subtests,
        lambda visitor: enrol(visitor, NEVER, NEW_ADDRESS, clock),
        {
            "has an account": lambda visitor: enrol(visitor, ACTIVE, ACTIVE.email, clock),
            "has one at another address": lambda visitor: enrol(
                visitor, ACTIVE, "autre77@example.org", clock
            ),
            "the address is taken": lambda visitor: enrol(visitor, NEVER, OTHER.email, clock),
        },
        stand_ins=True,
    )


def test_the_second_enrolment_of_a_day_costs_the_same_too(observer, subtests):
    def twice(visitor: Visitor, person: Person, address: str) -> None:
        begin(visitor, person, address)
        begin(visitor, person, address)

    are_the_same(
        observer,
        subtests,
        lambda visitor: twice(visitor, NEVER, NEW_ADDRESS),
        {
            "has one at another address": lambda visitor: twice(visitor, ACTIVE, "autre77@example.org"),
            "has an account": lambda visitor: twice(visitor, ACTIVE, ACTIVE.email),
        },
        stand_ins=True,
    )


def test_a_wrong_pair_is_that_of_nobody(observer, subtests):
    people = {
        "left": LEFT,
        "has an account": replace(ACTIVE, code="zzzzzzzz"),
        "has none": replace(NEVER, code="zzzzzzzz"),
    }
    are_the_same(
        observer,
        subtests,
        lambda visitor: begin(visitor, NOBODY, NEW_ADDRESS),
        {
            name: lambda visitor, person=person: begin(visitor, person, NEW_ADDRESS)
            for name, person in people.items()
        },
    )


@pytest.mark.xfail(
    strict=True, reason="docs/explanation/enumeration.md: an account wins over a waiting attempt"
)
def test_the_password_of_an_attempt_tells_nothing_of_the_address_either(observer):
    def enrol_and_sign_in(visitor: Visitor, address: str) -> None:
        begin(visitor, NEVER, address)
        sign_in(visitor, address, tries=1, password=NEVER.password)

    new = watched(observer, lambda visitor: enrol_and_sign_in(visitor, NEW_ADDRESS))
    taken = watched(observer, lambda visitor: enrol_and_sign_in(visitor, OTHER.email))

    assert not differences(new, taken)


def test_a_difference_is_told_in_words(observer):
    """This can fail: the right password goes on, and what differs is named."""
    wrong = watched(observer, lambda visitor: sign_in(visitor, ACTIVE.email, tries=1))
    right = watched(
        observer, lambda visitor: sign_in(visitor, ACTIVE.email, tries=1, password=ACTIVE.password)
    )

    found = differences(wrong, right)

    for words in (
        "answer 2, status:",
        "+303 /connexion/code?i=(random)",
        "answer 2, cookies:",
        "answer 2, statements:",
    ):
        assert words in found
