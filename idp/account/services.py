"""« Mes services »: those that hold an access or a consent of this account, and its end."""

from dataclasses import dataclass

from flask import Response

from idp.account.desk import Desk, Owner
from idp.core.words import N_
from idp.web.kit import Visit

PATH = "/compte/services"
TAKE_BACK = "/compte/services/retirer"
LONGEST_NAME = 200
DONE = N_("L’accès est retiré. Ce service ne peut plus rien savoir de vous.")


@dataclass(frozen=True, slots=True)
class ServicePages:
    """The list, and its buttons."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """The services, by name."""
        held = self.desk.services.held(visit.session, owner.account.id, say=visit.say, now=visit.now)
        return visit.page(
            "compte_services.html",
            services=sorted(held, key=lambda service: service.name.casefold()),
            done=visit.say(DONE) if visit.request.args.get("fait") == "retire" else "",
            take_back_url=TAKE_BACK,
        )

    def take_back(self, visit: Visit, owner: Owner) -> Response:
        """« Retirer l'accès »: consent and tokens of one service end."""
        client_id = visit.request.form.get("service", "")[:LONGEST_NAME]
        account_id = owner.account.id
        if not self.desk.services.take_back(visit.session, account_id, client_id, now=visit.now):
            return visit.see_other(PATH)
        visit.audit("consent.taken_back", account_id, client_id=client_id)
        return visit.see_other(f"{PATH}?fait=retire")
