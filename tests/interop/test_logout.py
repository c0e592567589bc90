"""A member signs out in one service: the session ends at the provider, and the other services are told."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.interop.browser import MemberBrowser
from tests.interop.parties import LibraryRefused

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("interop"),
]

LIBRARIES = ["openid-client", "oauth4webapi", "authlib", "idpyoidc"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_signs_a_member_out_everywhere(library, party, clients, provider, logouts):
    client, browser = clients["confidential"], MemberBrowser(provider, provider.new_member())
    service = party(library, client)
    tokens = service.finish(browser.callback(service.begin(), client.redirect_uri))

    back = browser.callback(service.end_session_url(client.goodbye, "the-state"), client.goodbye)

    assert parse_qs(urlsplit(back).query) == {"state": ["the-state"]}
    with pytest.raises(LibraryRefused):
        service.userinfo()
    order = service.logout_token(logouts.order("/backchannel-logout"))
    assert order["sid"] == tokens.claims["sid"]
    assert order["sub"] == tokens.claims["sub"]
    # The next request meets no session: the password is asked again.
    service.finish(browser.callback(service.begin(), client.redirect_uri))
    assert browser.sign_ins == 2
    browser.close()


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_takes_no_id_token_for_a_logout_token(library, party, clients, members):
    client = clients["confidential"]
    service = party(library, client)
    tokens = service.finish(members(library).callback(service.begin(), client.redirect_uri))

    with pytest.raises(LibraryRefused):
        service.logout_token(tokens.id_token)
