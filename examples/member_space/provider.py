"""The conversation with the provider: the way there, the exchange of the code, the way out."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote_plus, urlencode

from examples.fetching import Answer, Unreachable, fetch, new_client
from examples.issuer import Issuer, IssuerUnavailable
from examples.member_space.settings import Door, Settings
from examples.member_space.store import SignIn
from examples.member_space.tokens import Identity, Untrusted, verify_id_token

# What an access token lives when the provider does not say (seconds).
_DEFAULT_LIFETIME = 300
_LONGEST_LIFETIME = 86_400
_OK = 200


class CodeRefused(Exception):
    """The provider no longer accepts the code: too late, or used before. Starting again helps."""


@dataclass(frozen=True, slots=True)
class StepUp:
    """A stronger or fresher sign-in that another service asked for (RFC 9470)."""

    acr_values: str
    max_age: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for, the ID token verified."""

    identity: Identity
    id_token: str
    access_token: str
    access_expires_at: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What the provider tells about the member."""

    given_name: str
    full_name: str
    member_number: str | None
    population: str | None


class Provider:
    """The provider, as one of our doors talks to it."""

    def __init__(self, settings: Settings, issuer: Issuer) -> None:
        """Ask nothing yet: the provider may start later."""
        self.issuer = issuer
        self._settings = settings
        self._http = new_client()

    def authorization_url(
        self, door: Door, sign_in: SignIn, state: str, *, step_up: StepUp | None, login_hint: str | None
    ) -> str:  # fmt: skip
        """Where to send the browser. Raises IssuerUnavailable when the provider does not answer."""
        endpoint = self.issuer.alive_metadata().authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": door.client_id,
            "redirect_uri": self._settings.redirect_uri(door),
            "scope": door.scope,
            "state": state,
            "nonce": sign_in.nonce,
            "code_challenge": challenge_of(sign_in.verifier),
            "code_challenge_method": "S256",
            "ui_locales": "fr",
        }
        if step_up:
            query |= {"acr_values": step_up.acr_values, "max_age": str(step_up.max_age)}
        if login_hint:
            query["login_hint"] = login_hint
        return _with_query(endpoint, query)

    def exchange(self, door: Door, sign_in: SignIn, code: str, *, now: datetime) -> Tokens:
        """Spend the code and verify the ID token.

        Raises CodeRefused, IssuerUnavailable, and Untrusted when the answer must not be believed.
        """
        answer = self._ask_for_tokens(door, sign_in.verifier, code)
        id_token, access_token = _text(answer, "id_token"), _text(answer, "access_token")
        if _text(answer, "token_type").lower() != "bearer":
            raise Untrusted("the token is not a bearer token")
        identity = verify_id_token(
            id_token,
            issuer=self.issuer,
            client_id=door.client_id,
            nonce=sign_in.nonce,
            access_token=access_token,
            max_age=sign_in.max_age,
            now=now,
        )
        lifetime = answer.get("expires_in")
        if type(lifetime) is not int or not 0 < lifetime <= _LONGEST_LIFETIME:
            lifetime = _DEFAULT_LIFETIME
        return Tokens(identity, id_token, access_token, int(now.timestamp()) + lifetime)

    def profile(self, tokens: Tokens) -> Profile:
        """The member's name and number, from userinfo. Raises IssuerUnavailable, Untrusted."""
        url = self.issuer.metadata().userinfo_endpoint
        answer = self._fetch("GET", url, {"Authorization": f"Bearer {tokens.access_token}"})
        claims = _object(answer)
        # OIDC Core 5.3.2: another subject's answer must not be used.
        if answer.status != _OK or claims.get("sub") != tokens.identity.sub:
            raise Untrusted("userinfo does not answer for this member")
        given, family = _claim(claims, "given_name"), _claim(claims, "family_name")
        full = _claim(claims, "name") or " ".join(part for part in (given, family) if part)
        return Profile(
            given_name=given or "",
            full_name=full or _claim(claims, "email") or "vous-même",
            member_number=_claim(claims, "member_number"),
            population=_claim(claims, "population"),
        )

    def end_session_url(self, id_token: str, state: str) -> str | None:
        """Where to send the browser to sign out everywhere (RP-Initiated Logout 2); None: nowhere to."""
        try:
            endpoint = self.issuer.alive_metadata().end_session_endpoint
        except IssuerUnavailable:
            return None
        back = f"{self._settings.base_url}/deconnecte"
        query = {"id_token_hint": id_token, "post_logout_redirect_uri": back, "state": state}
        return _with_query(endpoint, query) if endpoint else None

    def _ask_for_tokens(self, door: Door, verifier: str, code: str) -> dict[str, object]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri(door),
            "code_verifier": verifier,
        }
        credentials = basic_credentials(door.client_id, self._settings.secrets[door.space])
        url = self.issuer.metadata().token_endpoint
        answer = self._fetch("POST", url, {"Authorization": credentials}, form)
        if answer.status == _OK:
            return _object(answer)
        error = _object(answer).get("error")
        if error == "invalid_grant":
            raise CodeRefused
        # Not the member's fault: a wrong secret, a wrong address, or a provider in trouble.
        raise IssuerUnavailable(f"the token endpoint answered {answer.status} {str(error)[:40]!r}")

    def _fetch(
        self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> Answer:  # fmt: skip
        try:
            return fetch(self._http, method, url, headers=headers, form=form)
        except Unreachable as error:
            raise IssuerUnavailable(str(error)) from error


def challenge_of(verifier: str) -> str:
    """RFC 7636 4.2, S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def basic_credentials(client_id: str, secret: str) -> str:
    """RFC 6749 2.3.1: both parts are form-encoded before they are joined."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _with_query(endpoint: str, query: dict[str, str]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def _object(answer: Answer) -> dict[str, object]:
    try:
        return answer.json_object()
    except Unreachable as error:
        raise IssuerUnavailable(str(error)) from error


def _text(answer: dict[str, object], name: str) -> str:
    value = answer.get(name)
    # A token goes into a header later: ASCII without spaces, or it is not one.
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise Untrusted(f"the answer has no good {name}")
    return value


def _claim(claims: dict[str, object], name: str) -> str | None:
    value = claims.get(name)
    return value[:200] if isinstance(value, str) and value else None
