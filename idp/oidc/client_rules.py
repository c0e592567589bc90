"""What a client must be as a whole: rules over several of its keys, each refusal with the key it is about."""

from collections.abc import Iterator

from idp.core.spaces import Spaces
from idp.oidc import addresses, client_jwks
from idp.oidc.claims import DEVICES, SERVICE_SCOPES
from idp.oidc.client_jwks import Fault
from idp.oidc.client_jwts import STRONG_ALGORITHMS, AssertionAlgorithm
from idp.oidc.clients import Client
from idp.oidc.keys import Algorithm

# Where a browser is led: a native client may be led back into itself.
_LED_TO = ("redirect_uris", "post_logout_redirect_uris", "initiate_login_uri")
_ADDRESSES = (
    *_LED_TO,
    "backchannel_logout_uri",
    "jwks_uri",
    "sector_identifier_uri",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
)
_LONGEST_SHOWN = 100


def faults(client: Client, *, spaces: Spaces, development: bool) -> list[Fault]:
    """All that is wrong with a client whose keys are each well formed."""
    wrong_addresses = list(_of_addresses(client, development=development))
    return [
        *_of_space(client, spaces),
        *wrong_addresses,
        *_of_grants(client),
        *_of_authentication(client),
        *_of_keys(client),
        *_of_scopes(client),
        *_of_resources(client),
        *_of_lifetimes(client),
        *_of_profile(client),
        # A sector is read off the addresses.
        *(() if wrong_addresses else _of_subjects(client)),
    ]


def _of_space(client: Client, spaces: Spaces) -> Iterator[Fault]:
    if spaces.get(client.space) is None:
        names = ", ".join(space.name for space in spaces)
        yield Fault(("space",), f"{client.space[:_LONGEST_SHOWN]!r} does not exist (there are: {names})")
    for name in sorted(client.populations - spaces.populations):
        yield Fault(("populations",), f"{name[:_LONGEST_SHOWN]!r} is admitted by no space")


def _of_addresses(client: Client, *, development: bool) -> Iterator[Fault]:
    for field in _ADDRESSES:
        for path, address in _texts(client, field):
            reason = addresses.why_refused(
                address,
                loopback_http=development or client.is_native,
                own_scheme=client.is_native and field in _LED_TO,
            )
            if reason is not None:
                yield Fault(path, f"{address[:_LONGEST_SHOWN]!r} {reason}")


def _texts(client: Client, field: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The texts of a key, each with its place: one text, or each of a list."""
    value = getattr(client, field)
    if isinstance(value, str):
        yield (field,), value
        return
    for number, text in enumerate(value or ()):
        yield (field, number), text


def _of_grants(client: Client) -> Iterator[Fault]:
    granted = client.grant_types
    if not granted:
        yield Fault(("grant_types",), "must name at least one")
    if "authorization_code" in granted and not client.redirect_uris:
        yield Fault(("redirect_uris",), "at least one is needed")
    if "refresh_token" in granted and "authorization_code" not in granted:
        yield Fault(("grant_types",), "must name authorization_code beside refresh_token, which comes of it")
    if client.is_public and "client_credentials" in granted:
        # RFC 6749 section 4.4.
        yield Fault(
            ("grant_types",),
            "must not name client_credentials: a public client has nothing to prove itself by",
        )
    if client.is_public and client.refresh_token_rotation is False:
        # RFC 9700 section 4.14.2.
        yield Fault(("refresh_token_rotation",), "must be true: refresh tokens of a public client rotate")


def _of_authentication(client: Client) -> Iterator[Fault]:
    method = client.token_endpoint_auth_method
    if client.holds_secret and not client.client_secret_sha256:
        yield Fault(
            ("client_secret_sha256",),
            "missing (sha256sum of a secret of 256 random bits, in hexadecimal)",
        )
    if client.client_secret_sha256 and client.is_public:
        yield Fault(
            ("client_secret_sha256",),
            "must go: a public client (token_endpoint_auth_method none) has no secret",
        )
    if client.client_secret_sha256 and method == "private_key_jwt":
        yield Fault(("client_secret_sha256",), "must go: private_key_jwt uses keys, not a secret")
    if client.token_endpoint_auth_signing_alg is not None and method != "private_key_jwt":
        yield Fault(
            ("token_endpoint_auth_signing_alg",),
            "must go: only token_endpoint_auth_method private_key_jwt signs assertions",
        )


def _of_keys(client: Client) -> Iterator[Fault]:
    signs = client.token_endpoint_auth_method == "private_key_jwt"
    if client.jwks is not None and client.jwks_uri is not None:
        # RFC 7591 section 2.
        yield Fault(("jwks_uri",), "must go, or jwks: the keys are in the file or published, not both")
    if client.jwks is None:
        if signs and client.jwks_uri is None:
            yield Fault(("jwks",), "missing: private_key_jwt needs the client's public keys, or jwks_uri")
        return
    found = client_jwks.faults(client.jwks)
    yield from (Fault(("jwks", *fault.path), fault.text) for fault in found)
    if found or not signs:
        return
    usable, wanted = client_jwks.algorithms(client.jwks), client.token_endpoint_auth_signing_alg
    if client.profile == "fapi2":
        usable &= STRONG_ALGORITHMS
    if not usable or (wanted is not None and wanted not in usable):
        yield Fault(("jwks", "keys"), f"must hold a key for {wanted or ', '.join(_allowed(client))}")


def _allowed(client: Client) -> list[str]:
    return [name for name in AssertionAlgorithm if name in STRONG_ALGORITHMS or client.profile != "fapi2"]


def _of_scopes(client: Client) -> Iterator[Fault]:
    if DEVICES in client.scopes and not client.first_party:
        yield Fault(("scope",), f"must not hold {DEVICES}: it is for the mutual's own spaces (first_party)")
    for scope in SERVICE_SCOPES:
        if scope in client.scopes and "client_credentials" not in client.grant_types:
            yield Fault(("scope",), f"must not hold {scope}: it is for services (grant client_credentials)")


def _of_resources(client: Client) -> Iterator[Fault]:
    for field in ("audiences", "serves"):
        for path, identifier in _texts(client, field):
            reason = addresses.why_no_resource(identifier)
            if reason is not None:
                yield Fault(path, f"{identifier[:_LONGEST_SHOWN]!r} {reason}")


def _of_lifetimes(client: Client) -> Iterator[Fault]:
    idle, absolute = client.refresh_token_idle_lifetime, client.refresh_token_lifetime
    if idle is not None and absolute is not None and idle > absolute:
        yield Fault(("refresh_token_idle_lifetime",), "must not be longer than refresh_token_lifetime")


def _of_profile(client: Client) -> Iterator[Fault]:
    """FAPI 2.0 Security Profile, section 5.3: the whole of it, or not the word."""
    if client.profile != "fapi2":
        return
    strong = (Algorithm.ES256, Algorithm.EDDSA)
    rules: tuple[tuple[str, bool, str], ...] = (
        (
            "token_endpoint_auth_method",
            client.token_endpoint_auth_method == "private_key_jwt",
            "private_key_jwt",
        ),
        ("require_pushed_authorization_requests", client.require_pushed_authorization_requests, "true"),
        ("dpop_bound_access_tokens", client.dpop_bound_access_tokens, "true"),
        ("refresh_token_rotation", not client.refresh_token_rotation, "false"),
        ("id_token_signed_response_alg", client.id_token_signed_response_alg in strong, "ES256 or EdDSA"),
        (
            "userinfo_signed_response_alg",
            client.userinfo_signed_response_alg in {None, *strong},
            "ES256 or EdDSA",
        ),
        (
            "token_endpoint_auth_signing_alg",
            client.token_endpoint_auth_signing_alg != AssertionAlgorithm.RS256,
            "ES256, PS256 or EdDSA",
        ),
    )
    for key, holds, wanted in rules:
        if not holds:
            yield Fault((key,), f"must be {wanted} with profile fapi2")


def _of_subjects(client: Client) -> Iterator[Fault]:
    if client.subject_type == "pairwise" and client.sector is None:
        yield Fault(
            ("sector_identifier_uri",),
            "needed for pairwise subjects, since redirect_uris name several hosts or none",
        )
