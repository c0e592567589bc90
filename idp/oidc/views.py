"""The addresses of OpenID Connect: thin, each leading to the rules of its endpoint."""

import functools
from collections.abc import Callable

from flask import Blueprint, Response, request

from idp.login.service import Login
from idp.oidc import client_auth, consent, cors, introspection, pushing, revocation, userinfo
from idp.oidc.authorize import Authorization
from idp.oidc.logout import PATH as LOGOUT_PAGE
from idp.oidc.logout import Logout
from idp.oidc.provider import Provider
from idp.oidc.registration_views import add_registration
from idp.oidc.server import PATH as TOKEN
from idp.oidc.server import TokenServer
from idp.web.kit import Call, Kit, Visit


def blueprint(kit: Kit, provider: Provider, login: Login) -> Blueprint:
    """`/oauth2/…` and `/deconnexion`."""
    pages = Blueprint(
        "oidc",
        __name__,
        template_folder="templates",
    )
    _add_authorization(pages, kit, Authorization(provider, login))
    _add_logout(pages, kit, Logout(provider))
    add_registration(pages, kit, provider)
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

    @pages.get(consent.PATH)
    @kit.visit
    def ask_consent(visit: Visit) -> Response:
        return authorization.ask_consent(visit, visit.request.args.get("i", ""))

    @pages.post(consent.PATH)
    @kit.visit
    def answer_consent(visit: Visit) -> Response:
        form = visit.request.form
        return authorization.answer_consent(
            visit, form.get("i", ""), form.get("consent", ""), form.get("shown", "")
        )


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


def endpoints(kit: Kit, provider: Provider) -> Blueprint:
    """What clients call. No limit at the edge: they are few and known, and one address may be a whole service.

    A blueprint of its own: a limit on a blueprint holds for all its addresses, whatever is said of one of them.
    """
    calls = Blueprint("oidc_endpoints", __name__)
    server = TokenServer(provider)

    def token(call: Call) -> Response:
        return server.answer(call.request, session=call.session, now=call.now)

    def info(call: Call) -> Response:
        return userinfo.answer(call.request, session=call.session, provider=provider, now=call.now)

    def revoke(call: Call) -> Response:
        return revocation.answer(call.request, session=call.session, provider=provider, now=call.now)

    def introspect(call: Call) -> Response:
        return introspection.answer(call.request, session=call.session, provider=provider, now=call.now)

    def push(call: Call) -> Response:
        return pushing.answer(call.request, session=call.session, provider=provider, now=call.now)

    open_ones = {TOKEN: token, userinfo.PATH: info, revocation.PATH: revoke, pushing.PATH: push}
    for path, answer in open_ones.items():
        view = cors.open_to_browser_clients(provider)(kit.endpoint(_with_keys(provider, answer)))
        methods = ["GET", "POST", "OPTIONS"] if path == userinfo.PATH else ["POST", "OPTIONS"]
        limited = _limit_strangers(kit, view) if path == pushing.PATH else view
        calls.add_url_rule(path, path[1:], limited, methods=methods)
    view = kit.endpoint(_with_keys(provider, introspect))
    path = introspection.PATH
    calls.add_url_rule(path, path[1:], view, methods=["POST"])
    return calls


def _limit_strangers(kit: Kit, view: Callable[..., Response]) -> Callable[..., Response]:
    """Let one network ask as often as for a page, unless it proves a client: what public clients push is kept."""
    often = f"{kit.settings.limits.pages_per_minute} per minute"
    return kit.limiter.limit(often, methods=["POST"], exempt_when=_proves_a_client)(view)


def _proves_a_client() -> bool:
    return "Authorization" in request.headers or any(request.form.get(name) for name in client_auth.PROOFS)


def _with_keys(provider: Provider, view: Callable[[Call], Response]) -> Callable[[Call], Response]:
    """Read a client's published keys before the view's first statement: no transaction waits for another host."""

    @functools.wraps(view)
    def run(call: Call) -> Response:
        assertion = call.request.form.get("client_assertion")
        if assertion is not None:
            provider.client_keys.prepare(assertion, provider.clients)
        return view(call)

    return run
