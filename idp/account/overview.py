"""« Mon compte »: who is signed in, what was just done, and the way to each page."""

from dataclasses import dataclass

from flask import Response

from idp.account import neighbours
from idp.account.desk import Owner
from idp.core.words import N_
from idp.subjects import emails, members
from idp.web.kit import Visit

# What the page before has done, by the value that it names in the address.
DONE = {
    "mot-de-passe": N_("Votre mot de passe est changé. Vos autres connexions sont fermées."),
    "adresse": N_("Votre adresse email est changée. Vos autres connexions sont fermées."),
}


@dataclass(frozen=True, slots=True)
class Card:
    """One page below « Mon compte »."""

    title: str
    text: str
    url: str


def _cards() -> tuple[Card, ...]:
    return (
        Card(
            N_("Mes appareils de confiance"),
            N_("Ceux sur lesquels aucun code ne vous est demandé."),
            "/compte/appareils",
        ),
        Card(
            N_("Mes connexions"),
            N_("Les navigateurs où vous êtes connecté(e) en ce moment."),
            "/compte/connexions",
        ),
        Card(N_("Mon mot de passe"), N_("En choisir un nouveau."), "/compte/mot-de-passe"),
        Card(N_("Mon adresse email"), N_("Celle avec laquelle vous vous connectez."), "/compte/adresse"),
        Card(
            N_("Sécurité de ma connexion"),
            N_("Clés d’accès, application d’authentification, codes de secours."),
            neighbours.SECURITY,
        ),
        Card(
            N_("Mes services"),
            N_("Ceux qui ont accès à vos informations, et comment retirer cet accès."),
            "/compte/services",
        ),
        Card(
            N_("Mon historique de sécurité"),
            N_("Ce qui s’est passé sur votre compte, et quand."),
            "/compte/historique",
        ),
        Card(N_("Mes données"), N_("Voir et télécharger ce que nous savons de vous."), "/compte/donnees"),
        Card(N_("Fermer mon compte"), N_("Et effacer ses informations."), "/compte/fermer"),
    )


def page(visit: Visit, owner: Owner) -> Response:
    """The overview, the same for all but for the name."""
    member = members.by_id(visit.session, owner.account.member_id)
    return visit.page(
        "compte.html",
        given_name=member.given_name if member is not None else "",
        address=emails.mask(owner.account.email),
        done=visit.say(DONE.get(visit.request.args.get("fait", ""), "")),
        cards=[(visit.say(card.title), visit.say(card.text), card.url) for card in _cards()],
        sign_out_url="/deconnexion",
    )
