"""A provider as an installation runs it: its web process, its worker, its client files, its members."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Self

import httpx
from sqlalchemy import func, select

from idp.app import create_app
from idp.core.clock import SystemClock
from idp.core.db import Database
from idp.core.settings import Settings
from idp.oidc import grants
from idp.oidc.key_store import KeyStore
from idp.oidc.keys import Algorithm, Kind
from tests.support.databases import SqliteTemplate
from tests.support.people import Person, Register

ROOT = Path(__file__).parents[2]
READY_SECONDS = 30
MAIL_SECONDS = 20
CODE = re.compile(r"^\d{3} ?\d{3}$", re.MULTILINE)


class StartedProvider:
    """One provider on loopback, in a folder of its own."""

    def __init__(self, folder: Path, template: SqliteTemplate) -> None:
        self.folder = folder
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self._clients = folder / "clients"
        self._mails = folder / "mails"
        self._children: list[subprocess.Popen[bytes]] = []
        self._people = (person(number) for number in range(1_000_001, 1_000_100))
        with template.copy(folder) as url:
            self._settings = self._make_settings(url)
        self._database = Database(url, pool_size=2)
        self._app = create_app(self._settings, clock=SystemClock(), database=self._database)
        self._register = Register(self._app.extensions["parvis"], folder)
        self._clients.mkdir()

    def __enter__(self) -> Self:
        self._spawn("run")
        self._spawn("worker")
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait(timeout=30)
        self._database.dispose()

    def apply(self, files: Mapping[str, str]) -> None:
        """Drop these client files and have `parvis config apply` read them."""
        for name, text in files.items():
            (self._clients / f"{name}.toml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "idp.cli", "config", "apply"]
        done = subprocess.run(
            command, env=self._environment(), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def new_member(self) -> Person:
        """A member with an account, who has never signed in."""
        newcomer = next(self._people)
        self._register.open_account(newcomer)
        return newcomer

    def refreshed_until(self, client_id: str) -> datetime:
        """Until when the newest grant of a client may rest unused: each refresh makes it later."""
        with self._database.reading() as session:
            newest = select(func.max(grants.table.c.idle_until)).where(grants.table.c.client_id == client_id)
            return session.execute(newest).scalar_one()

    def token_of_another_kind(self, client_id: str) -> str:
        """A token for a client that our own key signed, and that is no logout token."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": client_id,
            "sub": "somebody",
            "sid": "some",
            "iat": now,
            "exp": now + 60,
        }
        vault = self._app.extensions["parvis"].vault
        store = KeyStore(database=self._database, vault=vault, folder=self._settings.keys_dir)
        store.start(now=SystemClock().now())
        return store.ring.signer(Algorithm.ES256).sign(Kind.ID_TOKEN, claims)

    def mailed_code(self, address: str, *, after: int) -> str:
        """The code of the newest mail to an address, once it holds more than `after` of them."""
        until = time.monotonic() + MAIL_SECONDS
        while len(codes := self.mailed_codes(address)) <= after:
            assert time.monotonic() < until, f"no mail to {address}: {self._log('worker')}"
            time.sleep(0.05)
        return codes[-1]

    def mailed_codes(self, address: str) -> list[str]:
        """The codes that an address has received, oldest first."""
        found = []
        for path in sorted(self._mails.glob("*.eml")):
            mail = message_from_bytes(path.read_bytes(), policy=default)
            text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
            if mail["To"] == address and (code := CODE.search(text)):
                found.append(code[0].replace(" ", ""))
        return found

    def _make_settings(self, database_url: str) -> Settings:
        return Settings.model_validate(
            {
                "issuer": self.issuer,
                "database_url": database_url,
                "secret_key": "the root secret of a provider that others try",
                "pepper": "the pepper of a provider that others try, too",
                "keys_dir": self.folder / "keys",
                "clients_dir": self._clients,
                "spaces_dir": ROOT / "config" / "spaces",
                "mail": {"url": f"file://{self._mails}"},
                "captcha": {"login": "off"},
                # The cheapest hash, and no limit at the edge: those have tests of their own.
                "password": {"bcrypt_cost": 4},
                "limits": {"pages_per_minute": 1_000_000, "forms_per_minute": 1_000_000},
                "server": {"port": int(self.issuer.rpartition(":")[2])},
            }
        )

    def _environment(self) -> dict[str, str]:
        """The same settings, in the names of the environment."""
        settings = self._settings
        own = {
            "PARVIS_ISSUER": settings.issuer,
            "PARVIS_DATABASE_URL": settings.database_url.get_secret_value(),
            "PARVIS_SECRET_KEY": settings.secret_key.get_secret_value(),
            "PARVIS_PEPPER": settings.pepper.get_secret_value(),
            "PARVIS_KEYS_DIR": str(settings.keys_dir),
            "PARVIS_CLIENTS_DIR": str(settings.clients_dir),
            "PARVIS_SPACES_DIR": str(settings.spaces_dir),
            "PARVIS_MAIL__URL": settings.mail.url.get_secret_value(),
            "PARVIS_CAPTCHA__LOGIN": settings.captcha.login,
            "PARVIS_PASSWORD__BCRYPT_COST": str(settings.password.bcrypt_cost),
            "PARVIS_LIMITS__PAGES_PER_MINUTE": str(settings.limits.pages_per_minute),
            "PARVIS_LIMITS__FORMS_PER_MINUTE": str(settings.limits.forms_per_minute),
            "PARVIS_SERVER__PORT": str(settings.server.port),
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
        return {**others, **own, "PYTHONUTF8": "1"}

    def _spawn(self, command: str) -> None:
        with (self.folder / f"{command}.log").open("wb") as log:
            self._children.append(
                subprocess.Popen(
                    [sys.executable, "-m", "idp.cli", command],
                    env=self._environment(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                )
            )  # fmt: skip

    def _wait(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while True:
            assert all(child.poll() is None for child in self._children), self._log("run")
            try:
                if httpx.get(f"{self.issuer}/oauth2/jwks.json").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                assert time.monotonic() < until, self._log("run")
            time.sleep(0.05)

    def _log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text(encoding="utf-8", errors="replace")


def person(number: int) -> Person:
    """Somebody of the register."""
    return Person(number=str(number), code="abcdefgh", email=f"membre{number}@example.org")


def free_port() -> int:
    """A port where nothing listens; below those that the system itself gives away for a moment."""
    # Each process of a parallel run looks elsewhere.
    first = 28_000 + os.getpid() % 40 * 100
    for port in [*range(first, 32_000), *range(28_000, first)]:
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port
    raise RuntimeError("no free port")


_GIVEN: set[int] = set()
