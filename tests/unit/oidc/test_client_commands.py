"""`parvis client` and `parvis config` on the command line: the file and the database always say the same."""

import hashlib
import json
import tomllib

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey
from sqlalchemy import select

from idp.cli import main
from idp.core.audit import AuditEvent
from idp.core.clock import SystemClock
from idp.core.spaces import Spaces
from idp.oidc import client_files, client_rows
from idp.oidc.client_rows import ClientStore
from idp.oidc.clients import Client
from tests.architecture.tree import ROOT

CALLBACK = "https://service.example/cb"
ADD = ("client", "add", "my-service", "--redirect-uri", CALLBACK)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "clients"


@pytest.fixture
def parvis(sqlite_database, monkeypatch, tmp_path, folder):
    monkeypatch.setenv(
        "PARVIS_DATABASE_URL", sqlite_database.engine.url.render_as_string(hide_password=False)
    )
    monkeypatch.setenv("PARVIS_SECRET_KEY", "a root secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_PEPPER", "another secret of the tests, long enough")
    monkeypatch.setenv("PARVIS_ISSUER", "https://id.example")
    monkeypatch.setenv("PARVIS_SPACES_DIR", str(ROOT / "config" / "spaces"))
    monkeypatch.setenv("PARVIS_CLIENTS_DIR", str(folder))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def registry(sqlite_database):
    """What a running provider knows now."""
    store = ClientStore(
        database=sqlite_database, spaces=Spaces.read(ROOT / "config" / "spaces"), development=False
    )

    def read():
        with sqlite_database.reading() as session:
            marks = client_rows.revisions.read(session)
            return store.current(session, mark=marks.get(client_rows.revisions.CLIENTS))

    return read


def secret_in(run):
    assert run.exit_code == 0, run.output
    return dict(pair.split("=", 1) for pair in run.stdout.split())["client_secret"]


def sha256(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def register_one(database, client_id="by-itself"):
    client = Client.model_validate(
        {
            "client_id": client_id,
            "redirect_uris": [CALLBACK],
            "client_secret_sha256": sha256("x"),
            "space": "elu",
        }
    )
    with database.transaction() as session:
        client_rows.register(session, client, token_hash="", now=SystemClock().now())


def test_a_client_is_added_to_the_folder_and_the_database_and_its_secret_is_shown_once(
    parvis, folder, registry
):
    run = parvis(*ADD, "--name", "Service « d’essai »")

    secret = secret_in(run)
    text = (folder / "my-service.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    assert len(secret) == 43
    assert secret not in text
    assert secret not in run.stderr
    assert document["client_secret_sha256"] == sha256(secret)
    assert document["client_name"] == "Service « d’essai »"
    assert document["id_token_signed_response_alg"] == "ES256"
    assert registry().get("my-service").has_secret(secret)
    assert parvis("config", "plan").stdout == "added: none\nchanged: none\ngone: none\n"
    assert parvis("config", "check").exit_code == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--public"], {"token_endpoint_auth_method": "none"}),
        (
            ["--public", "--native", "--redirect-uri", "org.example.app:/cb"],
            {"application_type": "native", "redirect_uris": [CALLBACK, "org.example.app:/cb"]},
        ),
        (["--secret-post"], {"token_endpoint_auth_method": "client_secret_post"}),
        (["--third-party"], {"first_party": False}),
        (
            ["--offline"],
            {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile email offline_access"},
        ),
        (["--service"], {"grant_types": ["authorization_code", "client_credentials"]}),
        (["--space", "elu", "--scope", "openid"], {"space": "elu", "scope": "openid"}),
        (
            ["--fapi2", "--jwks-uri", "https://service.example/jwks"],
            {"profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt"},
        ),
        (
            [
                "--post-logout-redirect-uri", "https://service.example/bye", "--audience", "https://api.example",
                "--backchannel-logout-uri", "https://service.example/logout", "--serves", "urn:x:y",
                "--initiate-login-uri", "https://service.example/login",
            ],
            {
                "post_logout_redirect_uris": ["https://service.example/bye"], "audiences": ["https://api.example"],
                "backchannel_logout_uri": "https://service.example/logout", "serves": ["urn:x:y"],
                "initiate_login_uri": "https://service.example/login",
            },
        ),
    ],
)  # fmt: skip
def test_each_option_is_a_line_of_the_file(parvis, folder, registry, options, expected):
    run = parvis(*ADD, *options)

    assert run.exit_code == 0, run.output
    document = tomllib.loads((folder / "my-service.toml").read_text(encoding="utf-8"))
    assert {name: document.get(name) for name in expected} == expected
    assert registry().get("my-service") is not None
    has_secret = document["token_endpoint_auth_method"].startswith("client_secret")
    assert ("client_secret=" in run.stdout) == has_secret


def test_a_service_needs_no_address(parvis, registry):
    assert parvis("client", "add", "batch", "--service", "--scope", "admin:read").exit_code == 0

    assert registry().get("batch").grant_types == ("client_credentials",)


def test_the_public_half_of_a_key_is_written_and_a_private_one_never(parvis, folder, tmp_path, registry):
    key = ECKey.generate_key("P-256", private=True)
    (tmp_path / "public.json").write_text(json.dumps({**key.as_dict(private=False), "kid": "1"}), "utf-8")
    (tmp_path / "private.json").write_text(json.dumps({"keys": [key.as_dict(private=True)]}), "utf-8")
    (tmp_path / "other.pem").write_text("no JSON", "utf-8")

    refused = parvis(*ADD, "--private-key-jwt", tmp_path / "private.json")
    odd = parvis(*ADD, "--private-key-jwt", tmp_path / "other.pem")
    added = parvis(*ADD, "--private-key-jwt", tmp_path / "public.json")

    assert (refused.exit_code, odd.exit_code, added.exit_code) == (1, 1, 0)
    assert "P-9002" in refused.stderr
    assert "keys.0.d: must go" in refused.stderr
    assert key.as_dict(private=True)["d"] not in refused.output
    assert "must hold a JSON Web Key Set" in odd.stderr
    assert "client_secret" not in added.stdout
    assert registry().get("my-service").jwks["keys"][0]["kid"] == "1"
    assert key.as_dict(private=True)["d"] not in (folder / "my-service.toml").read_text(encoding="utf-8")


def test_without_apply_the_file_waits_for_config_apply(parvis, folder, registry):
    run = parvis(*ADD, "--no-apply")

    assert (folder / "my-service.toml").exists()
    assert "config apply" in run.stderr
    assert registry().get("my-service") is None
    assert json.loads(parvis("config", "plan", "--json").stdout)["added"] == ["my-service"]
    assert registry().get("my-service") is None, "a plan changes nothing"
    assert json.loads(parvis("config", "apply", "--json").stdout)["added"] == ["my-service"]
    assert registry().get("my-service") is not None


def test_a_client_that_exists_is_never_written_over(parvis, folder, sqlite_database):
    secret_in(parvis(*ADD))
    before = (folder / "my-service.toml").read_bytes()
    (folder / "another-name.toml").write_text('client_id = "elsewhere"', "utf-8")
    register_one(sqlite_database)

    runs = [
        parvis(*ADD),
        parvis("client", "add", "elsewhere", "--redirect-uri", CALLBACK),
        parvis("client", "add", "by-itself", "--redirect-uri", CALLBACK),
    ]

    assert [(run.exit_code, "P-9031" in run.stderr, run.stdout) for run in runs] == [(1, True, "")] * 3
    assert (folder / "my-service.toml").read_bytes() == before
    assert not (folder / "by-itself.toml").exists(), "what the database refuses leaves no file"


@pytest.mark.parametrize(
    "arguments",
    [
        ("client", "add"),
        ("client", "add", "../escape", "--redirect-uri", CALLBACK),
        ("client", "add", "a/b", "--redirect-uri", CALLBACK),
        ("client", "add", ".hidden", "--redirect-uri", CALLBACK),
        ("client", "add", "a b", "--redirect-uri", CALLBACK),
        ("client", "add", "no-address"),
        ("client", "add", "x", "--service", "--offline"),
        (*ADD, "--public", "--secret-post"),
        (*ADD, "--public", "--jwks-uri", "https://service.example/jwks"),
        (*ADD, "--fapi2"),
        (*ADD, "--private-key-jwt", "missing.json"),
        (*ADD, "--what"),
        ("client", "show"),
        ("client", "rotate-secret"),
        ("client", "what"),
    ],
)
def test_a_wrong_use_ends_with_2_and_writes_nothing(parvis, folder, arguments):
    assert parvis(*arguments).exit_code == 2
    assert not folder.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--redirect-uri", "http://service.example/cb"],
        ["--scope", "admin:read"],
        ["--space", "nowhere"],
        ["--audience", "api"],
        ["--public", "--service"],
    ],
)
def test_a_client_that_no_file_could_hold_ends_with_1_and_writes_nothing(parvis, folder, options):
    run = parvis(*ADD, *options)

    assert run.exit_code == 1
    assert "P-9002: " in run.stderr
    assert ", line " in run.stderr
    assert run.stdout == ""
    assert not folder.exists()


def test_a_database_that_refuses_leaves_no_file(parvis, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PARVIS_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")

    run = parvis(*ADD)

    assert run.exit_code == 1
    assert "P-9021: the database: no such table" in run.stderr
    assert list(folder.iterdir()) == []


def test_a_rotation_keeps_the_former_secret_and_every_comment_until_it_is_dropped(parvis, folder, registry):
    first = secret_in(parvis(*ADD))
    path = folder / "my-service.toml"
    text = path.read_text(encoding="utf-8")
    digest = f'"{sha256(first)}"'
    path.write_text(
        f"# Whose: ops@service.example\n{text}".replace(digest, f"{digest}  # since March"), "utf-8"
    )

    second = secret_in(parvis("client", "rotate-secret", "my-service"))

    assert [registry().get("my-service").has_secret(secret) for secret in (first, second)] == [True, True]
    rotated = path.read_text(encoding="utf-8")
    assert rotated == (
        f"# Whose: ops@service.example\n{text}".replace(
            digest, f'["{sha256(second)}", {digest}]  # since March'
        )
    )

    dropped = parvis("client", "rotate-secret", "my-service", "--drop-old")

    assert "client_secret" not in dropped.stdout
    assert [registry().get("my-service").has_secret(secret) for secret in (first, second)] == [False, True]
    assert "# since March" in path.read_text(encoding="utf-8")
    assert parvis("client", "rotate-secret", "my-service", "--drop-old").exit_code == 0, (
        "once more is the same"
    )
    assert registry().get("my-service").has_secret(second)


def test_of_three_secrets_the_oldest_ends(parvis, registry):
    secrets = [secret_in(parvis(*ADD))]
    secrets += [secret_in(parvis("client", "rotate-secret", "my-service")) for _ in range(2)]

    assert [registry().get("my-service").has_secret(secret) for secret in secrets] == [False, True, True]


def test_a_rotation_that_the_database_refuses_leaves_the_file_as_it_was(
    parvis, folder, tmp_path, monkeypatch
):
    secret_in(parvis(*ADD))
    before = (folder / "my-service.toml").read_bytes()
    monkeypatch.setenv("PARVIS_DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")

    run = parvis("client", "rotate-secret", "my-service")

    assert (run.exit_code, run.stdout) == (1, "")
    assert [path.name for path in folder.iterdir()] == ["my-service.toml"]
    assert (folder / "my-service.toml").read_bytes() == before


def test_a_list_of_digests_over_several_lines_is_rotated_too(parvis, folder, registry):
    first = secret_in(parvis(*ADD))
    path = folder / "my-service.toml"
    text = path.read_text(encoding="utf-8").replace(
        f'"{sha256(first)}"', f'[\n  "{sha256(first)}", # the one in use\n]\nrequire_auth_time = true'
    )
    path.write_text(text, "utf-8", newline="\r\n")

    second = secret_in(parvis("client", "rotate-secret", "my-service"))

    assert registry().get("my-service").has_secret(second)
    assert registry().get("my-service").require_auth_time
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


def test_what_has_no_secret_or_no_file_cannot_be_rotated(parvis, sqlite_database):
    parvis("client", "add", "phone", "--public", "--redirect-uri", CALLBACK)
    register_one(sqlite_database)

    without_secret = parvis("client", "rotate-secret", "phone")
    without_file = parvis("client", "rotate-secret", "by-itself")

    assert (without_secret.exit_code, without_file.exit_code) == (1, 1)
    assert "P-9033" in without_secret.stderr
    assert "P-9032" in without_file.stderr


def test_a_disabled_client_is_out_at_once_whatever_its_file_says(parvis, folder, registry, sqlite_database):
    secret_in(parvis(*ADD))

    assert parvis("client", "disable", "my-service").stdout == "disabled: my-service\n"
    assert registry().get("my-service") is None
    text = (folder / "my-service.toml").read_text(encoding="utf-8")
    (folder / "my-service.toml").write_text(text.replace("/cb", "/moved"), "utf-8")
    assert json.loads(parvis("config", "apply", "--json").stdout)["changed"] == ["my-service"]
    assert registry().get("my-service") is None

    assert parvis("client", "disable", "my-service", "--enable").exit_code == 0
    assert registry().get("my-service").redirect_uris == ("https://service.example/moved",)
    with sqlite_database.reading() as session:
        events = [event.event for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]
    assert events == ["client.disabled", "client.enabled"]


def test_a_client_of_nobody_ends_with_1(parvis):
    for arguments in (("disable", "nobody"), ("show", "nobody"), ("rotate-secret", "nobody")):
        run = parvis("client", *arguments)

        assert (run.exit_code, run.stdout) == (1, "")
        assert "P-9032" in run.stderr


def test_the_list_names_every_client_with_its_origin_and_state(parvis, folder, sqlite_database):
    assert parvis("client", "list").stdout == ""
    assert json.loads(parvis("client", "list", "--json").stdout) == []
    secret_in(parvis(*ADD))
    secret_in(parvis("client", "add", "old", "--redirect-uri", CALLBACK))
    (folder / "old.toml").unlink()
    parvis("config", "apply")
    register_one(sqlite_database)
    parvis("client", "disable", "by-itself")

    listed = json.loads(parvis("client", "list", "--json").stdout)

    assert [(row["client_id"], row["origin"], row["state"]) for row in listed] == [
        ("by-itself", "registered", "disabled"),
        ("my-service", "file", "enabled"),
        ("old", "file", "gone"),
    ]
    assert [line.split()[0] for line in parvis("client", "list").stdout.splitlines()] == [
        "by-itself", "my-service", "old",
    ]  # fmt: skip


def test_one_client_is_shown_with_its_defaults_and_without_its_secret(parvis):
    secret = secret_in(parvis(*ADD))

    shown = parvis("client", "show", "my-service", "--json")

    facts = json.loads(shown.stdout)
    assert (facts["state"], facts["origin"], facts["live_secrets"]) == ("enabled", "file", 1)
    assert facts["grant_types"] == ["authorization_code"]
    assert facts["populations"] == ["adherent"]
    for output in (shown.output, parvis("client", "show", "my-service").output):
        assert secret not in output
        assert sha256(secret) not in output
    assert "first_party" in parvis("client", "show", "my-service").stdout


def test_a_client_whose_space_went_away_is_shown_as_refused(parvis, sqlite_database):
    document = {"client_id": "lost", "redirect_uris": [CALLBACK], "client_secret_sha256": sha256("x")}
    register_one(sqlite_database, "lost")
    with sqlite_database.transaction() as session:
        session.get(client_rows.ClientRow, "lost").document = {**document, "space": "nowhere"}

    facts = json.loads(parvis("client", "show", "lost", "--json").stdout)

    assert facts["state"] == "refused"
    assert "'nowhere' does not exist" in facts["reason"]


def test_what_is_written_is_read_back_the_same(parvis, folder):
    name = 'Two "quotes", a \\ and an é'
    secret_in(parvis(*ADD, "--name", name))

    spaces = Spaces.read(ROOT / "config" / "spaces")
    client = client_files.read_file(folder / "my-service.toml", spaces=spaces, development=False)

    assert client.client_name == name
