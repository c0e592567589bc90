"""RFC 9126: pushed authorization requests, and FAPI 2.0 section 5.3.2.2 on how often a handle counts."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from idp.oidc import pushed
from tests.protocol.party import ISSUER, back_at, make_world


@pytest.fixture
def rp(world):
    return world.party("pushing")


def authorize(browser, client_id, request_uri, **more):
    return browser.get(
        "/oauth2/authorize?" + urlencode({"client_id": client_id, "request_uri": request_uri, **more})
    )


def pushed_uri(party, asked):
    response = party.push(asked.parameters)
    assert response.status_code == 201, response.text
    return response.json["request_uri"]


def test_a_pushed_request_leads_to_a_code_with_two_parameters_only(rp, member):
    asked = rp.ask()
    response = rp.push(asked.parameters)

    answer = back_at(authorize(member, "pushing", response.json["request_uri"]))

    assert response.headers["Cache-Control"] == "no-store"
    assert response.json["expires_in"] == 90
    assert response.json["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert answer["state"] == asked.parameters["state"]
    assert rp.redeem(answer["code"], asked).status_code == 200


def test_parameters_beside_the_handle_do_not_count(rp, member):
    asked = rp.ask()
    uri = pushed_uri(rp, asked)

    answer = back_at(
        authorize(
            member, "pushing", uri, state="other", redirect_uri="https://evil.example/cb", scope="email"
        )
    )

    assert answer["state"] == asked.parameters["state"]


def test_it_survives_the_sign_in_pages(rp, world):
    browser, asked = world.browser(), rp.ask(login_hint="m1234567@example.org")
    uri = pushed_uri(rp, asked)

    sent = authorize(browser, "pushing", uri)
    world.clock.advance(timedelta(minutes=3))
    answer = back_at(browser.sign_in(sent))

    assert rp.redeem(answer["code"], asked).status_code == 200


def test_it_may_be_opened_twice_before_it_is_answered_and_never_afterwards(rp, world):
    browser, asked = world.browser(), rp.ask()
    uri = pushed_uri(rp, asked)
    authorize(browser, "pushing", uri)
    sent = authorize(browser, "pushing", uri)

    assert "code" in back_at(browser.sign_in(sent))

    again = authorize(browser, "pushing", uri)
    assert again.status_code == 400
    assert "P-3004" in again.text


def test_two_sign_ins_of_one_handle_give_one_code(rp, world):
    first, second = world.browser(), world.browser()
    uri = pushed_uri(rp, rp.ask())
    ways = [(browser, authorize(browser, "pushing", uri)) for browser in (first, second)]

    answers = [browser.sign_in(sent) for browser, sent in ways]

    assert "code" in back_at(answers[0])
    assert answers[1].status_code == 400
    assert "P-3004" in answers[1].text


def test_an_error_answers_it_too(rp, world):
    browser, uri = world.browser(), pushed_uri(rp, rp.ask(prompt="none"))

    assert back_at(authorize(browser, "pushing", uri))["error"] == "login_required"
    assert authorize(browser, "pushing", uri).status_code == 400


def test_it_expires(rp, world, member):
    uri = pushed_uri(rp, rp.ask())
    world.clock.advance(timedelta(seconds=90))

    response = authorize(member, "pushing", uri)

    assert response.status_code == 400
    assert "P-3004" in response.text
    assert "Location" not in response.headers


@pytest.mark.parametrize("client_id", ["reader", "nobody", ""])
def test_it_is_its_clients_own(rp, member, client_id):
    response = authorize(member, client_id, pushed_uri(rp, rp.ask()))

    assert response.status_code == 400
    assert "Location" not in response.headers


def test_a_client_that_must_push_cannot_send_its_browser_with_everything(rp, member):
    answer = back_at(member.get(rp.ask().url))

    assert answer["error"] == "invalid_request"
    assert "push" in answer["error_description"]


def test_any_client_may_push(world, member):
    party = world.party("reader")
    asked = party.ask()

    answer = back_at(authorize(member, "reader", pushed_uri(party, asked)))

    assert party.redeem(answer["code"], asked).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "nothing"}, "invalid_scope"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"resource": "https://unknown.example.org"}, "invalid_target"),
        ({"state": "a\x00b"}, "invalid_request"),
        ({"client_id": "reader"}, "invalid_client"),
    ],
    ids=str,
)
def test_what_the_authorization_endpoint_would_refuse_is_refused_here(rp, changes, error):
    response = rp.push(rp.ask(**changes).parameters)

    assert response.status_code in {400, 401}
    assert response.json["error"] == error
    assert response.headers["Cache-Control"] == "no-store"


def test_the_client_must_prove_itself(rp):
    asked = rp.ask().parameters
    bare = rp.http.post("/oauth2/par", data=asked, base_url=ISSUER)
    wrong = rp.call("/oauth2/par", asked, secret="wrong")

    for response in (bare, wrong):
        assert (response.status_code, response.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_pushes(rp, method):
    response = rp.http.open("/oauth2/par", method=method, base_url=ISSUER)

    assert response.status_code == 405
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("size", [128, 1024, 3000])
def test_long_states_and_nonces_come_back_whole(world, size):
    rp, browser = world.party("reader"), world.signed_in()
    asked = rp.ask(state="s" * size, nonce="n" * size)

    answer = back_at(authorize(browser, "reader", pushed_uri(rp, asked)))

    assert answer["state"] == "s" * size


def test_one_that_nobody_opened_is_forgotten_soon_and_one_being_answered_is_not(rp, world):
    opened = pushed_uri(rp, rp.ask())
    pushed_uri(rp, rp.ask())
    authorize(world.browser(), "pushing", opened)

    with world.database.transaction() as session:
        pushed.purge(session, now=world.clock.now() + timedelta(hours=1))
        assert session.query(pushed.PushedRequest).count() == 1


def test_the_handle_is_kept_as_a_fingerprint_and_purged(rp, world):
    uri = pushed_uri(rp, rp.ask())

    with world.database.reading() as session:
        row = session.query(pushed.PushedRequest).one()
        assert uri.removeprefix(pushed.PREFIX) not in str(vars(row))
    with world.database.transaction() as session:
        pushed.purge(session, now=world.clock.now() + timedelta(days=2))
        assert session.query(pushed.PushedRequest).count() == 0


def test_a_request_that_is_too_long_is_not_kept(rp):
    refused = rp.push(rp.ask(state="x" * 12_001).parameters)

    assert (refused.status_code, refused.json["error"]) == (413, "invalid_request")
    assert rp.push(rp.ask(state="x" * 4_000).parameters).status_code == 201


def test_a_network_may_push_for_public_clients_as_often_as_it_may_ask_for_pages(world):
    tight = world.settings.limits.model_copy(update={"pages_per_minute": 3})
    settings = world.settings.model_copy(update={"limits": tight})
    near = make_world(world.settings.clients_dir.parent, world.database, settings)
    spa, service = near.party("spa"), near.party("reader")

    anonymous = [spa.push(spa.ask().parameters).status_code for _ in range(4)]
    empty_proof = spa.push({**spa.ask().parameters, "client_secret": ""}).status_code
    proven = [service.push(service.ask().parameters).status_code for _ in range(4)]

    assert anonymous == [201, 201, 201, 429]
    assert empty_proof == 429
    assert proven == [201] * 4
