"""RFC 8725: more than a hundred forged and malformed JWTs, at every endpoint that reads one; nothing passes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import jwt
import pytest
import time_machine
from werkzeug.test import TestResponse

import examples.issuer
from examples.member_data.app import create_app as create_member_data
from tests.protocol.hostile_tokens import (
    FORGED,
    NEVER_OURS,
    Workshop,
    bad_payloads,
    doubled,
    doubled_header,
    odd_headers,
    wrong_claims,
)
from tests.protocol.party import ASSERTION_TYPE, AUDIENCE, CLIENT_KEY, ISSUER, NOON, back_at
from tests.support.proofs import Prover

SCOPE = "openid profile email member member_data"
# Shorter pieces of a token may occur in an answer by chance.
TELLING = 16


@dataclass
class Door:
    """One endpoint that reads a token: how it is presented there, and what a refusal looks like."""

    present: Callable[[str], TestResponse]
    genuine: str
    passes: Callable[[TestResponse], bool]
    refuses: Callable[[TestResponse], bool]

    def faults(self, tokens: dict[str, str]) -> dict[str, object]:
        """What went wrong for which token; and the genuine one must pass before and after."""
        assert self.passes(self.present(self.genuine))
        found = {}
        for name, token in tokens.items():
            response = self.present(token)
            if not self.refuses(response):
                found[name] = (response.status_code, response.text[:200])
            elif echo := echoed(token, response):
                found[name] = f"repeats {echo}"
        assert self.passes(self.present(self.genuine))
        return found


def echoed(token: str, response: TestResponse) -> str | None:
    """The first telling piece of a token that an answer repeats."""
    answer = f"{response.headers}\n{response.text}"
    pieces = [piece for piece in token[:20_000].split(".") if len(piece) >= TELLING]
    return next((piece[:40] for piece in pieces if piece in answer), None)


def raw(value: str) -> str:
    """A header as it arrives on the wire, hostile characters included (PEP 3333)."""
    return value.encode("utf-8", "surrogatepass").decode("latin-1")


def sendable(tokens: dict[str, str]) -> dict[str, str]:
    """Without those that become the genuine one on the way: white space around a value is no part of it."""
    return {
        name: token
        for name, token in tokens.items()
        if not name.endswith(("break at the end", "tab at the end"))
    }


def made(workshop: Workshop, *tables) -> dict[str, str]:
    return {name: make(workshop) for table in tables for name, make in dict(table).items()}


def is_refused_token(response: TestResponse) -> bool:
    """RFC 6750 section 3.1, without a word of anybody's data."""
    return (
        response.status_code in {400, 401, 403}
        and "WWW-Authenticate" in response.headers
        and response.is_json
        and set(response.json) <= {"error", "error_description", "message"}
    )


def is_page_of_refusal(response: TestResponse) -> bool:
    """What is too long, or no text at all, gets a page of its own and leads nowhere."""
    return response.status_code in {400, 413, 414} and response.location is None


def userinfo(rp, member) -> Door:
    def present(token: str) -> TestResponse:
        environ = {"HTTP_AUTHORIZATION": raw(f"Bearer {token}")}
        return rp.http.get("/oauth2/userinfo", environ_overrides=environ, base_url=ISSUER)

    return Door(
        present,
        genuine=rp.tokens(member, scope=SCOPE)["access_token"],
        passes=lambda response: response.status_code == 200 and response.json["member_number"] == "1234567",
        refuses=is_refused_token,
    )


def userinfo_form(rp, member) -> Door:
    def present(token: str) -> TestResponse:
        return rp.http.post("/oauth2/userinfo", data={"access_token": token}, base_url=ISSUER)

    door = userinfo(rp, member)
    too_large = {413}
    return Door(
        present,
        genuine=door.genuine,
        passes=door.passes,
        refuses=lambda response: response.status_code in too_large or is_refused_token(response),
    )


@pytest.fixture
def member_data(world, rp, member, tmp_path, monkeypatch):
    """The member-data service beside this provider: its requests to it go through the app, not a socket."""
    transport = httpx.WSGITransport(world.app)
    monkeypatch.setattr(examples.issuer, "new_client", lambda: httpx.Client(transport=transport))
    http = create_member_data(ISSUER, AUDIENCE, tmp_path / "data.db", clock=world.clock.now).test_client()

    def present(token: str) -> TestResponse:
        return http.get("/card", environ_overrides={"HTTP_AUTHORIZATION": raw(f"Bearer {token}")})

    # PyJWT reads the clock of the machine.
    with time_machine.travel(NOON, tick=False):
        yield Door(
            present,
            genuine=rp.tokens(member, scope=SCOPE)["access_token"],
            passes=lambda response: response.status_code == 200 and "card" in response.json,
            refuses=is_refused_token,
        )


def silent_request(rp, member) -> Door:
    """`id_token_hint` at authorize, where no page may be shown (OIDC Core 3.1.2.1)."""

    def present(token: str) -> TestResponse:
        return member.get(
            "/oauth2/authorize", query_string=rp.ask(id_token_hint=token, prompt="none").parameters
        )

    return Door(
        present,
        genuine=rp.tokens(member)["id_token"],
        passes=lambda response: response.status_code == 303 and "code=" in response.location,
        refuses=lambda response: (
            is_page_of_refusal(response)
            or response.location.startswith(f"{rp.redirect_uri}?error=invalid_request&")
        ),
    )


def logout(rp, member) -> Door:
    """`id_token_hint` at end_session: a forged one leads nowhere, and ends nothing without a question."""
    bye = "http://127.0.0.1:9/reader/bye"
    genuine = rp.tokens(member)["id_token"]
    nobody = rp.world.browser()

    def present(token: str) -> TestResponse:
        browser = nobody if token == genuine else member
        parameters = {"id_token_hint": token, "post_logout_redirect_uri": bye}
        return browser.get("/oauth2/end_session", query_string=parameters)

    return Door(
        present,
        genuine=genuine,
        passes=lambda response: response.status_code == 303 and response.location == bye,
        refuses=lambda response: is_page_of_refusal(response) or response.location == "/deconnexion",
    )


def introspected(world, member) -> Door:
    """`token` at introspection, asked by a service that the genuine token is for (RFC 7662)."""
    service = world.party("api")

    return Door(
        service.introspect,
        genuine=world.party("reader").tokens(member, scope=SCOPE)["access_token"],
        passes=lambda response: (
            response.json["active"] is True and response.json["member_number"] == "1234567"
        ),
        refuses=lambda response: (
            (response.status_code == 200 and response.json == {"active": False}) or is_bad_request(response)
        ),
    )


def assertion(world, **changes) -> str:
    return CLIENT_KEY.assertion("keyed", world.clock.now(), headers={"typ": "JWT"}, **changes)


def asserted(party, path: str, form: dict[str, str]) -> Door:
    """`client_assertion` at an endpoint for clients (RFC 7523)."""

    def present(token: str) -> TestResponse:
        # An assertion is good once, so the genuine one is a fresh one each time.
        token = assertion(party.world) if token == "genuine" else token
        proving = {"client_assertion": token, "client_assertion_type": ASSERTION_TYPE}
        return party.world.app.test_client().post(path, data={**proving, **form}, base_url=ISSUER)

    return Door(
        present,
        genuine="genuine",
        passes=lambda response: response.status_code in {200, 201},
        refuses=lambda response: is_bad_request(response) or response.json.get("error") == "invalid_client",
    )


def is_bad_request(response: TestResponse) -> bool:
    """What is no form at all, or far too long for one."""
    return response.status_code in {400, 413} and "error" in response.json


def test_the_table_is_long_and_its_tokens_differ(rp, member, world):
    workshop = Workshop.at(world, rp.tokens(member, scope=SCOPE)["access_token"])

    tokens = made(workshop, FORGED, NEVER_OURS, wrong_claims(ISSUER, (ISSUER, AUDIENCE)))

    assert len(tokens) >= 200
    assert workshop.genuine not in tokens.values()
    assert jwt.get_unverified_header(workshop.signed()) == workshop.header


@pytest.mark.parametrize("kind", [userinfo, userinfo_form])
def test_userinfo_takes_none_of_them(rp, member, world, kind):
    door = kind(rp, member)
    workshop = Workshop.at(world, door.genuine)
    assert door.passes(door.present(workshop.signed()))

    tokens = made(workshop, FORGED, NEVER_OURS, wrong_claims(ISSUER, (ISSUER,)))

    for value in (None, 7, ["x"], {}, "x", "../x"):
        tokens[f"grant {value!r}"] = workshop.signed({}, {"grant": value})
    assert door.faults(sendable(tokens)) == {}


def test_the_member_data_service_takes_none_of_them(member_data, world):
    workshop = Workshop.at(world, member_data.genuine)
    assert member_data.passes(member_data.present(workshop.signed()))

    tokens = made(workshop, FORGED, NEVER_OURS, wrong_claims(ISSUER, (AUDIENCE,)))

    # RFC 7515 section 4: a reader ignores header members that it does not know and that are not critical.
    for name in ("zip", "cty JWT"):
        del tokens[name]
    assert member_data.faults(sendable(tokens)) == {}


@pytest.mark.parametrize("kind", [silent_request, logout])
def test_no_hint_is_taken_from_them(rp, member, world, kind):
    door = kind(rp, member)
    workshop = Workshop.at(world, door.genuine)

    tokens = made(workshop, FORGED, NEVER_OURS, hint_claims())

    # A parameter without a value is one that was left out (RFC 6749 section 3.1).
    del tokens["nothing"]
    assert door.faults(sendable(tokens)) == {}
    assert "code" in back_at(member.get(rp.ask(prompt="none").url))


def hint_claims():
    """A hint may be over; its issuer and its one audience still count."""
    for name, make in wrong_claims(ISSUER, ("reader",)):
        if name.startswith(("iss ", "aud ")):
            yield name, make
    for sub in (None, 7, ["x"], {}):
        yield f"sub {sub!r}", lambda w, sub=sub: w.signed({}, {"sub": sub})


def test_a_megabyte_costs_next_to_nothing(rp, member):
    door = userinfo(rp, member)
    huge = door.genuine + "A" * 1_000_000
    started = time.perf_counter()

    for _ in range(10):
        assert door.refuses(door.present(huge))

    # T-JWT-SIZE asks for 20 ms each; a busy machine gets ten times that.
    assert time.perf_counter() - started < 2


def test_introspection_finds_none_of_them_active(world, member):
    door = introspected(world, member)
    workshop = Workshop.at(world, door.genuine)

    tokens = made(workshop, FORGED, NEVER_OURS, wrong_claims(ISSUER, (AUDIENCE,)))

    # A bound token is told to be bound: the service asks for its proof.
    tokens = {name: token for name, token in tokens.items() if not name.startswith("cnf {")}
    # Who may look is decided by whom the token is for.
    tokens["aud is the issuer alone"] = workshop.signed({}, {"aud": ISSUER})
    assert door.faults(tokens) == {}


def test_revocation_of_them_revokes_nothing(world, rp, member):
    genuine = rp.tokens(member)["access_token"]
    workshop = Workshop.at(world, genuine)
    tokens = made(workshop, FORGED, NEVER_OURS)

    answers = {name: rp.revoke(token) for name, token in tokens.items()}

    assert {name for name, answer in answers.items() if answer.status_code not in {200, 400, 413}} == set()
    assert {name for name, answer in answers.items() if answer.status_code == 200 and answer.data} == set()
    assert rp.userinfo(genuine).status_code == 200
    assert rp.revoke(genuine).status_code == 200
    assert rp.userinfo(genuine).status_code == 401


CALLS = {
    "/oauth2/token": {"grant_type": "client_credentials"},
    "/oauth2/revoke": {"token": "any"},
    "/oauth2/introspect": {"token": "any"},
    "/oauth2/par": {
        "response_type": "code",
        "redirect_uri": "http://127.0.0.1:9/keyed/cb",
        "scope": "openid",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    },
}


@pytest.mark.parametrize("path", CALLS)
def test_no_client_is_known_by_them(world, path):
    door = asserted(world.party("keyed"), path, CALLS[path])
    prover = Prover(private=CLIENT_KEY.private)
    workshop = Workshop(genuine=assertion(world), prover=prover, published=[CLIENT_KEY.public_jwk])

    tokens = made(workshop, FORGED, odd_headers(), bad_payloads(), assertion_claims())

    # RFC 7515 section 4: without a kid each key of the client may have signed, and unknown members are ignored.
    for name in ("kid missing, our signature", "kid null, our signature", "zip", "cty JWT"):
        del tokens[name]
    assert door.faults(tokens) == {}


def assertion_claims():
    """RFC 7523 section 3, and what goes beyond it: our issuer alone is the audience (CVE-2025-27370)."""
    now = int(NOON.timestamp())
    wrong = {
        "iss": ("reader", "keyed2", ISSUER, "", None, 7, ["keyed"]),
        "sub": ("reader", "nobody", "", None, 7, ["keyed"], {}),
        "aud": (
            f"{ISSUER}/oauth2/token",
            f"{ISSUER}/",
            ISSUER[:-1],
            [ISSUER],
            [ISSUER, "x"],
            [],
            None,
            "",
            7,
            {},
        ),
        "exp": (now - 61, 0, -1, now + 3_700, 10**20, str(now + 60), None, [now], True, float("nan")),
        "nbf": (now + 100, "now", True, float("inf")),
        "iat": (now + 100, "now", True),
        "jti": ("", 7, None, "x" * 300, ["x"]),
    }
    for name, values in wrong.items():
        for value in values:
            yield f"{name} {value!r}", lambda w, name=name, value=value: w.signed({}, {name: value})
    yield "aud twice, the last good", lambda w: doubled(w, "aud", ISSUER)
    yield "sub twice, the last good", lambda w: doubled(w, "sub", "keyed")
    yield "alg twice, the last good", lambda w: doubled_header(w, "alg", "ES256")


def test_an_assertion_is_good_once_wherever_it_is_shown(world):
    proving = {"client_assertion": assertion(world, jti="once"), "client_assertion_type": ASSERTION_TYPE}
    http = world.app.test_client()

    first = http.post("/oauth2/revoke", data={**proving, "token": "any"}, base_url=ISSUER)
    answers = [http.post(path, data={**proving, **form}, base_url=ISSUER) for path, form in CALLS.items()]

    assert first.status_code == 200
    assert {answer.status_code for answer in answers} == {401}
