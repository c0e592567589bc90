"""`openapi.json`: the endpoints that programs call, described for programs (OpenAPI 3.1)."""

import hashlib
import json
from typing import Any

from idp.core.settings import Settings
from idp.oidc import (
    discovery,
    introspection,
    openapi_schemas,
    pushing,
    registration,
    revocation,
    server,
    userinfo,
)
from idp.oidc.discovery import Document
from idp.oidc.openapi_schemas import TEXT, Schema

PATH = "/openapi.json"
# These stand beside this package: their addresses are the outer interface, and their tests hold them.
ADMIN = "/admin/api/v1"
DEVICES = "/api/v1/account/devices"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

_DPOP: Schema = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": "a proof of possession (RFC 9449); the tokens are then bound to its key",
    "schema": openapi_schemas.JWT,
}
# A secret by HTTP Basic, or the client's proof in the form: its registered method decides.
_BY_CLIENT: list[dict[str, list[str]]] = [{"client_secret_basic": []}, {}]
_BY_TOKEN: list[dict[str, list[str]]] = [{"bearer": []}, {"dpop": []}]


def prepared(settings: Settings) -> Document:
    """The document as bytes, for the layer before Flask."""
    body = json.dumps(document(settings), indent=1).encode()
    return Document(body, hashlib.sha256(body).hexdigest()[:32])


def document(settings: Settings) -> Schema:
    """The description of what is built, and of nothing else."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parvis",
            "version": "1",
            "description": "What clients and services call. Pages for members, and the authorization and "
            "end_session endpoints that browsers are sent to, are not described here.",
        },
        "servers": [{"url": settings.issuer}],
        "paths": {
            **_for_clients(),
            **_registration(settings),
            **_documents(),
            **_account(),
            **_administration(),
        },
        "components": {
            "schemas": openapi_schemas.components(),
            "securitySchemes": {
                "client_secret_basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "dpop": {"type": "http", "scheme": "dpop"},
            },
        },
    }


def _for_clients() -> Schema:
    with_token = {"security": _BY_TOKEN, "parameters": [_DPOP], "responses": _userinfo_answers()}
    return {
        server.PATH: _post(
            "token", "Codes, refresh tokens and a service's own credentials become tokens.",
            takes="TokenRequest", gives=("200", "TokenResponse"), parameters=[_DPOP],
        ),
        userinfo.PATH: {
            "get": {"operationId": "userinfo", "summary": "The claims of the token's member.", **with_token},
            "post": {
                "operationId": "userinfoByPost",
                "summary": "The same, with the token in the header or in the form.",
                "requestBody": _body("UserinfoRequest", required=False),
                **with_token,
                "security": [*_BY_TOKEN, {}],
            },
        },
        introspection.PATH: _post(
            "introspect", "Whether a token counts now, for a service that it is meant for.",
            takes="TokenReference", gives=("200", "Introspection"),
        ),
        revocation.PATH: _post(
            "revoke", "A client gives a token back; unknown ones are no error.",
            takes="TokenReference", gives=("200", None),
        ),
        pushing.PATH: _post(
            "pushedAuthorizationRequest", "An authorization request, kept under a handle (RFC 9126).",
            takes="PushedRequest", gives=("201", "PushedResponse"), parameters=[_DPOP],
        ),
    }  # fmt: skip


def _registration(settings: Settings) -> Schema:
    """Only where the settings open it (RFC 7591, RFC 7592)."""
    if not settings.registration.enabled:
        return {}
    told = {"200": _answer("The client as it is registered.", "RegisteredClient"), **_registration_refusals()}
    gone = {"204": {"description": "The client is no more."}, **_registration_refusals()}
    body = {"required": True, "content": {JSON: {"schema": _named("ClientMetadata")}}}
    client = {"name": "client_id", "in": "path", "required": True, "schema": TEXT}
    with_token: Schema = {"security": [{"bearer": []}]}
    return {
        registration.PATH: {
            "post": {
                "operationId": "register",
                "summary": "Software registers itself, with the initial access token.",
                "requestBody": body,
                "responses": {
                    "201": _answer(
                        "Registered; the secret and the token are shown once.", "RegisteredClient"
                    ),
                    **_registration_refusals(),
                },
                **with_token,
            }
        },
        f"{registration.PATH}/{{client_id}}": {
            "parameters": [client],
            "get": {
                "operationId": "readClient",
                "summary": "What is registered.",
                "responses": told,
                **with_token,
            },
            "put": {
                "operationId": "replaceClient",
                "summary": "Other metadata instead of all that was there.",
                "requestBody": body,
                "responses": told,
                **with_token,
            },
            "delete": {"operationId": "endClient", "summary": "The end.", "responses": gone, **with_token},
        },
    }


def _registration_refusals() -> Schema:
    return {
        "400": _refusal("The metadata is not acceptable."),
        "401": _refusal("No token, or not the one for this.", challenge=True),
        "default": _refusal("The request failed; error_description holds the number of the page of errors."),
    }


def _documents() -> Schema:
    described = _get("openidConfiguration", "Discovery.", gives="Metadata")
    return {
        discovery.OPENID_CONFIGURATION: described,
        discovery.AUTHORIZATION_SERVER: _get("authorizationServer", "The same (RFC 8414).", gives="Metadata"),
        discovery.JWKS: _get("jwks", "The public keys; keep them an hour at most.", gives="Jwks"),
    }


def _account() -> Schema:
    needs = "Needs the scope account:devices, in a token of the member."
    refusals = {
        "401": _refusal("No token, or one that does not count.", challenge=True),
        "403": _refusal("The token has not the scope account:devices.", challenge=True),
        "429": _refusal("Too many calls for this account: wait as Retry-After says."),
        "default": _refusal("The request failed; error_description holds the number of the page of errors."),
    }
    device = {"name": "device_id", "in": "path", "required": True, "schema": TEXT}
    return {
        DEVICES: {
            "get": {
                "operationId": "listDevices",
                "summary": f"The member's trusted devices, the last used first. {needs}",
                "security": _BY_TOKEN,
                "parameters": [_DPOP],
                "responses": {"200": _answer("The devices.", "Devices"), **refusals},
            }
        },
        f"{DEVICES}/{{device_id}}": {
            "parameters": [device],
            "delete": {
                "operationId": "revokeDevice",
                "summary": f"End the trust in a device, and the other sessions that it opened. {needs}",
                "security": _BY_TOKEN,
                "parameters": [_DPOP],
                "responses": {
                    "204": {"description": "It is trusted no more."},
                    "404": _refusal("The member has no such device."),
                    **refusals,
                },
            },
        },
    }


def _administration() -> Schema:
    scope = "Needs the scope admin:read, in a service's own token."
    summaries = {
        "config": ("The configuration in force.", "Configuration"),
        "keys": ("The key ring.", "Keys"),
    }
    return {
        f"{ADMIN}/{name}": _get(name, f"{summary} {scope}", gives=schema, security=_BY_TOKEN)
        for name, (summary, schema) in summaries.items()
    }


def _post(
    name: str,
    summary: str,
    *,
    takes: str,
    gives: tuple[str, str | None],
    parameters: list[Schema] | None = None,
) -> Schema:
    status, schema = gives
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "security": _BY_CLIENT,
        "requestBody": _body(takes),
        "responses": {
            status: _answer("Done.", schema),
            "400": _refusal("The request is not acceptable."),
            "401": _refusal("The client did not prove who it is.", challenge=True),
            "default": _refusal(
                "The request failed; error_description holds the number of the page of errors."
            ),
        },
    }
    return {"post": operation if parameters is None else {**operation, "parameters": parameters}}


def _get(
    name: str, summary: str, *, gives: str, security: list[dict[str, list[str]]] | None = None
) -> Schema:
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "responses": {"200": _answer("The document.", gives), "default": _refusal("It cannot be had.")},
    }
    return {"get": operation if security is None else {**operation, "security": security}}


def _userinfo_answers() -> Schema:
    answer = _answer(
        "The claims; signed for clients that registered userinfo_signed_response_alg.", "Userinfo"
    )
    answer["content"]["application/jwt"] = {"schema": openapi_schemas.JWT}
    return {
        "200": answer,
        "400": _refusal("The token came in more than one way.", challenge=True),
        "401": _refusal("No token, or one that does not count.", challenge=True),
        "403": _refusal("The token has not the scope openid.", challenge=True),
        "default": _refusal("The request failed; error_description holds the number of the page of errors."),
    }


def _body(schema: str, *, required: bool = True) -> Schema:
    return {"required": required, "content": {FORM: {"schema": _named(schema)}}}


def _answer(description: str, schema: str | None) -> Schema:
    headers = {"Cache-Control": {"schema": TEXT, "required": True}}
    if schema is None:
        return {"description": description, "headers": headers}
    return {"description": description, "headers": headers, "content": {JSON: {"schema": _named(schema)}}}


def _refusal(description: str, *, challenge: bool = False) -> Schema:
    headers: dict[str, Any] = {"WWW-Authenticate": {"schema": TEXT, "required": True}} if challenge else {}
    return {"description": description, "headers": headers, "content": {JSON: {"schema": _named("Error")}}}


def _named(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}
