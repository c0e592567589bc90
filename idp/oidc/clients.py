"""Relying parties: what is registered of each, kept as an immutable object."""

import re
import unicodedata
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from idp.core import secrets
from idp.core.durations import Duration
from idp.oidc import addresses
from idp.oidc.client_jwts import AssertionAlgorithm
from idp.oidc.keys import Algorithm
from idp.sessions import assurance

ClientId = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
SecretDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Retired keys are published for at least this long, so it may not be raised without a thought for them.
LONGEST_LIFETIME = timedelta(hours=24)
Lifetime = Annotated[Duration, Field(ge=timedelta(seconds=10), le=LONGEST_LIFETIME)]
LongLifetime = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=366))]
GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]
AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]

_FAPI2 = {
    "token_endpoint_auth_method": "private_key_jwt",
    "id_token_signed_response_alg": "ES256",
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
    "refresh_token_rotation": False,
}
DEFAULT_SCOPE = "openid profile email"
LIVE_SECRETS = 2
# Ten years, in seconds.
LONGEST_MAX_AGE = 315_360_000
_SCOPE = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")
# Control characters, and those that turn a text round: members read names on the page that asks for consent.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
# Keys that are not of RFC 7591, RFC 7592, OpenID Connect registration or the profiles beside them.
OWN_KEYS = (
    "client_secret_sha256",
    "space",
    "populations",
    "audiences",
    "serves",
    "min_acr",
    "first_party",
    "profile",
    "access_token_lifetime",
    "id_token_lifetime",
    "refresh_token_idle_lifetime",
    "refresh_token_lifetime",
    "refresh_token_rotation",
)


class Client(BaseModel):
    """One relying party, in the words of RFC 7591 and OpenID Connect registration, and ours.

    Each key is judged here by itself; `client_files.parse` also judges the client as a whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    client_id: ClientId
    """The identifier, in ASCII."""
    client_name: Annotated[str, Field(max_length=200)] = ""
    """The name that members read; the identifier when the file gives none."""
    space: str = ""
    """The front door that its members use; the first space when the file names none."""
    redirect_uris: tuple[str, ...] = ()
    """Where codes may be sent; compared character by character."""
    post_logout_redirect_uris: tuple[str, ...] = ()
    """Where a browser may be sent after a logout; compared character by character."""
    backchannel_logout_uri: str | None = None
    """Where the client wants to be told of logouts."""
    backchannel_logout_session_required: bool = True
    """Whether logout tokens must name the session."""
    initiate_login_uri: str | None = None
    """Where a sign-in begins at the client, when a member comes to us first; not for third parties."""
    grant_types: tuple[GrantType, ...] = ("authorization_code",)
    """What the client may ask the token endpoint for."""
    response_types: tuple[Literal["code"], ...] = ("code",)
    """Only the authorization code flow exists."""
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    """How the client proves who it is; `none` for a public client."""
    token_endpoint_auth_signing_alg: AssertionAlgorithm | None = None
    """The one signature accepted on its assertions; any of ES256, PS256, EdDSA, RS256 when it says nothing."""
    client_secret_sha256: Annotated[tuple[SecretDigest, ...], Field(max_length=LIVE_SECRETS)] = ()
    """SHA-256 of the secret, in hexadecimal: one text, or a list of two while a secret is replaced."""
    scope: str = DEFAULT_SCOPE
    """The scopes it may ask for, separated by spaces."""
    application_type: Literal["web", "native"] = "web"
    """A native client may use http on loopback addresses, and private schemes."""
    id_token_signed_response_alg: Algorithm = Algorithm.RS256
    """How its ID tokens are signed; RS256 when the file says nothing."""
    subject_type: Literal["public", "pairwise"] = "public"
    """Whether members have the same `sub` here as elsewhere, or one of this client's sector."""
    sector_identifier_uri: str | None = None
    """An address whose host names the sector of pairwise subjects."""
    default_max_age: Annotated[int, Field(ge=0, le=LONGEST_MAX_AGE)] | None = None
    """The oldest sign-in, in seconds, that counts when a request names none."""
    require_auth_time: bool = False
    """ID tokens always carry `auth_time`."""
    userinfo_signed_response_alg: Algorithm | None = None
    """How userinfo is signed for it; plain JSON when the file says nothing."""
    require_pushed_authorization_requests: bool = False
    """Whether its requests must be pushed first (RFC 9126)."""
    dpop_bound_access_tokens: bool = False
    """Whether its tokens must be bound to a key of its own (RFC 9449)."""
    jwks: dict[str, Any] | None = None
    """The client's public keys."""
    jwks_uri: str | None = None
    """Where the client publishes its public keys, when the file does not hold them."""
    client_uri: str | None = None
    """Its home page."""
    logo_uri: str | None = None
    """Its picture."""
    policy_uri: str | None = None
    """Its page on personal data."""
    tos_uri: str | None = None
    """Its terms of use."""
    contacts: tuple[str, ...] = ()
    """Whom to tell when it misbehaves."""
    software_id: str | None = None
    """The software that it runs, whatever the installation."""
    software_version: str | None = None
    """The version of that software."""
    populations: frozenset[str] = frozenset()
    """The populations that may enter; the space's when it says nothing."""
    audiences: tuple[str, ...] = ()
    """Services that its access tokens may be for, beyond those of its scopes."""
    min_acr: str | None = None
    """The least context it accepts: `urn:parvis:acr:2sv-remembered`, `urn:parvis:acr:2sv` or `urn:parvis:acr:mfa`."""
    serves: tuple[str, ...] = ()
    """Audiences that this client answers for: it may introspect the tokens meant for them (and for its client_id)."""
    first_party: bool = True
    """A service of the mutual itself: no consent page."""
    profile: Literal["fapi2"] | None = None
    """`fapi2`: the FAPI 2.0 security profile whole (pushed requests, private_key_jwt, DPoP)."""
    access_token_lifetime: Lifetime | None = None
    """How long its access tokens are good; as the settings say when it says nothing."""
    id_token_lifetime: Lifetime | None = None
    """How long its ID tokens are good."""
    refresh_token_idle_lifetime: LongLifetime | None = None
    """How long its refresh tokens are good without being used."""
    refresh_token_lifetime: LongLifetime | None = None
    """How long its refresh tokens are good at most, from the sign-in on."""
    refresh_token_rotation: bool | None = None
    """Whether each use of a refresh token gives the next one; always for public clients, never for fapi2."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, document: Any) -> Any:  # noqa: ANN401 (whatever the file holds)
        if not isinstance(document, dict):
            return document
        named = document.get("client_name", document.get("client_id"))
        filled = document if named is None else {**document, "client_name": named}
        if document.get("profile") == "fapi2":
            # FAPI 2.0 section 5.3: what the profile leaves one choice for needs no line in the file.
            filled = {**_FAPI2, **filled}
        return filled

    @field_validator("client_secret_sha256", mode="before")
    @classmethod
    def _one_secret_or_two(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("scope")
    @classmethod
    def _scope_is_words(cls, value: str) -> str:
        if not _SCOPE.fullmatch(value):
            message = "must be words separated by one space"
            raise ValueError(message)
        return value

    @field_validator("client_name")
    @classmethod
    def _name_can_be_read(cls, value: str) -> str:
        if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
            message = "must be text that can be read, without control characters"
            raise ValueError(message)
        return value

    @field_validator("min_acr")
    @classmethod
    def _acr_is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in assurance.LEVELS:
            message = f"must be one of {', '.join(assurance.LEVELS)}"
            raise ValueError(message)
        return value

    @property
    def is_public(self) -> bool:
        """Whether the client holds no secret (an application in a browser or on a phone)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def holds_secret(self) -> bool:
        """Whether the client proves itself by a secret that both sides know."""
        return self.token_endpoint_auth_method.startswith("client_secret")

    @property
    def rotates_refresh_tokens(self) -> bool:
        """Whether each refresh gives the next token (RFC 9700 section 4.14.2: always, for public clients)."""
        return self.is_public or bool(self.refresh_token_rotation)

    @property
    def is_native(self) -> bool:
        """Whether the client is an application on a device (RFC 8252)."""
        return self.application_type == "native"

    @cached_property
    def scopes(self) -> frozenset[str]:
        """The scopes it may ask for."""
        return frozenset(self.scope.split(" "))

    @cached_property
    def sector(self) -> str | None:
        """The sector of pairwise subjects (OIDC Core 8.1): one host, or None when there are several."""
        if self.sector_identifier_uri is not None:
            return urlsplit(self.sector_identifier_uri).hostname
        if self.is_native and not all(uri.startswith("https:") for uri in self.redirect_uris):
            # Nobody owns this very host, or a scheme of applications: whoever names them shares nothing by it.
            return self.client_id
        hosts = {urlsplit(uri).hostname or urlsplit(uri).scheme for uri in self.redirect_uris}
        return hosts.pop() if len(hosts) == 1 else None

    def knows_redirect(self, address: str) -> bool:
        """Whether a code may be sent to this address."""
        return addresses.is_registered(address, self.redirect_uris, native=self.is_native)

    def has_secret(self, secret: str) -> bool:
        """Whether this is one of its live secrets; each is compared in constant time."""
        digest = secrets.fingerprint(secret)
        return any([secrets.same(digest, live) for live in self.client_secret_sha256])  # noqa: C419 (compare them all)
