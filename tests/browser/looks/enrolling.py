"""« Créer son compte », from « Mes infos » to « Bienvenue », in every state."""

from dataclasses import replace
from datetime import timedelta

from idp.core import throttles
from idp.login import pairs
from idp.web import browser
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("Creating an account")
TRIES = 6


@PART.scene("inscription")
def form(visitor: Visitor) -> None:
    """« Mes infos »."""
    visitor.open("/inscription", espace="adherent")


@PART.scene("inscription-vide")
def nothing_typed(visitor: Visitor) -> None:
    """Sent with nothing typed: every field says what it needs."""
    visitor.open("/inscription", espace="adherent")
    visitor.send(captcha="")


@PART.scene("inscription-erreurs")
def everything_wrong(visitor: Visitor) -> None:
    """Every field filled in wrongly; what was typed is kept, passwords excepted."""
    visitor.open("/inscription", espace="adherent")
    visitor.send(
        member_number="12 34 AB",
        access_code="abcd3",
        email="camille@",
        password="soleil",
        password_confirm="soleil1",
    )


@PART.scene("inscription-paire")
def wrong_pair(visitor: Visitor) -> None:
    """Number and code that do not belong together."""
    visitor.enrol(replace(visitor.world.newcomer(), code="zyxwvuts"))


@PART.scene("inscription-attente")
def delayed(visitor: Visitor) -> None:
    """After several wrong pairs: how long to wait before the next."""
    person = visitor.world.newcomer()
    network = browser.network(visitor.address)
    with visitor.world.rows() as session:
        for _ in range(TRIES):
            pairs._count(session, number=person.number, network=network, now=visitor.world.clock.now())
    visitor.enrol(person)


@PART.scene("inscription-captcha")
def wrong_captcha(visitor: Visitor) -> None:
    """The characters of the picture were copied wrongly."""
    visitor.enrol(visitor.world.newcomer(), captcha="????")


@PART.scene("validation")
def queued(visitor: Visitor) -> None:
    """« Validation »: the mail is about to leave."""
    _enrol(visitor)
    visitor.stay()


@PART.scene("validation-recue")
def accepted(visitor: Visitor) -> None:
    """The mail server took the mail."""
    _enrol(visitor)
    visitor.change_mail(state="sent")
    visitor.stay()


@PART.scene("validation-refusee")
def refused(visitor: Visitor) -> None:
    """The mail server refused the mail."""
    _enrol(visitor)
    visitor.change_mail(state="refused")
    visitor.stay()


@PART.scene("validation-corriger")
def correcting(visitor: Visitor) -> None:
    """Correcting the address; the page no longer moves on by itself."""
    _enrol(visitor)
    visitor.open("/inscription/validation", corriger="1")


@PART.scene("validation-corriger-erreur")
def correcting_wrongly(visitor: Visitor) -> None:
    """An address that is none."""
    _enrol(visitor)
    visitor.open("/inscription/validation", corriger="1")
    visitor.fill(email="camille@")
    visitor.press("Corriger et renvoyer")


@PART.scene("activer")
def button(visitor: Visitor) -> None:
    """The link of the mail in the browser that enrolled: one button."""
    visitor.open(_link(visitor, visitor.world.newcomer()))


@PART.scene("activer-mot-de-passe")
def with_password(visitor: Visitor) -> None:
    """The link in another browser: the password just chosen."""
    _open_elsewhere(visitor, _link(visitor, visitor.world.newcomer()))


@PART.scene("activer-mot-de-passe-erreur")
def with_wrong_password(visitor: Visitor) -> None:
    """The same after a wrong password, with the tries that are left."""
    _open_elsewhere(visitor, _link(visitor, visitor.world.newcomer()))
    visitor.send(password="Ce n'est pas le bon")


@PART.scene("activer-epuise")
def exhausted(visitor: Visitor) -> None:
    """Five wrong passwords: the link opens in the first browser only."""
    person = visitor.world.newcomer()
    link = _link(visitor, person)
    attempt = visitor.change_enrolment(person)
    tries = visitor.world.settings.enrolment.password_tries
    with visitor.world.rows() as session:
        for _ in range(tries):
            throttles.spend_until(
                session, f"activation-password:{attempt.id}", limit=tries, ends_at=attempt.expires_at
            )
    _open_elsewhere(visitor, link)


@PART.scene("activer-deja")
def already(visitor: Visitor) -> None:
    """The link of an account that is active."""
    with visitor.quickly():
        link = _link(visitor, visitor.world.newcomer())
        visitor.open(link)
        visitor.press("Je valide mon inscription")
    visitor.open(link)


@PART.scene("activer-perime")
def lapsed(visitor: Visitor) -> None:
    """The link after its 24 hours: starting again, nothing to retype."""
    _lapse(visitor)


@PART.scene("activer-recommence")
def started_again(visitor: Visitor) -> None:
    """A lapsed attempt was started again, in another browser."""
    _lapse(visitor)
    visitor.press("Recommencer mon inscription")


@PART.scene("activer-impossible")
def impossible(visitor: Visitor) -> None:
    """Meanwhile the address became another account's."""
    person = visitor.world.newcomer()
    link = _link(visitor, person)
    visitor.world.register.open_account(replace(visitor.world.newcomer(), email=person.email))
    visitor.open(link)
    visitor.press("Je valide mon inscription")


@PART.scene("inscription-code")
def code(visitor: Visitor) -> None:
    """The activation code, for those whose link fails."""
    _enrol(visitor)
    visitor.open("/inscription/code")


@PART.scene("inscription-code-erreur")
def wrong_code(visitor: Visitor) -> None:
    """A wrong activation code."""
    _enrol(visitor)
    visitor.open("/inscription/code")
    visitor.send(code="12345678")


@PART.scene("bienvenue")
def welcome(visitor: Visitor) -> None:
    """« Bienvenue »: the account is active."""
    with visitor.quickly():
        visitor.open(_link(visitor, visitor.world.newcomer()))
        visitor.press("Je valide mon inscription")
    visitor.stay()


def _enrol(visitor: Visitor) -> None:
    _link(visitor, visitor.world.newcomer())


def _link(visitor: Visitor, person: Person) -> str:
    with visitor.quickly():
        visitor.enrol(person)
    return visitor.newest_mail()["link"]


def _open_elsewhere(visitor: Visitor, link: str) -> None:
    visitor.forget()
    visitor.open(link)


def _lapse(visitor: Visitor) -> None:
    person = visitor.world.newcomer()
    link = _link(visitor, person)
    visitor.change_enrolment(person, expires_at=visitor.world.clock.now() - timedelta(hours=1))
    _open_elsewhere(visitor, link)
