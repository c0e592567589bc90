"""The two who meet at a provider under test: a member with a browser, and a relying party."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import jwt.algorithms
from bs4 import BeautifulSoup
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from idp.app import create_app
from idp.authenticators.password_hash import Hasher
from idp.core.db import Database, new_id
from idp.core.outbox import OutboxMessage
from idp.core.settings import Settings
from idp.oidc import client_rows, revisions
from idp.sessions import service as sessions
from idp.sessions.assurance import Method
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from tests.support.clock import ManualClock

ROOT = Path(__file__).parents[2]
ISSUER = "http://127.0.0.1:8000"
AUDIENCE = "http://127.0.0.1:8001"
ROOT_SECRET = "root-secret-of-the-protocol-tests-0123456789"
PEPPER = "pepper-of-the-protocol-tests-0123456789-abc"
PASSWORD = "Une-Phrase-2-Passe!"
NOON = datetime(2026, 3, 12, 12, 0, 0, 250_000, tzinfo=UTC)
TWO_STEPS = frozenset({Method.PASSWORD, Method.MAIL_CODE})
REMEMBERED = frozenset({Method.PASSWORD, Method.TRUSTED_DEVICE})

EVERYTHING = "openid profile email member member_data offline_access"


class ClientKey:
    """A key that a client holds: it signs assertions and proofs of possession, with PyJWT."""

    algorithm = "ES256"

    def __init__(self, kid: str = "k1") -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        self.public_jwk = {**jwk, "kid": kid, "use": "sig", "alg": "ES256"}

    @property
    def bare_jwk(self) -> dict:
        return {name: self.public_jwk[name] for name in ("kty", "crv", "x", "y")}

    @property
    def jkt(self) -> str:
        """RFC 7638: SHA-256 over the required members in the order of their names."""
        canonical = json.dumps(self.bare_jwk, sort_keys=True, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()

    def assertion(self, client_id: str, now: datetime, headers: dict | None = None, **changes) -> str:
        """A client assertion (RFC 7523); a change to None leaves the claim out."""
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": ISSUER,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 60,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.public_jwk["kid"], **(headers or {})}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)

    def proof(
        self, url: str, now: datetime, *, method: str = "POST", token: str | None = None,
        headers: dict | None = None, **changes,
    ) -> str:  # fmt: skip
        """A DPoP proof (RFC 9449); a change to None leaves the claim out."""
        ath = None
        if token is not None:
            ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        claims = {
            "htm": method,
            "htu": url,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "ath": ath,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"typ": "dpop+jwt", "jwk": self.bare_jwk, **(headers or {})}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)


CLIENT_KEY = ClientKey()
# The clients that hold a key of their own.
KEYS = {"fapi-second": ClientKey("k2")}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

CLIENTS = {
    "reader": {"id_token_signed_response_alg": "ES256"},
    "silent-alg": {},
    "poster": {"token_endpoint_auth_method": "client_secret_post"},
    "public": {"token_endpoint_auth_method": "none"},
    "pairwise": {"subject_type": "pairwise"},
    "floor": {"min_acr": "urn:parvis:acr:2sv"},
    "elected": {"space": "elu"},
    "brief": {"access_token_lifetime": "90s", "id_token_lifetime": "2m"},
    "narrow": {"scope": "openid"},
    "refreshing": {"grant_types": ["authorization_code", "refresh_token"], "scope": EVERYTHING},
    "rotating": {
        "grant_types": ["authorization_code", "refresh_token"],
        "refresh_token_rotation": True,
        "scope": EVERYTHING,
    },
    "spa": {
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": EVERYTHING,
    },
    "hourly": {
        "grant_types": ["authorization_code", "refresh_token"],
        "refresh_token_rotation": True,
        "refresh_token_idle_lifetime": "1h",
        "refresh_token_lifetime": "3h",
        "scope": EVERYTHING,
    },
    "fleeting": {
        "grant_types": ["authorization_code", "refresh_token"],
        "refresh_token_lifetime": "30m",
    },
    "robot": {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scope": "claims:read claims:write admin:read",
        "audiences": ["https://claims.example.org", "https://other.example.org/api"],
    },
    "api": {
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scope": "nothing:here",
        "serves": ["https://claims.example.org", AUDIENCE],
    },
    "urn:example:api": {"grant_types": ["client_credentials"], "redirect_uris": [], "scope": "nothing:here"},
    "both": {"grant_types": ["authorization_code", "client_credentials"], "scope": "openid admin:read"},
    "wide": {
        "audiences": ["https://claims.example.org", "https://other.example.org/api"],
        "grant_types": ["authorization_code", "refresh_token"],
    },
    "partner": {
        "first_party": False,
        "scope": EVERYTHING,
        "grant_types": ["authorization_code", "refresh_token"],
    },
    "signed-info": {"userinfo_signed_response_alg": "ES256"},
    "signed-rs256": {
        "userinfo_signed_response_alg": "RS256",
        "id_token_signed_response_alg": "RS256",
        "subject_type": "pairwise",
    },
    "edwards": {"id_token_signed_response_alg": "EdDSA"},
    "edwards-refreshing": {
        "id_token_signed_response_alg": "EdDSA",
        "grant_types": ["authorization_code", "refresh_token"],
    },
    "keyed": {
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "jwks": {"keys": [CLIENT_KEY.public_jwk]},
    },
    "keyed-rs256": {
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token"],
        "jwks": {"keys": [CLIENT_KEY.public_jwk]},
        "id_token_signed_response_alg": "RS256",
        "scope": EVERYTHING,
    },
    "published": {
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token"],
        "jwks_uri": "https://client.example.org/jwks.json",
        "scope": EVERYTHING,
    },
    "bound": {"dpop_bound_access_tokens": True},
    "pushing": {"require_pushed_authorization_requests": True},
    # These two have https addresses only, so that they are clients of a provider in production too.
    "fapi": {
        "profile": "fapi2",
        "grant_types": ["authorization_code", "refresh_token"],
        "jwks": {"keys": [CLIENT_KEY.public_jwk]},
        "redirect_uris": ["https://fapi.example.org/cb"],
        "post_logout_redirect_uris": ["https://fapi.example.org/bye"],
    },
    "fapi-second": {
        "profile": "fapi2",
        "grant_types": ["authorization_code", "refresh_token"],
        "jwks": {"keys": [KEYS["fapi-second"].public_jwk]},
        "redirect_uris": ["https://second.example.org/cb?dummy1=lorem&dummy2=ipsum"],
        "post_logout_redirect_uris": ["https://second.example.org/bye"],
        "scope": EVERYTHING,
    },
    "with-query": {"redirect_uris": ["http://127.0.0.1:9/cb?tenant=a%20b"]},
    "phone": {
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["http://127.0.0.1/cb", "org.example.app:/cb"],
    },
}


def make_settings(folder: Path, database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "issuer": ISSUER,
            "database_url": database_url,
            "secret_key": ROOT_SECRET,
            "pepper": PEPPER,
            "keys_dir": folder / "keys",
            "clients_dir": folder / "clients",
            "spaces_dir": ROOT / "config" / "spaces",
            "captcha": {"login": "off"},
            "password": {"bcrypt_cost": 4},
            "limits": {"pages_per_minute": 100_000, "forms_per_minute": 100_000},
        }
    )


def write_clients(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for client_id, more in CLIENTS.items():
        document = {
            "client_id": client_id,
            "client_name": f"Service {client_id}",
            "space": "adherent",
            "redirect_uris": [f"http://127.0.0.1:9/{client_id}/cb"],
            "post_logout_redirect_uris": [f"http://127.0.0.1:9/{client_id}/bye"],
            "scope": "openid profile email member member_data",
            **more,
        }
        if document.get("token_endpoint_auth_method", "client_secret").startswith("client_secret") and (
            document.get("profile") is None
        ):
            document["client_secret_sha256"] = hashlib.sha256(secret_of(client_id).encode()).hexdigest()
        lines = [f"{key} = {_toml(value)}" for key, value in document.items()]
        (folder / f"{client_id}.toml").write_text("\n".join(lines), encoding="utf-8")


def _toml(value) -> str:
    """A value in TOML: JSON but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def secret_of(client_id: str) -> str:
    return f"secret-of-{client_id}-+%:é"


@dataclass
class World:
    """One provider with its clock and store."""

    app: Flask
    settings: Settings
    clock: ManualClock
    database: Database
    accounts: dict[str, str] = field(default_factory=dict)

    @property
    def parts(self):
        return self.app.extensions["parvis"]

    @property
    def issuer(self) -> str:
        return self.settings.issuer

    def apply_clients(self) -> None:
        with self.database.transaction() as session:
            client_rows.apply(
                session,
                self.settings.clients_dir,
                spaces=self.parts.spaces,
                development=True,
                now=self.clock.now(),
            )

    def add_member(self, number: str = "1234567", *, population: str = "adherent") -> str:
        """A member with an account; returns the account's id."""
        hasher = Hasher({"p1": PEPPER.encode()}, current="p1", cost=4)
        member_id, account_id = new_id(), new_id()
        now = self.clock.now()
        member = Member(
            id=member_id, population=population, member_number=number, access_code_mac="",
            family_name="Zoé-Martin", given_name="Camille", code_changed_at=now, seen_in=0, row_digest="",
            status="active", birth_date=datetime(1950, 2, 3, tzinfo=UTC).date(),
        )  # fmt: skip
        account = Account(
            id=account_id, member_id=member_id, email=f"m{number}@example.org",
            email_folded=f"m{number}@example.org", password_hash=hasher.hash(PASSWORD), epoch=0, created_at=now,
            updated_at=now, terms_version=self.parts.spaces.default.terms_version, terms_hash="",
            terms_accepted_at=now,
        )  # fmt: skip
        with self.database.transaction() as session:
            session.add(member)
            session.flush()
            session.add(account)
        self.accounts[number] = account_id
        return account_id

    def happens(self, statement: str, **values: object) -> None:
        """Something happens in the store, as another part of the provider would write it."""
        with self.database.transaction() as session:
            session.execute(text(statement), values)

    def change_client(self, client_id: str, **changes: object) -> None:
        """The operator changes keys of a client's file, and applies it."""
        path = self.settings.clients_dir / f"{client_id}.toml"
        kept = [line for line in path.read_text().splitlines() if line.partition(" = ")[0] not in changes]
        changed = [f"{key} = {_toml(value)}" for key, value in changes.items()]
        path.write_text("\n".join([*kept, *changed]), encoding="utf-8")
        self.apply_clients()

    def enable_client(self, client_id: str, *, enabled: bool) -> None:
        """The operator disables a client, or enables it again."""
        with self.database.transaction() as session:
            row = session.get_one(client_rows.ClientRow, client_id)
            row.disabled_at = None if enabled else self.clock.now()
            revisions.bump(session, revisions.CLIENTS)

    def browser(self) -> "Browser":
        return Browser(self)

    def signed_in(self, number: str = "1234567", *, methods=TWO_STEPS, space: str = "adherent") -> "Browser":
        """A browser with a live session of that member, opened as the sign-in opens it."""
        if number not in self.accounts:
            self.add_member(number)
        browser = Browser(self)
        with self.database.transaction() as session:
            _, secret = sessions.open_session(
                session,
                account=session.get_one(Account, self.accounts[number]),
                space=self.parts.spaces[space],
                methods=methods,
                device_id=None,
                browser_name="Firefox sur Linux",
                auth_time=self.clock.now(),
                now=self.clock.now(),
            )
        browser.http.set_cookie("__Host-parvis_session", secret, domain=urlsplit(self.issuer).hostname)
        return browser

    def mailed_code(self) -> str:
        """The code of the newest mail, read with the provider's own key."""
        with self.database.reading() as session:
            row = session.query(OutboxMessage).order_by(OutboxMessage.id.desc()).first()
            sealed = self.parts.vault.unseal("outbox", row.sealed, bound_to=row.cause)
        return json.loads(sealed)["context"]["code"]

    def party(self, client_id: str = "reader") -> "Party":
        return Party(self, client_id)


class Browser:
    """A browser: cookies, and nothing else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = world.app.test_client()

    def get(self, url: str, **more) -> TestResponse:
        return self.http.get(url, base_url=self.world.issuer, **more)

    def post(self, url: str, **more) -> TestResponse:
        return self.http.post(url, base_url=self.world.issuer, **more)

    def submit(self, page: TestResponse, url: str | None = None, **fields: str) -> TestResponse:
        """Send the page's main form with its hidden fields."""
        soup = BeautifulSoup(page.text, "html.parser")
        form = soup.find(id="main-form") or soup.find("main").find("form")
        hidden = {tag["name"]: tag.get("value", "") for tag in form.find_all("input", type="hidden")}
        return self.post(url or form.get("action") or page.request.full_path, data={**hidden, **fields})

    def cancel(self, page: TestResponse) -> TestResponse:
        """Press the button that gives the sign-in up."""
        soup = BeautifulSoup(page.text, "html.parser")
        form = soup.find("form", action="/connexion/annuler")
        assert form.find("button") or soup.find("button", form=form["id"]), "a form that nobody can send"
        hidden = {tag["name"]: tag["value"] for tag in form.find_all("input", type="hidden")}
        return self.post(form["action"], data=hidden)

    def sign_in(self, sent: TestResponse, number: str = "1234567") -> TestResponse:
        """Go the whole way of the sign-in pages, from the redirect that leads there to the one that leaves."""
        page = self.get(sent.location)
        sent = self.submit(page, identifier=f"m{number}@example.org", password=PASSWORD)
        page = self.get(sent.location)
        sent = self.submit(page, code=self.world.mailed_code())
        page = self.get(sent.location)
        sent = self.submit(page, trust="no")
        return self.get(sent.location)


@dataclass(frozen=True)
class Asked:
    """One authorization request of a party, with what only the party knows."""

    parameters: dict[str, str | list[str]]
    verifier: str

    @property
    def url(self) -> str:
        return "/oauth2/authorize?" + urlencode(self.parameters, doseq=True)


class Party:
    """A relying party that follows the standards, and its own way to make them go wrong."""

    def __init__(self, world: World, client_id: str) -> None:
        self.world = world
        self.client_id = client_id
        more = CLIENTS[client_id]
        default = "private_key_jwt" if more.get("profile") == "fapi2" else "client_secret_basic"
        self.method = more.get("token_endpoint_auth_method", default)
        self.key = KEYS.get(client_id, CLIENT_KEY)
        addresses = more.get("redirect_uris") or [f"http://127.0.0.1:9/{client_id}/cb"]
        self.redirect_uri = addresses[0]
        self.http = world.app.test_client()

    def ask(self, **changes: str | list[str] | None) -> Asked:
        """An authorization request; a change to None leaves the parameter out, a list repeats it."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return Asked({name: value for name, value in parameters.items() if value is not None}, verifier)

    def code_for(self, browser: Browser, asked: Asked) -> str:
        """The code that a signed-in browser brings back."""
        answer = back_at(browser.get(asked.url))
        assert "code" in answer, answer
        assert answer["state"] == asked.parameters["state"]
        return answer["code"]

    def redeem(self, code: str, asked: Asked, *, headers=None, **changes: str | None) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.parameters["redirect_uri"],
            "code_verifier": asked.verifier,
            **changes,
        }
        return self.token({name: value for name, value in form.items() if value is not None}, headers=headers)

    def token(self, form, *, headers=None, secret: str | None = None) -> TestResponse:
        return self.call("/oauth2/token", form, headers=headers, secret=secret)

    def refresh(self, refresh_token: str, *, headers=None, **more) -> TestResponse:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **more}
        return self.token(form, headers=headers)

    def revoke(self, token: str, **more) -> TestResponse:
        return self.call("/oauth2/revoke", {"token": token, **more})

    def introspect(self, token: str, **more) -> TestResponse:
        return self.call("/oauth2/introspect", {"token": token, **more})

    def push(self, parameters, *, headers=None) -> TestResponse:
        return self.call("/oauth2/par", dict(parameters), headers=headers)

    def proof(self, path: str, **more) -> dict[str, str]:
        """The DPoP header for one request of this client."""
        return {"DPoP": self.key.proof(self.world.issuer + path, self.world.clock.now(), **more)}

    def call(self, path: str, form, *, headers=None, secret: str | None = None) -> TestResponse:
        """POST a form as this client, which proves itself as it is registered."""
        headers = dict(headers or {})
        secret = secret or secret_of(self.client_id)
        if self.method == "client_secret_basic":
            headers.setdefault("Authorization", basic(self.client_id, secret))
        elif isinstance(form, dict):
            form = {"client_id": self.client_id, **form}
            if self.method == "client_secret_post":
                form = {"client_secret": secret, **form}
            if self.method == "private_key_jwt":
                now, issuer = self.world.clock.now(), self.world.issuer
                assertion = self.key.assertion(self.client_id, now, aud=issuer)
                form = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **form}
        return self.http.post(path, data=form, headers=headers, base_url=self.world.issuer)

    def tokens(self, browser: Browser, **changes: str | None) -> dict:
        """The whole flow: what the token endpoint gives for a signed-in browser."""
        asked = self.ask(**changes)
        response = self.redeem(self.code_for(browser, asked), asked)
        assert response.status_code == 200, response.text
        return response.json

    def userinfo(self, access_token: str, method: str = "GET") -> TestResponse:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.http.open("/oauth2/userinfo", method=method, headers=headers, base_url=self.world.issuer)


def basic(client_id: str, secret: str) -> str:
    """HTTP Basic as RFC 6749 section 2.3.1 has it: each half form-encoded first."""
    pair = urlencode({client_id: secret}).replace("=", ":", 1)
    return "Basic " + base64.b64encode(pair.encode()).decode()


def back_at(response: TestResponse) -> dict[str, str]:
    """What a redirect to the client carries in its query, with its iss checked."""
    assert response.status_code in {302, 303}, (response.status_code, response.text)
    parts = urlsplit(response.location)
    assert not parts.fragment
    answer = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert answer.get("iss") == ISSUER, response.location
    return answer


def verified(token: str, world: World, *, audience: str, algorithms=("ES256", "RS256", "EdDSA")) -> dict:
    """The claims of a token, verified by PyJWT against the published keys as an independent party would."""
    keys = world.app.test_client().get("/oauth2/jwks.json", base_url=ISSUER).json
    header = jwt.get_unverified_header(token)
    key = next(jwt.PyJWK(key) for key in keys["keys"] if key["kid"] == header["kid"])
    claims = jwt.decode(
        token,
        key,
        algorithms=list(algorithms),
        audience=audience,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    now = world.clock.now().timestamp()
    assert claims["iat"] <= now < claims["exp"]
    return claims


def make_world(folder: Path, database: Database, settings: Settings) -> World:
    clock = ManualClock(NOON)
    app = create_app(settings, clock=clock, database=database)
    world = World(app, settings, clock, database)
    world.apply_clients()
    return world
