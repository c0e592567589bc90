"""An invitation: its link, its code, and every way in which it may be over."""

from datetime import timedelta

from idp.core import throttles
from idp.subjects import invitations, members
from idp.subjects.invitations import NUMBER_TRIES, Invitation, Mailed
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("Invited")


@PART.scene("invitation")
def form(visitor: Visitor) -> None:
    """The link of a mail that invites a delegate."""
    visitor.open(_link(visitor, _delegate(visitor)))


@PART.scene("invitation-erreurs")
def everything_wrong(visitor: Visitor) -> None:
    """Every field filled in wrongly; what was typed is kept, passwords excepted."""
    visitor.open(_link(visitor, _delegate(visitor)))
    visitor.send(member_number="12", email="camille@", password="soleil", password_confirm="soleil1")


@PART.scene("invitation-numero")
def another_number(visitor: Visitor) -> None:
    """The number of another person."""
    _accept(visitor, _delegate(visitor), member_number="99999999")


@PART.scene("invitation-epuisee")
def exhausted(visitor: Visitor) -> None:
    """Ten wrong numbers: the link opens nothing any more."""
    mailed = _invite(visitor, _delegate(visitor))
    row = mailed.invitation
    with visitor.world.rows() as session:
        for _ in range(NUMBER_TRIES):
            key = f"invitation-number:{row.id}"
            throttles.spend_until(session, key, limit=NUMBER_TRIES, ends_at=row.expires_at)
    visitor.open(f"/invitation/{mailed.token}")


@PART.scene("invitation-deja")
def already(visitor: Visitor) -> None:
    """The link of an account that is active."""
    person = _delegate(visitor)
    link = _link(visitor, person)
    visitor.world.register.open_account(person)
    visitor.open(link)


@PART.scene("invitation-remplacee")
def replaced(visitor: Visitor) -> None:
    """A newer invitation was sent."""
    person = _delegate(visitor)
    link = _link(visitor, person)
    _link(visitor, person)
    visitor.open(link)


@PART.scene("invitation-perimee")
def lapsed(visitor: Visitor) -> None:
    """The link after its thirty days."""
    mailed = _invite(visitor, _delegate(visitor))
    with visitor.world.rows() as session:
        row = session.get_one(Invitation, mailed.invitation.id)
        row.expires_at = visitor.world.clock.now() - timedelta(hours=1)
    visitor.open(f"/invitation/{mailed.token}")


@PART.scene("invitation-code")
def code(visitor: Visitor) -> None:
    """The number and the code of a letter."""
    visitor.open("/invitation", espace="elu")


@PART.scene("invitation-code-erreur")
def wrong_code(visitor: Visitor) -> None:
    """A number and a code that do not belong together."""
    visitor.open("/invitation")
    visitor.send(member_number="7700001", code="1234 5678 9012")


@PART.scene("invitation-suite")
def after_the_code(visitor: Visitor) -> None:
    """After the right code: the number is not asked again."""
    person = _delegate(visitor)
    mailed = _invite(visitor, person)
    with visitor.quickly():
        visitor.open("/invitation", espace="elu")
        visitor.send(member_number=person.number, code=mailed.code)
    visitor.stay()


@PART.scene("erreur-invitation")
def cut_link(visitor: Visitor) -> None:
    """A link that was cut (P-6101)."""
    visitor.open("/invitation/un-lien-coupe")


def _delegate(visitor: Visitor) -> Person:
    return visitor.world.newcomer("elu")


def _link(visitor: Visitor, person: Person) -> str:
    return f"/invitation/{_invite(visitor, person).token}"


def _invite(visitor: Visitor, person: Person) -> Mailed:
    now = visitor.world.clock.now()
    with visitor.world.rows() as session:
        member = members.by_number(session, person.population, person.number)
        member.email = person.email
        session.flush()
        mailed = invitations.by_mail(session, member, vault=visitor.world.parts.vault, space="elu", now=now)
    assert isinstance(mailed, Mailed)
    return mailed


def _accept(visitor: Visitor, person: Person, **changes: str) -> None:
    visitor.open(_link(visitor, person))
    typed = {
        "terms": "y", "member_number": person.number, "password": person.password,
        "password_confirm": person.password,
    }  # fmt: skip
    visitor.send(**{**typed, **changes})
