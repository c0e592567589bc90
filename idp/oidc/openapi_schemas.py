"""The shapes that `openapi.json` names: what each endpoint takes and answers, in JSON Schema."""

from typing import Any, TypeAlias

from idp.oidc import bearer, claims, client_auth, introspection, pushed
from idp.oidc.client_jwts import STRONG_NAMES
from idp.oidc.keys import Algorithm
from idp.oidc.requests import KNOWN, Prompt, ResponseMode
from idp.sessions import assurance

Schema: TypeAlias = dict[str, Any]

TEXT: Schema = {"type": "string"}
SECONDS: Schema = {"type": "integer", "minimum": 1}
INSTANT: Schema = {"type": "integer", "description": "seconds since 1970 (RFC 7519 NumericDate)"}
JWT: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"}
WORDS: Schema = {"type": "string", "description": "words separated by one space"}
ADDRESS: Schema = {"type": "string", "format": "uri"}
SEVERAL: Schema = {"type": "array", "items": TEXT}

# Every word that the member `error` may hold, wherever a client reads it.
ERRORS = (
    "access_denied", "insufficient_scope", "interaction_required", "invalid_client", "invalid_client_metadata",
    "invalid_dpop_proof", "invalid_grant", "invalid_redirect_uri", "invalid_request", "invalid_scope",
    "invalid_target", "invalid_token", "login_required",
    "registration_not_supported", "request_not_supported", "request_uri_not_supported", "server_error",
    "temporarily_unavailable", "unauthorized_client", "unmet_authentication_requirements",
    "unsupported_grant_type", "unsupported_response_type",
)  # fmt: skip
# What proves a client in a form; a secret may come by HTTP Basic instead (RFC 6749 2.3.1, RFC 7523 2.2).
_CREDENTIALS: Schema = {
    "client_id": TEXT,
    "client_secret": TEXT,
    "client_assertion": JWT,
    "client_assertion_type": {"const": client_auth.ASSERTION_TYPE},
}
_CLAIM_TYPES: dict[str, Schema] = {
    "birthdate": {"type": "string", "format": "date"},
    "email_verified": {"type": "boolean"},
    "updated_at": INSTANT,
}
_TOKEN_MEMBERS: dict[str, Schema] = {
    "aud": {"oneOf": [TEXT, SEVERAL]},
    "acr": {"enum": list(assurance.LEVELS)},
    "amr": SEVERAL,
    "auth_time": INSTANT,
    "cnf": {"type": "object", "properties": {"jkt": TEXT}, "required": ["jkt"]},
    "exp": INSTANT,
    "iat": INSTANT,
}


def components() -> dict[str, Schema]:
    """The schemas by their names."""
    return {
        "Error": closed({"error": {"enum": list(ERRORS)}, "error_description": _DESCRIPTION}, "error"),
        "TokenRequest": {"oneOf": [_code(), _refresh(), _service()]},
        "TokenResponse": _tokens(),
        "TokenReference": form({"token": TEXT, "token_type_hint": TEXT}, "token"),
        "Introspection": {"oneOf": [_inactive(), _active()]},
        "UserinfoRequest": {"type": "object", "properties": {"access_token": JWT}},
        "Userinfo": _userinfo(),
        "PushedRequest": _pushed_request(),
        "PushedResponse": _pushed_response(),
        "ClientMetadata": _client_metadata(),
        "RegisteredClient": _registered_client(),
        "Jwks": closed({"keys": {"type": "array", "items": _jwk()}}, "keys"),
        "Metadata": _metadata(),
        "Configuration": {"type": "object", "required": ["hash", "issuer", "settings", "policies", "spaces"]},
        "Devices": {"type": "array", "items": _device()},
        "Keys": closed({"keys": {"type": "array", "items": {"type": "object"}}}, "keys"),
    }


# RFC 6749 section 5.2: ASCII without quotes and backslashes.
_DESCRIPTION: Schema = {"type": "string", "pattern": r"^[\x20-\x21\x23-\x5b\x5d-\x7e]+$"}


def closed(properties: Schema, *required: str) -> Schema:
    """An object with these members and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def form(properties: Schema, *required: str) -> Schema:
    """The form of a client's call, with its credentials; unknown parameters are ignored (RFC 6749 3.2)."""
    return {"type": "object", "properties": {**properties, **_CREDENTIALS}, "required": list(required)}


def _code() -> Schema:
    return form(
        {
            "grant_type": {"const": "authorization_code"},
            "code": TEXT,
            "redirect_uri": TEXT,
            "code_verifier": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{43,128}$"},
            "resource": SEVERAL,
        },
        "grant_type", "code", "redirect_uri", "code_verifier",
    )  # fmt: skip


def _refresh() -> Schema:
    members = {
        "grant_type": {"const": "refresh_token"},
        "refresh_token": TEXT,
        "scope": WORDS,
        "resource": SEVERAL,
    }
    return form(members, "grant_type", "refresh_token")


def _service() -> Schema:
    members = {"grant_type": {"const": "client_credentials"}, "scope": WORDS, "resource": SEVERAL}
    return form(members, "grant_type")


def _tokens() -> Schema:
    return closed(
        {
            "access_token": {**JWT, "description": "RFC 9068; treat it as opaque"},
            "token_type": {"enum": ["Bearer", "DPoP"]},
            "expires_in": SECONDS,
            "scope": WORDS,
            "refresh_token": TEXT,
            "id_token": JWT,
        },
        "access_token", "token_type", "expires_in",
    )  # fmt: skip


def _inactive() -> Schema:
    return closed({"active": {"const": False}}, "active")


def _active() -> Schema:
    shown = {name: _TOKEN_MEMBERS.get(name, TEXT) for name in introspection.SHOWN}
    members = {"active": {"const": True}, "token_type": {"enum": ["Bearer", "DPoP"]}, **shown}
    return closed(members, "active", "token_type", *bearer.WRITTEN)


def _userinfo() -> Schema:
    names = (name for names in claims.BY_SCOPE.values() for name in names)
    return closed({name: _CLAIM_TYPES.get(name, TEXT) for name in names}, "sub")


def _pushed_request() -> Schema:
    known: dict[str, Schema] = {name: TEXT for name in KNOWN if name != "request_uri"}
    special: dict[str, Schema] = {
        "response_type": {"const": "code"},
        "response_mode": {"enum": [mode.value for mode in ResponseMode]},
        "code_challenge_method": {"const": "S256"},
        "code_challenge": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "dpop_jkt": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "max_age": {"type": "string", "pattern": "^[0-9]{1,9}$"},
        "prompt": {**WORDS, "examples": [prompt.value for prompt in Prompt]},
        "resource": SEVERAL,
    }
    required = ("response_type", "redirect_uri", "scope", "code_challenge", "code_challenge_method")
    return form({**known, **special}, *required)


def _pushed_response() -> Schema:
    uri = {"type": "string", "pattern": f"^{pushed.PREFIX}[A-Za-z0-9_-]{{43}}$"}
    return closed({"request_uri": uri, "expires_in": SECONDS}, "request_uri", "expires_in")


def _client_metadata() -> Schema:
    """RFC 7591 section 2; the reference of client files explains each member, and unknown ones are ignored."""
    return {
        "type": "object",
        "properties": {"redirect_uris": {**SEVERAL, "minItems": 1}, "client_name": TEXT},
    }


def _registered_client() -> Schema:
    told = {
        "client_id": TEXT,
        "client_secret": TEXT,
        "client_secret_expires_at": {"const": 0},
        "client_id_issued_at": INSTANT,
        "registration_access_token": TEXT,
        "registration_client_uri": ADDRESS,
    }
    required = ["client_id", "registration_access_token", "registration_client_uri"]
    return {"type": "object", "properties": told, "required": required}


def _device() -> Schema:
    at: Schema = {"type": "string", "format": "date-time"}
    members = {"id": TEXT, "name": TEXT, "created_at": at, "last_used_at": at, "expires_at": at}
    current: Schema = {"type": "boolean", "description": "whether the token's session was opened on it"}
    return closed({**members, "current": current}, *members, "current")


def _jwk() -> Schema:
    members: Schema = dict.fromkeys(("kid", "crv", "x", "y", "n", "e"), TEXT)
    members |= {
        "kty": {"enum": ["EC", "RSA", "OKP"]},
        "use": {"const": "sig"},
        "alg": {"enum": [algorithm.value for algorithm in Algorithm]},
    }
    # No private member has a place here.
    return closed(members, "kty", "kid", "use", "alg")


def _metadata() -> Schema:
    listed = ("response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported")
    endpoints = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
    return {
        "type": "object",
        "properties": {
            **dict.fromkeys(listed, SEVERAL),
            **dict.fromkeys(endpoints, ADDRESS),
            "dpop_signing_alg_values_supported": {
                "type": "array",
                "items": {"enum": list(STRONG_NAMES)},
            },
        },
        "required": [*endpoints, *listed],
    }
