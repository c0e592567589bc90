"""What a member meets below « Mon compte »."""

from datetime import timedelta

from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor
from tests.support.people import Person

PART = Part("My account")
NEW_PASSWORD = "Marmotte&Cerisier84"


@PART.scene("compte-sans-appareil")
def no_device(visitor: Visitor) -> None:
    """« Mes appareils de confiance » without one."""
    _sign_in(visitor)
    visitor.open("/compte/appareils")


@PART.scene("compte-connexions")
def connections(visitor: Visitor) -> None:
    """« Mes connexions »: this one and another."""
    person = _sign_in(visitor)
    visitor.forget()
    _sign_in(visitor, person)
    visitor.open("/compte/connexions")


@PART.scene("compte-mot-de-passe")
def password(visitor: Visitor) -> None:
    """« Changer mon mot de passe »."""
    _sign_in(visitor)
    visitor.open("/compte/mot-de-passe")


@PART.scene("compte-mot-de-passe-erreur")
def wrong_password(visitor: Visitor) -> None:
    """The current password was wrong."""
    _sign_in(visitor)
    visitor.open("/compte/mot-de-passe")
    visitor.send(current_password="not the one", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)


@PART.scene("compte-mot-de-passe-change")
def password_changed(visitor: Visitor) -> None:
    """The overview after a new password."""
    person = _sign_in(visitor)
    visitor.open("/compte/mot-de-passe")
    visitor.send(current_password=person.password, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)


@PART.scene("compte-adresse")
def address(visitor: Visitor) -> None:
    """« Changer mon adresse email »."""
    _sign_in(visitor)
    visitor.open("/compte/adresse")


@PART.scene("compte-adresse-en-cours")
def address_pending(visitor: Visitor) -> None:
    """The same while another change waits for its mail."""
    _ask_for_address(visitor)
    visitor.open("/compte/adresse")


@PART.scene("compte-adresse-validation")
def address_waiting(visitor: Visitor) -> None:
    """The page that waits for the mail sent to the new address."""
    _ask_for_address(visitor)
    visitor.stay()


@PART.scene("compte-adresse-code-faux")
def address_wrong_code(visitor: Visitor) -> None:
    """A wrong code for the new address."""
    _ask_for_address(visitor)
    visitor.stay()
    visitor.send(code="00000000")


@PART.scene("compte-adresse-lien")
def address_link(visitor: Visitor) -> None:
    """The link of the mail, where its owner is signed in."""
    _ask_for_address(visitor)
    visitor.open(_link(visitor))


@PART.scene("compte-adresse-lien-passe")
def address_link_over(visitor: Visitor) -> None:
    """The same link, once it was used."""
    with visitor.quickly():
        _ask_for_address(visitor)
        link = _link(visitor)
        visitor.open(link)
        visitor.press("Je valide cette adresse")
    visitor.open(link)


@PART.scene("compte-services")
def services(visitor: Visitor) -> None:
    """« Mes services »: the member's own space."""
    with visitor.quickly():
        visitor.come_from()
        visitor.sign_in(visitor.world.member())
    visitor.world.redeem("espace-adherent", visitor.url)
    visitor.open("/compte/services")


@PART.scene("compte-sans-service")
def no_service(visitor: Visitor) -> None:
    """« Mes services » without one."""
    _sign_in(visitor)
    visitor.open("/compte/services")


@PART.scene("compte-historique")
def history(visitor: Visitor) -> None:
    """« Mon historique de sécurité »."""
    with visitor.quickly():
        visitor.open("/connexion", espace="adherent")
        visitor.sign_in(visitor.world.member(), answer="Oui, se fier à cet appareil")
    visitor.open("/compte/historique")


@PART.scene("compte-donnees")
def data(visitor: Visitor) -> None:
    """« Mes données »."""
    _sign_in(visitor)
    visitor.open("/compte/donnees")


@PART.scene("compte-fermer")
def closing(visitor: Visitor) -> None:
    """« Fermer mon compte »: what it means."""
    _sign_in(visitor)
    visitor.open("/compte/fermer")


@PART.scene("compte-ferme")
def closed(visitor: Visitor) -> None:
    """The closing is written down."""
    _close(visitor)


@PART.scene("connexion-fermeture")
def keep(visitor: Visitor) -> None:
    """Who signs in before the day is asked whether the account is kept."""
    with visitor.quickly():
        person = _close(visitor)
        visitor.give_password(person)
        visitor.give_code()
        visitor.press("Non merci")
    visitor.stay()


@PART.scene("connexion-fermee")
def too_late(visitor: Visitor) -> None:
    """Who signs in after it."""
    with visitor.quickly():
        person = _close(visitor)
        visitor.give_password(person)
        visitor.give_code()
        visitor.change_account(person, closes_at=visitor.world.clock.now() - timedelta(days=1))
        visitor.press("Non merci")
    visitor.stay()


def _sign_in(visitor: Visitor, person: Person | None = None) -> Person:
    person = person or visitor.world.member()
    visitor.be_signed_in(person)
    return person


def _ask_for_address(visitor: Visitor) -> None:
    with visitor.quickly():
        person = _sign_in(visitor)
        visitor.open("/compte/adresse")
        visitor.send(email=f"nouvelle.{person.email}")


def _link(visitor: Visitor) -> str:
    link: str = visitor.newest_mail()["link"]
    return "/compte/adresse/" + link.rpartition("/")[2]


def _close(visitor: Visitor) -> Person:
    person = _sign_in(visitor)
    visitor.open("/compte/fermer")
    visitor.send(current_password=person.password)
    return person
