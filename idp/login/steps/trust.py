"""The question after the code: whether this browser may be trusted."""

from flask import Response

from idp.authenticators import trusted_device
from idp.core.errors import Problem
from idp.login.interaction import Interaction
from idp.login.steps.base import Step, cancel_url, hidden
from idp.subjects import accounts
from idp.web import owner
from idp.web.kit import Visit


class Trust(Step):
    """« Souhaitez-vous enregistrer cet appareil comme appareil de confiance ? »."""

    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The two buttons, with the date until which trust would last."""
        until = visit.now + visit.kit.settings.trusted_device.lifetime
        return visit.page(
            "connexion_appareil.html",
            hidden=hidden(interaction),
            until=until.date(),
            cancel_url=cancel_url(interaction),
        )

    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Only the two answers count; anything else asks again."""
        answer = visit.request.form.get("trust", "")
        if answer not in {"yes", "no"}:
            return self.show(visit, interaction)
        interaction.trust_answered_at = visit.now
        if answer == "yes":
            self._trust(visit, interaction)
        return None

    def _trust(self, visit: Visit, interaction: Interaction) -> None:
        account = accounts.by_id(visit.session, interaction.account_id or "")
        if account is None or account.epoch != interaction.epoch:
            raise Problem("P-2002", detail="the account changed during the sign-in")
        lifetime = visit.kit.settings.trusted_device.lifetime
        trusted = trusted_device.trust(
            visit.session, vault=visit.kit.vault, account=account, name=visit.device_name, now=visit.now
        )
        interaction.device_id = trusted.device_id
        name = trusted_device.cookie_name(visit.kit.vault, account.id)
        visit.set_cookie(name, trusted.cookie, max_age=lifetime)
        visit.audit("device.trusted", account.id, device=trusted.device_id)
        owner.warn(
            visit,
            account,
            "trusted-device-added",
            cause=f"device:{trusted.device_id}:added",
            context={"until": (visit.now + lifetime).isoformat()},
        )
