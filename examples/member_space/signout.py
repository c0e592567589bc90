"""Signing out: by the member's own hand, and by order of the provider."""

import hmac

from flask import Blueprint, Response, jsonify, request

from examples.member_space.settings import DOORS, Door
from examples.member_space.site import (
    LOGOUT_COOKIE,
    SESSION_COOKIE,
    Site,
    cookie_value,
    current,
    forget_cookie,
    has_good_csrf,
    log,
    page,
    see_other,
    set_cookie,
)
from examples.member_space.store import end_session, end_sessions_of, new_secret, spend_logout_token
from examples.member_space.tokens import LogoutOrder, Untrusted, verify_logout_token

GOODBYE = "/deconnecte"


class SignOutDesk:
    """`/logout`, the page after it, and the provider's own call."""

    def __init__(self, site: Site) -> None:
        """Keep the parts."""
        self._site = site

    def blueprint(self) -> Blueprint:
        """The routes."""
        routes = Blueprint("signout", __name__)
        routes.add_url_rule("/logout", "ask", self.ask)
        routes.add_url_rule("/logout", "leave", self.leave, methods=["POST"])
        routes.add_url_rule(GOODBYE, "goodbye", self.goodbye)
        routes.add_url_rule("/backchannel-logout", "backchannel", self.backchannel, methods=["POST"])
        return routes

    def ask(self) -> Response:
        """A page with a button: following a link never signs anybody out."""
        with self._site.database.transaction() as session:
            visit = current(self._site, session)
        return page("logout.html", visit=visit) if visit else see_other(GOODBYE)

    def leave(self) -> Response:
        """End the session here, then at the provider, which ends it everywhere."""
        with self._site.database.transaction() as session:
            visit = current(self._site, session)
            if visit is None:
                return see_other(GOODBYE)
            if not has_good_csrf(visit):
                return page("logout.html", 400, visit=visit)
            end_session(session, cookie_value())
        state = new_secret()
        address = self._site.provider.end_session_url(visit.id_token, state)
        answer = see_other(address or GOODBYE)
        forget_cookie(answer, SESSION_COOKIE)
        set_cookie(answer, LOGOUT_COOKIE, state)
        return answer

    def goodbye(self) -> Response:
        """Say what is over: everything, when the provider sent the browser back with our state."""
        expected, state = cookie_value(LOGOUT_COOKIE), request.args.get("state", "")
        is_everywhere = bool(expected) and hmac.compare_digest(
            expected.encode("utf-8", "surrogatepass"), state.encode("utf-8", "surrogatepass")
        )
        answer = page("goodbye.html", is_everywhere=is_everywhere)
        forget_cookie(answer, LOGOUT_COOKIE)
        return answer

    def backchannel(self) -> Response:
        """OIDC Back-Channel Logout 2.5: obey a good logout token once, and answer quickly."""
        tokens = request.form.getlist("logout_token")
        verified = self._verify(tokens[0]) if len(tokens) == 1 else None
        if verified is None:
            return _invalid("the logout token is not acceptable")
        door, order = verified
        with self._site.database.transaction() as session:
            now = self._site.clock()
            if not spend_logout_token(session, space=door.space, jti=order.jti, sid=order.sid, now=now):
                return _invalid("the logout token was used before")
            ended = end_sessions_of(session, space=door.space, sid=order.sid, sub=order.sub)
        log.info("the provider ended %d session(s) of %s", ended, door.client_id)
        return Response(status=200)

    def _verify(self, token: str) -> tuple[Door, LogoutOrder] | None:
        for door in DOORS.values():
            try:
                order = verify_logout_token(
                    token, issuer=self._site.provider.issuer, client_id=door.client_id, now=self._site.clock()
                )
            except Untrusted as reason:
                log.debug("logout token refused for %s: %s", door.client_id, reason)
            else:
                return door, order
        return None


def _invalid(description: str) -> Response:
    answer = jsonify(error="invalid_request", error_description=description)
    answer.status_code = 400
    return answer
