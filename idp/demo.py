"""`parvis demo`: everything on loopback, with its own database, keys and secrets under `var/demo`."""

import csv
import hashlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy import select

from idp import schema
from idp.core.clock import SystemClock
from idp.core.db import Database
from idp.core.settings import Settings
from idp.core.settings_sources import BadSettings, load
from idp.housekeeping import ApplyFailed, apply_clients, make_importer
from idp.subjects import synthetic
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from idp.subjects.register_import import ImportOptions, ImportRefused

SHIPPED_CLIENTS = Path("config/clients")
DOORS = ("adherent", "professionnel", "elu")
MEMBERS = 400
SHOWN_MEMBERS = 5
READY_WITHIN = timedelta(seconds=60)
STOP_WITHIN = timedelta(seconds=15)


class DemoFailed(Exception):
    """The demo cannot start; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the demo."""

    provider: int
    member_data: int
    member_space: int
    mailbox: int
    smtp: int

    @classmethod
    def at(cls, base: int | None) -> "Ports":
        """The usual ports, or all of them from a base."""
        if base is None:
            return cls(8000, 8001, 8002, 8025, 1025)
        return cls(base, base + 1, base + 2, base + 25, base + 26)

    def all(self) -> dict[str, int]:
        """Each with what listens on it."""
        return {
            "the provider": self.provider,
            "the member-data service": self.member_data,
            "the member space": self.member_space,
            "the mailbox page": self.mailbox,
            "the mailbox's SMTP": self.smtp,
        }


class Demo:
    """The demo of one folder."""

    def __init__(self, folder: Path, *, port_base: int | None) -> None:
        """Start nothing yet."""
        self._folder = folder.absolute()
        self._ports = Ports.at(port_base)
        self._clients_dir = Path(os.environ.get("PARVIS_CLIENTS_DIR", str(SHIPPED_CLIENTS)))
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> None:
        """Prepare, start, tell, and wait for Ctrl-C or SIGTERM; raises DemoFailed."""
        # Both by hand: a shell that starts the demo in the background has it ignore Ctrl-C.
        signal.signal(signal.SIGINT, _as_interrupt)
        signal.signal(signal.SIGTERM, _as_interrupt)
        try:
            self._prepare_and_start()
            self._watch()
        except KeyboardInterrupt:
            click.echo("\nStopping …")
        finally:
            self._stop()

    def _prepare_and_start(self) -> None:
        for what, port in self._ports.all().items():
            if not _is_free(port):
                message = (
                    f"P-9005: port {port} for {what} is taken: stop what listens there, or use --port-base N"
                )
                raise DemoFailed(message)
        self._folder.mkdir(parents=True, exist_ok=True)
        click.echo("Preparing the database, the register and the clients …")
        secrets_of_doors = self._write_clients()
        environment = self._environment()
        settings = self._settings(environment)
        database = Database(settings.database_url.get_secret_value(), pool_size=2)
        schema.upgrade(database)
        try:
            apply_clients(settings)
        except ApplyFailed as problem:
            raise DemoFailed(str(problem)) from problem
        register = self._import_register(settings, database)
        shown = _never_enrolled(database, register)
        database.dispose()
        self._start(environment, secrets_of_doors)
        self._tell(environment["PARVIS_ISSUER"], shown)

    def _environment(self) -> dict[str, str]:
        """The demo's own settings, under whatever the environment says already."""
        base = f"http://127.0.0.1:{self._ports.provider}"
        own = {
            "PARVIS_ISSUER": base,
            "PARVIS_DATABASE_URL": f"sqlite:///{self._folder / 'parvis.db'}",
            "PARVIS_SECRET_KEY": self._secret("secret_key"),
            "PARVIS_PEPPER": self._secret("pepper"),
            "PARVIS_KEYS_DIR": str(self._folder / "keys"),
            "PARVIS_MAIL__URL": f"smtp://127.0.0.1:{self._ports.smtp}",
            "PARVIS_OIDC__MEMBER_DATA_AUDIENCE": f"http://127.0.0.1:{self._ports.member_data}",
            "PARVIS_SERVER__PORT": str(self._ports.provider),
        }
        return {**own, **os.environ, "PARVIS_CLIENTS_DIR": str(self._folder / "clients"), "PYTHONUTF8": "1"}

    def _settings(self, environment: dict[str, str]) -> Settings:
        try:
            return load(environment)
        except BadSettings as problem:
            raise DemoFailed(str(problem)) from problem

    def _secret(self, name: str) -> str:
        """A secret of this demo, made once and kept for its owner only."""
        folder = self._folder / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), encoding="ascii")
        return path.read_text(encoding="ascii").strip()

    def _write_clients(self) -> dict[str, str]:
        """Copy the client files, giving the shipped ones this demo's ports and secrets; returns the secrets."""
        target = self._folder / "clients"
        target.mkdir(exist_ok=True)
        for old in target.glob("*.toml"):
            old.unlink()
        for source in sorted({*self._clients_dir.glob("*.toml"), *SHIPPED_CLIENTS.glob("espace-*.toml")}):
            (target / source.name).write_bytes(source.read_bytes())
        given: dict[str, str] = {}
        for door in DOORS:
            path = target / f"espace-{door}.toml"
            given[door] = self._secret(f"client-{door}")
            digest = hashlib.sha256(given[door].encode()).hexdigest()
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"127\.0\.0\.1:8002", f"127.0.0.1:{self._ports.member_space}", text)
            path.write_text(f'client_secret_sha256 = "{digest}"\n{text}', encoding="utf-8")
        return given

    def _import_register(self, settings: Settings, database: Database) -> Path:
        register = self._folder / "register.csv"
        if not register.exists():
            with register.open("w", encoding="utf-8", newline="") as file:
                synthetic.write_register(file, MEMBERS, seed=1)
        now = SystemClock().now()
        with register.open("rb") as stream:
            outcome = make_importer(settings, database, now=now).run(
                stream,
                now=now,
                options=ImportOptions(),
                refused_file=register.with_suffix(".refused.csv"),
                progress=lambda _count: None,
            )
        if isinstance(outcome, ImportRefused):
            raise DemoFailed(str(outcome))
        return register

    def _start(self, environment: dict[str, str], secrets_of_doors: dict[str, str]) -> None:
        ports = self._ports
        issuer = environment["PARVIS_ISSUER"]
        mailbox = [
            "-m",
            "examples.mailbox",
            "--smtp-port",
            str(ports.smtp),
            "--http-port",
            str(ports.mailbox),
        ]
        self._spawn("mailbox", [*mailbox, "--directory", str(self._folder / "mailbox")], environment)
        self._spawn("provider", ["-m", "idp.cli", "run"], environment)
        self._spawn("worker", ["-m", "idp.cli", "worker"], environment)
        data = {
            "MEMBER_DATA_ISSUER": issuer,
            "MEMBER_DATA_AUDIENCE": environment["PARVIS_OIDC__MEMBER_DATA_AUDIENCE"],
            "MEMBER_DATA_DATABASE": str(self._folder / "member_data.db"),
        }
        self._spawn(
            "member-data",
            _granian("examples.member_data.wsgi:app", ports.member_data),
            {**environment, **data},
        )
        space = {
            "SPACE_ISSUER": issuer,
            "SPACE_BASE_URL": f"http://127.0.0.1:{ports.member_space}",
            "SPACE_MEMBER_DATA_URL": f"http://127.0.0.1:{ports.member_data}",
            "SPACE_DATABASE": str(self._folder / "member_space.db"),
            **{f"SPACE_SECRET_{door.upper()}": value for door, value in secrets_of_doors.items()},
        }
        self._spawn(
            "member-space",
            _granian("examples.member_space.wsgi:app", ports.member_space),
            {**environment, **space},
        )
        for path, port in (
            ("/.well-known/openid-configuration", ports.provider),
            ("/health", ports.member_data),
            ("/", ports.member_space),
            ("/", ports.mailbox),
        ):
            self._wait_for(f"http://127.0.0.1:{port}{path}")

    def _spawn(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        logs = self._folder / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            # A group of its own, so that Ctrl-C reaches the demo first and it stops all in order.
            self._children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _wait_for(self, url: str) -> None:
        until = time.monotonic() + READY_WITHIN.total_seconds()
        while time.monotonic() < until:
            self._check_children()
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310 (our own loopback address)
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        message = f"P-9006: {url} did not answer within a minute: read {self._folder / 'logs'}"
        raise DemoFailed(message)

    def _check_children(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                path = self._folder / "logs" / f"{name}.log"
                tail = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                message = "\n".join([f"P-9006: {name} ended by itself; the last lines of {path}:", *tail])
                raise DemoFailed(message)

    def _tell(self, issuer: str, shown: list[tuple[str, str]]) -> None:
        ports = self._ports
        click.echo(
            f"""
Parvis runs. Begin at the public page, and read the mails in the mailbox:

  member space (public page)  http://127.0.0.1:{ports.member_space}
  mailbox                     http://127.0.0.1:{ports.mailbox}  (SMTP on port {ports.smtp})
  provider                    {issuer}
  member-data service         http://127.0.0.1:{ports.member_data}

Members who have no account yet:
"""
        )
        for number, code in shown:
            click.echo(f"member_number={number} access_code={code}")
        click.echo("\nCtrl-C stops everything.")
        sys.stdout.flush()

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            self._check_children()

    def _stop(self) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + STOP_WITHIN.total_seconds()
        for child in self._children.values():
            try:
                child.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _granian(target: str, port: int) -> list[str]:
    return ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
            "--blocking-threads", "8", "--log-level", "warning", target]  # fmt: skip


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _never_enrolled(database: Database, register: Path) -> list[tuple[str, str]]:
    """The first active members without an account, with the codes that only the letter and this file know."""
    with database.reading() as session:
        enrolled = set(session.execute(select(Member.member_number).join(Account)).scalars())
    found: list[tuple[str, str]] = []
    with register.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            is_member = row["population"] == "adherent" and row["status"] == "active"
            if is_member and row["member_number"] not in enrolled:
                found.append((row["member_number"], row["access_code"]))
            if len(found) == SHOWN_MEMBERS:
                break
    return found


def _as_interrupt(_signal: int, _frame: object) -> None:
    # Once is enough: a second signal must not interrupt the stopping.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
