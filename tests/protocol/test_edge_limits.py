"""Limits at the edge are for people: a service calls as often as it needs, and strangers cannot push without end."""

import pytest

from tests.protocol.party import ISSUER, make_world

OFTEN = 3


@pytest.fixture
def strict(world):
    """The same provider with hardly any room at the edge."""
    limits = world.settings.limits.model_copy(update={"pages_per_minute": OFTEN, "forms_per_minute": OFTEN})
    settings = world.settings.model_copy(update={"limits": limits})
    return make_world(settings.keys_dir.parent, world.database, settings)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
def test_what_clients_call_is_not_limited(strict, path):
    robot = strict.party("robot")
    form = {"grant_type": "client_credentials", "token": "x"}

    assert [robot.call(path, form).status_code for _ in range(3 * OFTEN)] == [200] * 3 * OFTEN


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo_is_not_limited(strict, method):
    answers = [
        strict.app.test_client().open("/oauth2/userinfo", method=method, base_url=ISSUER).status_code
        for _ in range(3 * OFTEN)
    ]

    assert answers == [401] * 3 * OFTEN


def test_a_client_that_proves_itself_pushes_as_often_as_it_needs(strict):
    party = strict.party("reader")

    assert [party.push(party.ask().parameters).status_code for _ in range(3 * OFTEN)] == [201] * 3 * OFTEN


def test_what_anybody_may_push_is_limited(strict):
    party = strict.party("public")

    answers = [party.push(party.ask().parameters) for _ in range(OFTEN + 1)]

    assert [answer.status_code for answer in answers] == [201] * OFTEN + [429]
    assert answers[-1].mimetype == "application/json"
    assert answers[-1].headers["Retry-After"]


def test_pages_are_limited(strict):
    browser = strict.browser()

    statuses = [browser.get("/oauth2/authorize").status_code for _ in range(OFTEN + 1)]

    assert statuses == [400] * OFTEN + [429]
