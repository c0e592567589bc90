"""One started provider for all libraries, a folder of Node packages, and an ear for logouts."""

from collections.abc import Callable, Iterator

import pytest

from tests.interop import packages
from tests.interop.browser import MemberBrowser
from tests.interop.clients import Registered, all_clients
from tests.interop.ear import Ear
from tests.interop.parties import MakeParty, NodeParty, Party
from tests.interop.provider import StartedProvider
from tests.interop.with_authlib import AuthlibParty
from tests.interop.with_idpyoidc import IdpyParty
from tests.support.databases import SqliteTemplate

SCRIPTS = {"openid-client": "openid_client.mjs", "oauth4webapi": "oauth4webapi.mjs"}
IN_PYTHON = {"authlib": AuthlibParty, "idpyoidc": IdpyParty}


@pytest.fixture(scope="session")
def logouts() -> Iterator[Ear]:
    """Where back-channel logouts arrive."""
    with Ear() as ear:
        yield ear


@pytest.fixture(scope="session")
def clients(logouts: Ear) -> dict[str, Registered]:
    return all_clients(f"{logouts.url}/backchannel-logout")


@pytest.fixture(scope="session")
def provider(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate, clients: dict[str, Registered]
) -> Iterator[StartedProvider]:
    with StartedProvider(tmp_path_factory.mktemp("provider"), sqlite_template) as started:
        started.apply({name: client.file for name, client in clients.items()})
        yield started


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the packages of the lock beside the scripts."""
    return packages.ready()


@pytest.fixture(scope="session")
def members(provider: StartedProvider) -> Iterator[Callable[[str], MemberBrowser]]:
    """A member of each library, with a browser that stays open: later requests meet a live session."""
    known: dict[str, MemberBrowser] = {}

    def of(library: str) -> MemberBrowser:
        if library not in known:
            known[library] = MemberBrowser(provider, provider.new_member())
        return known[library]

    yield of
    for browser in known.values():
        browser.close()


@pytest.fixture(scope="session")
def party(provider: StartedProvider, request: pytest.FixtureRequest) -> Iterator[MakeParty]:
    """A library configured for a client; it forgets what it had when it begins again."""
    made: dict[tuple[str, str], Party] = {}

    def make(library: str, client: Registered) -> Party:
        if library in IN_PYTHON:
            return IN_PYTHON[library](client, provider.issuer)
        return NodeParty(request.getfixturevalue("node"), SCRIPTS[library], client, provider.issuer)

    def of(library: str, client: Registered) -> Party:
        key = library, client.client_id
        if key not in made:
            made[key] = make(library, client)
        return made[key]

    yield of
    for each in made.values():
        each.close()
