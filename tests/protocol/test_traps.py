"""Traps of the libraries that no single clause covers; the others are named where their clause is tested."""

import subprocess
import sys

from tests.protocol.party import CLIENTS, ROOT, secret_of


def test_the_deprecated_jose_of_authlib_is_never_loaded():
    check = "import sys, idp.oidc.wiring; print([name for name in sys.modules if name.startswith('authlib.jose')])"

    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout == "[]\n"


def test_no_secret_of_a_client_is_kept_in_clear(world, tmp_path):
    # Authlib's SQLAlchemy mixins keep secrets and tokens as they are.
    world.database.dispose()

    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").glob("parvis.db*"))

    assert b"Service reader" in stored
    assert not [client for client in CLIENTS if secret_of(client).encode() in stored]


def test_the_pages_of_a_sign_in_may_end_at_the_client_and_nowhere_else(world, rp):
    # Chromium applies `form-action` to the redirect after a form too.
    browser = world.browser()
    sent = browser.get(rp.ask().url)

    policy = browser.get(sent.location).headers["Content-Security-Policy"]

    forms = next(part for part in policy.split(";") if "form-action" in part)
    assert forms.split() == ["form-action", "'self'", "http://127.0.0.1:9"]
