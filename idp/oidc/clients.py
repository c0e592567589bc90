"""Relying parties: one TOML file each, checked strictly, kept as immutable objects."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from idp.core import secrets
from idp.core.durations import Duration
from idp.core.spaces import Spaces
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
_SCOPE = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")
_ADDRESS_FIELDS = (
    "redirect_uris",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "initiate_login_uri",
)


class BadClient(Exception):
    """A client file cannot be used; the text names the file, the key and what it must be."""


class Client(BaseModel):
    """One relying party, in the words of RFC 7591 and OpenID Connect registration, and ours."""

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
    """Where a sign-in begins at the client, when a member comes to us first."""
    grant_types: tuple[GrantType, ...] = ("authorization_code",)
    """What the client may ask the token endpoint for."""
    response_types: tuple[Literal["code"], ...] = ("code",)
    """Only the authorization code flow exists."""
    token_endpoint_auth_method: AuthMethod = "client_secret_basic"
    """How the client proves who it is; `none` for a public client."""
    token_endpoint_auth_signing_alg: AssertionAlgorithm | None = None
    """The one signature accepted on its assertions; any of ES256, PS256, EdDSA, RS256 when it says nothing."""
    client_secret_sha256: Annotated[tuple[SecretDigest, ...], Field(max_length=LIVE_SECRETS)] = ()
    """SHA-256 of the secret, in hexadecimal; two of them while a secret is replaced."""
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
    default_max_age: Annotated[int, Field(ge=0)] | None = None
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
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    """Whom to tell when it misbehaves."""
    software_id: str | None = None
    software_version: str | None = None
    populations: frozenset[str] = frozenset()
    """The populations that may enter; the space's when it says nothing."""
    audiences: tuple[str, ...] = ()
    """Services that its access tokens may be for, beyond those of its scopes."""
    min_acr: str | None = None
    """The least authentication context it accepts."""
    serves: tuple[str, ...] = ()
    """Audiences that this client answers for: it may introspect the tokens meant for them (and for its client_id)."""
    first_party: bool = True
    """A service of the mutual itself: no consent page."""
    profile: Literal["fapi2"] | None = None
    """`fapi2`: the FAPI 2.0 security profile whole (pushed requests, private_key_jwt, DPoP)."""
    access_token_lifetime: Lifetime | None = None
    """How long its access tokens are good."""
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
        filled = {"client_name": document.get("client_id"), **document}
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

    @field_validator("min_acr")
    @classmethod
    def _acr_is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in assurance.LEVELS:
            message = f"must be one of {', '.join(assurance.LEVELS)}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _addresses_are_safe(self, info: ValidationInfo) -> "Client":
        development = bool((info.context or {}).get("development", False))
        for field in _ADDRESS_FIELDS:
            value = getattr(self, field)
            for address in (value,) if isinstance(value, str) else value or ():
                reason = addresses.why_refused(address, native=self.is_native, development=development)
                if reason is not None:
                    message = f"{field}: {address[:100]!r} {reason}"
                    raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _whole(self) -> "Client":
        if "authorization_code" in self.grant_types and not self.redirect_uris:
            message = "redirect_uris: at least one is needed"
            raise ValueError(message)
        if self.is_public and self.client_secret_sha256:
            message = "client_secret_sha256: a public client (token_endpoint_auth_method none) has no secret"
            raise ValueError(message)
        if self.holds_secret and not self.client_secret_sha256:
            message = (
                "client_secret_sha256: missing (sha256sum of a secret of 256 random bits, in hexadecimal)"
            )
            raise ValueError(message)
        if self.subject_type == "pairwise" and self.sector is None:
            message = (
                "sector_identifier_uri: needed for pairwise subjects, since redirect_uris name several hosts"
            )
            raise ValueError(message)
        return self

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
        hosts = {urlsplit(uri).hostname or urlsplit(uri).scheme for uri in self.redirect_uris}
        return hosts.pop() if len(hosts) == 1 else None

    def knows_redirect(self, address: str) -> bool:
        """Whether a code may be sent to this address."""
        return addresses.is_registered(address, self.redirect_uris, native=self.is_native)

    def has_secret(self, secret: str) -> bool:
        """Whether this is one of its live secrets; each is compared in constant time."""
        digest = secrets.fingerprint(secret)
        return any([secrets.same(digest, live) for live in self.client_secret_sha256])  # noqa: C419 (compare them all)


def read_folder(folder: Path, *, spaces: Spaces, development: bool) -> tuple[Client, ...]:
    """Every client file of a folder. Raises BadClient with all that is wrong."""
    found: dict[str, Path] = {}
    clients: list[Client] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            client = read_file(path, spaces=spaces, development=development)
        except BadClient as problem:
            problems.append(str(problem))
            continue
        if client.client_id in found:
            problems.append(f"P-9002: {path}: client_id: already used by {found[client.client_id]}")
        found[client.client_id] = path
        clients.append(client)
    if problems:
        raise BadClient("\n".join(problems))
    return tuple(clients)


def read_file(path: Path, *, spaces: Spaces, development: bool) -> Client:
    """One client file. Raises BadClient."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        message = f"P-9002: {path}: {problem}"
        raise BadClient(message) from problem
    return parse(document, where=str(path), spaces=spaces, development=development)


def parse(document: dict[str, Any], *, where: str, spaces: Spaces, development: bool) -> Client:
    """A client from its document; its populations are the space's unless it names some. Raises BadClient."""
    try:
        client = Client.model_validate(document, context={"development": development})
    except ValidationError as problem:
        raise BadClient(_explain(problem, where)) from None
    if not client.space:
        client = client.model_copy(update={"space": spaces.default.name})
    space = spaces.get(client.space)
    if space is None:
        names = ", ".join(space.name for space in spaces)
        message = f"P-9002: {where}: space: {client.space!r} does not exist (there are: {names})"
        raise BadClient(message)
    unknown = sorted(client.populations - spaces.populations)
    if unknown:
        message = f"P-9002: {where}: populations: {unknown[0]!r} is admitted by no space"
        raise BadClient(message)
    return client if client.populations else client.model_copy(update={"populations": space.populations})


def _explain(problem: ValidationError, where: str) -> str:
    lines = []
    for error in problem.errors(include_input=False, include_url=False, include_context=False):
        key = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, Client.model_fields, n=1, cutoff=0.0)[0]
            lines.append(f"P-9002: {where}: {key}: unknown key; the nearest known one is {near}")
        elif error["type"] == "missing":
            lines.append(f"P-9002: {where}: {key}: missing")
        else:
            text = error["msg"].removeprefix("Value error, ")
            lines.append(f"P-9002: {where}: {key}: {text}" if key else f"P-9002: {where}: {text}")
    return "\n".join(lines)


def documents(clients: Iterable[Client]) -> dict[str, dict[str, Any]]:
    """What is kept of each client: the keys that its file gave, by client_id."""
    return {client.client_id: client.model_dump(mode="json", exclude_unset=True) for client in clients}
