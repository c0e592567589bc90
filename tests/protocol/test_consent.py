"""OIDC Core 3.1.2.4: a third party's members are asked once, in their words; the mutual's own services never."""

import pytest
from bs4 import BeautifulSoup

from idp.oidc import consent
from idp.subjects import consents
from tests.protocol.party import back_at


@pytest.fixture
def partner(world):
    return world.party("partner")


def asked_page(browser, asked):
    """The consent page that a request of a signed-in member leads to."""
    sent = browser.get(asked.url)
    while sent.status_code == 303 and sent.location.startswith("/"):
        sent = browser.get(sent.location)
    assert sent.status_code == 200, (sent.status_code, sent.location)
    assert "Autorisez-vous" in sent.text
    return sent


def lines_of(page):
    return [item.text.strip() for item in BeautifulSoup(page.text, "html.parser").select("main .card li")]


def allow(browser, page, answer="yes"):
    return browser.submit(page, consent=answer)


def test_the_page_says_what_is_asked_for_and_yes_gives_a_code(partner, member):
    asked = partner.ask(scope="openid profile email")
    page = asked_page(member, asked)

    answer = back_at(allow(member, page))

    assert lines_of(page) == [
        "Savoir que c’est bien vous, par un identifiant de votre compte",
        "Votre nom, votre prénom et votre date de naissance",
        "Votre adresse email",
    ]
    assert "Service partner" in page.text
    assert partner.redeem(answer["code"], asked).status_code == 200


def test_no_is_told_to_the_service_and_nothing_is_kept(partner, member, world):
    answer = back_at(allow(member, asked_page(member, partner.ask()), "no"))

    assert answer["error"] == "access_denied"
    with world.database.reading() as session:
        assert session.query(consents.Consent).count() == 0


def test_what_was_allowed_once_is_not_asked_again(partner, member):
    allow(member, asked_page(member, partner.ask(scope="openid email")))

    assert "code" in back_at(member.get(partner.ask(scope="openid email").url))
    assert "code" in back_at(member.get(partner.ask(scope="openid").url))


def test_more_than_was_allowed_is_asked_for_and_then_kept_with_the_rest(partner, member):
    allow(member, asked_page(member, partner.ask(scope="openid email")))

    page = asked_page(member, partner.ask(scope="openid profile"))
    allow(member, page)

    assert "code" in back_at(member.get(partner.ask(scope="openid profile email").url))


def test_single_claims_are_asked_for_too(partner, member):
    claims = '{"userinfo": {"birthdate": {"essential": true}, "email": null, "unknown": null}}'

    page = asked_page(member, partner.ask(scope="openid email", claims=claims))

    assert "Votre date de naissance" in lines_of(page)
    assert lines_of(page).count("Votre adresse email") == 1


def test_prompt_consent_asks_every_time(partner, member):
    for _ in range(2):
        page = asked_page(member, partner.ask(prompt="consent"))
        assert "code" in back_at(allow(member, page))


def test_prompt_none_says_consent_required(partner, member):
    refused = back_at(member.get(partner.ask(prompt="none").url))
    allow(member, asked_page(member, partner.ask()))
    given = back_at(member.get(partner.ask(prompt="none").url))

    assert refused["error"] == "consent_required"
    assert "code" in given


@pytest.mark.parametrize("prompt", [None, "consent"])
def test_the_mutuals_own_services_need_no_page(world, member, prompt):
    assert "code" in back_at(
        member.get(world.party("refreshing").ask(prompt=prompt, scope="openid offline_access").url)
    )


def test_offline_access_is_a_line_of_its_own_and_needs_the_yes(partner, member):
    asked = partner.ask(scope="openid offline_access")
    page = asked_page(member, asked)
    code = back_at(allow(member, page))["code"]

    tokens = partner.redeem(code, asked).json

    assert any("après votre déconnexion" in line for line in lines_of(page))
    assert tokens["scope"] == "openid offline_access"
    assert partner.refresh(tokens["refresh_token"]).status_code == 200


def test_the_sign_in_comes_first_and_the_question_after_it(partner, world):
    browser, asked = world.browser(), partner.ask()
    sent = browser.get(asked.url)

    page = browser.sign_in(sent)
    if page.status_code == 303:
        page = browser.get(page.location)

    assert "Autorisez-vous" in page.text
    assert "code" in back_at(allow(browser, page))


def test_a_trusted_device_is_not_asked_for_a_code_by_the_question(partner, world):
    from tests.protocol.party import REMEMBERED

    browser = world.signed_in(methods=REMEMBERED)

    page = asked_page(browser, partner.ask())

    assert "code" in back_at(allow(browser, page))


def test_the_way_around_the_question_leads_back_to_it(partner, member):
    page = asked_page(member, partner.ask())
    handle = page.request.args["i"]

    around = member.get(f"/oauth2/authorize/suite?i={handle}")

    assert around.location == f"/consentement?i={handle}"


def test_neither_button_asks_again(partner, member):
    page = asked_page(member, partner.ask())

    again = allow(member, page, "perhaps")

    assert again.status_code == 200
    assert "Autorisez-vous" in again.text


def test_the_answer_counts_once(partner, member):
    page = asked_page(member, partner.ask())
    first, second = allow(member, page), allow(member, page)

    assert "code" in back_at(first)
    assert second.status_code == 400


def test_another_browser_cannot_answer(partner, member, world):
    page = asked_page(member, partner.ask())
    other = world.signed_in("7654321")

    response = other.get(f"/consentement?i={page.request.args['i']}")

    assert response.status_code == 400
    assert "P-2002" in response.text


def test_another_site_cannot_answer(partner, member):
    page = asked_page(member, partner.ask())
    handle = page.request.args["i"]

    forged = member.post("/consentement", data={"i": handle, "consent": "yes"})

    assert forged.status_code == 400
    assert "P-4001" in forged.text


def test_a_sign_out_in_another_tab_ends_the_question(partner, member, world):
    page = asked_page(member, partner.ask())
    member.submit(member.get("/deconnexion"))

    response = allow(member, page)

    assert response.status_code == 400
    with world.database.reading() as session:
        assert session.query(consents.Consent).count() == 0


def test_consent_taken_back_is_asked_for_again_and_ends_the_tokens_it_gave(partner, member, world):
    asked = partner.ask(scope="openid offline_access")
    tokens = partner.redeem(back_at(allow(member, asked_page(member, asked)))["code"], asked).json
    own = world.party("refreshing").tokens(member)

    with world.database.transaction() as session:
        what = {"account_id": world.accounts["1234567"], "client_id": "partner", "now": world.clock.now()}
        assert consent.take_back(session, **what)
        assert not consent.take_back(session, **what)

    asked_page(member, partner.ask())
    assert partner.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert partner.userinfo(tokens["access_token"]).status_code == 401
    # What other services hold is theirs.
    assert world.party("refreshing").refresh(own["refresh_token"]).status_code == 200


def test_the_name_of_a_service_is_text_and_not_markup(world, member):
    party = world.party("partner")
    page = asked_page(member, party.ask(scope="openid"))

    assert "form-action 'self' http://127.0.0.1:9" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


def let_ask_for(world, scope, name="Service partner"):
    """The operator, or the third party itself by RFC 7592, changes what the client may ask for and is called."""
    path = world.settings.clients_dir / "partner.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("scope =", "client_name ="))]
    changed = [f'scope = "{scope}"', f'client_name = "{name}"']
    path.write_text("\n".join([*changed, *kept]), encoding="utf-8")
    world.apply_clients()


def test_single_claims_that_the_client_could_not_ask_for_then_are_not_opened_by_what_it_may_ask_for_later(
    partner, member, world
):
    let_ask_for(world, "openid")
    claims = '{"userinfo": {"email": null, "member_number": null}, "id_token": {"birthdate": null}}'
    asked = partner.ask(claims=claims)
    page = asked_page(member, asked)
    tokens = partner.redeem(back_at(allow(member, page))["code"], asked).json

    let_ask_for(world, "openid profile email member")

    assert len(lines_of(page)) == 1
    assert partner.userinfo(tokens["access_token"]).json.keys() == {"sub"}


@pytest.mark.parametrize(
    ("scope", "name"), [("openid profile email member", "Service partner"), ("openid", "Un autre nom")]
)
def test_a_yes_is_for_what_the_page_said_and_not_for_what_the_client_became_meanwhile(
    partner, member, world, scope, name
):
    let_ask_for(world, "openid")
    asked = partner.ask(scope="openid profile email member")
    page = asked_page(member, asked)
    let_ask_for(world, scope, name)

    again = allow(member, page)

    assert again.status_code == 200
    assert name in again.text
    assert len(lines_of(again)) == len(scope.split())
    assert "code" in back_at(allow(member, again))


def test_a_yes_without_what_was_shown_is_none(partner, member):
    page = asked_page(member, partner.ask())

    assert member.submit(page, consent="yes", shown="").status_code == 200
