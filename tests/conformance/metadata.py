"""The members of a discovery document, as IANA registers them, and what each must be."""

import re
from urllib.parse import urlsplit

# RFC 5646 section 2.1.1: how language tags are written.
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")


def url(value):
    parts = urlsplit(value)
    return parts.scheme == "https" and bool(parts.hostname) and not parts.fragment


def issuer(value):
    # RFC 8414 section 2: https, without query or fragment.
    return url(value) and "?" not in value and "#" not in value


def texts(value):
    """An array of texts, not empty (an empty one must be left out: RFC 8414 section 3.2), none of them twice."""
    return isinstance(value, list) and value != [] and all(map(_is_text, value)) and _are_distinct(value)


def languages(value):
    return texts(value) and all(LANGUAGE.fullmatch(tag) for tag in value)


def boolean(value):
    return isinstance(value, bool)


def _is_text(value):
    return isinstance(value, str) and value != ""


def _are_distinct(value):
    return len(set(value)) == len(value)


URLS = """
    authorization_endpoint token_endpoint userinfo_endpoint jwks_uri registration_endpoint end_session_endpoint
    revocation_endpoint introspection_endpoint pushed_authorization_request_endpoint check_session_iframe
    service_documentation op_policy_uri op_tos_uri
"""
LISTS = """
    scopes_supported response_types_supported response_modes_supported grant_types_supported
    acr_values_supported subject_types_supported claims_supported claim_types_supported
    code_challenge_methods_supported prompt_values_supported display_values_supported
    id_token_signing_alg_values_supported id_token_encryption_alg_values_supported
    id_token_encryption_enc_values_supported userinfo_signing_alg_values_supported
    userinfo_encryption_alg_values_supported userinfo_encryption_enc_values_supported
    request_object_signing_alg_values_supported dpop_signing_alg_values_supported
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
    revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported
    introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported
"""
BOOLEANS = """
    claims_parameter_supported request_parameter_supported request_uri_parameter_supported
    require_request_uri_registration require_signed_request_object require_pushed_authorization_requests
    authorization_response_iss_parameter_supported tls_client_certificate_bound_access_tokens
    backchannel_logout_supported backchannel_logout_session_supported
    frontchannel_logout_supported frontchannel_logout_session_supported
"""
KINDS = {
    "issuer": issuer,
    **dict.fromkeys(URLS.split(), url),
    **dict.fromkeys(LISTS.split(), texts),
    **dict.fromkeys(BOOLEANS.split(), boolean),
    **dict.fromkeys(("ui_locales_supported", "claims_locales_supported"), languages),
}
