"""What a service does with its tokens: refresh, revoke, introspect; with a key of its own, or in its own name."""

import jwt
import pytest

from tests.interop.clients import API
from tests.interop.parties import LibraryRefused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("interop"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]

LIBRARIES = ["openid-client", "oauth4webapi", "authlib", "idpyoidc"]


def signed_in(service, client, browser, **asked):
    return service.finish(browser.callback(service.begin(**asked), client.redirect_uri))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["confidential", "public"])
def test_a_refresh_token_gives_new_tokens_for_the_same_member(library, kind, party, clients, members):
    client = clients[kind]
    service = party(library, client)
    first = signed_in(service, client, members(library))

    second = service.refresh()

    assert second.access_token != first.access_token
    # A public client has no secret: each use gives it the next token (RFC 9700 section 4.14.2).
    assert (second.refresh_token != first.refresh_token) == (kind == "public")
    assert second.claims["sub"] == first.claims["sub"]
    assert second.claims["auth_time"] == first.claims["auth_time"]
    assert service.userinfo()["sub"] == first.claims["sub"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_revoked_grant_is_over_for_the_client_and_for_the_api(library, party, clients, members):
    client = clients["confidential"]
    service, api = party(library, client), party(library, clients["api"])
    tokens = signed_in(service, client, members(library), resource=API)
    told = api.introspect(tokens.access_token)
    assert told["active"]
    assert told["sub"] == tokens.claims["sub"]
    assert told["client_id"] == client.client_id

    service.revoke(tokens.refresh_token)

    assert api.introspect(tokens.access_token)["active"] is False
    with pytest.raises(LibraryRefused):
        service.userinfo()
    with pytest.raises(LibraryRefused):
        service.refresh()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_service_acts_in_its_own_name(library, party, clients):
    job, api = party(library, clients["nightly-job"]), party(library, clients["api"])

    token = job.client_credentials("statements:read", API)

    told = api.introspect(token)
    assert told["active"]
    assert told["client_id"] == told["sub"] == "nightly-job"
    assert told["scope"] == "statements:read"


@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi"])
@pytest.mark.parametrize("kind", ["fapi2", "fapi2-edwards"])
def test_a_fapi2_client_pushes_its_request_and_proves_its_key_at_every_step(
    library, kind, party, clients, members
):
    client = clients[kind]
    service = party(library, client)

    url = service.begin()
    assert "request_uri=urn" in url
    assert "redirect_uri" not in url
    first = service.finish(members(library).callback(url, client.redirect_uri))

    assert first.token_type.lower() == "dpop"
    assert "jkt" in jwt.decode(first.access_token, options={"verify_signature": False})["cnf"]
    assert service.userinfo()["sub"] == first.claims["sub"]
    second = service.refresh()
    assert second.refresh_token == first.refresh_token
    assert service.userinfo()["sub"] == first.claims["sub"]
