"""`/oauth2/register`: thin, and there only when the settings open it."""

import json
from collections.abc import Callable

from flask import Blueprint, Response, request

from idp.core.outbound import Reach
from idp.core.settings_sources import BadSettings
from idp.oidc import bearer, client_keys, registration
from idp.oidc.bearer import TokenRefusal
from idp.oidc.client_rows import ClientRow
from idp.oidc.provider import Provider
from idp.oidc.registration import PATH, Metadata, Refused, Registered, Registration
from idp.web.kit import Call, Kit

CREATED = 201
NO_CONTENT = 204
NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def add_registration(endpoints: Blueprint, kit: Kit, provider: Provider) -> None:
    """Open registration, when the settings say so."""
    opened = kit.settings.registration
    if not opened.enabled:
        return
    if provider.spaces.get(opened.space) is None:
        raise BadSettings(f"P-9001: the setting registration.space: {opened.space!r} does not exist")
    reach = Reach.of(kit.settings).for_strangers()
    rules = Registration(kit.settings, provider.spaces, client_keys.reader(reach))
    _add_creation(endpoints, kit, rules)
    _add_management(endpoints, kit, rules)


def _add_creation(endpoints: Blueprint, kit: Kit, rules: Registration) -> None:
    @endpoints.post(PATH)
    def register() -> Response:
        token = _bearer()
        if isinstance(token, TokenRefusal):
            return _unauthorized(token)
        if not rules.may_register(token):
            return _unauthorized(TokenRefusal.INVALID)
        wanted = _judged(rules)
        if isinstance(wanted, Refused):
            return _answer(kit, wanted)

        def act(call: Call) -> Response:
            made = rules.register(call.session, wanted, now=call.now)
            issued = {"client_id_issued_at": int(call.now.timestamp())}
            return _answer(kit, made, status=CREATED, more=issued)

        return kit.endpoint(act)()


def _add_management(endpoints: Blueprint, kit: Kit, rules: Registration) -> None:
    def believed(client_id: str, act: Callable[[Call, ClientRow, str], Response]) -> Response:
        """Act in one transaction for the client that the token manages."""
        token = _bearer()
        if isinstance(token, TokenRefusal):
            return _unauthorized(token)

        def run(call: Call) -> Response:
            row = rules.find(call.session, client_id, token)
            return act(call, row, token) if row is not None else _unauthorized(TokenRefusal.INVALID)

        return kit.endpoint(run)()

    @endpoints.get(f"{PATH}/<client_id>")
    def read(client_id: str) -> Response:
        return believed(client_id, lambda _call, row, token: _answer(kit, rules.read(row, token)))

    @endpoints.put(f"{PATH}/<client_id>")
    def replace(client_id: str) -> Response:
        # Another host may be asked for a sector: for those alone who proved themselves, and in no transaction.
        proved = believed(client_id, lambda _call, _row, _token: Response(status=NO_CONTENT))
        if proved.status_code != NO_CONTENT:
            return proved
        wanted = _judged(rules)
        if isinstance(wanted, Refused):
            return _answer(kit, wanted)

        def act(call: Call, row: ClientRow, token: str) -> Response:
            replaced = rules.replace(call.session, row, token, wanted, now=call.now)
            return _unauthorized(TokenRefusal.INVALID) if replaced is None else _answer(kit, replaced)

        return believed(client_id, act)

    @endpoints.delete(f"{PATH}/<client_id>")
    def end(client_id: str) -> Response:
        def act(call: Call, row: ClientRow, _token: str) -> Response:
            rules.end(call.session, row, now=call.now)
            return Response(status=NO_CONTENT, headers=NOT_STORED)

        return believed(client_id, act)


def _bearer() -> str | TokenRefusal:
    given = bearer.presented(request)
    if isinstance(given, TokenRefusal):
        return given
    return given.token if given.scheme == "bearer" else TokenRefusal.MISSING


def _judged(rules: Registration) -> Metadata | Refused:
    if request.mimetype != "application/json":
        return Refused("invalid_client_metadata", "the body must be JSON (application/json)")
    wanted = registration.metadata(request.get_data())
    return wanted if isinstance(wanted, Refused) else rules.judge_sector(wanted) or wanted


def _answer(
    kit: Kit, made: Registered | Refused, *, status: int = 200, more: Metadata | None = None
) -> Response:
    if isinstance(made, Refused):
        return _json({"error": made.error, "error_description": made.description}, 400)
    return _json({**made.answer(kit.settings.issuer), **(more or {})}, status)


def _unauthorized(refusal: TokenRefusal) -> Response:
    response = _json({"error": refusal.value or TokenRefusal.INVALID.value}, bearer.status(refusal))
    # RFC 6750 section 3. These tokens are no access tokens, so no other scheme is offered.
    details = f', error="{refusal.value}"' if refusal.value else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="parvis"{details}'
    return response


def _json(document: Metadata, status: int) -> Response:
    return Response(json.dumps(document), status, headers=NOT_STORED, mimetype="application/json")
