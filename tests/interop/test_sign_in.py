"""A member signs in to a service that uses somebody else's library: discovery, code flow, userinfo."""

from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from tests.interop.parties import LibraryRefused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("interop"),
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # RFC 9864 renames it; clients still ask for it
]

LIBRARIES = ["openid-client", "oauth4webapi", "authlib", "idpyoidc"]
KINDS = ["confidential", "default", "eddsa", "public", "keyed"]
# idpyoidc writes the audience of an assertion as a list, and the provider takes the issuer as one text alone.
CASES = [
    (library, kind) for library in LIBRARIES for kind in KINDS if (library, kind) != ("idpyoidc", "keyed")
]


@pytest.mark.parametrize(("library", "kind"), CASES)
def test_the_library_signs_a_member_in(library, kind, party, clients, members):
    client, browser = clients[kind], members(library)
    service = party(library, client)

    callback = browser.callback(service.begin(), client.redirect_uri)
    tokens = service.finish(callback)

    assert jwt.get_unverified_header(tokens.id_token)["alg"] == client.algorithm
    assert tokens.claims["acr"] == "urn:parvis:acr:2sv"
    about = service.userinfo()
    assert about["sub"] == tokens.claims["sub"]
    assert about["email"] == browser.member.email
    assert about["member_number"] == browser.member.number
    # The other services of this library's member met the session of the first.
    assert browser.sign_ins == 1


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("tampered", ["iss", "state"])
def test_the_library_believes_no_answer_that_was_changed_on_the_way(
    library, tampered, party, clients, members
):
    client = clients["confidential"]
    service = party(library, client)
    callback = members(library).callback(service.begin(), client.redirect_uri)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(callback).query).items()}

    answer[tampered] = "https://another.example.org"

    with pytest.raises(LibraryRefused):
        service.finish(f"{client.redirect_uri}?{urlencode(answer)}")
