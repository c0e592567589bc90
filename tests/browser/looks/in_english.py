"""A choice of the same pages in English: each component and each kind of error once."""

from functools import partial

from tests.browser.looks import enrolling, failing, open_pages, recovering, signing_in, staying
from tests.browser.looks.scenes import Part, Scene
from tests.browser.looks.visitor import Visitor

PART = Part("In English")
CHOSEN = (
    "aide", "cgu", "connexion-vide", "code-erreur", "inscription-erreurs", "validation-corriger-erreur",
    "activer-mot-de-passe-erreur", "compte-appareils", "consentement", "erreur-trop-de-demandes",
    "mot-de-passe-oublie-code-erreur", "adresse-perdue-fait",
    "adresse-perdue-lettre-mot-de-passe", "connexion-sans-email-attente",
)  # fmt: skip
PICTURED = {"connexion-vide", "code-erreur", "inscription-erreurs", "compte-appareils"}


def _in_english(scene: Scene, visitor: Visitor) -> None:
    visitor.speak("en")
    scene.go(visitor)


for part in (open_pages, signing_in, enrolling, recovering, staying, failing):
    for scene in part.PART.scenes:
        if scene.name in CHOSEN:
            PART.add(
                f"{scene.name}-en",
                scene.caption,
                partial(_in_english, scene),
                is_pictured=scene.name in PICTURED,
            )
