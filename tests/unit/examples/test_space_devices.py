"""« Mes appareils » of the member space: the provider's account API, as a relying party uses it."""

import pytest

from tests.unit.examples.conftest import soup, words

PAGE = "/espace/appareils"


def device(name, *, current=False):
    at = "2026-03-12T09:00:00+00:00"
    return {
        "id": f"id-{name}",
        "name": f"{name} sur Linux",
        "created_at": at,
        "last_used_at": at,
        "expires_at": "2026-06-10T09:00:00+00:00",
        "current": current,
    }


def test_the_member_sees_their_devices_and_takes_one_away(browser, provider):
    provider.devices = [device("Firefox", current=True), device("Chrome")]
    browser.sign_in()
    answer = browser.get(PAGE)
    assert "Firefox sur Linux (cet appareil)" in words(answer)
    assert "valable jusqu'au 10/06/2026" in words(answer)

    answer = browser.submit(answer, PAGE, device="id-Chrome")

    assert "C'est fait" in words(answer)
    assert [each["id"] for each in provider.devices] == ["id-Firefox"]
    assert provider.requests[-1]["scope"].split()[-1] == "account:devices"


@pytest.mark.parametrize("chosen", ["id-of-another", "../../token", ""])
def test_what_is_not_theirs_takes_nothing_away(browser, provider, chosen):
    provider.devices = [device("Firefox")]
    browser.sign_in()

    answer = browser.submit(browser.get(PAGE), PAGE, device=chosen)

    assert "C'est fait" not in words(answer)
    assert len(provider.devices) == 1


@pytest.mark.parametrize("body", [b"[{}]", b"{}", b"no", b'[{"id": 1, "last_used_at": "never"}]'])
def test_an_answer_that_cannot_be_read_is_a_page(browser, provider, body):
    browser.sign_in()
    provider.bodies["/api/v1/account/devices"] = body

    answer = browser.get(PAGE)

    assert answer.status_code == 503
    assert soup(answer).h1
