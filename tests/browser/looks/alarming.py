"""« Ce n'était pas moi » and the block that follows, in every state."""

from datetime import timedelta

from idp.core import throttles
from idp.sessions import alarms
from idp.subjects import accounts, address_changes, notices
from idp.subjects.address_changes import Origin
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("« Ce n’était pas moi »")


@PART.scene("pas-moi")
def ask(visitor: Visitor) -> None:
    """The link of a security mail: what happened, and what the button does."""
    visitor.open(_link(visitor, visitor.world.member(), "new-sign-in"))


@PART.scene("pas-moi-dehors")
def from_outside(visitor: Visitor) -> None:
    """Somebody tried to enrol this member: refusing it leaves the account open."""
    visitor.open(_link(visitor, visitor.world.member(), "owner-told-enrolment"))


@PART.scene("pas-moi-numero")
def wrong_number(visitor: Visitor) -> None:
    """Another number than the account's."""
    visitor.open(_link(visitor, visitor.world.member(), "password-changed"))
    visitor.send(member_number="7654321")


@PART.scene("pas-moi-epuise")
def exhausted(visitor: Visitor) -> None:
    """Five wrong numbers (P-6303)."""
    link = _link(visitor, visitor.world.member(), "device-theft")
    with visitor.quickly():
        visitor.open(link)
        for _ in range(4):
            visitor.send(member_number="7654321")
    visitor.open(link)
    visitor.send(member_number="7654321")


@PART.scene("pas-moi-fait")
def done(visitor: Visitor) -> None:
    """The account is blocked, a change of address is undone: what is done, and how to open it again."""
    person = visitor.world.member()
    with visitor.world.rows() as session:
        account = accounts.by_email(session, person.email)
        change = _change(visitor, session, account, Origin.ACCOUNT)
        change.done_at = visitor.world.clock.now()
        account.email = account.email_folded = change.email
    visitor.open(_link(visitor, person, "address-old", change_id=change.id))
    visitor.send(member_number=person.number)


@PART.scene("pas-moi-lettre")
def by_letter(visitor: Visitor) -> None:
    """A stranger opened the account with the member's own code: only a letter unblocks it."""
    person = visitor.world.member()
    visitor.open(_link(visitor, person, "account-activated"))
    visitor.send(member_number=person.number)


@PART.scene("pas-moi-refuse")
def refused(visitor: Visitor) -> None:
    """A change of a lost address, refused by the old one; blocking the account is offered."""
    person = visitor.world.member()
    with visitor.world.rows() as session:
        change = _change(visitor, session, accounts.by_email(session, person.email), Origin.LOST)
    visitor.open(_link(visitor, person, "address-old", change_id=change.id))
    visitor.send(member_number=person.number)


@PART.scene("pas-moi-perime")
def over(visitor: Visitor) -> None:
    """The link is older than seven days (P-6302)."""
    path = _link(visitor, visitor.world.member(), "new-sign-in", age=notices.GOOD_FOR)
    visitor.open(path)


@PART.scene("pas-moi-inconnu")
def unknown(visitor: Visitor) -> None:
    """A link that we did not make, or not whole (P-6301)."""
    visitor.open("/ce-n-est-pas-moi/x")


@PART.scene("compte-alerte")
def signed_in(visitor: Visitor) -> None:
    """The same question in « Mon compte »."""
    visitor.be_signed_in(visitor.world.member())
    visitor.open("/compte/alerte")


@PART.scene("connexion-alerte")
def step(visitor: Visitor) -> None:
    """The sign-in to a blocked account, after password and code (P-6304)."""
    _sign_in_blocked(visitor)


@PART.scene("connexion-alerte-erreur")
def wrong_code(visitor: Visitor) -> None:
    """Another access code than the member's."""
    _sign_in_blocked(visitor)
    visitor.send(access_code="zzzzzzzz")


@PART.scene("connexion-alerte-mot-de-passe")
def replace_password(visitor: Visitor) -> None:
    """The access code was right: another password, or the same one after a false alarm."""
    person = _sign_in_blocked(visitor)
    visitor.send(access_code=person.code)


@PART.scene("connexion-alerte-mot-de-passe-erreur")
def weak_password(visitor: Visitor) -> None:
    """A password that is too short, and typed otherwise the second time."""
    replace_password(visitor)
    visitor.send(password="Prairie27", password_confirm="Prairie")


@PART.scene("connexion-alerte-lettre")
def letter_only(visitor: Visitor) -> None:
    """Where a stranger may know the access code, the page waits for the letter."""
    _sign_in_blocked(visitor, is_code_known=True)


@PART.scene("connexion-alerte-epuisee")
def codes_exhausted(visitor: Visitor) -> None:
    """Too many access codes (P-6305)."""
    _sign_in_blocked(visitor)
    with visitor.world.rows() as session:
        for _ in range(5):
            throttles.spend_until(
                session,
                f"alarm-codes:{visitor.interaction_id}",
                limit=5,
                ends_at=visitor.world.clock.now() + timedelta(days=1),
            )
    visitor.send(access_code="zzzzzzzz")


def _link(visitor: Visitor, person: Person, kind: str, *, age: timedelta = timedelta(0), **more: str) -> str:
    world = visitor.world
    with world.rows() as session:
        _notice, token = notices.begin(
            session,
            accounts.by_member_number(session, person.number, frozenset({person.population})),
            vault=world.parts.vault,
            kind=kind,
            browser_name="Chrome sur Android",
            space="adherent",
            locale=visitor.language,
            now=world.clock.now() - age,
            **more,
        )
    return f"/ce-n-est-pas-moi/{token}"


def _change(visitor: Visitor, session, account, origin: Origin):
    change = address_changes.begin(
        session, account, origin=origin, address=f"autre-{account.email}", browser="", space="adherent",
        locale="fr", now=visitor.world.clock.now(), lifetime=timedelta(days=1),
    )  # fmt: skip
    change.told_at = visitor.world.clock.now()
    return change


def _sign_in_blocked(visitor: Visitor, *, is_code_known: bool = False) -> Person:
    person, world = visitor.world.member(), visitor.world
    with world.rows() as session:
        alarms.raise_alarm(
            session,
            accounts.by_email(session, person.email),
            vault=world.parts.vault,
            space="adherent",
            now=world.clock.now(),
            is_code_known=is_code_known,
        )
    with visitor.quickly():
        visitor.give_password(person)
        visitor.give_code()
    visitor.stay()
    return person
