"""The documents that describe us: prepared once, as bytes (OIDC Discovery 3, RFC 8414 section 2)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from idp.core.settings import Settings
from idp.oidc import claims, introspection, pushing, revocation
from idp.oidc.client_jwts import ALGORITHM_NAMES, STRONG_NAMES
from idp.oidc.clients import AuthMethod
from idp.oidc.keys import Algorithm
from idp.oidc.provider import Provider
from idp.oidc.registration import PATH as REGISTRATION
from idp.oidc.requests import Prompt, ResponseMode
from idp.sessions import assurance
from idp.web.words import LANGUAGES

OPENID_CONFIGURATION = "/.well-known/openid-configuration"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"
JWKS = "/oauth2/jwks.json"
MAX_AGE = 300


@dataclass(frozen=True, slots=True)
class Document:
    """A body, what names its content, and for how many seconds it may be kept."""

    body: bytes
    etag: str
    max_age: int = MAX_AGE


def documents(provider: Provider) -> Mapping[str, Callable[[], Document | None]]:
    """The documents by their path; None while one cannot be had."""
    body = json.dumps(metadata(provider.settings), indent=1).encode()
    described = Document(body, hashlib.sha256(body).hexdigest()[:32])
    max_age = min(MAX_AGE, int(provider.settings.oidc.key_cache.total_seconds()))

    def jwks() -> Document | None:
        provider.keys.refresh_soon()
        ring = provider.keys.ring
        return None if ring is None else Document(ring.jwks, ring.etag, max_age)

    return {OPENID_CONFIGURATION: lambda: described, AUTHORIZATION_SERVER: lambda: described, JWKS: jwks}


def metadata(settings: Settings) -> dict[str, object]:
    """What we can do, and nothing that is not built."""
    base = settings.issuer
    methods = [*get_args(AuthMethod)]
    assertions = list(ALGORITHM_NAMES)
    single = {name for names in claims.BY_SCOPE.values() for name in names}
    return {
        "issuer": base,
        "authorization_endpoint": base + "/oauth2/authorize",
        "token_endpoint": base + "/oauth2/token",
        "userinfo_endpoint": base + "/oauth2/userinfo",
        "jwks_uri": base + JWKS,
        "end_session_endpoint": base + "/oauth2/end_session",
        "revocation_endpoint": base + revocation.PATH,
        "introspection_endpoint": base + introspection.PATH,
        "pushed_authorization_request_endpoint": base + pushing.PATH,
        "scopes_supported": list(claims.SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": [mode.value for mode in ResponseMode],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": [algorithm.value for algorithm in Algorithm],
        "userinfo_signing_alg_values_supported": [algorithm.value for algorithm in Algorithm],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": methods[:-1],
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "require_pushed_authorization_requests": False,
        "dpop_signing_alg_values_supported": list(STRONG_NAMES),
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": list(assurance.LEVELS),
        "claims_supported": sorted(single | set(claims.OF_EVERY_ID_TOKEN)),
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "prompt_values_supported": [prompt.value for prompt in Prompt],
        "display_values_supported": ["page"],
        "ui_locales_supported": list(LANGUAGES),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        **({"registration_endpoint": base + REGISTRATION} if settings.registration.enabled else {}),
    }
