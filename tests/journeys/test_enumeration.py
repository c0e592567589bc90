"""Whether somebody has an account is never told: by no word, header, cookie, delay, hash or statement."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from idp.subjects import accounts
from tests.support.observing import Noticed, Observer, Visitor, differences
from tests.support.people import Person
from tests.support.racing import begin_enrolment
from tests.support.surfing import Surfer

pytestmark = pytest.mark.settings(captcha={"login": "off"})

# Addresses and numbers of one length, so that nothing differs by what was typed.
ACTIVE = Person("5500001", "abcdefgh", "actif01@example.org", given_name="Ysoline", family_name="Aubépin")
OTHER = Person("5500002", "bcdefghj", "actif02@example.org", given_name="Thibaude", family_name="Valbruyère")
FROZEN = Person("5500003", "cdefghjk", "repos03@example.org", given_name="Gwendal", family_name="Pierrefonte")
LEFT = Person("5500004", "defghjkl", "parti04@example.org", given_name="Bérangère", family_name="Montchêne")
PENDING = Person("5500005", "efghjklm", "cours05@example.org", given_name="Maëlle", family_name="Hautebise")
NEVER = Person("5500006", "fghjklmn", "jamai06@example.org", given_name="Corentin", family_name="Sablonnière")
NOBODY = Person("5500009", "ghjklmnp", "aucun09@example.org")
SUBJECTS = (ACTIVE, FROZEN, LEFT, PENDING, NEVER)
WRONG = "Un mot de passe faux 27!"
TRIES = 9


@pytest.fixture
def observer(app, register, clock):
    """A store with somebody in every state."""
    register.add(PENDING, NEVER)
    for person in (ACTIVE, OTHER, FROZEN, LEFT):
        account_id = register.open_account(person)
        if person is FROZEN:
            with app.extensions["parvis"].database.transaction() as session:
                accounts.rest_second_step(session, account_id, until=clock.now() + timedelta(days=1))
    register.add(replace(LEFT, status="left"))
    begin_enrolment(app.extensions["parvis"], PENDING, Surfer(app, "elsewhere", network="192.0.2.1"))
    observer = Observer(app)
    # Whatever a process prepares once (its first hash, its first statements) is prepared.
    observer.keep()
    with observer.fresh() as visitor:
        sign_in(visitor, NOBODY.email)
    yield observer
    observer.close()


def watched(observer: Observer, flow: Callable[[Visitor], None]) -> list[Noticed]:
    with observer.fresh() as visitor:
        flow(visitor)
        return visitor.seen


def sign_in(visitor: Visitor, identifier: str, *, tries: int = 2, password: str = WRONG) -> None:
    visitor.get("/connexion")
    for _ in range(tries):
        visitor.send({"identifier": identifier, "password": password})


def are_the_same(
    observer: Observer,
    subtests,
    unknown: Callable[[Visitor], None],
    known: dict[str, Callable[[Visitor], None]],
    but: dict[str, tuple[str, ...]] | None = None,
) -> None:
    """Whoever is known looks as whoever is not; `but` names statements that one of them may have besides."""
    expected = watched(observer, unknown)
    for name, flow in known.items():
        with subtests.test(name):
            found = differences(expected, watched(observer, flow), but=(but or {}).get(name, ()))
            assert not found, found


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


# A mail more, with its link, which no outsider sees: the owner is told, by name, that somebody tried.
THE_OWNER_IS_TOLD = (
    "INSERT INTO outbox",
    "INSERT INTO notice",
    "INSERT INTO one_time_secret",
    "SELECT member.id",
)


def test_an_enrolment_that_cannot_be_looks_like_one_that_can(observer, subtests, clock):
    are_the_same(
        observer,
        subtests,
        lambda visitor: enrol(visitor, NEVER, "neuf088@example.org", clock),
        {
            "has an account": lambda visitor: enrol(visitor, ACTIVE, ACTIVE.email, clock),
            "has one at another address": lambda visitor: enrol(
                visitor, ACTIVE, "autre77@example.org", clock
            ),
            "the address is taken": lambda visitor: enrol(visitor, NEVER, OTHER.email, clock),
        },
        {"has one at another address": THE_OWNER_IS_TOLD},
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
        lambda visitor: begin(visitor, NOBODY, "neuf088@example.org"),
        {
            name: lambda visitor, person=person: begin(visitor, person, "neuf088@example.org")
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

    new = watched(observer, lambda visitor: enrol_and_sign_in(visitor, "neuf088@example.org"))
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
