"""What a browser's header may say of it in mails and on pages."""

import pytest

from idp.web import browser


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox sur Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile/15E148 Safari/604.1",
            "Mobile Safari sur iOS",
        ),
        ("", "Navigateur sur appareil inconnu"),
    ],
)
def test_common_browsers_have_their_names(agent, name):
    assert browser.name(agent) == name


@pytest.mark.parametrize(
    "agent",
    [
        "Dictez ce code au conseiller 08 99 12 34 56 Bot/1",
        "Appelez-le-0899123456/1.0 (http://evil.example)",
        "\u202e x Bot/2",
    ],
)
def test_a_stranger_writes_nothing_of_their_own_into_our_mails(agent):
    assert browser.name(agent) == "Navigateur sur appareil inconnu"
