"""The addresses of OpenID Connect: thin, each leading to the rules of its endpoint."""

import json

from flask import Blueprint, Response

from idp.login.service import Login
from idp.oidc import cors, userinfo
from idp.oidc.authorize import Authorization
from idp.oidc.logout import PATH as LOGOUT_PAGE
from idp.oidc.logout import Logout
from idp.oidc.provider import Provider
from idp.oidc.server import TokenServer
from idp.oidc.userinfo import TokenRefusal
from idp.web.kit import Call, Kit, Visit


def blueprint(kit: Kit, provider: Provider, login: Login) -> Blueprint:
    """`/oauth2/…` and `/deconnexion`."""
    pages = Blueprint(
        "oidc",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static/oidc",
    )
    _add_authorization(pages, kit, Authorization(provider, login))
    _add_logout(pages, kit, Logout(provider))
    _add_token(pages, kit, provider, TokenServer(provider))
    _add_userinfo(pages, kit, provider)
    kit.limit_pages(pages)
    return pages


def _add_authorization(pages: Blueprint, kit: Kit, authorization: Authorization) -> None:
    @pages.route("/oauth2/authorize", methods=["GET", "POST"])
    @kit.open_visit
    def authorize(visit: Visit) -> Response:
        if visit.request.method == "HEAD":
            # Link checkers look; nothing is given to a look.
            return Response(headers={"Cache-Control": "no-store"})
        if visit.request.method == "POST":
            return authorization.ask_again(visit)
        return authorization.answer(visit, visit.request.args.to_dict(flat=False))

    @pages.get("/oauth2/authorize/suite")
    @kit.visit
    def resume(visit: Visit) -> Response:
        return authorization.resume(visit, visit.request.args.get("i", ""))


def _add_logout(pages: Blueprint, kit: Kit, logout: Logout) -> None:
    @pages.route("/oauth2/end_session", methods=["GET", "POST"])
    @kit.open_visit
    def end_session(visit: Visit) -> Response:
        return logout.ask_again(visit) if visit.request.method == "POST" else logout.requested(visit)

    @pages.get(LOGOUT_PAGE)
    @kit.visit
    def ask(visit: Visit) -> Response:
        return logout.page(visit)

    @pages.post(LOGOUT_PAGE)
    @kit.visit
    def confirm(visit: Visit) -> Response:
        return logout.confirmed(visit)


def _add_token(endpoints: Blueprint, kit: Kit, provider: Provider, server: TokenServer) -> None:
    # No limit at the edge: clients are few and known, and one address may be a whole service.
    @endpoints.route("/oauth2/token", methods=["POST", "OPTIONS"])
    @kit.limiter.exempt
    @cors.open_to_browser_clients(provider)
    @kit.endpoint
    def token(call: Call) -> Response:
        return server.answer(call.request, session=call.session, now=call.now)


def _add_userinfo(endpoints: Blueprint, kit: Kit, provider: Provider) -> None:
    @endpoints.route("/oauth2/userinfo", methods=["GET", "POST", "OPTIONS"])
    @kit.limiter.exempt
    @cors.open_to_browser_clients(provider)
    @kit.endpoint
    def info(call: Call) -> Response:
        token = userinfo.bearer(
            call.request.headers.get("Authorization"), call.request.form.getlist("access_token")
        )
        if isinstance(token, TokenRefusal):
            return _refused(token)
        found = userinfo.answer(call.session, token, provider=provider, now=call.now)
        return _refused(found) if isinstance(found, TokenRefusal) else _json(found)


def _refused(refusal: TokenRefusal) -> Response:
    response = _json({"error": refusal.value or TokenRefusal.INVALID.value})
    response.status_code = userinfo.status(refusal)
    response.headers["WWW-Authenticate"] = userinfo.challenge(refusal)
    return response


def _json(document: dict[str, object]) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(json.dumps(document), headers=headers, mimetype="application/json")
