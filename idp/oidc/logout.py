"""Signing out: asked by a client (RP-Initiated Logout 1.0) or by the member on « Déconnexion »."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response

from idp.login import interaction as interactions
from idp.login import service as signing_in
from idp.oidc import answers, claims, grants, hints
from idp.oidc.clients import Client
from idp.oidc.provider import Provider, Snapshot
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.web.kit import Visit

PATH = "/deconnexion"
KNOWN = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a logout request proves: the client that asks, its member's subject, and where it may lead."""

    client: Client
    sub: str
    redirect_uri: str | None
    state: str | None
    ui_locales: str

    @property
    def return_address(self) -> str | None:
        """Where the browser goes afterwards, with the state that came."""
        if self.redirect_uri is None or self.state is None:
            return self.redirect_uri
        return answers.with_query(self.redirect_uri, {"state": self.state})


class Logout:
    """The rules of signing out, over the parts they need."""

    def __init__(self, provider: Provider) -> None:
        """Keep the parts."""
        self._provider = provider

    def ask_again(self, visit: Visit) -> Response:
        """Have a posted request repeated as a GET: from another site a POST brings no SameSite cookies."""
        return visit.see_other(f"/oauth2/end_session?{urlencode(_known(visit.request.form))}")

    def requested(self, visit: Visit) -> Response:
        """A client's request: with a genuine hint of the member at this browser it is done, else asked."""
        parameters = _known(visit.request.args)
        snapshot = self._provider.snapshot(visit.session, now=visit.now)
        wish = self._wish(parameters, snapshot)
        if wish is None:
            return visit.see_other(PATH)
        live = self._enter_space(visit, wish)
        if live is not None and not self._is_of(wish, live):
            # Somebody else sits here now: that person is asked, and then led back.
            return visit.see_other(f"{PATH}?{urlencode(parameters)}")
        self._end(visit, live)
        return self._leave(visit, wish)

    def page(self, visit: Visit) -> Response:
        """« Voulez-vous vous déconnecter ? », or the news that nobody is signed in."""
        wish = self._wish(_known(visit.request.args), self._provider.snapshot(visit.session, now=visit.now))
        live = self._enter_space(visit, wish)
        if live is None:
            return self._leave(visit, wish)
        if wish is not None and wish.redirect_uri is not None:
            visit.send_forms_to(wish.redirect_uri)
        back = visit.kit.door_of(visit.session, visit.space) or "/compte"
        services = self._services_of(visit, live)
        return visit.page("deconnexion.html", mode="ask", home_url=back, services=services)

    def confirmed(self, visit: Visit) -> Response:
        """The member's own click on « Se déconnecter »."""
        wish = self._wish(_known(visit.request.args), self._provider.snapshot(visit.session, now=visit.now))
        self._end(visit, self._enter_space(visit, wish))
        return self._leave(visit, wish)

    def _wish(self, parameters: Mapping[str, str], snapshot: Snapshot) -> Wish | None:
        """What the request proves; None without a genuine hint, or with an address that is not registered."""
        hint = hints.read(
            parameters.get("id_token_hint", ""), ring=snapshot.ring, issuer=self._provider.issuer
        )
        if hint is None or parameters.get("client_id", hint.client_id) != hint.client_id:
            return None
        client = snapshot.clients.get(hint.client_id)
        address = parameters.get("post_logout_redirect_uri")
        if client is None or (address is not None and address not in client.post_logout_redirect_uris):
            return None
        return Wish(client, hint.sub, address, parameters.get("state"), parameters.get("ui_locales", ""))

    def _is_of(self, wish: Wish, live: LiveSession) -> bool:
        return claims.subject_of(wish.client, live.account_id, vault=self._provider.vault) == wish.sub

    def _enter_space(self, visit: Visit, wish: Wish | None) -> LiveSession | None:
        """The session to end, and its page in the look of the client that asks, or else of the session's own space."""
        if wish is not None and wish.ui_locales:
            visit.prefer(wish.ui_locales)
        secret = visit.cookie(signing_in.SESSION)
        live = None if secret is None else sessions.to_end(visit.session, secret)
        if wish is not None:
            visit.space = self._provider.spaces[wish.client.space]
        elif live is not None:
            visit.space = self._provider.spaces.get(live.space) or visit.space
        return live

    def _services_of(self, visit: Visit, live: LiveSession) -> list[str]:
        """The names of the services that the session let the member into."""
        held = grants.clients_by_session(visit.session, [live.id]).get(live.id, frozenset())
        known = self._provider.snapshot(visit.session, now=visit.now).clients
        return sorted(client.client_name for name in held if (client := known.get(name)) is not None)

    def _end(self, visit: Visit, live: LiveSession | None) -> None:
        """End the session everywhere: tokens that name it are refused from now on."""
        if live is not None and sessions.end(visit.session, live.id, now=visit.now):
            visit.audit("session.ended", live.account_id, by="member")
        interactions.end_proved(visit.session, browser=visit.browser, now=visit.now)
        if visit.cookie(signing_in.SESSION) is not None:
            visit.drop_cookie(signing_in.SESSION)

    def _leave(self, visit: Visit, wish: Wish | None) -> Response:
        if wish is not None and wish.return_address is not None:
            return visit.see_other(wish.return_address)
        visit.back = PATH
        return visit.page("deconnexion.html", mode="done", home_url="/")


def _known(source: Mapping[str, str]) -> dict[str, str]:
    """The parameters that we know, when they have a value."""
    return {name: source[name] for name in KNOWN if source.get(name)}
