"""OIDC Core 3.1.2.3: one sign-in serves every client whose space the member may enter, and one sign-out ends it."""

from tests.protocol.party import REMEMBERED, back_at, verified


def test_a_second_client_needs_no_page_and_sees_the_same_sign_in(world):
    browser = world.browser()
    first, second = world.party("reader"), world.party("poster")
    asked = first.ask()
    answer = back_at(browser.sign_in(browser.get(asked.url)))
    tokens = first.redeem(answer["code"], asked).json

    others = second.tokens(browser)

    one = verified(tokens["id_token"], world, audience="reader")
    two = verified(others["id_token"], world, audience="poster")
    assert one["sub"] == two["sub"]
    assert one["sid"] == two["sid"]
    assert one["auth_time"] == two["auth_time"]


def test_the_door_of_another_population_stays_shut(world, member):
    elected = world.party("elected")

    page = member.get(elected.ask().url)
    silent = back_at(member.get(elected.ask(prompt="none").url))

    assert page.status_code == 303
    assert page.location.startswith("/connexion?i=")
    assert "code" not in silent
    assert silent["error"] in {"login_required", "access_denied", "interaction_required"}


def test_after_the_sign_out_no_client_gets_a_code_in_silence(world, member):
    page = member.get("/deconnexion")
    member.submit(page, "/deconnexion")

    for client_id in ("reader", "poster"):
        answer = back_at(member.get(world.party(client_id).ask(prompt="none").url))
        assert answer["error"] == "login_required"


def test_a_step_up_asks_a_remembered_session_for_the_code_only(world):
    browser = world.signed_in(methods=REMEMBERED)
    floor = world.party("floor")
    asked = floor.ask()

    sent = browser.get(asked.url)
    page = browser.get(sent.location)
    sent = browser.submit(page, code=world.mailed_code())
    answer = back_at(browser.get(sent.location))

    claims = verified(floor.redeem(answer["code"], asked).json["id_token"], world, audience="floor")
    assert "/connexion/code" in page.request.path
    assert claims["acr"] == "urn:parvis:acr:2sv"
    assert claims["amr"] == ["pwd", "otp"]
