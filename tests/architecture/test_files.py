"""What must never be in the repository: secrets, the paths of one machine, the package index of one site."""

import re

import pytest

from tests.architecture.tree import ROOT, name_of, own_files, text_files

SECRET_FILE = re.compile(
    r"(^|/)(\.env(\..*)?|id_(rsa|ed25519|ecdsa)|uv\.lock|.+\.(pem|key|p12|pfx|jks|sqlite3?|db))$"
)
SECRET_TEXT = re.compile(
    r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}"  # PEM
    r"|[\"']d[\"']: ?[\"'][A-Za-z0-9_-]{40,}[\"']"  # the private half of a JWK
    r"|^\s*client_secret\s*=\s*\"[^\"]"  # client files hold SHA-256 values only
    r"|\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36})\b",
    re.MULTILINE,
)
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(home|root|Users|work|tmp)/\w")
INDEX_HOSTS = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))
]
INDEX = re.compile("|".join(re.escape(host) for host in INDEX_HOSTS) + r"|--(extra-)?index-url|--find-links")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    here = name_of(ROOT / "tests/architecture/test_files.py")
    texts = [(name_of(path), text) for path, text in text_files()]
    return [
        f"{name}: {found.group()}" for name, text in texts if name != here and (found := pattern.search(text))
    ]


def test_no_file_that_holds_secrets_or_data_is_tracked():
    assert [name for path in own_files() if SECRET_FILE.search(name := name_of(path))] == []


@pytest.mark.parametrize(
    "pattern", [SECRET_TEXT, MACHINE_PATH, INDEX], ids=["secret", "machine path", "package index"]
)
def test_no_file_names_it(pattern):
    assert lines_with(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (SECRET_FILE, "config/tls.pem"),
        (SECRET_FILE, ".env"),
        (SECRET_TEXT, "-" * 5 + "BEGIN EC PRIVATE KEY" + "-" * 5),
        (SECRET_TEXT, f'{{"kty": "EC", "d": "{"x" * 43}"}}'),
        (SECRET_TEXT, 'client_secret = "hunter2"'),
        (MACHINE_PATH, 'open("/home/someone/parvis")'),
        (INDEX, f"https://{INDEX_HOSTS[0]}/simple"),
    ],
)
def test_a_planted_one_would_be_seen(pattern, text):
    assert pattern.search(text)
