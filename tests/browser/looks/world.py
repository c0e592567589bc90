"""A provider in this process, served on loopback, whose clock stands still: any state of it is a few rows away."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx
from flask import Flask, Response, request, template_rendered
from werkzeug.serving import WSGIRequestHandler, make_server

from idp.app import create_app
from idp.authenticators.hash_gate import HashGate
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.oidc import client_rows
from tests.support.clock import ManualClock
from tests.support.databases import KeyRing, SqliteTemplate, make_haste
from tests.support.http import ScriptedHttp
from tests.support.people import Person, Register

ROOT = Path(__file__).parents[3]
ROOT_SECRET = "the root secret of a provider that is looked at"
FORMS_PER_MINUTE = 40
# One import of the register takes as long for many as for one.
AT_ONCE = 64
# The example of RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
GIVEN_NAMES = (
    "Camille", "Sacha", "Maëlle", "Alix", "Noa", "Charlie", "Andréa", "Lou", "Claude", "Dominique",
    "Maxime", "Morgane", "Yaël", "Ange", "Éden", "Gwenn",
)  # fmt: skip


@dataclass
class Served:
    """What the provider answered last to a browser that asked for a page."""

    rule: str = ""
    status: int = 0
    templates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    body: bytes = b""


class World:
    """One provider, its register, and a service that members come from."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        template = SqliteTemplate(folder)
        self.service = ScriptedHttp()
        self.clock = ManualClock()
        self.served = Served()
        self._server = make_server("127.0.0.1", 0, _not_yet, threaded=True, request_handler=_Quiet)
        self.url = f"http://{host}:{self._server.server_port}"
        self._store = template.copy(folder)
        database_url = self._store.__enter__()
        self.database = make_haste(Database(database_url))
        (folder / "keys").mkdir()
        KeyRing(template, folder / "keys", Vault.from_root(ROOT_SECRET)).copy_to(self.database)
        self.settings = self._make_settings(folder, database_url)
        self.app = create_app(self.settings, clock=self.clock, database=self.database)
        self._server.app = self.app
        self.parts = self.app.extensions["parvis"]
        self.register = Register(self.parts, folder)
        self._apply_clients(folder / "clients")
        self._numbers = count()
        self._waiting: dict[str, list[Person]] = {}
        self._stored: dict[str, str] = {}
        self._watch(self.app)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self.service.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.service.__exit__()
        self.database.dispose()
        self._store.__exit__(None, None, None)

    def newcomer(self, population: str = "adherent") -> Person:
        """Somebody of the register whom no page has seen before."""
        waiting = self._waiting.setdefault(population, [])
        if not waiting:
            waiting += [self._invent(population) for _ in range(AT_ONCE)]
            self.register.add(*waiting)
        return waiting.pop(0)

    def member(self, population: str = "adherent") -> Person:
        """Somebody with an account, who has never signed in."""
        person = self.newcomer(population)
        # Around the gate, where a scene may be keeping others waiting; and once: all chose the same password.
        if person.password not in self._stored:
            self._stored[person.password] = self.parts.passwords._hasher.hash(person.password)
        self.register.give_account(person, self._stored[person.password])
        return person

    @contextmanager
    def rows(self) -> Iterator[Any]:
        """A transaction on the provider's database."""
        with self.database.transaction() as session:
            yield session

    def request_of(self, client: str, **more: str) -> dict[str, str]:
        """The parameters by which a service sends a member here (OIDC Core 3.1.2.1)."""
        return {
            "client_id": client,
            "response_type": "code",
            "scope": "openid profile email",
            "redirect_uri": f"{self.service.url}/{client}",
            "state": "s",
            "nonce": "n",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **more,
        }

    def redeem(self, client: str, answered: str) -> None:
        """The service takes tokens for the code that came to its address."""
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(answered).query)["code"][0],
            "redirect_uri": f"{self.service.url}/{client}",
            "code_verifier": VERIFIER,
        }
        answer = httpx.post(f"{self.url}/oauth2/token", data=form, auth=(client, client))
        assert answer.status_code == httpx.codes.OK, answer.text

    def _invent(self, population: str) -> Person:
        number = next(self._numbers)
        name = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        nth = number // len(GIVEN_NAMES)
        plain = name.lower().translate(str.maketrans("éëè", "eee"))
        return Person(
            number=str(1234567 + number),
            email=f"{plain}{nth or ''}@example.org",
            given_name=name,
            population=population,
        )

    def _make_settings(self, folder: Path, database_url: str) -> Settings:
        return Settings.model_validate(
            {
                "issuer": self.url,
                "database_url": database_url,
                "secret_key": ROOT_SECRET,
                "pepper": "the pepper of a provider that is looked at",
                "keys_dir": folder / "keys",
                "spaces_dir": ROOT / "config" / "spaces",
                "clients_dir": folder / "clients",
                "mail": {"url": f"file://{folder}/mail"},
                "password": {"bcrypt_cost": 4},
                # Each visitor says from which network it comes, so that nobody is slowed down by others.
                "server": {"trusted_proxies": 1},
                "limits": {"pages_per_minute": 1000, "forms_per_minute": FORMS_PER_MINUTE},
            }
        )

    def _apply_clients(self, folder: Path) -> None:
        folder.mkdir()
        for client_id, client_name, more in (
            ("espace-adherent", "Espace Adhérent", {}),
            ("rendez-vous", "Rendez-vous Santé", {"first_party": False, **_links()}),
        ):
            document = {
                "client_id": client_id,
                "client_name": client_name,
                "client_secret_sha256": hashlib.sha256(client_id.encode()).hexdigest(),
                "redirect_uris": [f"{self.service.url}/{client_id}"],
                "scope": "openid profile email member member_data offline_access",
                "grant_types": ["authorization_code", "refresh_token"],
                "space": "adherent",
                "id_token_signed_response_alg": "ES256",
                **more,
            }
            lines = [f"{key} = {json.dumps(value)}" for key, value in document.items()]
            (folder / f"{client_id}.toml").write_text("\n".join(lines), encoding="utf-8")
        with self.rows() as session:
            client_rows.apply(
                session, folder, spaces=self.parts.spaces, development=True, now=self.clock.now()
            )

    def _watch(self, app: Flask) -> None:
        """Keep which route answered with a page, and from which templates it was made."""

        def rendered(_app: Flask, template: Any, context: dict[str, Any]) -> None:
            if template.name.endswith(".html"):
                request.environ.setdefault("parvis.templates", []).append((template.name, dict(context)))

        def answered(response: Response) -> Response:
            if response.mimetype == "text/html" and response.status_code != 303:
                rule = request.url_rule.rule if request.url_rule is not None else ""
                templates = request.environ.get("parvis.templates", [])
                self.served = Served(rule, response.status_code, templates, response.get_data())
            return response

        template_rendered.connect(rendered, app, weak=False)
        app.after_request(answered)


@contextmanager
def busy_gate(world: World) -> Iterator[None]:
    """Meanwhile one password takes very long, and nobody else's gets its turn.

    At another gate than usual, so that nothing is left of the crowd afterwards: neither a job nor an average.
    """
    passwords, let_go = world.parts.passwords, threading.Event()
    usual, passwords.gate = passwords.gate, HashGate(patience=timedelta(milliseconds=200))
    longest = passwords.gate._room().admit(let_go.wait, patience=1)
    try:
        yield
    finally:
        passwords.gate = usual
        let_go.set()
        longest.result(timeout=60)


def _links() -> dict[str, str]:
    return {
        "policy_uri": "https://rendez-vous.example.org/confidentialite",
        "tos_uri": "https://rendez-vous.example.org/conditions",
    }


def _not_yet(_environ: Any, _start_response: Any) -> Any:
    raise RuntimeError("nobody comes before the provider is made")


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object, **__: object) -> None:
        return
