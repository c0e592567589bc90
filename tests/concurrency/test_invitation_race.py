"""R1: an invitation opens one account, however many windows send its form at once."""

from functools import partial

import pytest

from tests.support.inviting import DELEGATE, invite
from tests.support.racing import at_once, copies
from tests.support.rows import count_rows, events

WINDOWS = 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.settings(captcha={"login": "off"}, limits={"forms_per_minute": 1_000_000}),
]


def test_four_windows_on_one_invitation_open_one_account(app, browser, register, parts):
    register.add(DELEGATE)
    link = f"/invitation/{invite(parts, DELEGATE).token}"
    browser.get(link)
    typed = {
        "member_number": DELEGATE.number, "email": DELEGATE.email, "password": DELEGATE.password,
        "password_confirm": DELEGATE.password, "terms": "y",
    }  # fmt: skip
    windows = copies(app, browser, WINDOWS)
    for window in windows:
        window.get(link)

    pages = at_once([partial(window.submit, **typed, follow=False) for window in windows])

    assert sum(page.location.startswith("/inscription/bienvenue?") for page in pages) == 1
    assert count_rows(parts.database)["account"] == 1
    assert len(events(parts.database, "account.activated")) == 1
