"""What a member meets once signed in: « Mon compte », consent, the way back, signing out."""

from idp.authenticators import trusted_device
from idp.subjects import accounts
from tests.browser.looks.scenes import Part
from tests.browser.looks.visitor import Visitor

PART = Part("Signed in")
THIRD_PARTY = "rendez-vous"


@PART.scene("compte")
def account(visitor: Visitor) -> None:
    """« Mon compte »: the way to each page."""
    _sign_in(visitor)
    visitor.open("/compte")


@PART.scene("compte-appareils")
def devices(visitor: Visitor) -> None:
    """« Mes appareils de confiance », this one among them."""
    person = visitor.world.member()
    with visitor.quickly():
        visitor.open("/connexion", espace="adherent")
        visitor.sign_in(person, answer="Oui, se fier à cet appareil")
    with visitor.world.rows() as session:
        for name in ("Firefox sur Windows", "Safari sur iOS"):
            trusted_device.trust(
                session,
                vault=visitor.world.parts.vault,
                account=accounts.by_email(session, person.email),
                name=name,
                now=visitor.world.clock.now(),
            )
    visitor.open("/compte/appareils")


@PART.scene("consentement")
def consent(visitor: Visitor) -> None:
    """A third party asks: what it would be told."""
    _sign_in(visitor)
    visitor.come_from(THIRD_PARTY, scope="openid profile email member member_data offline_access")


@PART.scene("retour-au-service")
def form_post(visitor: Visitor) -> None:
    """The answer to a service that wants a posted form, where its script did not run."""
    _sign_in(visitor)
    # « No content »: the browser stays on the page whose form was sent.
    visitor.world.service.script((204, {}, b""))
    visitor.come_from(response_mode="form_post", wait_until="commit")
    visitor.page.wait_for_selector("h1")


@PART.scene("deconnexion")
def sign_out(visitor: Visitor) -> None:
    """The question before signing out, with the services concerned."""
    with visitor.quickly():
        visitor.come_from()
        visitor.sign_in(visitor.world.member())
    visitor.world.redeem("espace-adherent", visitor.url)
    visitor.open("/deconnexion")


@PART.scene("deconnexion-faite")
def signed_out(visitor: Visitor) -> None:
    """Signed out everywhere."""
    with visitor.quickly():
        _sign_in(visitor)
        visitor.open("/deconnexion")
        visitor.press("Se déconnecter")
    visitor.stay()


def _sign_in(visitor: Visitor) -> None:
    visitor.be_signed_in(visitor.world.member())
