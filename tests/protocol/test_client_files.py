"""Client files (RFC 7591 names): what is accepted, and what stops with its file, line, key and number."""

import hashlib

import pytest

from idp.core.spaces import Spaces
from idp.oidc import client_files, client_rows, clients
from idp.oidc.client_files import BadClient
from tests.protocol.party import ROOT

DIGEST = hashlib.sha256(b"x").hexdigest()
GOOD = {
    "client_id": "service",
    "client_name": "Service",
    "space": "adherent",
    "redirect_uris": ["https://rp.example/cb"],
    "client_secret_sha256": DIGEST,
}


@pytest.fixture(scope="module")
def spaces():
    return Spaces.read(ROOT / "config" / "spaces")


def parse(spaces, *, development=False, **changes):
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return client_files.parse(document, where="service.toml", spaces=spaces, development=development)


def test_a_short_file_is_enough_and_has_careful_defaults(spaces):
    client = parse(spaces)

    assert client.populations == spaces["adherent"].populations
    assert client.grant_types == ("authorization_code",)
    assert client.token_endpoint_auth_method == "client_secret_basic"
    assert client.id_token_signed_response_alg == "RS256"
    assert client.subject_type == "public"
    assert client.first_party


def test_every_standard_name_that_we_know_is_accepted(spaces):
    parse(
        spaces,
        post_logout_redirect_uris=["https://rp.example/bye"],
        backchannel_logout_uri="https://rp.example/logout",
        initiate_login_uri="https://rp.example/login",
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope="openid profile offline_access account:devices",
        jwks={"keys": []},
        client_uri="https://rp.example",
        contacts=["ops@rp.example"],
        populations=["adherent"],
        audiences=["https://api.example"],
        min_acr="urn:parvis:acr:2sv",
        access_token_lifetime="5m",
        client_secret_sha256=[DIGEST, DIGEST],
    )


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "with space"}, "client_id"),
        ({"client_id": "é"}, "client_id"),
        ({"space": "nowhere"}, "space"),
        ({"populations": ["martian"]}, "populations"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": "https://rp.example/cb"}, "redirect_uris"),
        ({"redirect_uri": "https://rp.example/cb"}, "redirect_uris"),
        ({"response_types": ["token"]}, "response_types"),
        ({"grant_types": ["password"]}, "grant_types"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "token_endpoint_auth_method"),
        ({"client_secret_sha256": None}, "client_secret_sha256"),
        ({"client_secret_sha256": "in-clear"}, "client_secret_sha256"),
        ({"client_secret_sha256": [DIGEST] * 3}, "client_secret_sha256"),
        ({"client_secret": "in-clear"}, "client_secret_sha256"),
        ({"token_endpoint_auth_method": "none"}, "client_secret_sha256"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg"),
        ({"id_token_signed_response_alg": "HS256"}, "id_token_signed_response_alg"),
        ({"subject_type": "secret"}, "subject_type"),
        (
            {"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]},
            "sector_identifier_uri",
        ),
        ({"scope": "two  spaces"}, "scope"),
        ({"scope": ""}, "scope"),
        ({"min_acr": "very-strong"}, "min_acr"),
        ({"access_token_lifetime": "5"}, "access_token_lifetime"),
        ({"access_token_lifetime": 300}, "access_token_lifetime"),
        ({"access_token_lifetime": "40d"}, "access_token_lifetime"),
        ({"first_party": "perhaps"}, "first_party"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_number(spaces, changes, key):
    with pytest.raises(BadClient) as refused:
        parse(spaces, **changes)

    assert str(refused.value).startswith("P-9002: service.toml: ")
    assert key in str(refused.value)
    assert "in-clear" not in str(refused.value), "what may be a secret is never repeated"


@pytest.mark.parametrize(
    "address",
    [
        "http://rp.example/cb",
        "https://rp.example/cb#x",
        "https://rp.example/*",
        "https://*.rp.example/cb",
        "https://user@rp.example/cb",
        "https://user:pass@rp.example/cb",
        "https://localhost:80@evil.example/cb",
        "http://localhost:80@evil.example/cb",
        "https://rp.example/a/../cb",
        "https://rp.example/..;/cb",
        "https://RP.example/cb",
        "https://rp.example:port/cb",
        "https://[::1",
        "https:///cb",
        "//rp.example/cb",
        "/cb",
        "cb",
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://rp.example/",
        "org.example.app:/cb",
        "https://rp.example/ cb",
        "https://rp.example/\n",
        "https://rp.example/é",
        "https://rp.example\\@evil.example/",
        "https://rp.example/" + "x" * 3000,
    ],
)
@pytest.mark.parametrize("key", ["redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri"])
def test_an_unsafe_address_is_refused(spaces, address, key):
    value = address if key == "backchannel_logout_uri" else [address]

    with pytest.raises(BadClient, match=key):
        parse(spaces, **{key: value})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8002/cb", "http://localhost:8002/cb", "http://[::1]:9/cb"]
)
def test_http_is_for_loopback_in_development_or_for_native_clients(spaces, address):
    native = {
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "client_secret_sha256": None,
    }

    assert parse(spaces, development=True, redirect_uris=[address])
    assert parse(spaces, redirect_uris=[address], **native)
    with pytest.raises(BadClient, match="must be https"):
        parse(spaces, redirect_uris=[address])


def test_http_elsewhere_is_refused_in_development_too(spaces):
    with pytest.raises(BadClient, match="must be https"):
        parse(spaces, development=True, redirect_uris=["http://rp.example/cb"])


def test_all_wrong_files_of_a_folder_are_told_at_once(spaces, tmp_path):
    (tmp_path / "a.toml").write_text("not toml", encoding="utf-8")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "c.toml").write_text('client_id = "c"', encoding="utf-8")

    with pytest.raises(BadClient) as refused:
        client_files.read_folder(tmp_path, spaces=spaces, development=True)

    for name in ("a.toml", "b.toml", "c.toml"):
        assert name in str(refused.value)


def test_two_files_with_one_client_id_are_refused(spaces, tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(
            f'client_id = "same"\nclient_name = "x"\nspace = "adherent"\n'
            f'redirect_uris = ["https://rp.example/"]\nclient_secret_sha256 = "{DIGEST}"',
            encoding="utf-8",
        )

    with pytest.raises(BadClient, match=r"b\.toml: client_id: already used by .*a\.toml"):
        client_files.read_folder(tmp_path, spaces=spaces, development=True)


def apply(world):
    with world.database.transaction() as session:
        return client_rows.apply(
            session,
            world.settings.clients_dir,
            spaces=world.parts.spaces,
            development=True,
            now=world.clock.now(),
        )


def test_applying_twice_changes_nothing_the_second_time(world):
    assert apply(world) == client_rows.Applied((), (), ())


def test_a_file_that_changes_goes_and_comes_back_is_followed_at_once(world, rp, member):
    path = world.settings.clients_dir / "reader.toml"
    text = path.read_text()

    path.write_text(text.replace("/reader/cb", "/reader/moved"))
    assert apply(world).changed == ("reader",)
    assert member.get(rp.ask().url).status_code == 400

    path.unlink()
    assert apply(world).gone == ("reader",)
    assert "P-3001" in member.get(rp.ask().url).text

    path.write_text(text)
    assert apply(world).changed == ("reader",)
    assert member.get(rp.ask().url).status_code == 303


def test_a_wrong_file_changes_nothing_of_the_others(world, rp, member):
    (world.settings.clients_dir / "reader.toml").unlink()
    (world.settings.clients_dir / "wrong.toml").write_text('client_id = "wrong"')

    with pytest.raises(BadClient):
        apply(world)

    assert member.get(rp.ask().url).status_code == 303


def test_a_client_that_registered_itself_stays_when_the_files_are_applied(world):
    with world.database.transaction() as session:
        registered = clients.Client.model_validate({**GOOD, "client_id": "by-itself"})
        client_rows.register(session, registered, token_hash="", now=world.clock.now())

    assert apply(world) == client_rows.Applied((), (), ())


def test_a_file_cannot_take_the_identifier_of_a_client_that_registered_itself(world):
    with world.database.transaction() as session:
        registered = clients.Client.model_validate({**GOOD, "client_id": "by-itself"})
        client_rows.register(session, registered, token_hash="", now=world.clock.now())
    text = (world.settings.clients_dir / "reader.toml").read_text()
    (world.settings.clients_dir / "taken.toml").write_text(text.replace('"reader"', '"by-itself"'))

    with pytest.raises(BadClient, match=r"P-9002: .*taken\.toml: client_id: by-itself registered itself"):
        apply(world)


def test_a_third_party_is_never_the_door_of_a_space(world):
    text = (world.settings.clients_dir / "reader.toml").read_text()
    (world.settings.clients_dir / "reader.toml").write_text(
        text + '\nfirst_party = false\ninitiate_login_uri = "https://elsewhere.example/"'
    )
    apply(world)

    with world.database.reading() as session:
        assert world.parts.provider.door_of(session, world.parts.spaces["adherent"]) is None
