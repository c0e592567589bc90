"""`parvis client`: relying parties on the command line; each command leaves the file and the database alike."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, Unpack

import click

from idp.cli_tools import accidents_in_one_line, as_lines, load_settings, opened_database
from idp.core.clock import SystemClock

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from idp.oidc.client_folder import ClientFolder
    from idp.oidc.client_rows import ClientRow

_INPUT = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
# An identifier that is also the name of a file, wherever that file is copied.
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@click.group()
def client() -> None:
    """Clients: the services that sign their members in here."""


class Given(TypedDict):
    """What `client add` was given."""

    name: str | None
    space: str | None
    redirect_uri: tuple[str, ...]
    post_logout_redirect_uri: tuple[str, ...]
    backchannel_logout_uri: str | None
    initiate_login_uri: str | None
    scope: str | None
    audience: tuple[str, ...]
    serves: tuple[str, ...]
    public: bool
    native: bool
    service: bool
    secret_post: bool
    private_key_jwt: Path | None
    jwks_uri: str | None
    fapi2: bool
    third_party: bool
    offline: bool
    apply: bool
    as_json: bool


@client.command()
@click.argument("client_id")
@click.option("--redirect-uri", multiple=True, help="Where codes may be sent; may be repeated.")
@click.option("--name", help="The name that members read.  [default: CLIENT_ID]")
@click.option("--space", help="The front door of its members.  [default: the first space]")
@click.option("--scope", help="The scopes it may ask for, in one text.  [default: openid profile email]")
@click.option("--post-logout-redirect-uri", multiple=True, help="Where a logout may lead; may be repeated.")
@click.option("--backchannel-logout-uri", help="Where it is told of logouts.")
@click.option("--initiate-login-uri", help="Where a sign-in begins when a member comes here first.")
@click.option("--offline", is_flag=True, help="Refresh tokens, also while the member is away.")
@click.option("--service", is_flag=True, help="It acts in its own name (grant client_credentials).")
@click.option("--audience", multiple=True, help="A service that its tokens may be for; may be repeated.")
@click.option(
    "--serves", multiple=True, help="An audience it answers for, and may introspect; may be repeated."
)
@click.option(
    "--public", is_flag=True, help="It cannot keep a secret: an application in a browser or a phone."
)
@click.option("--native", is_flag=True, help="It is an application on a device.")
@click.option("--secret-post", is_flag=True, help="Its secret comes in the form, not in HTTP Basic.")
@click.option(
    "--private-key-jwt", type=_INPUT, metavar="JWKS_FILE", help="It signs with the keys of this set."
)
@click.option("--jwks-uri", help="It signs with the keys that it publishes here.")
@click.option("--fapi2", is_flag=True, help="The FAPI 2.0 security profile; with one of the two above.")
@click.option("--third-party", is_flag=True, help="Not a service of the mutual: members are asked.")
@click.option(
    "--apply/--no-apply", default=True, help="Make it a client at once, or leave that to `config apply`."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def add(client_id: str, **given: Unpack[Given]) -> None:
    """Add a client: write its file, make it a client of the database, and show its secret this once.

    \b
    parvis client add my-service --redirect-uri https://service.example.org/callback
    parvis client add my-phone --native --public --redirect-uri org.example.app:/callback
    parvis client add my-batch --service --scope admin:read
    """  # noqa: D301 (click reads this one: what follows keeps its lines)
    from idp.core import secrets
    from idp.oidc import client_rows, client_writing

    _refuse_contradictions(client_id, given)
    with accidents_in_one_line(), _client_folder() as folder:
        path = folder.file_of(client_id)
        taken = path if path.exists() else folder.find(client_id)
        if taken is not None:
            _fail(f"P-9031: {client_id} exists already: {taken}")
        secret = None if given["public"] or _signs(given) else secrets.token()
        digest = None if secret is None else secrets.fingerprint(secret)
        document = _document(client_id, given, digest, space=given["space"] or folder.spaces.default.name)
        text = client_writing.compose(
            document, heading="Written by `parvis client add`; edit it as you like."
        )
        new = folder.checked(text, path)

        def make(session: "Session", now: datetime) -> None:
            row = session.get(client_rows.ClientRow, client_id)
            if row is not None and row.gone_at is None:
                _fail(f"P-9031: {client_id} exists already in the database ({row.origin})")
            client_rows.apply_one(session, path, new, now=now)

        folder.write(path, text, before=None, make=make if given["apply"] else None, now=SystemClock().now())
    _tell_secret(
        {"client_id": client_id, "client_secret": secret, "file": str(path)}, as_json=given["as_json"]
    )
    if not given["apply"]:
        click.echo("not applied: `parvis config apply` makes it a client", err=True)


def _refuse_contradictions(client_id: str, given: Given) -> None:
    if not _FILE_NAME.fullmatch(client_id):
        raise click.UsageError("CLIENT_ID names a file: letters, digits, dots, hyphens and underscores only")
    if not given["redirect_uri"] and not given["service"]:
        raise click.UsageError("a client needs --redirect-uri, unless it is a --service")
    ways = [
        given["public"],
        given["secret_post"],
        given["private_key_jwt"] is not None,
        given["jwks_uri"] is not None,
    ]
    if sum(ways) > 1:
        raise click.UsageError("use one of --public, --secret-post, --private-key-jwt and --jwks-uri")
    if given["fapi2"] and not _signs(given):
        raise click.UsageError("--fapi2 needs --private-key-jwt or --jwks-uri")
    if given["offline"] and not given["redirect_uri"]:
        raise click.UsageError("--offline is for members: it needs --redirect-uri")


def _signs(given: Given) -> bool:
    return given["private_key_jwt"] is not None or given["jwks_uri"] is not None


def _document(client_id: str, given: Given, digest: str | None, *, space: str) -> dict[str, Any]:
    """The keys of the file, in the order in which a reader wants them."""
    document = {
        "client_id": client_id,
        "client_name": given["name"] or client_id,
        "space": space,
        "redirect_uris": list(given["redirect_uri"]),
        "post_logout_redirect_uris": list(given["post_logout_redirect_uri"]),
        "backchannel_logout_uri": given["backchannel_logout_uri"],
        "initiate_login_uri": given["initiate_login_uri"],
        "application_type": "native" if given["native"] else None,
        "grant_types": _grants(given),
        "token_endpoint_auth_method": _method(given),
        "scope": _scope(given),
        "id_token_signed_response_alg": "ES256",
        "first_party": False if given["third_party"] else None,
        "profile": "fapi2" if given["fapi2"] else None,
        "audiences": list(given["audience"]),
        "serves": list(given["serves"]),
        "jwks_uri": given["jwks_uri"],
        "client_secret_sha256": digest,
        "jwks": None if given["private_key_jwt"] is None else _keys(given["private_key_jwt"]),
    }
    return {name: value for name, value in document.items() if value not in (None, [])}


def _grants(given: Given) -> list[str]:
    wanted = {
        "authorization_code": bool(given["redirect_uri"]),
        "refresh_token": given["offline"],
        "client_credentials": given["service"],
    }
    return [name for name, is_wanted in wanted.items() if is_wanted]


def _method(given: Given) -> str:
    if given["public"]:
        return "none"
    if _signs(given):
        return "private_key_jwt"
    return "client_secret_post" if given["secret_post"] else "client_secret_basic"


def _scope(given: Given) -> str | None:
    from idp.oidc.clients import DEFAULT_SCOPE

    if given["scope"] is None and not given["redirect_uri"]:
        # The default is about members, and this client meets none.
        return None
    words = (given["scope"] or DEFAULT_SCOPE).split()
    if given["offline"] and "offline_access" not in words:
        words.append("offline_access")
    return " ".join(words)


def _keys(path: Path) -> dict[str, Any]:
    """The public keys of a file with a JWK Set, or with one JWK."""
    from idp.oidc import client_jwks

    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        _fail(f"P-9002: {path}: must hold a JSON Web Key Set (RFC 7517 section 5)")
    keys = found if "keys" in found else {"keys": [found]}
    # What is private must not even reach the text that is about to be written.
    faults = client_jwks.faults(keys)
    if faults:
        _fail(
            "\n".join(f"P-9002: {path}: {'.'.join(map(str, fault.path))}: {fault.text}" for fault in faults)
        )
    return keys


@client.command("rotate-secret")
@click.argument("client_id")
@click.option(
    "--drop-old", is_flag=True, help="End the former secret; the newest stays, and no other is made."
)
@click.option(
    "--apply/--no-apply", default=True, help="Let it count at once, or leave that to `config apply`."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def rotate_secret(client_id: str, *, drop_old: bool, apply: bool, as_json: bool) -> None:
    """Make another secret and show it this once; the former one stays good until `--drop-old`.

    Two secrets are good at most: of two former ones, the older ends now.
    """
    from idp.core import secrets
    from idp.oidc import client_rows, client_writing

    with accidents_in_one_line(), _client_folder() as folder:
        path = folder.find(client_id)
        if path is None:
            _fail(f"P-9032: no file of {folder.settings.clients_dir} is the one of {client_id}")
        before = path.read_bytes().decode("utf-8")
        if not folder.checked(before, path).holds_secret:
            _fail(f"P-9033: {client_id} has no secret (token_endpoint_auth_method)")
        held = client_writing.secrets_of(before)
        secret = None if drop_old else secrets.token()
        live = held[:1] if secret is None else (secrets.fingerprint(secret), held[0])
        text = client_writing.with_secrets(before, live)
        changed = folder.checked(text, path)

        def make(session: "Session", now: datetime) -> None:
            client_rows.apply_one(session, path, changed, now=now)

        folder.write(path, text, before=before, make=make if apply else None, now=SystemClock().now())
    facts: dict[str, str | int | None] = {"client_id": client_id, "client_secret": secret, "file": str(path)}
    _tell_secret({**facts, "live_secrets": len(live)}, as_json=as_json)


@client.command()
@click.argument("client_id")
@click.option("--enable", is_flag=True, help="Let it in again.")
def disable(client_id: str, *, enable: bool) -> None:
    """Shut a client out at once, whatever its file says; its tokens stop being good here."""
    from idp.core import audit
    from idp.oidc import client_rows

    now = SystemClock().now()
    with (
        accidents_in_one_line(),
        opened_database() as (_settings, database),
        database.transaction() as session,
    ):
        if not client_rows.set_disabled(session, client_id, disabled=not enable, now=now):
            _fail(f"P-9032: the database has no client {client_id}")
        event = "client.enabled" if enable else "client.disabled"
        audit.record(session, now=now, event=event, client_id=client_id)
    click.echo(f"{'enabled' if enable else 'disabled'}: {client_id}")


@client.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
def list_command(*, as_json: bool) -> None:
    """Every client of the database, also those that registered themselves, went away or are disabled."""
    with accidents_in_one_line(), _rows() as (rows, _folder):
        listed = [_summary(row) for row in rows]
    if as_json:
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    widths = {name: max(len(facts[name]) for facts in listed) for name in listed[0]} if listed else {}
    for facts in listed:
        click.echo("  ".join(f"{facts[name]:{width}}" for name, width in widths.items()).rstrip())


@client.command()
@click.argument("client_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(client_id: str, *, as_json: bool) -> None:
    """What holds for one client: every key, with its default where its file says nothing; never a secret."""
    with accidents_in_one_line(), _rows() as (rows, folder):
        row = next((row for row in rows if row.client_id == client_id), None)
        if row is None:
            _fail(f"P-9032: the database has no client {client_id}")
        facts = {**_summary(row), **_effective(row, folder)}
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    plain = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }
    click.echo(as_lines(plain))


def _summary(row: "ClientRow") -> dict[str, str]:
    states = {"gone": row.gone_at is not None, "disabled": row.disabled_at is not None}
    return {
        "client_id": row.client_id,
        "state": next((name for name, holds in states.items() if holds), "enabled"),
        "origin": row.origin,
        "space": row.document.get("space", ""),
        "client_name": row.document.get("client_name", ""),
        "updated_at": row.updated_at.isoformat(timespec="seconds"),
    }


def _effective(row: "ClientRow", folder: "ClientFolder") -> dict[str, Any]:
    from idp.oidc import client_files
    from idp.oidc.client_files import BadClient

    held = {"live_secrets": len(row.document.get("client_secret_sha256", ()))}
    try:
        found = client_files.parse(
            row.document,
            where=f"client {row.client_id}",
            spaces=folder.spaces,
            development=folder.settings.is_development,
        )
    except BadClient as problem:
        # A document of before may be refused by the rules of today: the registry leaves such a client out.
        return {"state": "refused", "reason": str(problem), **held}
    return {**found.model_dump(mode="json", exclude={"client_secret_sha256"}, exclude_none=True), **held}


@contextmanager
def _client_folder() -> "Iterator[ClientFolder]":
    from idp.core.spaces import BadSpace
    from idp.oidc.client_files import BadClient
    from idp.oidc.client_folder import ClientFolder

    try:
        yield ClientFolder.of(load_settings())
    except (BadSpace, BadClient) as problem:
        _fail(str(problem))


@contextmanager
def _rows() -> "Iterator[tuple[list[ClientRow], ClientFolder]]":
    from sqlalchemy import select

    from idp.oidc.client_rows import ClientRow

    with (
        _client_folder() as folder,
        opened_database() as (_settings, database),
        database.reading() as session,
    ):
        yield list(session.scalars(select(ClientRow).order_by(ClientRow.client_id))), folder


def _tell_secret(facts: dict[str, str | int | None], *, as_json: bool) -> None:
    """The secret on the output, all that is about it beside: the output may go to another program."""
    if as_json:
        click.echo(json.dumps(facts))
        return
    shown = {name: facts[name] for name in ("client_id", "client_secret") if facts[name] is not None}
    click.echo(" ".join(f"{name}={value}" for name, value in shown.items()))
    click.echo(f"written: {facts['file']}", err=True)
    if facts["client_secret"] is not None:
        click.echo("The secret is shown this once; the file keeps its SHA-256.", err=True)


def _fail(message: str) -> NoReturn:
    raise click.ClickException(message)
