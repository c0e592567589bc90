"""« Mon historique de sécurité »: what happened to this account, in one sentence each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from idp.account import neighbours
from idp.account.desk import Desk, Owner
from idp.core import audit
from idp.core.audit import AuditEvent
from idp.core.words import N_
from idp.web import browser, words
from idp.web.kit import Visit

PATH = "/compte/historique"
ON_A_PAGE = 50
LONGEST_NUMBER = 18

# Every event that says something to its owner; others (a code sent, tokens renewed) are not shown.
SENTENCES: Mapping[str, str] = {
    "account.activated": N_("Votre compte a été créé."),
    "account.closing": N_("La fermeture de votre compte a été demandée."),
    "account.kept": N_("Vous avez choisi de garder votre compte."),
    "address.asked": N_("Un changement d’adresse email a été demandé."),
    "address.wrong_code": N_("Un code faux a été entré pour une nouvelle adresse email."),
    "address.given_up": N_("Un changement d’adresse email a été abandonné."),
    "address.disowned": N_(
        "Avec une lettre, une autre adresse email que celle de votre compte a été donnée."
    ),
    "address.changed": N_("L’adresse email de votre compte a été changée."),
    "address.refused": N_("Un changement d’adresse email a été refusé."),
    "address.undone": N_("Un changement d’adresse email a été annulé."),
    "alarm.raised": N_("Vous avez signalé : « Ce n’était pas moi »."),
    "alarm.undone": N_("Le signalement « Ce n’était pas moi » a été levé."),
    "app.added": N_("Une application d’authentification a été ajoutée."),
    "app.removed": N_("Une application d’authentification a été retirée."),
    "code.frozen": N_("Trop de codes faux ont été entrés : la connexion par code a fait une pause."),
    "code.wrong": N_("Un code faux a été entré pour se connecter."),
    "consent.given": N_("Vous avez autorisé un service à accéder à vos informations."),
    "consent.taken_back": N_("Vous avez retiré l’accès d’un service."),
    "data.downloaded": N_("Vos données ont été téléchargées."),
    "device.revoked": N_("Un appareil de confiance a été retiré."),
    "device.theft": N_("Un appareil de confiance a été retiré par sécurité : son accès semblait copié."),
    "device.trusted": N_("Un appareil de confiance a été enregistré."),
    "passkey.added": N_("Une clé d’accès a été ajoutée."),
    "passkey.removed": N_("Une clé d’accès a été retirée."),
    "password.changed": N_("Votre mot de passe a été changé."),
    "password.reset": N_("Votre mot de passe a été changé après un oubli."),
    "password.wrong": N_("Un mot de passe faux a été entré."),
    "recovery.asked": N_("Une récupération de vos accès a été demandée."),
    "recovery_codes.made": N_("De nouveaux codes de secours ont été créés."),
    "refresh.reused": N_("Un service a été déconnecté par sécurité : son accès semblait copié."),
    "session.ended": N_("Une connexion a été fermée."),
    "session.opened": N_("Connexion à votre compte."),
    "session.strengthened": N_("Vous avez confirmé votre identité."),
    "terms.accepted": N_("Vous avez accepté les conditions générales d’utilisation."),
}
# Beside what another person may have done stands « Ce n'était pas moi ».
OTHERS_MAY_HAVE = frozenset({
    "address.asked", "address.changed", "account.closing", "app.added", "app.removed", "consent.given",
    "data.downloaded", "device.revoked", "device.trusted", "passkey.added", "passkey.removed", "password.changed",
    "password.reset", "recovery.asked", "recovery_codes.made", "session.opened", "session.strengthened",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One event as its owner reads it."""

    at: datetime
    event: str
    sentence: str
    browser: str
    not_me_url: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """The page, fifty lines at a time."""

    desk: Desk

    def page(self, visit: Visit, owner: Owner) -> Response:
        """The newest lines, or those older than the last one of the page before."""
        before = _number(visit.request.args.get("avant", ""))
        found = _events(visit.session, owner.account.id, before=before, limit=ON_A_PAGE + 1)
        shown = found[:ON_A_PAGE]
        return visit.page(
            "compte_historique.html",
            lines=[self._line(visit, event) for event in shown],
            older_url=f"{PATH}?avant={shown[-1].id}" if len(found) > ON_A_PAGE else None,
            newest_url=PATH if before is not None else None,
        )

    def _line(self, visit: Visit, event: AuditEvent) -> Line:
        sentence = visit.say(SENTENCES[event.event])
        client_id = event.facts.get("client_id")
        if isinstance(client_id, str) and event.event.startswith("consent."):
            name = self.desk.services.name_of(visit.session, client_id, now=visit.now)
            sentence = f"{sentence} ({name})" if name else sentence
        is_askable = event.event in OTHERS_MAY_HAVE
        return Line(
            at=event.at,
            event=event.event,
            sentence=sentence,
            browser=browser.name_in(visit.locale, _browser(event.facts)),
            not_me_url=neighbours.not_me_url(event, now=visit.now) if is_askable else None,
        )


def lines_in(session: Session, account_id: str, *, locale: str, limit: int) -> list[dict[str, Any]]:
    """The history for the download: as JSON, the newest first."""
    return [
        {
            "at": event.at.isoformat(timespec="seconds"),
            "event": event.event,
            "sentence": words.say(SENTENCES[event.event], locale),
            "browser": _browser(event.facts) or None,
        }
        for event in _events(session, account_id, before=None, limit=limit)
    ]


def _events(session: Session, account_id: str, *, before: int | None, limit: int) -> list[AuditEvent]:
    return audit.of_account(session, account_id, list(SENTENCES), before=before, limit=limit)


def _browser(facts: Mapping[str, Any]) -> str:
    found = facts.get("browser")
    return found if isinstance(found, str) else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None
