"""Consent: what a third party asks to know, in the member's words, and whether it was allowed before."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from idp.core import secrets
from idp.core.words import N_
from idp.oidc import claims, grants
from idp.oidc.clients import Client
from idp.oidc.requests import AuthorizationRequest, Prompt
from idp.sessions.service import LiveSession
from idp.subjects import consents

PATH = "/consentement"
OF_SCOPE = {
    "openid": N_("Savoir que c’est bien vous, par un identifiant de votre compte"),
    "profile": N_("Votre nom, votre prénom et votre date de naissance"),
    "email": N_("Votre adresse email"),
    "member": N_("Votre numéro d’adhérent"),
    claims.MEMBER_DATA: N_(
        "Vos remboursements, votre contrat, votre carte, vos devis, vos messages et vos documents"
    ),
    claims.DEVICES: N_("Vos appareils de confiance : les voir et les retirer"),
    claims.OFFLINE: N_("Garder cet accès après votre déconnexion, sans que vous soyez là"),
}
OF_CLAIM = {
    "name": N_("Votre nom et votre prénom"),
    "given_name": N_("Votre prénom"),
    "family_name": N_("Votre nom"),
    "birthdate": N_("Votre date de naissance"),
    "email": N_("Votre adresse email"),
    "email_verified": N_("Si votre adresse email a été vérifiée"),
    "member_number": N_("Votre numéro d’adhérent"),
    "population": N_("Votre situation auprès de votre mutuelle (adhérent, professionnel ou élu)"),
}
OTHER_SCOPE = N_("L’accès « %(scope)s » aux services de votre mutuelle")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks to know: scopes, and single claims that no scope of it opens."""

    scopes: frozenset[str]
    claims: frozenset[str]

    @classmethod
    def of(cls, request: AuthorizationRequest) -> "Wish":
        """What this request would let its client know."""
        single = {*request.wanted.id_token, *request.wanted.userinfo}
        return cls(frozenset(request.scopes), frozenset(single - claims.names_of(request.scopes)))

    def words(self, say: Callable[..., str]) -> list[str]:
        """One line for each thing, in the order of the page, as the visit's `say` puts it."""
        known = [say(text) for scope, text in OF_SCOPE.items() if scope in self.scopes]
        single = [say(text) for name, text in OF_CLAIM.items() if name in self.claims]
        others = sorted(self.scopes - OF_SCOPE.keys())
        return [*known, *single, *(say(OTHER_SCOPE, scope=scope) for scope in others)]


def seal_of(request: AuthorizationRequest) -> str:
    """What the page showed, in one word: the answer is for that, whatever the client has become meanwhile."""
    wish = Wish.of(request)
    shown = [request.client.client_id, request.client.client_name, sorted(wish.scopes), sorted(wish.claims)]
    return secrets.fingerprint(json.dumps(shown))


def is_needed(session: Session, request: AuthorizationRequest, live: LiveSession) -> bool:
    """Whether the member must be asked: a third party wants what was not allowed, or asks for the page."""
    if request.client.first_party:
        return False
    return Prompt.CONSENT in request.prompts or not _was_given(session, request, live)


def _was_given(session: Session, request: AuthorizationRequest, live: LiveSession) -> bool:
    former = consents.find(session, live.account_id, request.client.client_id)
    if former is None:
        return False
    wish = Wish.of(request)
    return wish.scopes <= set(former.scopes) and wish.claims <= set(former.claims)


def take_back(session: Session, account_id: str, client_id: str, *, now: datetime) -> bool:
    """Allow the client nothing any more, and end the tokens it has; whether it was allowed anything."""
    grants.revoke_all(session, account_id, client_id, now=now)
    return consents.take_back(session, account_id, client_id)


def links_of(client: Client) -> list[tuple[str, str]]:
    """What the third party says of itself: address and words."""
    named = ((client.policy_uri, N_("Confidentialité")), (client.tos_uri, N_("Conditions d’utilisation")))
    return [(address, words) for address, words in named if address is not None]
