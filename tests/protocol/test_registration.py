"""Dynamic registration (RFC 7591, RFC 7592, OIDC Registration): off by default, never open to all."""

import hashlib
import json
import shutil

import pytest
from joserfc.jwk import ECKey
from pydantic import ValidationError

from idp.core.db import Database
from idp.core.settings import Registration as RegistrationSettings
from idp.core.settings_sources import BadSettings, load
from idp.oidc import client_rows
from idp.oidc.registration import Refused, Registration
from tests.protocol import party
from tests.protocol.party import ISSUER, back_at, basic, verified
from tests.support.http import ScriptedHttp

PATH = "/oauth2/register"
INITIAL = "the-initial-access-token-of-the-tests"
DIGEST = hashlib.sha256(INITIAL.encode()).hexdigest()
CALLBACK = "https://app.example/cb"
OPEN = RegistrationSettings(enabled=True, token_sha256=DIGEST)


@pytest.fixture
def open_world(prepared, tmp_path):
    """A provider that lets software register."""
    source, accounts = prepared
    folder = tmp_path / "open"
    shutil.copytree(source, folder)
    database = Database(f"sqlite:///{folder}/parvis.db")
    settings = party.make_settings(folder, f"sqlite:///{folder}/parvis.db")
    world = party.make_world(folder, database, settings.model_copy(update={"registration": OPEN}))
    world.accounts.update(accounts)
    yield world
    database.dispose()


@pytest.fixture
def http(open_world):
    return open_world.app.test_client()


def call(http, method, path=PATH, *, token=INITIAL, body=None, **more):
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return http.open(path, method=method, base_url=ISSUER, headers=headers, json=body, **more)


def register(http, **metadata):
    response = call(http, "POST", body={"redirect_uris": [CALLBACK], **metadata})
    assert response.status_code == 201, response.text
    return response.json


def is_refused(response, error, *words):
    assert response.status_code == 400, response.text
    assert response.json["error"] == error
    assert response.headers["Cache-Control"] == "no-store"
    description = response.json["error_description"]
    assert description.isascii()
    assert not set(description) & set("\"'\\")
    for word in words:
        assert word in description


def manage(http, registered, method, *, token=None, **body):
    path = registered["registration_client_uri"].removeprefix(ISSUER)
    return call(http, method, path, token=token or registered["registration_access_token"], body=body or None)


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", PATH + "/x"), ("DELETE", PATH + "/x")])
def test_registration_is_an_unknown_page_until_the_settings_open_it(world, method, path):
    http = world.app.test_client()

    response = call(http, method, path, body={"redirect_uris": [CALLBACK]})

    assert response.status_code == 404
    assert response.content_type == "application/json"
    assert "registration_endpoint" not in http.get("/.well-known/openid-configuration", base_url=ISSUER).json


def test_discovery_names_the_endpoint_when_it_is_open(http):
    document = http.get("/.well-known/openid-configuration", base_url=ISSUER).json

    assert document["registration_endpoint"] == ISSUER + PATH


def test_registration_open_to_all_does_not_start():
    secrets = {
        "PARVIS_SECRET_KEY": "s" * 40,
        "PARVIS_PEPPER": "p" * 40,
        "PARVIS_REGISTRATION__ENABLED": "true",
    }

    with pytest.raises(BadSettings, match=r"P-9001: .*registration.*token_sha256"):
        load(secrets)
    with pytest.raises(ValidationError):
        RegistrationSettings(enabled=True, token_sha256="in-clear")


def test_a_space_that_is_not_there_does_not_start(world):
    wrong = OPEN.model_copy(update={"space": "nowhere"})

    with pytest.raises(BadSettings, match=r"P-9001: .*registration\.space: 'nowhere'"):
        party.make_world(
            world.settings.clients_dir.parent,
            world.database,
            world.settings.model_copy(update={"registration": wrong}),
        )


def test_who_asks_for_nothing_gets_the_code_flow_and_a_secret_and_is_a_third_party(open_world, http):
    answer = call(http, "POST", body={"redirect_uris": [CALLBACK], "client_name": "Appli « x »"})

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json
    assert told["client_name"] == "Appli « x »"
    assert told["token_endpoint_auth_method"] == "client_secret_basic"
    assert told["grant_types"] == ["authorization_code"]
    assert told["response_types"] == ["code"]
    assert told["id_token_signed_response_alg"] == "RS256"
    assert told["client_secret_expires_at"] == 0
    assert told["client_id_issued_at"] == int(open_world.clock.now().timestamp())
    assert told["registration_client_uri"] == f"{ISSUER}{PATH}/{told['client_id']}"
    assert len(told["client_secret"]) == len(told["registration_access_token"]) == 43
    with open_world.database.reading() as session:
        row = client_rows.registered(session, told["client_id"])
    assert row.document["first_party"] is False
    assert row.document["space"] == "adherent"
    assert told["client_secret"] not in json.dumps(row.document)
    assert (
        row.registration_token_hash == hashlib.sha256(told["registration_access_token"].encode()).hexdigest()
    )


@pytest.mark.parametrize("token", [None, "", "wrong", DIGEST])
def test_without_the_initial_access_token_nothing_is_registered(open_world, http, token):
    response = call(http, "POST", token=token, body={"redirect_uris": [CALLBACK]})

    assert response.status_code == (400 if token == "" else 401)
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="parvis"')
    assert response.headers["Cache-Control"] == "no-store"
    assert "client_id" not in response.json
    assert call(http, "POST", body={"redirect_uris": []}).json["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("metadata", "error", "word"),
    [
        ({"redirect_uris": None}, "invalid_redirect_uri", "redirect_uris"),
        ({"redirect_uris": []}, "invalid_redirect_uri", "redirect_uris"),
        ({"redirect_uris": CALLBACK}, "invalid_redirect_uri", "redirect_uris: must be a list"),
        ({"redirect_uris": ["https://app.example/cb#x"]}, "invalid_redirect_uri", "fragment"),
        ({"redirect_uris": ["http://app.example/é\"'\\"]}, "invalid_redirect_uri", "redirect_uris.0"),
        ({"redirect_uris": [3]}, "invalid_redirect_uri", "redirect_uris.0"),
        (
            {"post_logout_redirect_uris": ["ftp://x"]},
            "invalid_client_metadata",
            "post_logout_redirect_uris.0",
        ),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata", "grant_types"),
        (
            {"grant_types": ["authorization_code", "client_credentials"]},
            "invalid_client_metadata",
            "grant_types",
        ),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata", "grant_types.0"),
        ({"grant_types": "authorization_code"}, "invalid_client_metadata", "grant_types"),
        ({"response_types": ["id_token"]}, "invalid_client_metadata", "response_types.0"),
        ({"scope": "openid admin:write"}, "invalid_client_metadata", "admin:write"),
        ({"id_token_signed_response_alg": "none"}, "invalid_client_metadata", "id_token_signed_response_alg"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata", "auth_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", "jwks"),
        ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata", "auth_method"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}, "invalid_client_metadata", "symmetric"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata", "client_name"),
        ({"client_name": "\ud800"}, "invalid_client_metadata", "client_name"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata", "logo_uri"),
        ({"default_max_age": -1}, "invalid_client_metadata", "default_max_age"),
        (
            {"sector_identifier_uri": "http://app.example/list"},
            "invalid_client_metadata",
            "sector_identifier_uri",
        ),
    ],
)
def test_metadata_that_no_client_may_have_are_refused_in_the_words_of_the_standard(
    http, metadata, error, word
):
    response = call(http, "POST", body={"redirect_uris": [CALLBACK], **metadata})

    is_refused(response, error, word)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"[" * 60_000, "application/json"),
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b'{"default_max_age": NaN}', "application/json"),
        (b'{"redirect_uris": ["https://app.example/cb"]}', "text/plain"),
        (b"redirect_uris=https%3A%2F%2Fapp.example%2Fcb", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(http, body, kind):
    headers = {"Authorization": f"Bearer {INITIAL}", "Content-Type": kind}

    is_refused(
        http.post(PATH, base_url=ISSUER, headers=headers, data=body), "invalid_client_metadata", "JSON"
    )


def test_unknown_members_and_our_own_keys_are_ignored(open_world, http):
    ours = {"space": "elu", "first_party": True, "serves": ["https://api.example"], "populations": ["elu"],
            "client_secret_sha256": DIGEST, "min_acr": "x", "access_token_lifetime": "24h", "profile": "x"}  # fmt: skip

    told = register(
        http, **ours, client_id="reader", software_statement="x", id_token_encrypted_response_alg="x"
    )

    assert told["client_id"] != "reader"
    assert not {*ours, "software_statement", "id_token_encrypted_response_alg"} & set(told)
    with open_world.database.reading() as session:
        document = client_rows.registered(session, told["client_id"]).document
    assert (document["space"], document["first_party"]) == ("adherent", False)
    assert document["client_secret_sha256"] == [hashlib.sha256(told["client_secret"].encode()).hexdigest()]
    assert not {"serves", "min_acr", "access_token_lifetime", "profile"} & set(document)


def test_only_a_client_that_proves_itself_by_a_secret_gets_one(http):
    key = ECKey.generate_key("P-256").as_dict(private=False)

    public = register(http, token_endpoint_auth_method="none")
    signer = register(http, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]})
    published = register(
        http, token_endpoint_auth_method="private_key_jwt", jwks_uri="https://app.example/jwks"
    )

    assert not {"client_secret", "client_secret_expires_at"} & (set(public) | set(signer) | set(published))
    assert signer["jwks"]["keys"][0]["x"] == key["x"]


def test_who_may_refresh_may_ask_to_do_so_while_the_member_is_away(http):
    told = register(http, grant_types=["authorization_code", "refresh_token"])

    assert told["scope"].split() == ["openid", "profile", "email", "offline_access"]
    assert "offline_access" not in register(http)["scope"]


def test_a_registered_client_signs_members_in_with_their_consent_until_it_ends(open_world, http):
    told = register(
        http, id_token_signed_response_alg="ES256", redirect_uris=["http://127.0.0.1:9/reader/cb"]
    )
    member = open_world.signed_in()
    asked = open_world.party().ask(client_id=told["client_id"], scope="openid email")

    page = member.get(asked.url, follow_redirects=True)
    back = back_at(member.submit(page, consent="yes"))
    form = {"grant_type": "authorization_code", "code": back["code"], "code_verifier": asked.verifier,
            "redirect_uri": asked.parameters["redirect_uri"]}  # fmt: skip
    proof = {"Authorization": basic(told["client_id"], told["client_secret"])}
    tokens = http.post("/oauth2/token", data=form, headers=proof, base_url=ISSUER).json

    assert page.request.path == "/consentement", "a third party: its members are asked"
    assert verified(tokens["id_token"], open_world, audience=told["client_id"])["iss"] == ISSUER
    assert open_world.party().userinfo(tokens["access_token"]).status_code == 200

    assert manage(http, told, "DELETE").status_code == 204

    assert open_world.party().userinfo(tokens["access_token"]).status_code == 401
    assert "P-3001" in member.get(asked.url).text
    assert manage(http, told, "GET").status_code == 401
    assert manage(http, told, "DELETE").status_code == 401


def test_what_is_registered_can_be_read_without_the_secret(http):
    told = register(http, client_name="Appli", contacts=["ops@app.example"])

    read = manage(http, told, "GET")

    assert read.status_code == 200
    assert read.headers["Cache-Control"] == "no-store"
    expected = {
        name: value
        for name, value in told.items()
        if name not in {"client_secret", "client_secret_expires_at", "client_id_issued_at"}
    }
    assert read.json == expected


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_wrong_token_and_an_unknown_client_get_the_same_answer(open_world, http, method):
    told = register(http)
    other = register(http)
    with open_world.database.transaction() as session:
        client_rows.set_disabled(session, other["client_id"], disabled=True, now=open_world.clock.now())
    body = {"client_id": told["client_id"], "redirect_uris": [CALLBACK]}

    answers = [
        manage(http, told, method, token="wrong", **body),
        manage(http, told, method, token=INITIAL, **body),
        manage(http, told, method, token=other["registration_access_token"], **body),
        manage(http, other, method, **body),
        call(http, method, PATH + "/nobody", token=told["registration_access_token"], body=body),
        call(http, method, PATH + "/reader", token="", body=body),
        call(http, method, PATH + "/reader", token="x", body=body),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 401, 400, 401]
    assert (
        len(
            {
                (answer.text, answer.headers["WWW-Authenticate"])
                for answer in answers
                if answer.status_code == 401
            }
        )
        == 1
    )
    assert manage(http, told, "GET").status_code == 200


def test_an_update_replaces_all_that_was_there_and_the_secret_stays(open_world, http):
    told = register(http, client_name="Before", contacts=["ops@app.example"], scope="openid")

    changed = manage(
        http, told, "PUT", client_id=told["client_id"], client_secret=told["client_secret"],
        redirect_uris=["https://app.example/other"], client_name="After",
    )  # fmt: skip

    assert changed.status_code == 200
    assert changed.json["client_name"] == "After"
    assert changed.json["redirect_uris"] == ["https://app.example/other"]
    assert changed.json["scope"] == "openid profile email", "left out: the default again"
    assert "contacts" not in changed.json
    assert "client_secret" not in changed.json
    with open_world.database.reading() as session:
        document = client_rows.registered(session, told["client_id"]).document
    assert document["client_secret_sha256"] == [hashlib.sha256(told["client_secret"].encode()).hexdigest()]
    assert document["first_party"] is False


def test_an_update_to_a_secret_brings_one_and_an_update_away_from_it_ends_it(open_world, http):
    told = register(http, token_endpoint_auth_method="none")
    wanted = {"client_id": told["client_id"], "redirect_uris": [CALLBACK]}

    with_secret = manage(http, told, "PUT", **wanted).json
    without = manage(http, told, "PUT", **wanted, token_endpoint_auth_method="none").json

    assert len(with_secret["client_secret"]) == 43
    assert "client_secret" not in without
    with open_world.database.reading() as session:
        assert "client_secret_sha256" not in client_rows.registered(session, told["client_id"]).document


@pytest.mark.parametrize(
    ("changes", "error", "word"),
    [
        ({"client_id": None}, "invalid_client_metadata", "client_id"),
        ({"client_id": "reader"}, "invalid_client_metadata", "client_id"),
        ({"client_secret": "another"}, "invalid_client_metadata", "client_secret"),
        ({"registration_access_token": "x"}, "invalid_client_metadata", "registration_access_token"),
        ({"registration_client_uri": "x"}, "invalid_client_metadata", "registration_client_uri"),
        ({"client_secret_expires_at": 0}, "invalid_client_metadata", "client_secret_expires_at"),
        ({"client_id_issued_at": 1}, "invalid_client_metadata", "client_id_issued_at"),
        ({"redirect_uris": []}, "invalid_redirect_uri", "redirect_uris"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata", "grant_types"),
    ],
)
def test_a_wrong_update_changes_nothing(http, changes, error, word):
    told = register(http)
    wanted = {"client_id": told["client_id"], "redirect_uris": [CALLBACK], "client_name": "After", **changes}

    is_refused(manage(http, told, "PUT", **wanted), error, word)

    assert manage(http, told, "GET").json["client_name"] == told["client_id"]


def test_guesses_at_the_initial_access_token_are_limited_at_the_edge(world):
    tight = world.settings.limits.model_copy(update={"forms_per_minute": 3})
    settings = world.settings.model_copy(update={"registration": OPEN, "limits": tight})
    folder = world.settings.clients_dir.parent
    http = party.make_world(folder, world.database, settings).app.test_client()

    statuses = [call(http, "POST", token="guess", body={}).status_code for _ in range(4)]

    assert statuses == [401, 401, 401, 429]


def test_other_methods_are_refused_as_json(http):
    response = http.get(PATH, base_url=ISSUER)

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.content_type == "application/json"


def test_files_are_applied_without_touching_who_registered(open_world, http):
    told = register(http)

    open_world.apply_clients()

    assert manage(http, told, "GET").status_code == 200


@pytest.mark.parametrize(
    ("listed", "accepted"),
    [
        ([CALLBACK, "https://other.example/cb"], True),
        (["https://other.example/cb"], False),
        ({"redirect_uris": [CALLBACK]}, False),
        (CALLBACK, False),
        (None, False),
    ],
)
def test_a_sector_must_list_every_redirect_address(open_world, listed, accepted):
    """OIDC Registration 5: otherwise one client could learn another sector's subjects."""
    at = {"https://sector.example/list": listed}
    rules = Registration(open_world.parts.settings, open_world.parts.spaces, at.get)
    wanted = {"redirect_uris": [CALLBACK], "subject_type": "pairwise"}

    judged = rules.judge_sector({**wanted, "sector_identifier_uri": "https://sector.example/list"})

    assert isinstance(judged, Refused) != accepted


@pytest.mark.parametrize(
    "address", ["http://sector.example/list", "file:///etc/passwd", 3, ["https://a.example"]]
)
def test_nobody_is_asked_at_an_address_that_no_client_may_have(open_world, address):
    asked = []
    rules = Registration(open_world.parts.settings, open_world.parts.spaces, asked.append)

    judged = rules.judge_sector({"redirect_uris": [CALLBACK], "sector_identifier_uri": address})

    assert isinstance(judged, Refused)
    assert asked == []


def test_a_sector_is_read_at_registration_and_at_each_change_that_names_it(http):
    other = "https://other.example/cb"
    with ScriptedHttp() as server:
        server.script(
            *[(200, {"Content-Type": "application/json"}, json.dumps([CALLBACK, other]).encode())] * 2, 404
        )
        sector = {"subject_type": "pairwise", "sector_identifier_uri": f"{server.url}/list"}

        told = register(http, **sector, redirect_uris=[CALLBACK, other])
        wanted = {"client_id": told["client_id"], "redirect_uris": [CALLBACK], **sector}
        strangers = manage(http, told, "PUT", token="wrong", **wanted)
        asked_for_strangers = len(server.received)
        changed = manage(http, told, "PUT", **wanted)
        lost = manage(http, told, "PUT", **wanted)

    assert told["sector_identifier_uri"] == f"{server.url}/list"
    assert (strangers.status_code, asked_for_strangers) == (401, 1), "nobody is asked for a stranger"
    assert changed.status_code == 200
    is_refused(lost, "invalid_client_metadata", "sector_identifier_uri")
