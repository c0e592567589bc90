"""Reading an authorization request: pure rules from its parameters to a frozen value, or a refusal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from idp.core.settings import Settings
from idp.oidc import claims, resources, wanted
from idp.oidc.client_rows import Registry
from idp.oidc.clients import Client
from idp.oidc.wanted import Wanted

Parameters: TypeAlias = Mapping[str, Sequence[str]]

# What we understand; anything else is ignored (RFC 6749 section 3.1).
KNOWN = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
    "code_challenge", "code_challenge_method", "prompt", "max_age", "acr_values", "claims",
    "id_token_hint", "login_hint", "ui_locales", "claims_locales", "display",
    "request", "request_uri", "registration", "resource", "dpop_jkt",
)  # fmt: skip
# Longer requests are nothing that a browser would bring as an address; nor may they be pushed.
LONGEST_REQUEST = 12_000
LONGEST_HINT = 254
# RFC 7636 section 4.2: BASE64URL(SHA256(verifier)) is 43 characters, always.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# RFC 7638: a thumbprint is a SHA-256 in base64url, as the challenge is.
_THUMBPRINT = _CHALLENGE
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
# What a decoder puts in the place of bytes that are no UTF-8: such a state could not be given back unchanged.
_REPLACED = "\ufffd"


class Prompt(StrEnum):
    """The prompts that we know (OIDC Core 3.1.2.1; Initiating User Registration 1.0)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"
    CREATE = "create"


class ResponseMode(StrEnum):
    """How the answer travels."""

    QUERY = "query"
    FORM_POST = "form_post"


class Doubt(StrEnum):
    """Why no redirect is safe, by the number of the page that says so."""

    CLIENT = "P-3001"
    REDIRECT_URI = "P-3002"
    MALFORMED = "P-3003"
    PUSHED = "P-3004"


@dataclass(frozen=True, slots=True)
class Target:
    """Where an answer goes: an address proven to be the client's."""

    client: Client
    redirect_uri: str
    state: str | None
    mode: ResponseMode


@dataclass(frozen=True, slots=True)
class Refused:
    """An error to tell the client (RFC 6749 section 4.1.2.1); the description is ASCII, no quotes."""

    target: Target
    error: str
    description: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid request."""

    target: Target
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str | None
    code_challenge: str
    prompts: frozenset[Prompt]
    max_age: int | None
    acr_values: tuple[str, ...]
    id_token_hint: str | None
    login_hint: str
    ui_locales: str
    wanted: Wanted
    dpop_jkt: str | None
    pushed_uri: str | None
    """The handle that this request was pushed under; its answer spends it."""
    parameters: Mapping[str, str]

    @property
    def client(self) -> Client:
        """The client that asks."""
        return self.target.client


class _Wrong(Exception):
    """Stops the reading of one request; never leaves this module."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def read(
    parameters: Parameters, *, clients: Registry, settings: Settings, is_pushed: bool = False
) -> AuthorizationRequest | Refused | Doubt:
    """Read a request: a valid one, an error for the client, or a page because no address is proven.

    A request that was pushed may carry the `request_uri` that it was pushed under.
    """
    given = {name: [value for value in parameters.get(name, ()) if value] for name in KNOWN}
    target = _target(given, clients)
    if isinstance(target, Doubt):
        return target
    try:
        return _request(given, target, settings=settings, is_pushed=is_pushed)
    except _Wrong as wrong:
        return Refused(target, wrong.error, wrong.description)


def _target(given: Parameters, clients: Registry) -> Target | Doubt:
    if len(given["client_id"]) > 1:
        return Doubt.MALFORMED
    client = clients.get(given["client_id"][0]) if given["client_id"] else None
    if client is None:
        return Doubt.CLIENT
    addresses = given["redirect_uri"]
    if len(addresses) != 1 or not client.knows_redirect(addresses[0]):
        return Doubt.REDIRECT_URI
    return Target(client, addresses[0], _state(given), _mode(given))


def _state(given: Parameters) -> str | None:
    """The state to give back; none when it is doubled or could not be given back unchanged."""
    values = given["state"]
    return values[0] if len(values) == 1 and _REPLACED not in values[0] else None


def _mode(given: Parameters) -> ResponseMode:
    """The mode of the answer, errors included; `query` when the request names none that we know."""
    values = given["response_mode"]
    return ResponseMode.FORM_POST if values == [ResponseMode.FORM_POST.value] else ResponseMode.QUERY


def again(parameters: Mapping[str, str]) -> dict[str, list[str]]:
    """The parameters of a request that was read before, as they can be read again."""
    return {name: value.split(" ") if name == "resource" else [value] for name, value in parameters.items()}


def _request(
    given: Parameters, target: Target, *, settings: Settings, is_pushed: bool
) -> AuthorizationRequest:
    _refuse_doubled(given)
    _refuse_request_objects(given, is_pushed=is_pushed)
    one = {name: " ".join(values) for name, values in given.items() if values}
    _check_response(one)
    if target.client.require_pushed_authorization_requests and not is_pushed:
        # RFC 9126 section 5: this client's requests come by the back channel only.
        raise _Wrong("invalid_request", "this client must push its authorization requests")
    max_age = _max_age(one, target.client)
    return AuthorizationRequest(
        target=target,
        scopes=_scopes(one, target.client),
        resources=_resources(given, target.client, settings),
        nonce=one.get("nonce"),
        code_challenge=_challenge(one),
        prompts=_prompts(one),
        max_age=max_age,
        acr_values=tuple(one.get("acr_values", "").split()),
        id_token_hint=one.get("id_token_hint"),
        login_hint=one.get("login_hint", "")[:LONGEST_HINT],
        ui_locales=one.get("ui_locales", ""),
        wanted=_wanted(one, target.client),
        dpop_jkt=_thumbprint(one),
        pushed_uri=one.get("request_uri"),
        parameters=one,
    )


def _refuse_doubled(given: Parameters) -> None:
    # RFC 6749 section 3.1: request parameters must not be included more than once.
    for name, values in given.items():
        if len(values) > 1 and name != "resource":
            raise _Wrong("invalid_request", f"{name} is given more than once")
        if any(_REPLACED in value or "\x00" in value for value in values):
            raise _Wrong("invalid_request", f"{name} is not plain UTF-8 text")


def _refuse_request_objects(given: Parameters, *, is_pushed: bool) -> None:
    # OIDC Core 6: a request object must be refused by its own error, never ignored.
    for name in ("request", "request_uri", "registration"):
        if given[name] and not (is_pushed and name == "request_uri"):
            raise _Wrong(f"{name}_not_supported", f"the parameter {name} is not supported")


def _check_response(one: Mapping[str, str]) -> None:
    response_type = one.get("response_type")
    if response_type is None:
        raise _Wrong("invalid_request", "response_type is missing")
    if response_type != "code":
        raise _Wrong("unsupported_response_type", "response_type must be code")
    if one.get("response_mode", ResponseMode.QUERY) not in set(ResponseMode):
        raise _Wrong("invalid_request", "response_mode must be query or form_post")


def _scopes(one: Mapping[str, str], client: Client) -> tuple[str, ...]:
    """The scopes asked for that the client may have; others are ignored (OIDC Core 3.1.2.1)."""
    asked = dict.fromkeys(one.get("scope", "").split(" "))
    scopes = tuple(scope for scope in asked if _may_ask(client, scope))
    if not scopes:
        raise _Wrong("invalid_scope", "scope names nothing that this client may ask for")
    return scopes


def _may_ask(client: Client, scope: str) -> bool:
    if scope in claims.SERVICE_SCOPES:
        # What a service may do in its own name is nothing that a member's token may carry.
        return False
    if scope == claims.DEVICES and not client.first_party:
        return False
    if scope == claims.OFFLINE and "refresh_token" not in client.grant_types:
        return False
    return scope in client.scopes


def _resources(given: Parameters, client: Client, settings: Settings) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(given["resource"]))
    if not resources.are_allowed(asked, resources.allowed(client, settings)):
        raise _Wrong("invalid_target", "resource names a service that this client has no tokens for")
    return asked


def _thumbprint(one: Mapping[str, str]) -> str | None:
    jkt = one.get("dpop_jkt")
    if jkt is not None and not _THUMBPRINT.fullmatch(jkt):
        raise _Wrong("invalid_request", "dpop_jkt is not the base64url of a SHA-256")
    return jkt


def _challenge(one: Mapping[str, str]) -> str:
    # RFC 7636 section 4.3: without a method the challenge is plain, and plain is refused to every client.
    challenge = one.get("code_challenge")
    if challenge is None:
        raise _Wrong("invalid_request", "code_challenge is missing: PKCE with S256 is required")
    if one.get("code_challenge_method") != "S256":
        raise _Wrong("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise _Wrong("invalid_request", "code_challenge is not the base64url of a SHA-256")
    return challenge


def _prompts(one: Mapping[str, str]) -> frozenset[Prompt]:
    words = one.get("prompt", "").split()
    if not set(words) <= set(Prompt):
        raise _Wrong("invalid_request", "prompt has an unknown value")
    prompts = frozenset(Prompt(word) for word in words)
    if Prompt.NONE in prompts and len(prompts) > 1:
        raise _Wrong("invalid_request", "prompt none excludes all others")
    return prompts


def _max_age(one: Mapping[str, str], client: Client) -> int | None:
    given = one.get("max_age")
    if given is None:
        return client.default_max_age
    if not _SECONDS.fullmatch(given):
        raise _Wrong("invalid_request", "max_age must be a number of seconds")
    return int(given)


def _wanted(one: Mapping[str, str], client: Client) -> Wanted:
    """The single claims asked for that the client may have now: what it may have later, it must ask for then."""
    found = wanted.read(one["claims"]) if "claims" in one else Wanted()
    if found is None:
        raise _Wrong("invalid_request", "claims must be a JSON object as OIDC Core 5.5 describes")
    return found.only(claims.names_of(client.scopes))
