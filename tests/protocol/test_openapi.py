"""`openapi.json` tells the truth: whatever is sent, what comes back is described there, and never a 5xx."""

import hashlib
import json
import os
import re
import shutil

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import Failure, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from idp.core.db import Database
from idp.core.settings import Registration, Settings
from idp.oidc import discovery, openapi
from tests.protocol import party
from tests.protocol.party import ISSUER, ROOT, basic, secret_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLS = [
    ("/oauth2/token", "POST"),
    ("/oauth2/userinfo", "GET"),
    ("/oauth2/userinfo", "POST"),
    ("/oauth2/introspect", "POST"),
    ("/oauth2/revoke", "POST"),
    ("/oauth2/par", "POST"),
    ("/oauth2/register", "POST"),
    ("/oauth2/register/{client_id}", "GET"),
]
INITIAL = "the-initial-access-token-of-these-tests"
OPEN = Registration(enabled=True, token_sha256=hashlib.sha256(INITIAL.encode()).hexdigest())
TRIES = settings(
    max_examples=50,
    deadline=None,
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def running(prepared, tmp_path_factory):
    """One provider for all tries of this file."""
    source, accounts = prepared
    folder = tmp_path_factory.mktemp("openapi") / "store"
    shutil.copytree(source, folder)
    url = f"sqlite:///{folder}/parvis.db"
    database = Database(url)
    settings = party.make_settings(folder, url).model_copy(update={"registration": OPEN})
    world = party.make_world(folder, database, settings)
    world.accounts.update(accounts)
    yield world
    database.dispose()


@pytest.fixture(scope="module")
def described(running):
    """The document as it is served, with the app behind it."""
    return schemathesis.openapi.from_wsgi(openapi.PATH, running.app)


@pytest.fixture(scope="module")
def given_tokens(running):
    """What a member's sign-in gives, and what comes of it."""
    return running.party("refreshing").tokens(running.signed_in("1234567"), scope=party.EVERYTHING)


def is_as_described(described, path, response, method="POST"):
    described[path][method].validate_response(response)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_whatever_is_sent_the_answer_is_described(described, given_tokens, path, method):
    operation = described[path][method]
    sent = st.one_of(
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    known = [basic(name, secret_of(name)) for name in ("refreshing", "robot", "api")]
    bearer = f"Bearer {given_tokens['access_token']}"
    authorizations = st.sampled_from(
        [*known, bearer, f"Bearer {INITIAL}", bearer.replace("Bearer", "DPoP"), "Basic x", ""]
    )

    @TRIES
    @given(case=sent, authorization=authorizations)
    def send(case, authorization):
        headers = {"Authorization": authorization} if authorization else {}
        if isinstance(case.body, dict) and authorization in known:
            # One way of client authentication only: else nothing behind it would ever be reached.
            case.body = {name: value for name, value in case.body.items() if not name.startswith("client_")}
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()


def test_answers_that_give_something_are_described(running, described, given_tokens):
    client, api, robot = running.party("refreshing"), running.party("api"), running.party("robot")
    asked = client.ask()
    token = given_tokens["access_token"]

    is_as_described(
        described, "/oauth2/token", client.redeem(client.code_for(running.signed_in(), asked), asked)
    )
    is_as_described(described, "/oauth2/token", client.refresh(given_tokens["refresh_token"]))
    is_as_described(described, "/oauth2/token", robot.token({"grant_type": "client_credentials"}))
    is_as_described(described, "/oauth2/introspect", api.introspect(token))
    is_as_described(described, "/oauth2/introspect", api.introspect("none"))
    is_as_described(described, "/oauth2/par", client.push(asked.parameters))
    for method in ("GET", "POST"):
        is_as_described(described, "/oauth2/userinfo", client.userinfo(token, method), method)
    signed = running.party("signed-info")
    answer = signed.userinfo(signed.tokens(running.signed_in())["access_token"])
    # The checker would read any application/jwt as JSON.
    content = openapi.document(running.settings)["paths"]["/oauth2/userinfo"]["get"]["responses"]["200"][
        "content"
    ]
    assert re.fullmatch(content[answer.content_type]["schema"]["pattern"], answer.text)


@pytest.mark.parametrize(
    "path", [discovery.OPENID_CONFIGURATION, discovery.AUTHORIZATION_SERVER, discovery.JWKS]
)
def test_the_documents_are_described(running, described, path):
    is_as_described(described, path, running.app.test_client().get(path, base_url=ISSUER), "GET")


@pytest.mark.parametrize("path", ["/admin/api/v1/config", "/admin/api/v1/keys"])
def test_the_administration_is_described(running, described, path):
    token = running.party("robot").token({"grant_type": "client_credentials", "scope": "admin:read"})
    http = running.app.test_client()

    for headers in ({}, {"Authorization": f"Bearer {token.json['access_token']}"}):
        is_as_described(described, path, http.get(path, headers=headers, base_url=ISSUER), "GET")


def test_the_life_of_a_registered_client_is_described(running, described):
    http, path = running.app.test_client(), "/oauth2/register"
    body = {"redirect_uris": ["https://app.example/cb"]}

    def call(method, path, token, **more):
        return http.open(
            path, method=method, headers={"Authorization": f"Bearer {token}"}, base_url=ISSUER, **more
        )

    made = call("POST", path, INITIAL, json=body)
    is_as_described(described, path, made)
    own, token = f"{path}/{made.json['client_id']}", made.json["registration_access_token"]
    for method, more in {
        "GET": {},
        "PUT": {"json": {**body, "client_id": made.json["client_id"]}},
        "DELETE": {},
    }.items():
        answer = call(method, own, token, **more)
        assert answer.status_code in {200, 204}
        is_as_described(described, f"{path}/{{client_id}}", answer, method)
        is_as_described(described, f"{path}/{{client_id}}", call(method, own, "other", **more), method)


def test_registration_is_described_only_where_it_is_open(running):
    closed = openapi.document(running.settings.model_copy(update={"registration": Registration()}))

    assert not [path for path in closed["paths"] if path.startswith("/oauth2/register")]


def test_an_answer_that_is_not_described_would_be_seen(running, described):
    operation = described["/oauth2/token"]["POST"]
    answer = running.app.test_client().post("/oauth2/token", base_url=ISSUER)
    answer.set_data(json.dumps({**answer.json, "secret": "x"}))

    with pytest.raises(Failure, match="violates schema"):
        operation.validate_response(answer)


def test_every_endpoint_of_discovery_that_programs_call_is_described(running, described):
    paths = json.loads(running.app.test_client().get(openapi.PATH, base_url=ISSUER).data)["paths"]
    for_browsers = {"authorization_endpoint", "end_session_endpoint"}
    named = {
        value.removeprefix(ISSUER)
        for name, value in discovery.metadata(running.settings).items()
        if name.endswith(("_endpoint", "_uri")) and name not in for_browsers
    }

    assert named - paths.keys() == set()


def test_each_described_path_is_served(running):
    http = running.app.test_client()

    for path in openapi.document(running.settings)["paths"]:
        assert http.get(path.replace("{client_id}", "x"), base_url=ISSUER).status_code != 404, path


def test_the_reference_holds_the_same_document():
    written = json.loads((ROOT / "docs/reference/openapi.json").read_text(encoding="utf-8"))
    opened = Registration.model_construct(enabled=True)

    assert written == openapi.document(Settings.model_construct(registration=opened))
