"""RFC 6749 sections 2.3, 3.2 and 5.2: who may call the token endpoint, and how it says no."""

import base64
import hashlib
import logging
import sqlite3

import pytest

from tests.protocol.party import ISSUER, basic, secret_of

FORM = "application/x-www-form-urlencoded"


def is_refused(response, status, error):
    assert response.status_code == status, response.text
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["error"] == error
    description = response.json.get("error_description", "")
    assert description.isascii()
    assert not set('"\\\r\n') & set(description)


def post(world, form, **headers):
    return world.app.test_client().post("/oauth2/token", data=form, headers=headers, base_url=ISSUER)


@pytest.mark.parametrize("client", ["reader", "poster", "public"])
def test_each_client_proves_itself_by_its_registered_method(world, member, client):
    assert world.party(client).tokens(member)["access_token"]


@pytest.mark.parametrize(
    ("client", "form", "header"),
    [
        ("reader", {"client_id": "reader", "client_secret": secret_of("reader")}, None),
        ("reader", {"client_id": "reader"}, None),
        ("poster", {}, basic("poster", secret_of("poster"))),
        ("poster", {"client_id": "poster"}, None),
        ("public", {}, basic("public", "")),
        ("public", {"client_id": "public", "client_secret": "x"}, None),
        ("reader", {}, basic("reader", "wrong")),
        ("reader", {}, basic("reader", "")),
        ("reader", {}, basic("nobody", secret_of("reader"))),
        ("reader", {"client_id": "poster"}, basic("reader", secret_of("reader"))),
        ("poster", {"client_id": "poster", "client_secret": secret_of("reader")}, None),
        ("reader", {}, "Basic"),
        ("reader", {}, "Basic !!!"),
        ("reader", {}, "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()),
        ("reader", {}, "Basic " + base64.b64encode(b"no-colon").decode()),
        ("reader", {}, "Basic " + base64.b64encode(b"reader:" + b"x" * 20_000).decode()),
        ("reader", {}, "Bearer abc"),
        ("reader", {}, "Digest reader"),
        ("reader", {}, None),
    ],
)
def test_any_other_proof_is_401_with_the_scheme_to_use(world, member, client, form, header):
    party = world.party(client)
    asked = party.ask()
    code = party.code_for(member, asked)
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": party.redirect_uri,
            "code_verifier": asked.verifier, **form}  # fmt: skip

    response = post(world, body, **({"Authorization": header} if header else {}))

    is_refused(response, 401, "invalid_client")
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert party.redeem(code, asked).status_code == 200, "a failed proof spends nothing"


def test_two_proofs_at_once_are_refused(world, rp):
    form = {"grant_type": "authorization_code", "client_secret": secret_of("reader")}

    response = post(world, form, Authorization=basic("reader", secret_of("reader")))

    is_refused(response, 400, "invalid_request")


def test_both_live_secrets_work_while_one_replaces_the_other(world, member, rp):
    path = world.settings.clients_dir / "reader.toml"
    fresh = "the-fresh-secret-of-the-reader-0123456789"
    digests = [hashlib.sha256(secret.encode()).hexdigest() for secret in (secret_of("reader"), fresh)]
    lines = [line for line in path.read_text().splitlines() if not line.startswith("client_secret")]
    path.write_text("\n".join([*lines, f"client_secret_sha256 = {digests}"]))
    world.apply_clients()

    statuses = []
    for secret in (secret_of("reader"), fresh, "neither"):
        asked = rp.ask()
        code = rp.code_for(member, asked)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": rp.redirect_uri,
                "code_verifier": asked.verifier}  # fmt: skip
        statuses.append(rp.token(form, secret=secret).status_code)

    assert statuses == [200, 200, 401]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "x", "password": "y"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "\"\\\r\né'<script>"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"),
        ({"grant_type": ["authorization_code", "authorization_code"]}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": ["x", "y"]}, "invalid_request"),
        ({"grant_type": "authorization_code", "extra": ["x", "y"]}, "invalid_request"),
    ],
)
def test_a_malformed_request_is_400_in_json(rp, form, error):
    is_refused(rp.token(form), 400, error)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{}", "application/json"),
        (b"\xff\xfe=\xff&grant_type=authorization_code", FORM),
        (
            b"grant_type=authorization_code&code=%ff%fe&redirect_uri=%ff&code_verifier=%00",
            "application/x-www-form-urlencoded",
        ),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"", "text/plain"),
    ],
)
def test_a_body_that_is_no_form_is_400_in_json(rp, body, kind):
    assert rp.token(body, headers={"Content-Type": kind}).status_code == 400


def test_a_huge_body_is_413_in_json(rp):
    response = rp.token({"grant_type": "authorization_code", "code": "x" * 100_000})

    assert response.status_code == 413
    assert response.json["error"] == "invalid_request"


def test_parameters_in_the_address_count_for_nothing(world, member, rp):
    asked = rp.ask()
    code = rp.code_for(member, asked)
    url = f"/oauth2/token?grant_type=authorization_code&code={code}&code_verifier={asked.verifier}"
    headers = {"Authorization": basic("reader", secret_of("reader"))}

    response = rp.http.post(url, headers=headers, base_url=ISSUER)

    is_refused(response, 400, "invalid_request")


def test_other_methods_are_405_in_json(rp):
    response = rp.http.get("/oauth2/token", base_url=ISSUER)

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json["error"] == "invalid_request"


def test_no_token_and_no_secret_reaches_a_log_even_at_debug(rp, member, caplog):
    # Authlib logs whole tokens at DEBUG.
    caplog.set_level(logging.DEBUG)
    asked = rp.ask()
    code = rp.code_for(member, asked)

    given = rp.redeem(code, asked).json
    rp.redeem(code, asked)
    rp.userinfo(given["access_token"])

    for secret in (code, given["access_token"], given["id_token"], asked.verifier, secret_of("reader")):
        assert secret not in caplog.text
    assert logging.getLogger("authlib.oauth2.rfc6749.grants").getEffectiveLevel() >= logging.WARNING


def test_a_database_that_is_down_is_503_in_json_with_retry_after(world, rp):
    world.database.engine.dispose()
    world.database.engine.pool._creator = _no_connection

    response = rp.token(
        {"grant_type": "authorization_code", "code": "x", "redirect_uri": "y", "code_verifier": "z"}
    )

    assert response.status_code == 503
    assert response.json["error"] == "temporarily_unavailable"
    assert response.headers["Retry-After"]


def _no_connection(*_args, **_more):
    raise sqlite3.OperationalError("the database is down")


def test_only_scripts_of_public_clients_origins_may_read_the_answer(world):
    http = world.app.test_client()

    ours = http.options("/oauth2/token", headers={"Origin": "http://127.0.0.1:9"}, base_url=ISSUER)
    other = http.options("/oauth2/token", headers={"Origin": "https://evil.example"}, base_url=ISSUER)

    assert ours.status_code == other.status_code == 204
    assert ours.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:9"
    assert "Authorization" in ours.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Credentials" not in ours.headers
