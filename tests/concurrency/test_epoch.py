"""One integer kills everything: an epoch that rises between two steps lets nothing through (R3)."""

from functools import partial

import pytest

from idp.sessions import credentials
from idp.sessions.service import SessionRow
from idp.subjects.accounts import Account
from idp.web import owner
from tests.protocol.party import back_at
from tests.support.alarming import account_of, visiting
from tests.support.people import CAMILLE, give_password, is_signed_in
from tests.support.racing import at_once, copies, last_code
from tests.support.rows import events

pytestmark = pytest.mark.settings(captcha={"login": "off"})


def raise_epoch(world, *, kept=False):
    """A credential changes; `kept`: in the session that goes on."""
    with world.database.transaction() as session:
        row = session.query(SessionRow).one_or_none()
        credentials.void(
            session, session.query(Account).one(), now=world.clock.now(), but=row.id if kept and row else None
        )


def to_step(browser, parts, step):
    """As far as a step of the sign-in; what would be sent there."""
    give_password(browser, CAMILLE)
    if step == "code":
        return {"code": last_code(parts)}
    browser.submit(code=last_code(parts))
    assert browser.page.path == f"/connexion/{step}"
    return {"access_code": CAMILLE.code} if step == "alerte" else {"trust": "yes"}


@pytest.mark.parametrize("step", ["code", "alerte", "appareil"])
def test_no_step_of_a_sign_in_goes_on_after_it(browser, member, parts, step):
    if step == "alerte":
        with visiting(browser) as visit:
            account_of(visit, member).alarm_at = visit.now
    proof = to_step(browser, parts, step)

    raise_epoch(parts)
    page = browser.submit(**proof)

    assert page.number == "P-2002"
    assert not is_signed_in(browser)
    assert browser.device_cookies() == {}


@pytest.mark.parametrize("kept", [True, False], ids=["the session goes on", "the session ends"])
def test_no_code_gives_tokens_after_it(world, kept):
    party, browser = world.party("refreshing"), world.signed_in()
    asked = party.ask(scope="openid offline_access")
    code = party.code_for(browser, asked)

    raise_epoch(world, kept=kept)

    assert party.redeem(code, asked).json["error"] == "invalid_grant"


@pytest.mark.parametrize("kept", [True, False], ids=["the session goes on", "the session ends"])
def test_no_token_counts_after_it(world, kept):
    party, browser = world.party("refreshing"), world.signed_in()
    given = party.tokens(browser, scope="openid profile offline_access")
    assert party.userinfo(given["access_token"]).status_code == 200

    raise_epoch(world, kept=kept)

    assert party.userinfo(given["access_token"]).status_code == 401
    assert party.refresh(given["refresh_token"]).json["error"] == "invalid_grant"
    answer = back_at(browser.get(party.ask(prompt="none").url))
    assert ("code" in answer) == kept


def test_no_answer_on_an_open_consent_page_gives_a_code_after_it(world):
    browser = world.signed_in()
    sent = browser.get(world.party("partner").ask().url)
    while sent.status_code == 303:
        sent = browser.get(sent.location)
    assert "Autorisez-vous" in sent.text

    raise_epoch(world)
    answer = browser.submit(sent, consent="yes")

    assert answer.status_code == 400
    assert "P-2002" in answer.text


def test_of_eight_presses_on_two_links_one_raises_the_alarm(app, browser, member, parts, mailbox):
    with visiting(browser) as visit:
        for kind in ("new-sign-in", "password-changed"):
            owner.warn(visit, account_of(visit, member), kind, cause=f"test:{kind}")
    links = [mail.link() for mail in mailbox.all(to=member.email)]
    browser.get(links[0])
    fields = browser.fields(member_number=member.number)
    windows = copies(app, browser, 8)

    pages = at_once(
        [partial(window.post, links[n % 2], fields, follow=False) for n, window in enumerate(windows)]
    )

    assert {page.status for page in pages} <= {200, 303}
    assert len(events(parts.database, "alarm.raised")) == 1
    with parts.database.reading() as session:
        assert session.query(Account).one().epoch == 1
