"""Real services for the tests of the examples: a tiny provider, the member-data API, the member space."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from werkzeug.serving import make_server

from examples.member_data.app import create_app as create_member_data
from examples.member_space.app import create_app as create_member_space
from examples.member_space.settings import Settings
from tests.support.tiny_provider import MEMBER_DATA, TinyProvider

BASE_URL = "http://127.0.0.1:8002"
SECRETS = {space: f"secret of {space}: +/%é" for space in ("adherent", "professionnel", "elu")}


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Browser:
    """A browser that knows two hosts: the member space (called in process) and the provider (over HTTP)."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.last_callback = ""

    def get(self, address, *, follow=True):
        answer = self.client.get(address)
        return self._follow(answer) if follow else answer

    def post(self, address, form, *, follow=True):
        answer = self.client.post(address, data=form)
        return self._follow(answer) if follow else answer

    def submit(self, answer, action, **values):
        """Fill in the form of a page that posts to `action`, and send it."""
        form = soup(answer).select_one(f'main form[action="{action}"]')
        fields = {field["name"]: field.get("value", "") for field in form.select('input:not([type="radio"])')}
        return self.post(action, fields | values)

    def sign_in(self, space="adherent"):
        return self.get(f"/login/{space}")

    def cookie(self, name="__Host-space_session"):
        found = self.client.get_cookie(name)
        return found.value if found else None

    def _follow(self, answer):
        while answer.status_code == 303:
            address = answer.headers["Location"]
            if address.startswith(("/", BASE_URL)):
                parts = urlsplit(address)
                if parts.path.startswith("/callback"):
                    self.last_callback = f"{parts.path}?{parts.query}"
                answer = self.client.get(f"{parts.path}?{parts.query}")
            else:
                answer = httpx.get(address, trust_env=False, verify=False)
        return answer


def soup(answer) -> BeautifulSoup:
    return BeautifulSoup(answer.data, "html.parser")


def words(answer) -> str:
    """The words of the page's main part, single-spaced."""
    return " ".join(soup(answer).select_one("main").get_text(" ").split())


@pytest.fixture
def provider():
    with TinyProvider(secrets={f"espace-{space}": secret for space, secret in SECRETS.items()}) as running:
        yield running


@pytest.fixture
def data_app(provider, tmp_path, compiled_templates):
    app = create_member_data(provider.url, MEMBER_DATA, tmp_path / "member_data.db")
    app.jinja_env.bytecode_cache = compiled_templates
    return app


@pytest.fixture
def data_url(data_app):
    with serving(data_app) as url:
        yield url


@pytest.fixture
def settings(provider, data_url, tmp_path):
    return Settings(
        issuer=provider.url,
        base_url=BASE_URL,
        member_data_url=data_url,
        database=tmp_path / "space.db",
        secrets=SECRETS,
    )


@pytest.fixture
def space_app(settings, compiled_templates):
    app = create_member_space(settings)
    app.jinja_env.bytecode_cache = compiled_templates
    return app


@pytest.fixture
def browser(space_app):
    return Browser(space_app)
