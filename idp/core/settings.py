"""The settings: one frozen tree, read once from `config/parvis.toml`, secret files and the environment."""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from idp.core.durations import Duration

# `//user:password@` of an address.
_PASSWORD = re.compile(r"(//[^/@:]*:)[^/@]*@")


class Section(BaseModel):
    """A part of the tree: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Limits(Section):
    """Rate limits at the edge; what must be exact is counted in the database instead."""

    storage: str = "memory://"
    """Where the edge's counters live: `memory://` or `valkey://host:port/0`."""
    pages_per_minute: Annotated[int, Field(ge=1)] = 240
    """Requests a minute from one network to the pages for humans."""
    forms_per_minute: Annotated[int, Field(ge=1)] = 60
    """Form submissions a minute from one network."""
    audio_per_minute: Annotated[int, Field(ge=1)] = 40
    """Requests a minute from one network to the captcha's audio; a browser makes up to three for one listening."""
    proofs_per_minute: Annotated[int, Field(ge=1)] = 30
    """Challenges of the proof of work a minute from one network; beyond them the page falls back on the image."""


class Mail(Section):
    """How mails leave."""

    url: SecretStr = SecretStr("smtp://127.0.0.1:1025")
    """`smtp://`, `smtps://` or `smtp+starttls://` with user and password, or `file:///directory`."""
    sender: str = "ne-pas-repondre@example.org"
    """The address in the From line; its display name is the space's title."""
    timeout: Duration = timedelta(seconds=10)
    """How long one exchange with the mail server may take."""


class Captcha(Section):
    """« Vérification de sécurité »."""

    provider: Literal["image", "altcha"] = "image"
    """`image`: characters to copy or digits to hear; `altcha`: a proof of work, and the same without JavaScript."""
    login: Literal["always", "after-failures", "off"] = "always"
    """When the sign-in page asks for it; enrolment and recovery always do, a trusted device never."""
    lifetime: Duration = timedelta(minutes=5)
    """How long a challenge can be answered."""


class Password(Section):
    """The password policy and its storage."""

    profile: Literal["cnil-2022", "length-first"] = "cnil-2022"
    """`cnil-2022`: classes of characters or a passphrase; `length-first`: 15 characters and no class rule."""
    accented_letters: bool = False
    """Whether letters such as é are accepted; they are hard to type on foreign keyboards."""
    bcrypt_cost: Annotated[int, Field(ge=4, le=16)] = 12
    """bcrypt's work factor; a hash of another cost is renewed at the next sign-in."""
    gate_places: Annotated[int, Field(ge=1, le=200)] = 32
    """How many sign-ins may wait for the hashing thread of one worker."""
    gate_patience: Duration = timedelta(seconds=5)
    """The longest wait for the hashing thread before the page answers 503."""


class Directory(Section):
    """The register: the patterns of what the mutual prints on its letters."""

    member_number_pattern: str = "[0-9]{5,12}"
    """A regular expression for member numbers; leading zeros count."""
    access_code_pattern: str = "[a-z]{6,16}"
    """A regular expression for access codes, after case, spaces and hyphens are folded."""


class Enrolment(Section):
    """« Créer son compte »."""

    lifetime: Duration = timedelta(hours=24)
    """How long the link and the code of the activation mail are good."""
    attempts_per_day: Annotated[int, Field(ge=1)] = 5
    """How many enrolments one member may begin in a day."""
    password_tries: Annotated[int, Field(ge=1)] = 5
    """Passwords that may be tried on a link opened in another browser."""
    code_tries: Annotated[int, Field(ge=1)] = 5
    """Codes that may be tried for one mail."""
    resend_wait: Duration = timedelta(seconds=60)
    """The wait before another activation mail."""
    return_within: Duration = timedelta(hours=1)
    """How long « Me connecter » leads back to the service the member came from."""


class Recovery(Section):
    """« J'ai perdu mes accès de connexion »."""

    lifetime: Duration = timedelta(minutes=30)
    """How long the link and the code for a new password are good."""
    address_lifetime: Duration = timedelta(hours=24)
    """How long the link and the code that validate a new address are good."""
    letter_lifetime: Duration = timedelta(hours=2)
    """How long a password may be chosen after the code of a letter was given."""
    code_tries: Annotated[int, Field(ge=1)] = 5
    """Codes that may be tried for one request, over all its mails."""
    resend_wait: Duration = timedelta(seconds=60)
    """The wait before another mail of one request."""
    mails: Annotated[int, Field(ge=1)] = 5
    """Mails of one request, the first included."""
    mails_per_day: Annotated[int, Field(ge=1)] = 20
    """Mails for a new password to one account in a day."""
    mails_to_strangers_per_day: Annotated[int, Field(ge=0)] = 3
    """Mails in a day to an address that no account uses, which say so."""
    strangers_per_network: Annotated[int, Field(ge=0)] = 20
    """Such mails in a day that one network may cause."""
    changes_per_day: Annotated[int, Field(ge=1)] = 5
    """New addresses that one member may give in a day."""
    mails_to_new_address_per_day: Annotated[int, Field(ge=1)] = 8
    """Mails in a day to one address that is to become an account's, whoever asks, here or in « Mon compte »."""
    letter_tries_per_day: Annotated[int, Field(ge=1)] = 20
    """Codes of letters that may be tried for one member in a day; a letter has five tries of its own."""
    code_requests_per_network: Annotated[int, Field(ge=1)] = 20
    """Requests in a day for a new access code by post that one network may send."""


class SignIn(Section):
    """« Connexion à votre compte »."""

    interaction_lifetime: Duration = timedelta(minutes=30)
    """How long one sign-in may take from its first page to its end."""
    code_lifetime: Duration = timedelta(minutes=10)
    """How long a code by mail is good."""
    code_tries: Annotated[int, Field(ge=1)] = 5
    """Codes that may be tried in one sign-in, over all its mails."""
    code_resends: Annotated[int, Field(ge=0)] = 5
    """How many times one sign-in may ask for another code."""
    code_resend_wait: Duration = timedelta(seconds=60)
    """The wait between two codes of one sign-in."""
    codes_per_day: Annotated[int, Field(ge=1)] = 30
    """Codes mailed to one account in a day."""
    wrong_codes_per_day: Annotated[int, Field(ge=1)] = 20
    """Wrong codes in a day after which the second step of an account rests."""
    freeze: Duration = timedelta(hours=1)
    """How long the second step rests after too many wrong codes."""
    remember_for: Duration = timedelta(days=180)
    """How long « Se souvenir de moi » keeps the identifier in the browser."""
    captcha_after_failures: Annotated[int, Field(ge=1)] = 3
    """With `captcha.login = "after-failures"`: wrong passwords from a network before the captcha is asked."""


class TrustedDevice(Section):
    """Browsers that are spared the code."""

    lifetime: Duration = timedelta(days=90)
    """How long trust lasts, from the day it was given; lowering it applies to devices trusted before."""
    grace: Duration = timedelta(seconds=30)
    """How late a former secret may still come (a lost answer) before it is taken for theft."""
    wrong_passwords: Annotated[int, Field(ge=1)] = 10
    """Wrong passwords a trusted device may try before it counts as a stranger."""


class MyAccount(Section):
    """« Mon compte »."""

    closing_grace: Duration = timedelta(days=14)
    """How long an account that its owner closed can still be kept, by signing in; after that it is erased."""
    address_lifetime: Duration = timedelta(hours=24)
    """How long the link and the code that validate a new address are good."""
    address_changes_per_day: Annotated[int, Field(ge=1)] = 5
    """How many changes of address one account may begin in a day."""


class Oidc(Section):
    """Tokens and keys."""

    code_lifetime: Duration = timedelta(seconds=60)
    """How long an authorization code is good (RFC 6749 section 4.1.2)."""
    access_token_lifetime: Duration = timedelta(minutes=5)
    """How long an access token is good, unless the client file says otherwise."""
    id_token_lifetime: Duration = timedelta(minutes=5)
    """How long an ID token is good, unless the client file says otherwise."""
    member_data_audience: str = "http://127.0.0.1:8001"
    """The audience of access tokens with the scope `member_data`."""
    refresh_token_idle_lifetime: Duration = timedelta(days=14)
    """How long a refresh token is good without being used, unless the client file says otherwise."""
    refresh_token_lifetime: Duration = timedelta(days=90)
    """How long a refresh token is good at most, from the sign-in on, unless the client file says otherwise."""
    refresh_token_grace: Duration = timedelta(seconds=10)
    """How late a replaced refresh token may still come (a lost answer) and give the same successor again."""
    pushed_request_lifetime: Duration = timedelta(seconds=90)
    """How long a pushed authorization request waits for its browser (RFC 9126 section 2.2)."""
    private_addresses: bool = False
    """Whether first-party clients may name private addresses; loopback ones are open in development."""
    key_rotation: Duration = timedelta(days=90)
    """How long a key signs before the worker lets the next one sign."""
    key_prepublication: Duration = timedelta(hours=48)
    """How long a key is published before it signs."""
    key_cache: Duration = timedelta(hours=1)
    """How long services may keep the published keys; a retired key stays that much longer than its last token."""

    @model_validator(mode="after")
    def _next_keys_are_known_before_they_sign(self) -> "Oidc":
        if self.key_prepublication < self.key_cache:
            message = (
                "key_prepublication must be at least key_cache, or services would meet tokens of unknown keys"
            )
            raise ValueError(message)
        return self


class Registration(Section):
    """Dynamic client registration (RFC 7591), off unless it is needed."""

    enabled: bool = False
    """Whether `/oauth2/register` answers."""
    token_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256, in hexadecimal, of the initial access token that a registration must present."""
    space: str = "adherent"
    """The space of the clients that register themselves; they are third parties, so their members are asked."""

    @model_validator(mode="after")
    def _never_open_to_all(self) -> "Registration":
        if self.enabled and not self.token_sha256:
            message = (
                "registration.enabled needs registration.token_sha256: registration is never open to all"
            )
            raise ValueError(message)
        return self


class Server(Section):
    """How `parvis run` listens."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """The port to listen on."""
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes; on PostgreSQL, one for each core."""
    threads: Annotated[int, Field(ge=2)] = 40
    """Threads of one worker: the places of the hashing gate and some more, so that tokens never wait for passwords."""
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    """How many proxies stand in front and set X-Forwarded-For and -Proto; 0 ignores these headers."""


class Settings(Section):
    """The whole tree."""

    issuer: str = "http://127.0.0.1:8000"
    """The issuer URL; https unless the host is a loopback address."""
    database_url: SecretStr = SecretStr("sqlite:///var/parvis.db")
    """A SQLAlchemy URL: SQLite or PostgreSQL."""
    secret_key: SecretStr
    """The root secret, at least 32 characters; every key that protects rows and cookies derives from it."""
    pepper: SecretStr
    """The secret that passwords are keyed with before bcrypt, at least 32 characters."""
    keys_dir: Path = Path("keys")
    """Where the sealed copy of the key ring is kept."""
    clients_dir: Path = Path("config/clients")
    """The folder of client files."""
    spaces_dir: Path = Path("config/spaces")
    """The folder of spaces: names, colours, terms."""
    limits: Limits = Limits()
    mail: Mail = Mail()
    captcha: Captcha = Captcha()
    password: Password = Password()
    directory: Directory = Directory()
    enrolment: Enrolment = Enrolment()
    recovery: Recovery = Recovery()
    sign_in: SignIn = SignIn()
    trusted_device: TrustedDevice = TrustedDevice()
    account: MyAccount = MyAccount()
    oidc: Oidc = Oidc()
    registration: Registration = Registration()
    server: Server = Server()

    @field_validator("issuer")
    @classmethod
    def _issuer_is_a_plain_url(cls, value: str) -> str:
        # RFC 8414 section 2: an https URL without query or fragment.
        parts = urlsplit(value)
        if parts.query or parts.fragment or parts.username or not parts.hostname or value.endswith("/"):
            message = "the issuer is a URL without user, query, fragment or final slash"
            raise ValueError(message)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            message = "the issuer must be https, unless its host is a loopback address"
            raise ValueError(message)
        return value

    @field_validator("secret_key", "pepper")
    @classmethod
    def _secrets_are_long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:  # noqa: PLR2004 (said in the message)
            message = "a secret needs at least 32 characters; `openssl rand -hex 32` makes a good one"
            raise ValueError(message)
        return value

    @property
    def is_development(self) -> bool:
        """Whether the issuer is loopback http, as in the demo."""
        return self.issuer.startswith("http://")


def is_loopback(host: str) -> bool:
    """Whether a host name is `localhost` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as JSON for an operator's eyes: secrets masked, and passwords inside addresses too."""
    document: dict[str, Any] = settings.model_dump(mode="json")
    document["limits"]["storage"] = _PASSWORD.sub(r"\1**********@", settings.limits.storage)
    return document
