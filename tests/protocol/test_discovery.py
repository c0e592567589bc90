"""OIDC Discovery 3 and RFC 8414: the documents that describe the provider."""

import sqlite3

import pytest

from idp.sessions.assurance import Method
from tests.protocol.party import ISSUER

PATHS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


@pytest.fixture
def http(world):
    return world.app.test_client()


@pytest.mark.parametrize("path", PATHS)
def test_the_document_names_the_issuer_and_addresses_below_it(http, path):
    response = http.get(path, base_url=ISSUER)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.json["issuer"] == ISSUER
    addresses = [value for name, value in response.json.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 8
    assert all(address.startswith(ISSUER + "/oauth2/") for address in addresses)


def test_it_says_what_is_built_and_nothing_else(http):
    document = http.get(PATHS[0], base_url=ISSUER).json

    assert document["response_types_supported"] == ["code"]
    assert document["response_modes_supported"] == ["query", "form_post"]
    assert document["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256", "RS256", "EdDSA"]
    assert document["request_parameter_supported"] is False
    assert document["request_uri_parameter_supported"] is False
    assert document["claims_parameter_supported"] is True
    assert document["authorization_response_iss_parameter_supported"] is True
    assert not {"admin:read", "admin:write", "helpdesk"} & set(document["scopes_supported"])
    # Registration is off by default (RFC 7591).
    assert "registration_endpoint" not in document


def test_every_advertised_endpoint_exists(http):
    document = http.get(PATHS[0], base_url=ISSUER).json

    statuses = {
        name: http.get(address.removeprefix(ISSUER), base_url=ISSUER).status_code
        for name, address in document.items()
        if name.endswith(("_endpoint", "_uri"))
    }

    assert 404 not in statuses.values(), statuses


def test_every_advertised_prompt_and_acr_is_accepted(rp, world):
    member = world.signed_in("1234567", methods=frozenset({Method.PASSKEY}))
    document = member.get(PATHS[0]).json

    for prompt in document["prompt_values_supported"]:
        assert member.get(rp.ask(prompt=prompt).url).status_code == 303
    for acr in document["acr_values_supported"]:
        assert "code=" in member.get(rp.ask(acr_values=acr).url).location


def test_scripts_of_any_origin_may_read_it_and_caches_may_keep_it(http):
    response = http.get(PATHS[0], base_url=ISSUER)

    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=" in response.headers["Cache-Control"]
    assert "Set-Cookie" not in response.headers
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_documents_are_served_with_the_database_down(world, http):
    world.database.engine.dispose()
    world.database.engine.pool._creator = _no_connection

    answers = [http.get(path, base_url=ISSUER) for path in (*PATHS, "/oauth2/jwks.json")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(answers[2].json["keys"]) == 6


def _no_connection(*_args, **_more):
    raise sqlite3.OperationalError("the database is down")


def test_over_https_the_documents_carry_hsts(world):
    from idp.oidc.discovery import documents
    from idp.oidc.frontmost import Frontmost

    app = Frontmost(world.app, documents(world.parts.provider), https=True)
    sent = []
    environ = {"PATH_INFO": PATHS[0], "REQUEST_METHOD": "GET"}

    list(app(environ, lambda status, headers: sent.append((status, dict(headers)))))

    assert sent[0][0] == "200 OK"
    assert "max-age" in sent[0][1]["Strict-Transport-Security"]
