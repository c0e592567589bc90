"""The ways back to a lost account, invitations and a new address tell as little as the sign-in of who is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.observing import Visitor, are_the_same
from tests.support.people import Person
from tests.support.states import (
    ACTIVE,
    DELEGATE,
    DISOWNED,
    FROZEN,
    INVITED,
    LEFT,
    LETTERED,
    NEVER,
    NEW_ADDRESS,
    NOBODY,
    OTHER,
    PENDING,
    WRITTEN,
)

pytestmark = pytest.mark.settings(captcha={"login": "off"})

WRONG_CODE = "00000000"
WRONG_LETTER = "000000000000"
# One more than may be tried at once.
TRIES = 6


def of_each(flow: Callable[..., None], *people: Person, **options: object) -> dict[str, Callable[..., None]]:
    return {
        person.email: lambda visitor, person=person: flow(visitor, person, **options) for person in people
    }


# « Mot de passe oublié »
def forget(visitor: Visitor, identifier: str, clock) -> None:
    """The form, a wrong code, the mail once more, then wrong codes until there are no more tries."""
    visitor.get("/mot-de-passe-oublie")
    visitor.send({"identifier": identifier})
    visitor.send({"code": WRONG_CODE})
    clock.advance(seconds=61)
    visitor.get("/mot-de-passe-oublie/code")
    visitor.send({}, address="/mot-de-passe-oublie/renvoyer")
    for _ in range(6):
        visitor.send({"code": WRONG_CODE}, address="/mot-de-passe-oublie/code")


@pytest.mark.parametrize("named", ["email", "number"])
def test_a_forgotten_password_is_that_of_nobody(observer, subtests, clock, named):
    are_the_same(
        observer,
        subtests,
        lambda visitor: forget(visitor, getattr(NOBODY, named), clock),
        {
            f"{person.email} by {named}": lambda visitor, person=person: forget(
                visitor, getattr(person, named), clock
            )
            for person in (ACTIVE, FROZEN, LEFT, PENDING, NEVER)
        },
    )


@pytest.mark.parametrize("named", ["email", "number"])
def test_a_forgotten_password_at_a_disowned_mailbox_is_that_of_nobody(observer, subtests, clock, named):
    are_the_same(
        observer,
        subtests,
        lambda visitor: forget(visitor, getattr(NOBODY, named), clock),
        {DISOWNED.email: lambda visitor: forget(visitor, getattr(DISOWNED, named), clock)},
        # The row of a request whose mail did not leave is written with other columns.
        stand_ins=True,
    )


@pytest.mark.settings(recovery={"mails_to_strangers_per_day": 1, "mails_per_day": 3})
def test_asking_again_and_again_is_the_same_for_nobody(observer, subtests, clock):
    """Strangers' mailboxes are spared sooner than owners', and no answer shows where either ends."""

    def ask(visitor: Visitor, identifier: str) -> None:
        for _ in range(4):
            clock.advance(seconds=1)
            visitor.get("/mot-de-passe-oublie")
            visitor.send({"identifier": identifier})
            visitor.send({"code": WRONG_CODE})

    are_the_same(
        observer,
        subtests,
        lambda visitor: ask(visitor, NOBODY.email),
        {
            person.email: lambda visitor, person=person: ask(visitor, person.email)
            for person in (ACTIVE, PENDING)
        },
        # The row of a request whose mail did not leave is written with other columns.
        stand_ins=True,
    )


# « Je n'ai plus accès à mon email »
def lose_address(visitor: Visitor, person: Person, address: str) -> None:
    visitor.get("/adresse-perdue")
    visitor.send({"member_number": person.number, "access_code": person.code, "email": address})


def lose_and_go_on(visitor: Visitor, person: Person, address: str, clock) -> None:
    """The form, the page that waits, the mail once more, then wrong codes until there are no more tries."""
    lose_address(visitor, person, address)
    clock.advance(seconds=61)
    visitor.get("/adresse-perdue/validation")
    visitor.send({}, address="/adresse-perdue/renvoyer")
    visitor.get("/adresse-perdue/code")
    for _ in range(6):
        visitor.send({"code": WRONG_CODE}, address="/adresse-perdue/code")


def test_a_lost_address_is_that_of_a_member_without_account(observer, subtests, clock):
    def flow(person: Person, address: str) -> Callable[[Visitor], None]:
        return lambda visitor: lose_and_go_on(visitor, person, address, clock)

    are_the_same(
        observer,
        subtests,
        flow(NEVER, NEW_ADDRESS),
        {
            "with an account": flow(ACTIVE, NEW_ADDRESS),
            "with an account and a letter on its way": flow(LETTERED, NEW_ADDRESS),
            "with an account, at an address that is taken": flow(ACTIVE, OTHER.email),
            "with an account, at its own address": flow(ACTIVE, ACTIVE.email),
            "without account, at an address that is taken": flow(NEVER, OTHER.email),
            "with an enrolment that waits": flow(PENDING, NEW_ADDRESS),
            "with a disowned mailbox": flow(DISOWNED, NEW_ADDRESS),
        },
        stand_ins=True,
    )


def test_a_second_new_address_of_a_day_costs_the_same_too(observer, subtests):
    def twice(visitor: Visitor, person: Person) -> None:
        for _ in range(2):
            lose_address(visitor, person, NEW_ADDRESS)

    are_the_same(
        observer, subtests, lambda visitor: twice(visitor, NEVER), of_each(twice, ACTIVE), stand_ins=True
    )


WRONG_PAIRS = (LEFT, replace(ACTIVE, code="zzzzzzzz"), replace(NEVER, code="zzzzzzzz"))


def test_a_wrong_pair_is_that_of_nobody_and_waits_as_long(observer, subtests):
    def flow(visitor: Visitor, person: Person) -> None:
        for _ in range(TRIES):
            lose_address(visitor, person, NEW_ADDRESS)

    are_the_same(observer, subtests, lambda visitor: flow(visitor, NOBODY), of_each(flow, *WRONG_PAIRS))


# The code of a letter
def enter_letter(visitor: Visitor, person: Person, tries: int = TRIES) -> None:
    visitor.get("/adresse-perdue/lettre")
    for _ in range(tries):
        visitor.send({"member_number": person.number, "access_code": person.code, "code": WRONG_LETTER})


def test_a_wrong_code_of_a_letter_is_that_of_a_member_without_one(observer, subtests):
    are_the_same(
        observer,
        subtests,
        lambda visitor: enter_letter(visitor, NEVER),
        of_each(enter_letter, ACTIVE, LETTERED, PENDING),
    )


def test_with_a_wrong_pair_the_code_of_a_letter_is_that_of_nobody(observer, subtests):
    are_the_same(
        observer,
        subtests,
        lambda visitor: enter_letter(visitor, NOBODY, tries=1),
        of_each(enter_letter, *WRONG_PAIRS, replace(LETTERED, code="zzzzzzzz"), tries=1),
    )


# « Je n'ai plus mon numéro ou mon code »
def lose_code(visitor: Visitor, person: Person, times: int = 1) -> None:
    day = ".".join(reversed(person.birth_date.split("-"))) if person.birth_date else "31.12.1951"
    for _ in range(times):
        visitor.get("/acces-perdus/code")
        visitor.send({"family_name": person.family_name, "given_name": person.given_name, "birth_date": day})


def test_a_new_access_code_is_asked_for_like_that_of_nobody(observer, subtests):
    are_the_same(
        observer,
        subtests,
        lambda visitor: lose_code(visitor, NOBODY, 2),
        {
            "with an account": lambda visitor: lose_code(visitor, ACTIVE, 2),
            "without account": lambda visitor: lose_code(visitor, NEVER, 2),
            "asked for within the week": lambda visitor: lose_code(visitor, LETTERED, 2),
            "another name": lambda visitor: lose_code(visitor, replace(ACTIVE, given_name="Personne"), 2),
        },
        stand_ins=True,
    )


# An invitation's code
def enter_invitation(visitor: Visitor, person: Person) -> None:
    visitor.get("/invitation")
    for _ in range(TRIES):
        visitor.send({"member_number": person.number, "code": WRONG_CODE})


def test_a_wrong_code_of_an_invitation_is_that_of_nobody(observer, subtests):
    are_the_same(
        observer,
        subtests,
        lambda visitor: enter_invitation(visitor, NOBODY),
        {
            "invited by mail": lambda visitor: enter_invitation(visitor, INVITED),
            "invited by letter": lambda visitor: enter_invitation(visitor, WRITTEN),
            "not invited": lambda visitor: enter_invitation(visitor, DELEGATE),
            "has an account": lambda visitor: enter_invitation(visitor, ACTIVE),
            "left": lambda visitor: enter_invitation(visitor, LEFT),
        },
    )


# « Mon compte »
def change_address(visitor: Visitor, address: str, clock) -> None:
    """The form, the page that waits, the mail once more, then wrong codes until there are no more tries."""
    visitor.is_signed_in()
    visitor.get("/compte/adresse")
    visitor.send({"email": address}, address="/compte/adresse")
    clock.advance(seconds=61)
    visitor.get("/compte/adresse/validation")
    visitor.send({}, address="/compte/adresse/renvoyer")
    for _ in range(6):
        visitor.send({"code": WRONG_CODE}, address="/compte/adresse/validation")


def test_an_address_that_another_account_has_looks_free(observer, subtests, clock):
    are_the_same(
        observer,
        subtests,
        lambda visitor: change_address(visitor, NEW_ADDRESS, clock),
        {
            "another account": lambda visitor: change_address(visitor, OTHER.email, clock),
            "an enrolment that waits": lambda visitor: change_address(visitor, PENDING.email, clock),
            "a member who left": lambda visitor: change_address(visitor, LEFT.email, clock),
        },
    )
