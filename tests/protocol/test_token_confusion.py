"""RFC 8725 section 3.11: every kind of token at every place that reads one; what is not in the table passes nowhere."""

import hashlib
import shutil
from collections.abc import Callable

import httpx
import pytest
import time_machine
from bs4 import BeautifulSoup
from sqlalchemy import text
from werkzeug.test import TestResponse

import examples.issuer
from examples.member_data.app import create_app as create_member_data
from examples.member_space.app import create_app as create_member_space
from examples.member_space.settings import DOORS
from examples.member_space.settings import Settings as SpaceSettings
from idp.core.db import Database
from idp.core.settings import Registration
from idp.oidc import backchannel
from tests.protocol import party
from tests.protocol.party import ASSERTION_TYPE, AUDIENCE, CLIENT_KEY, ISSUER, NOON, basic, secret_of

CLAIMS_API = "https://claims.example.org"
SPACE = "http://127.0.0.1:8002"
ESPACE = "espace-adherent"


INITIAL = "the-initial-access-token-of-these-tests"


class Scene:
    """A provider, its signed-in member, the two example services, and what each door and token needs."""

    def __init__(self, world, member, folder) -> None:
        self.world, self.member = world, member
        self.data = create_member_data(
            ISSUER, AUDIENCE, folder / "data.db", clock=world.clock.now
        ).test_client()
        secrets = dict.fromkeys(DOORS, "secret")
        settings = SpaceSettings(ISSUER, SPACE, AUDIENCE, folder / "space.db", secrets)
        self.space = create_member_space(settings, clock=world.clock.now).test_client()
        self._kept: dict[str, dict] = {}

    def given(self, client_id: str, scope: str = "openid profile") -> dict:
        """A token response for the member; one for each client and scope."""
        key = f"{client_id} {scope}"
        if key not in self._kept:
            self._kept[key] = self._new(client_id, scope)
        return self._kept[key]

    def _new(self, client_id: str, scope: str) -> dict:
        client = self.world.party(client_id)
        asked = client.ask(scope=scope)
        headers = client.proof("/oauth2/token") if client_id == "bound" else None
        response = client.redeem(client.code_for(self.member, asked), asked, headers=headers)
        assert response.status_code == 200, response.text
        return response.json

    def code(self) -> str:
        client = self.world.party("reader")
        self.asked = client.ask()
        return client.code_for(self.member, self.asked)

    def service_token(self, **more: str) -> str:
        form = {"grant_type": "client_credentials", **more}
        return self.world.party("robot").token(form).json["access_token"]

    def logout_token(self) -> str:
        """As the worker makes it; the member space takes each one once."""
        provider = self.world.parts.provider
        return backchannel.logout_token(
            provider.clients.known.clients[ESPACE],
            sub=self.world.accounts["1234567"],
            sid="session",
            issuer=ISSUER,
            ring=provider.keys.ring,
            now=self.world.clock.now(),
        )

    def registered(self) -> dict:
        """A client that registered itself."""
        if "registered" not in self._kept:
            body = {"redirect_uris": ["https://app.example/cb"]}
            response = self.world.app.test_client().post(
                "/oauth2/register", json=body, headers=bearer(INITIAL), base_url=ISSUER
            )
            assert response.status_code == 201, response.text
            self._kept["registered"] = response.json
        return self._kept["registered"]

    def pushed(self) -> str:
        client = self.world.party("pushing")
        return client.push(client.ask().parameters).json["request_uri"]

    def assertion(self) -> str:
        return CLIENT_KEY.assertion("keyed", self.world.clock.now())

    def proof(self, method: str = "POST", path: str = "/oauth2/token", token: str | None = None) -> str:
        url = path if path.startswith("http") else ISSUER + path
        return CLIENT_KEY.proof(url, self.world.clock.now(), method=method, token=token)

    def form_token(self) -> str:
        page = self.member.get("/deconnexion")
        return BeautifulSoup(page.text, "html.parser").find("input", {"name": "csrf_token"})["value"]

    def post(self, path: str, form, **headers: str) -> TestResponse:
        return self.world.app.test_client().post(path, data=form, headers=headers, base_url=ISSUER)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.world.app.test_client().get(path, headers=headers, base_url=ISSUER)

    def revocations(self) -> int:
        with self.world.database.reading() as session:
            return session.execute(
                text("SELECT count(*) FROM audit_event WHERE event = 'token.revoked'")
            ).scalar_one()


@pytest.fixture
def world(prepared, compiled_templates, tmp_path):
    """A provider with everything open that can be: software may register itself."""
    source, accounts = prepared
    folder = tmp_path / "store"
    shutil.copytree(source, folder)
    database = Database(f"sqlite:///{folder}/parvis.db")
    opened = Registration(enabled=True, token_sha256=hashlib.sha256(INITIAL.encode()).hexdigest())
    settings = party.make_settings(folder, f"sqlite:///{folder}/parvis.db")
    world = party.make_world(folder, database, settings.model_copy(update={"registration": opened}))
    world.app.jinja_env.bytecode_cache = compiled_templates
    world.accounts.update(accounts)
    yield world
    database.dispose()


@pytest.fixture
def scene(world, member, tmp_path, monkeypatch):
    # The table of clients is read by parties too; the real clients of the member space are not in it.
    client = {"redirect_uris": [f"{SPACE}/callback/adherent"], "id_token_signed_response_alg": "ES256"}
    monkeypatch.setitem(party.CLIENTS, ESPACE, client)
    party.write_clients(world.settings.clients_dir)
    world.apply_clients()
    transport = httpx.WSGITransport(world.app)
    monkeypatch.setattr(examples.issuer, "new_client", lambda: httpx.Client(transport=transport))
    with time_machine.travel(NOON, tick=False):
        yield Scene(world, member, tmp_path)


KINDS: dict[str, Callable[[Scene], str]] = {
    "access for userinfo": lambda s: s.given("reader")["access_token"],
    "access for member data": lambda s: s.given("reader", "member_data")["access_token"],
    "access for both": lambda s: s.given("reader", "openid member_data")["access_token"],
    "access without openid": lambda s: s.given("reader", "profile")["access_token"],
    "pairwise access": lambda s: s.given("pairwise")["access_token"],
    "bound access": lambda s: s.given("bound", "openid member_data")["access_token"],
    "service access": lambda s: s.service_token(scope="admin:read"),
    "service access for claims": lambda s: s.service_token(scope="claims:read", resource=CLAIMS_API),
    "ID token": lambda s: s.given("reader")["id_token"],
    "pairwise ID token": lambda s: s.given("pairwise")["id_token"],
    "ID token of the member space": lambda s: s.given(ESPACE)["id_token"],
    "refresh token": lambda s: s.given("refreshing", "openid offline_access")["refresh_token"],
    "authorization code": lambda s: s.code(),
    "signed userinfo": lambda s: s.world.party("signed-info")
    .userinfo(s.given("signed-info")["access_token"])
    .text,
    "logout token": lambda s: s.logout_token(),
    "client assertion": lambda s: s.assertion(),
    "proof of possession": lambda s: s.proof(),
    "pushed request": lambda s: s.pushed(),
    "session cookie": lambda s: s.member.http.get_cookie("__Host-parvis_session", domain="127.0.0.1").value,
    "browser cookie": lambda s: s.member.http.get_cookie("__Host-parvis_browser", domain="127.0.0.1").value,
    "form token": lambda s: s.form_token(),
    "initial access token": lambda s: INITIAL,
    "registration token": lambda s: s.registered()["registration_access_token"],
    "secret of a registered client": lambda s: s.registered()["client_secret"],
    "client secret": lambda s: secret_of("poster"),
}  # fmt: skip


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}".encode().decode("latin-1")}


def dpop(scene: Scene, token: str, method: str, path: str) -> dict[str, str]:
    header = {"Authorization": f"DPoP {token}".encode().decode("latin-1")}
    return {**header, "DPoP": scene.proof(method, path, token)}


def answers_200(response: TestResponse) -> bool:
    return response.status_code == 200


def introspected(scene: Scene, token: str) -> bool:
    return scene.world.party("api").introspect(token).json["active"]


def revoked(scene: Scene, client_id: str) -> Callable[[str], bool]:
    def revoke(token: str) -> bool:
        before = scene.revocations()
        response = scene.world.party(client_id).revoke(token)
        assert response.status_code in {200, 400}, response.text
        return scene.revocations() > before

    return revoke


def token_call(scene: Scene, client_id: str, **form: str) -> bool:
    response = scene.world.party(client_id).token(form)
    assert response.status_code in {200, 400, 401}, response.text
    return response.status_code == 200


def code_redeemed(scene: Scene, token: str) -> bool:
    asked = getattr(scene, "asked", None) or scene.world.party("reader").ask()
    return scene.world.party("reader").redeem(token, asked).status_code == 200


def asserted(scene: Scene, path: str, assertion: str, **form: str) -> bool:
    proving = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    return answers_200(scene.post(path, {**proving, **form}))


def authorized(scene: Scene, client_id: str, **parameters: str | None) -> bool:
    asked = scene.world.party(client_id).ask(prompt="none", **parameters)
    response = scene.member.get(asked.url)
    assert response.status_code in {303, 400}, response.text
    return "code=" in (response.location or "")


def pushed_used(scene: Scene, token: str) -> bool:
    parameters = {"client_id": "pushing", "request_uri": token}
    response = scene.member.get("/oauth2/authorize", query_string=parameters)
    return "code=" in (response.location or "")


def logged_out(scene: Scene, client_id: str, token: str) -> bool:
    """By a browser in which nobody is signed in: only a genuine hint leads on."""
    bye = f"http://127.0.0.1:9/{client_id}/bye"
    parameters = {"id_token_hint": token, "post_logout_redirect_uri": bye}
    response = scene.world.browser().get("/oauth2/end_session", query_string=parameters)
    return response.location == bye


def manages(scene: Scene, token: str) -> bool:
    path = scene.registered()["registration_client_uri"].removeprefix(ISSUER)
    return answers_200(scene.get(path, **bearer(token)))


def registers(scene: Scene, token: str) -> bool:
    body = {"redirect_uris": ["https://app.example/cb"]}
    http = scene.world.app.test_client()
    response = http.post("/oauth2/register", json=body, headers=bearer(token), base_url=ISSUER)
    assert response.status_code in {201, 401}, response.text
    return response.status_code == 201


def is_session(scene: Scene, token: str) -> bool:
    browser = scene.world.browser()
    browser.http.set_cookie("__Host-parvis_session", token, domain="127.0.0.1")
    return "code=" in (browser.get(scene.world.party("reader").ask(prompt="none").url).location or "")


def form_posted(scene: Scene, token: str) -> bool:
    """The logout page's button, pressed at a browser of its own, so that the member stays signed in."""
    other = scene.world.browser()
    cookie = scene.member.http.get_cookie("__Host-parvis_browser", domain="127.0.0.1")
    other.http.set_cookie("__Host-parvis_browser", cookie.value, domain="127.0.0.1")
    return other.post("/deconnexion", data={"csrf_token": token}).status_code == 200


def secret_taken(scene: Scene, token: str) -> bool:
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x", "client_id": "poster"}
    return scene.post("/oauth2/token", {**form, "client_secret": token}).json["error"] == "invalid_grant"


def password_taken(scene: Scene, client_id: str, token: str) -> bool:
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x"}
    answer = scene.post("/oauth2/token", form, Authorization=basic(client_id, token))
    return answer.json["error"] == "invalid_grant"


# Each place that reads a token: whether it lets this one through, and the kinds that may.
Door = Callable[[Scene, str], bool]
DOORS_OF: dict[str, tuple[Door, set[str]]] = {
    "userinfo, Bearer": (
        lambda s, t: answers_200(s.get("/oauth2/userinfo", **bearer(t))),
        {"access for userinfo", "access for both", "pairwise access"},
    ),
    "userinfo, form": (
        lambda s, t: answers_200(s.post("/oauth2/userinfo", {"access_token": t})),
        {"access for userinfo", "access for both", "pairwise access"},
    ),
    "userinfo, DPoP": (
        lambda s, t: answers_200(s.get("/oauth2/userinfo", **dpop(s, t, "GET", "/oauth2/userinfo"))),
        {"bound access"},
    ),
    "userinfo, Basic": (
        lambda s, t: answers_200(s.get("/oauth2/userinfo", Authorization=basic(t, t))),
        set(),
    ),
    "member data, Bearer": (
        lambda s, t: answers_200(s.data.get("/card", headers=bearer(t))),
        {"access for member data", "access for both"},
    ),
    "member data, DPoP": (
        lambda s, t: answers_200(s.data.get("/card", headers=dpop(s, t, "GET", f"{AUDIENCE}/card"))),
        {"bound access"},
    ),
    "administration, Bearer": (
        lambda s, t: answers_200(s.get("/admin/api/v1/config", **bearer(t))),
        {"service access"},
    ),
    "administration, DPoP": (
        lambda s, t: answers_200(s.get("/admin/api/v1/config", **dpop(s, t, "GET", "/admin/api/v1/config"))),
        set(),
    ),
    "introspection, token": (
        introspected,
        {"access for member data", "access for both", "bound access", "service access for claims"},
    ),
    "introspection, caller": (
        lambda s, t: answers_200(s.post("/oauth2/introspect", {"token": "x"}, **bearer(t))),
        set(),
    ),
    "revocation by the reader": (
        lambda s, t: revoked(s, "reader")(t),
        {"access for userinfo", "access for member data", "access for both", "access without openid"},
    ),
    "revocation by the refreshing client": (
        lambda s, t: revoked(s, "refreshing")(t),
        {"refresh token"},
    ),
    "revocation, caller": (
        lambda s, t: answers_200(s.post("/oauth2/revoke", {"token": "x"}, **bearer(t))),
        set(),
    ),
    "token, code": (code_redeemed, {"authorization code"}),
    "token, refresh_token": (
        lambda s, t: token_call(s, "refreshing", grant_type="refresh_token", refresh_token=t),
        {"refresh token"},
    ),
    "token, refresh_token of another client": (
        lambda s, t: token_call(s, "rotating", grant_type="refresh_token", refresh_token=t),
        set(),
    ),
    "token, client_assertion": (
        lambda s, t: asserted(s, "/oauth2/token", t, grant_type="client_credentials"),
        {"client assertion"},
    ),
    "revocation, client_assertion": (
        lambda s, t: asserted(s, "/oauth2/revoke", t, token="x"),
        {"client assertion"},
    ),
    "token, client_secret": (secret_taken, {"client secret"}),
    "token, Basic": (lambda s, t: password_taken(s, "reader", t), set()),
    "token, DPoP": (
        lambda s, t: answers_200(
            s.world.party("robot").token(
                {"grant_type": "client_credentials"}, headers={"DPoP": t.encode().decode("latin-1")}
            )
        ),
        {"proof of possession"},
    ),
    "authorize, id_token_hint": (
        lambda s, t: authorized(s, "reader", id_token_hint=t),
        {"ID token"},
    ),
    # Signed userinfo and logout tokens name their client as ID tokens do: their type alone tells them apart.
    "authorize, id_token_hint of signed userinfo's client": (
        lambda s, t: authorized(s, "signed-info", id_token_hint=t),
        set(),
    ),
    "authorize, id_token_hint of the member space": (
        lambda s, t: authorized(s, ESPACE, id_token_hint=t),
        {"ID token of the member space"},
    ),
    "authorize, request_uri": (pushed_used, {"pushed request"}),
    "authorize, request": (lambda s, t: authorized(s, "reader", request=t), set()),
    "authorize, session cookie": (is_session, {"session cookie"}),
    "end_session, id_token_hint": (lambda s, t: logged_out(s, "reader", t), {"ID token"}),
    "end_session, id_token_hint of the member space": (
        lambda s, t: logged_out(s, ESPACE, t),
        {"ID token of the member space"},
    ),
    "registration": (registers, {"initial access token"}),
    "management of a registered client": (manages, {"registration token"}),
    "token, Basic of a registered client": (
        lambda s, t: password_taken(s, s.registered()["client_id"], t),
        {"secret of a registered client"},
    ),
    "page, form token": (form_posted, {"form token"}),
    "member space, back-channel logout": (
        lambda s, t: answers_200(s.space.post("/backchannel-logout", data={"logout_token": t})),
        {"logout token"},
    ),
}


@pytest.mark.parametrize("door", DOORS_OF)
def test_only_the_kinds_of_the_table_pass(scene, door):
    enters, expected = DOORS_OF[door]

    passed = {kind for kind, make in KINDS.items() if enters(scene, make(scene))}

    assert passed == expected


def pieces(token: str) -> list[str]:
    """What is left of a token that was cut, doubled or written otherwise (CVE-2026-27840)."""
    swapped = token.swapcase()
    rotated = token[1:] + token[:1]
    cut = [token[:length] for length in (1, len(token) // 2, len(token) - 1)]
    return [
        *cut,
        token[1:],
        swapped,
        rotated,
        token + token[-1],
        token + token,
        f"{token[:3]} {token[3:]}",
        token + "%00",
    ]


@pytest.mark.parametrize(
    ("kind", "door"),
    [
        ("refresh token", "token, refresh_token"),
        ("authorization code", "token, code"),
        ("session cookie", "authorize, session cookie"),
        ("pushed request", "authorize, request_uri"),
        ("client secret", "token, client_secret"),
        ("initial access token", "registration"),
        ("registration token", "management of a registered client"),
        ("form token", "page, form token"),
    ],
)
def test_no_piece_and_no_other_spelling_of_an_opaque_token_passes(scene, kind, door):
    enters, _ = DOORS_OF[door]
    token = KINDS[kind](scene)

    wrong = [piece for piece in pieces(token) if enters(scene, piece)]

    assert wrong == []
    assert enters(scene, token)


def test_every_kind_passes_somewhere_and_every_expectation_names_a_kind():
    expected = set().union(*(kinds for _, kinds in DOORS_OF.values()))

    assert expected <= KINDS.keys()
    assert KINDS.keys() - expected == {
        # A hint for a client of no door, an answer that is read and not sent back, and the mark of a browser.
        "pairwise ID token",
        "signed userinfo",
        "browser cookie",
    }


def test_no_two_secrets_of_one_scene_are_alike(scene):
    made = {kind: make(scene) for kind, make in KINDS.items()}

    assert len(set(made.values())) == len(made)
    for kind, token in made.items():
        others = [other for other, value in made.items() if other != kind and token in value]
        assert others == [], kind
