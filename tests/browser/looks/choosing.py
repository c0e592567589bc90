"""What may come between password and session: who of two is there, and new terms."""

from dataclasses import replace

from idp.subjects import accounts
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("Between password and session")


@PART.scene("connexion-personne")
def who_is_there(visitor: Visitor) -> None:
    """Two members share a mailbox, and chose the same password: by given names."""
    _until_choice(visitor, visitor.world.member(), visitor.world.member())


@PART.scene("connexion-personne-homonymes")
def who_of_the_same_name(visitor: Visitor) -> None:
    """The same when both have the same given name: with the end of the member number."""
    first, second = visitor.world.member(), visitor.world.member()
    visitor.world.register.add(replace(second, given_name=first.given_name))
    _until_choice(visitor, first, second)


@PART.scene("connexion-conditions")
def new_terms(visitor: Visitor) -> None:
    """New terms, after the code: to read, and to accept or refuse."""
    _until_terms(visitor)


@PART.scene("connexion-conditions-erreur")
def new_terms_not_ticked(visitor: Visitor) -> None:
    """The same when the box was left empty."""
    _until_terms(visitor)
    visitor.press("Continuer")


@PART.scene("connexion-conditions-refusees")
def new_terms_refused(visitor: Visitor) -> None:
    """« Refuser »: nothing opened, and what stays as it is."""
    _until_terms(visitor)
    visitor.press("Refuser")


def _until_choice(visitor: Visitor, first: Person, second: Person) -> None:
    with visitor.quickly():
        visitor.give_password(first)
    with visitor.world.rows() as session:
        two = [accounts.by_email(session, person.email) for person in (first, second)]
        candidates = [
            {"value": f"{number}", "account_id": account.id, "epoch": account.epoch}
            for number, account in enumerate(two)
        ]
    visitor.change_interaction(account_id=None, epoch=None, candidates=candidates)
    visitor.stay()


def _until_terms(visitor: Visitor) -> None:
    person = visitor.world.member()
    visitor.change_account(person, terms_version="2025-01")
    with visitor.quickly():
        visitor.come_from()
        visitor.send(identifier=person.email, password=person.password)
        visitor.give_code()
    visitor.stay()
