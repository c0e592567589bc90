"""Fixtures that every kind of test shares: databases, a clock, the app, browsers, the mailbox, the register."""

import gc
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule
from xdist.scheduler import LoadGroupScheduling

from idp.app import Parts, create_app
from idp.captcha.picture import POOL, Picture, make
from idp.core.db import Database
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.oidc import client_files
from idp.oidc.clients import Client
from tests.support.browser import Browser
from tests.support.clock import ManualClock
from tests.support.databases import KeyRing, PostgresTemplate, SqliteTemplate, make_haste, share_statements
from tests.support.mailbox import Mailbox
from tests.support.people import CAMILLE, Person, Register
from tests.support.provider import prepared
from tests.support.smtp import ScriptedSmtp

__all__ = ["prepared"]  # a fixture

ROOT = Path(__file__).parent.parent
ROOT_SECRET = "the root secret of the tests, long enough"


# One started server for each of these folders: their tests run in one process.
GROUPS = {"tests/browser/": "demo", "tests/interop/": "interop"}


class GroupScheduling(LoadGroupScheduling):
    """Groups by folder: since pytest 9.2 the mark `xdist_group` is lost on its way to xdist 3.8 (its issue 1386)."""

    def _split_scope(self, nodeid: str) -> str:
        for folder, group in GROUPS.items():
            if nodeid.startswith(folder):
                return group
        return super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def compile_routes_once() -> None:
    """Thousands of apps have the same routes: Werkzeug compiles each once.

    What it makes depends on the rule's text, its defaults and the map's ways; the rule itself is its argument.
    """
    compile_ = Rule.compile
    known: dict[tuple[object, ...], tuple[Any, ...]] = {}

    def once(rule: Rule) -> None:
        key = (rule.rule, repr(rule.defaults), rule.subdomain, rule.host, rule.merge_slashes)
        if key not in known:
            compile_(rule)
            builders = rule._build.__func__, rule._build_unknown.__func__
            known[key] = (rule._parts, rule._trace, rule._converters, set(rule.arguments), *builders)
            return
        rule._parts, rule._trace, rule._converters, arguments, build, build_unknown = known[key]
        rule.arguments |= arguments
        rule._build, rule._build_unknown = build.__get__(rule, None), build_unknown.__get__(rule, None)

    Rule.compile = once


def read_once() -> None:
    """The spaces of `config/`, and each client file, are read once: what they become never changes."""
    shipped = ROOT / "config" / "spaces"
    read, read_client = Spaces.read, client_files.read_text
    spaces: list[Spaces] = []
    clients: dict[tuple[object, ...], Client] = {}

    def read_spaces(folder: Path) -> Spaces:
        if folder != shipped:
            return read(folder)
        if not spaces:
            spaces.append(read(folder))
        return spaces[0]

    def read_client_once(text: str, *, where: str, spaces: Spaces, development: bool) -> Client:
        key = (text, id(spaces), development)
        if spaces is not read_spaces(shipped) or key not in clients:
            clients[key] = read_client(text, where=where, spaces=spaces, development=development)
        return clients[key]

    Spaces.read = read_spaces
    client_files.read_text = read_client_once


class Album:
    """Pictures as `make` draws them, 20 ms each; shown again and again, where a provider draws fresh ones."""

    SIZE = 40

    def __init__(self) -> None:
        self._pictures: list[Picture] = []
        self._numbers = count()

    def take(self) -> Picture:
        place = next(self._numbers) % self.SIZE
        if place >= len(self._pictures):
            self._pictures.append(make())
            return self._pictures[-1]
        return self._pictures[place]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The modules and thousands of tests that are loaded now stay: the garbage collector need not walk them again."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    compile_routes_once()
    read_once()
    POOL.take = Album().take
    config.addinivalue_line(
        "markers", "settings(**tree): the settings that a story needs otherwise than usual"
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[PostgresTemplate]:
    template = PostgresTemplate()
    yield template
    template.stop()


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Database]:
    with sqlite_template.copy(tmp_path) as url:
        database = share_statements(make_haste(Database(url)))
        yield database
        database.dispose()


@pytest.fixture
def postgres_database(postgres_template: PostgresTemplate) -> Iterator[Database]:
    with postgres_template.copy() as url:
        database = share_statements(Database(url, pool_size=60))
        yield database
        database.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    return request.getfixturevalue(name)


@pytest.fixture
def vault() -> Vault:
    return Vault.from_root(ROOT_SECRET)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> Settings:
    tree: dict[str, Any] = {
        "secret_key": ROOT_SECRET,
        "pepper": "the pepper of the tests, long enough too",
        "database_url": database.engine.url.render_as_string(hide_password=False),
        "keys_dir": tmp_path / "keys",
        "spaces_dir": ROOT / "config" / "spaces",
        "clients_dir": ROOT / "config" / "clients",
        # One story asks for more in a second than a member in an hour; the edge has tests of its own.
        "limits": {"pages_per_minute": 1_000_000, "forms_per_minute": 1_000_000},
        "mail": {"url": f"file://{tmp_path}/mail"},
        # The cheapest hash: what is tested is when it is made, not how long it takes.
        "password": {"bcrypt_cost": 4},
    }
    for marker in request.node.iter_markers("settings"):
        for name, value in marker.kwargs.items():
            tree[name] = {**tree.get(name, {}), **value} if isinstance(value, dict) else value
    return Settings.model_validate(tree)


@pytest.fixture(scope="session")
def key_ring(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> KeyRing:
    return KeyRing(sqlite_template, tmp_path_factory.mktemp("keys"), Vault.from_root(ROOT_SECRET))


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Each app would compile the same templates again."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(
    settings: Settings,
    clock: ManualClock,
    database: Database,
    key_ring: KeyRing,
    compiled_templates: FileSystemBytecodeCache,
) -> Flask:
    key_ring.copy_to(database)
    app = create_app(settings, clock=clock, database=database)
    app.jinja_env.bytecode_cache = compiled_templates
    return app


@pytest.fixture
def parts(app: Flask) -> Parts:
    return app.extensions["parvis"]


@pytest.fixture
def register(parts: Parts, tmp_path: Path) -> Register:
    return Register(parts, tmp_path)


@pytest.fixture
def newcomer(register: Register) -> Person:
    """Camille, who is in the register and has no account yet."""
    register.add(CAMILLE)
    return CAMILLE


@pytest.fixture
def member(register: Register) -> Person:
    """Camille, who has an account."""
    register.open_account(CAMILLE)
    return CAMILLE


@pytest.fixture(scope="session")
def smtp() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


@pytest.fixture
def mailbox(parts: Parts, smtp: ScriptedSmtp) -> Mailbox:
    return Mailbox(parts, smtp)


@pytest.fixture
def open_browser(app: Flask) -> Callable[..., Browser]:
    """Another browser, perhaps on another network or of another kind."""
    return lambda **options: Browser(app, **options)


@pytest.fixture
def browser(open_browser: Callable[..., Browser]) -> Browser:
    return open_browser()
