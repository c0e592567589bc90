"""Whatever comes in, nothing is a 500: each parameter absent, doubled, huge, badly encoded, hostile."""

import pytest

from idp.oidc.requests import KNOWN
from tests.protocol.party import ISSUER

HOSTILE = {
    "absent": None,
    "empty": "",
    "huge": "x" * 100_000,
    "long": "x" * 4_000,
    "not UTF-8": "%ff%fe%c3%28",
    "surrogate": "%ed%a0%80",
    "null": "a%00b",
    "line breaks": "a%0d%0aLocation:%20http://evil.example",
    "markup": "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "format": "%25s%25n%7B0%7D$%7B7*7%7D",
    "SQL": "'%20OR%201=1--",
    "emoji": "%F0%9F%92%A9",
    "right to left": "%E2%80%AE",
    "number": "-1",
}
LOGOUT = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales")


def is_decent(response):
    assert response.status_code < 500, response.text
    assert "evil.example" not in response.headers.get("Location", "").partition("?")[0]
    assert "<script>alert(1)" not in response.text
    assert "Traceback" not in response.text


def query(parameters, name, value):
    from urllib.parse import urlencode

    rest = urlencode({key: known for key, known in parameters.items() if key != name})
    return rest if value is None else f"{rest}&{name}={value}"


@pytest.mark.parametrize("name", KNOWN)
def test_the_authorization_endpoint_survives_any_value(rp, member, name):
    parameters = rp.ask().parameters
    for value in HOSTILE.values():
        sent = query(parameters, name, value)
        is_decent(member.get(f"/oauth2/authorize?{sent}"))
        is_decent(member.get(f"/oauth2/authorize?{sent}&{name}=again"))
        is_decent(
            member.post("/oauth2/authorize", data=sent, content_type="application/x-www-form-urlencoded")
        )


@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"]
)
def test_the_token_endpoint_survives_any_value(world, member, name):
    for client in ("reader", "poster", "public"):
        party = world.party(client)
        asked = party.ask()
        form = {
            "grant_type": "authorization_code",
            "code": party.code_for(member, asked),
            "redirect_uri": party.redirect_uri,
            "code_verifier": asked.verifier,
            "client_id": client,
        }
        for value in HOSTILE.values():
            sent = query(form, name, value)
            for body in (sent, f"{sent}&{name}=again"):
                response = party.token(
                    body.encode(), headers={"Content-Type": "application/x-www-form-urlencoded"}
                )
                is_decent(response)
                assert response.content_type == "application/json"


@pytest.mark.parametrize("name", LOGOUT)
def test_the_logout_survives_any_value(rp, member, name):
    parameters = {
        "id_token_hint": rp.tokens(member)["id_token"],
        "post_logout_redirect_uri": "http://127.0.0.1:9/reader/bye",
        "state": "x",
        "client_id": "reader",
    }
    for value in HOSTILE.values():
        sent = query(parameters, name, value)
        for url in (
            f"/oauth2/end_session?{sent}",
            f"/oauth2/end_session?{sent}&{name}=2",
            f"/deconnexion?{sent}",
        ):
            is_decent(member.get(url))
        is_decent(
            member.post("/oauth2/end_session", data=sent, content_type="application/x-www-form-urlencoded")
        )


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_way_back_from_a_sign_in_survives_any_handle(rp, member, value):
    is_decent(member.get("/oauth2/authorize/suite" + ("" if value is None else f"?i={value}")))


@pytest.mark.parametrize(
    "header", ["Authorization", "Origin", "If-None-Match", "Content-Type", "Cookie", "Accept"]
)
@pytest.mark.parametrize(
    "path", ["/oauth2/token", "/oauth2/userinfo", "/oauth2/jwks.json", "/oauth2/authorize"]
)
def test_any_header_may_be_hostile(world, path, header):
    http = world.app.test_client()
    for value in ("", "x" * 20_000, "é\xff", "Basic \xff", 'W/"x', "__Host-parvis_session=\xff; a=b", "null"):
        is_decent(http.get(path, headers={header: value}, base_url=ISSUER))
        is_decent(http.post(path, headers={header: value}, base_url=ISSUER))
