"""The two ways to read « Mes données »: a page, and a file."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Response

from idp.account import data
from idp.account.desk import Desk, Owner
from idp.core.words import N_
from idp.web.kit import Visit

# The mails of the last days, as their reader may remember them.
MAILS = {
    "account-activated": N_("Compte créé"),
    "account-closing": N_("Fermeture du compte demandée"),
    "address-changed": N_("Adresse email changée"),
    "address-new": N_("Validation d’une adresse email"),
    "address-old": N_("Changement d’adresse email"),
    "already-member": N_("Inscription déjà faite"),
    "activation": N_("Validation de l’inscription"),
    "new-sign-in": N_("Nouvelle connexion"),
    "one-time-code": N_("Code de connexion"),
    "password-asked": N_("Mot de passe oublié"),
    "password-changed": N_("Mot de passe changé"),
    "terms-changed": N_("Nouvelles conditions d’utilisation"),
    "trusted-device-added": N_("Nouvel appareil de confiance"),
}
OTHER_MAIL = N_("Message de sécurité")
SHOWN_MAILS = 10
PATH = "/compte/donnees"
FILE = "/compte/donnees.json"


@dataclass(frozen=True, slots=True)
class DataPages:
    """The page and the download."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """What is held, readable; the long lists have pages of their own."""
        document = self._document(visit, owner)
        return visit.page(
            "compte_donnees.html",
            data=document,
            birth_date=date.fromisoformat(born)
            if (born := (document["member"] or {}).get("birth_date"))
            else None,
            created_at=owner.account.created_at,
            terms_accepted_at=owner.account.terms_accepted_at,
            mails=[
                (visit.say(MAILS.get(mail["kind"], OTHER_MAIL)), datetime.fromisoformat(mail["written_at"]))
                for mail in document["mails"][:SHOWN_MAILS]
            ],
            file_url=FILE,
        )

    def download(self, visit: Visit, owner: Owner) -> Response:
        """The same and more, as a JSON file."""
        document = self._document(visit, owner)
        visit.audit("data.downloaded", owner.account.id)
        body = json.dumps(document, ensure_ascii=False, indent=2)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="mes-donnees.json"',
        }
        return Response(body, headers=headers, mimetype="application/json")

    def _document(self, visit: Visit, owner: Owner) -> dict[str, Any]:
        return data.document(
            visit.session,
            owner.account,
            services=self.desk.services,
            say=visit.say,
            locale=visit.locale,
            settings=visit.kit.settings,
            now=visit.now,
        )
