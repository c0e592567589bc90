"""The programs of `docs/how-to/` do what the pages say: each runs as it is printed, and a member signs in."""

import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.interop import packages
from tests.interop.browser import MemberBrowser
from tests.interop.ear import Ear
from tests.interop.provider import ROOT, StartedProvider, free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("interop"),
]

PAGES = ROOT / "docs" / "how-to"
LONGEST = 120
ISSUER, SERVICE = "http://127.0.0.1:8000", "http://127.0.0.1:5000"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READY_SECONDS = 30


@dataclass
class HowTo:
    """One page, moved to the ports of this run."""

    name: str
    issuer: str
    port: int = field(default_factory=free_port)
    ear: str = ""
    """Where its logouts are heard instead, so that the test can hand them on by itself."""
    secret: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def blocks(self, language: str) -> list[str]:
        """The fenced texts in a language."""
        found = [text for kind, text in FENCE.findall(text_of(self.name)) if kind == language]
        assert found, f"{self.name} has nothing in {language}"
        return [text.replace(ISSUER, self.issuer).replace(SERVICE, self.base) for text in found]

    @property
    def client_file(self) -> str:
        (text,) = self.blocks("toml")
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        # The shortest lifetime there is: whoever means to refresh in time has to do it at once.
        text = text.replace(f"{self.base}/backchannel-logout", self.ear)
        return text.replace("the 64 hexadecimal digits", digest) + 'access_token_lifetime = "10s"\n'

    @property
    def client_id(self) -> str:
        return tomllib.loads(self.client_file)["client_id"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CLIENT_SECRET": self.secret, "FLASK_SECRET_KEY": "of the tests"}


def text_of(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(provider: StartedProvider, logouts: Ear) -> dict[str, HowTo]:
    found = {
        name: HowTo(name, provider.issuer, ear=f"{logouts.url}/{name}")
        for name in ("python-flask", "python-django", "node", "curl")
    }
    provider.apply({name: page.client_file for name, page in found.items()})
    return found


@pytest.fixture(scope="module")
def service(
    pages: dict[str, HowTo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], HowTo]]:
    """The program of a page, started when the first test asks for it."""
    running: set[str] = set()
    with ExitStack() as stack:

        def of(name: str) -> HowTo:
            if name not in running:
                stack.enter_context(RUN[name](pages[name], tmp_path_factory.mktemp(name)))
                running.add(name)
            return pages[name]

        yield of


@pytest.fixture
def newcomer(provider: StartedProvider) -> Iterator[MemberBrowser]:
    browser = MemberBrowser(provider, provider.new_member())
    yield browser
    browser.close()


@contextmanager
def flask(page: HowTo, folder: Path) -> Iterator[None]:
    (program,) = page.blocks("python")
    (folder / "service.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "flask", "--app", "service", "run", "--port", str(page.port)]
    with started(command, page, folder):
        yield


@contextmanager
def django(page: HowTo, folder: Path) -> Iterator[None]:
    run = [sys.executable, "-m", "django", "startproject", "service", str(folder)]
    subprocess.run(run, cwd=folder, check=True, capture_output=True)
    (program,) = page.blocks("python")
    (folder / "service" / "urls.py").write_text(program, encoding="utf-8")
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate"], cwd=folder, env=page.environment, check=True, capture_output=True)
    with started([*manage, "runserver", "--noreload", str(page.port)], page, folder):
        yield


@contextmanager
def node(page: HowTo, folder: Path) -> Iterator[None]:
    program = packages.ready()
    (folder / "node_modules").symlink_to(packages.FOLDER / "node_modules")
    (script,) = page.blocks("js")
    (folder / "service.mjs").write_text(script, encoding="utf-8")
    with started([program, "service.mjs"], page, folder):
        yield


RUN = {"python-flask": flask, "python-django": django, "node": node}


@contextmanager
def started(command: list[str], page: HowTo, folder: Path) -> Iterator[None]:
    """The service of a page, until the test is over."""
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=page.environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        until = time.monotonic() + READY_SECONDS
        while True:
            assert process.poll() is None, log.read_text()
            try:
                httpx.get(f"{page.base}/goodbye")
                break
            except httpx.TransportError:
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)
        # Shown with a failure, and only then.
        sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))


@pytest.mark.parametrize("name", RUN)
def test_a_member_signs_in_comes_back_steps_up_and_signs_out(name, service, newcomer, logouts):
    page = service(name)
    # Signing in, by way of the page that needs it.
    home = newcomer.open(f"{page.base}/")
    assert home.url == f"{page.base}/"
    assert newcomer.member.given_name in home.text
    # Coming back: the access token is as good as over, so the refresh token is used.
    given = newcomer.provider.refreshed_until(page.client_id)
    assert newcomer.member.given_name in newcomer.open(f"{page.base}/").text
    assert newcomer.provider.refreshed_until(page.client_id) > given
    assert newcomer.sign_ins == 1
    # A step-up: the session is fresh, the device was only just trusted; nothing is asked again.
    assert newcomer.open(f"{page.base}/login?fresh").url == f"{page.base}/"
    # Signing out, here and at the provider.
    goodbye = newcomer.open(newcomer.sign_out(page.base))
    assert goodbye.url.startswith(f"{page.base}/goodbye")
    assert logouts.order(f"/{name}")
    newcomer.open(f"{page.base}/")
    assert newcomer.sign_ins == 2


@pytest.mark.parametrize("name", RUN)
def test_a_member_who_signs_out_elsewhere_is_signed_out_here(name, service, newcomer, logouts):
    page = service(name)
    newcomer.open(f"{page.base}/")

    newcomer.leave_the_provider()
    order = logouts.order(f"/{name}")

    told = httpx.post(f"{page.base}/backchannel-logout", data={"logout_token": order})
    assert told.status_code == httpx.codes.OK, told.text
    # Nothing is left to sign out of: no ID token goes with the request.
    assert "id_token_hint" not in newcomer.sign_out(page.base)


@pytest.mark.parametrize("name", RUN)
def test_no_other_token_passes_for_a_logout(name, service, provider):
    page = service(name)
    for token in ("", "nonsense", provider.token_of_another_kind(page.client_id)):
        told = httpx.post(f"{page.base}/backchannel-logout", data={"logout_token": token})

        assert told.status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("name", RUN)
def test_an_answer_of_another_issuer_is_refused(name, service, newcomer):
    page = service(name)
    back = newcomer.callback(f"{page.base}/login", f"{page.base}/callback")

    forged = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fanother.example.org", back)

    assert newcomer.open(forged).status == 400


def test_every_command_of_the_curl_page_does_what_it_says(pages, newcomer, tmp_path):
    page = pages["curl"]
    shell = shutil.which("sh")
    process = subprocess.Popen(
        [shell, "-e", "-c", "\n".join(page.blocks("sh"))], cwd=tmp_path, env=page.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    address = process.stdout.readline().strip()
    back = newcomer.callback(address, f"{page.base}/callback")
    told, complaints = process.communicate(back + "\n", timeout=READY_SECONDS)

    assert complaints == ""
    *_, goodbye = told.splitlines()
    assert f'"nonce":"{parse_qs(urlsplit(address).query)["nonce"][0]}"' in told.replace(" ", "")
    assert told.count(newcomer.member.email) == 2, told
    assert newcomer.callback(goodbye, f"{page.base}/goodbye") == f"{page.base}/goodbye?state=bye"


@pytest.mark.parametrize("name", sorted(path.stem for path in PAGES.glob("*.md")))
def test_a_page_is_short_and_in_the_index(name):
    text = text_of(name)

    assert len(text.splitlines()) <= LONGEST
    assert f"({name}.md)" in text_of("README") or name == "README"
