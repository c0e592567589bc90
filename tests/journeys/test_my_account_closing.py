"""« Fermer mon compte »: ended at once, kept by who comes back in time, then erased whole."""

import json

import pytest
from sqlalchemy import select

from idp.core.outbox import Channel
from idp.housekeeping import make_worker
from idp.sessions.service import SessionRow
from tests.support.account import NEW_ADDRESS, account_of, ask_for_address, close
from tests.support.browser import CHROME
from tests.support.pages import squeeze
from tests.support.people import enrol, fill_enrolment, give_password, is_signed_in, sign_in
from tests.support.rows import all_rows, events

pytestmark = pytest.mark.settings(captcha={"login": "off"})

OTHER = {"network": "203.0.113.9"}
YES = "Oui, se fier à cet appareil"


@pytest.fixture
def account_id(register):
    """Camille's account."""
    from tests.support.people import CAMILLE

    return register.open_account(CAMILLE)


@pytest.fixture
def closed(browser, mailbox, account_id):
    """Camille's browser, in which the account was just closed."""
    from tests.support.people import CAMILLE

    sign_in(browser, mailbox, CAMILLE, trust=YES)
    page = close(browser, CAMILLE)
    assert page.h1 == "La fermeture est enregistrée"
    assert "26 mars 2026" in page.words
    return browser


@pytest.fixture
def me(account_id):
    """Camille."""
    from tests.support.people import CAMILLE

    return CAMILLE


@pytest.fixture
def keep_house(parts):
    """Let the worker do its chores."""

    def run():
        worker = make_worker(parts.settings, clock=parts.clock)
        worker.keep_house()
        for courier in worker._couriers:
            if courier.channel is Channel.LOGOUT:
                courier.deliver_once()
        worker.keep_house()
        worker._database.dispose()

    return run


def come_back(browser, mailbox, person):
    """Sign in while the account is closing, up to the question."""
    give_password(browser, person)
    browser.submit(code=mailbox.last(to=person.email, subject="code").code())
    return browser.press("Non merci")


def test_closing_ends_everything_at_once_and_tells_the_owner(open_browser, browser, mailbox, me, parts):
    phone = open_browser(agent=CHROME, **OTHER)
    sign_in(phone, mailbox, me, trust=YES)
    sign_in(browser, mailbox, me)

    close(browser, me)

    assert not is_signed_in(browser)
    assert not is_signed_in(phone)
    assert give_password(phone, me).path == "/connexion/code", "no device is trusted any more"
    mail = mailbox.last(to=me.email, subject="sera fermé")
    assert mail.words.startswith(f"Bonjour {me.given_name},")
    assert "26 mars 2026" in squeeze(mail.subject)
    assert "Connectez-vous avant cette date" in mail.words
    assert len(events(parts.database, "account.closing")) == 1


def test_a_wrong_password_closes_nothing(browser, mailbox, me, parts):
    sign_in(browser, mailbox, me)
    browser.get("/compte/fermer")

    page = browser.submit(current_password="not the one")

    assert "pas votre mot de passe actuel" in page.errors["current_password"]
    assert is_signed_in(browser)
    assert events(parts.database, "account.closing") == []


def test_who_signs_in_before_the_day_is_asked_and_keeps_the_account(  # noqa: PLR0917 (fixtures)
    closed, mailbox, me, clock, parts, account_id, keep_house
):
    clock.advance(days=13)
    page = come_back(closed, mailbox, me)
    assert page.h1 == "Garder votre compte ?"
    assert not is_signed_in(closed), "nothing opens before the answer"
    closed.get(page.address)

    closed.press("Garder mon compte")

    assert is_signed_in(closed)
    clock.advance(days=2)
    keep_house()
    assert account_of(parts.database, account_id).closes_at is None
    assert len(events(parts.database, "account.kept")) == 1


def test_no_way_leads_around_the_question(closed, mailbox, me, parts):
    page = come_back(closed, mailbox, me)
    handle = closed.handle

    for address in (
        f"/connexion?i={handle}",
        f"/connexion/appareil?i={handle}",
        f"/connexion/code?i={handle}",
    ):
        assert closed.get(address).path == "/connexion/fermeture"
    closed.get(page.address)
    closed.submit(keep="maybe")

    assert not is_signed_in(closed)
    with parts.database.reading() as session:
        assert session.execute(select(SessionRow.id).where(SessionRow.ended_at.is_(None))).first() is None


def test_the_question_is_not_answered_without_all_proofs(  # noqa: PLR0917 (fixtures)
    open_browser, closed, mailbox, me, account_id, parts
):
    stranger = open_browser(**OTHER)
    give_password(stranger, me)
    handle = stranger.handle
    token = stranger.page.value("csrf_token")

    page = stranger.post("/connexion/fermeture", {"csrf_token": token, "i": handle, "keep": "yes"})
    assert page.path == "/connexion/code"
    come_back(closed, mailbox, me)
    stolen = {"csrf_token": token, "i": closed.handle, "keep": "yes"}
    assert stranger.post("/connexion/fermeture", stolen).number == "P-2002"

    assert account_of(parts.database, account_id).closes_at is not None


def test_who_lets_it_close_is_not_signed_in(closed, mailbox, me, account_id, parts):
    come_back(closed, mailbox, me)

    page = closed.press("Le laisser fermer")

    assert page.path == "/"
    assert not is_signed_in(closed)
    assert account_of(parts.database, account_id).closes_at is not None


def test_after_the_day_nothing_is_left_and_the_member_may_enrol_again(  # noqa: PLR0917 (fixtures)
    browser, mailbox, me, clock, parts, account_id, keep_house
):
    sign_in(browser, mailbox, me, trust=YES)
    ask_for_address(browser)
    browser.get("/compte")
    close(browser, me)
    give_password(browser, me, password="not the one")
    clock.advance(days=14)
    assert come_back_too_late(browser, mailbox, me).h1 == "Votre compte est fermé"

    keep_house()

    last = mailbox.last(to=me.email)
    assert last.subject == "Votre compte en ligne est fermé"
    assert last.link().startswith("/inscription")
    left = {name: rows for name, rows in all_rows(parts.database).items() if name != "member"}
    for trace in (me.email, NEW_ADDRESS, "Firefox", "Chrome", "198.51.100"):
        found = [name for name, rows in left.items() if any(trace in row for row in rows)]
        assert set(found) <= {"delay", "budget"}, (trace, found)
    assert account_of(parts.database, account_id) is None
    kept = events(parts.database, "session.opened")
    assert [each["account_id"] for each in kept] == [account_id]
    assert all(each.keys() <= {"account_id", "acr"} for each in kept)
    clock.advance(days=1)
    browser.close()
    enrol(browser, mailbox, me)
    assert sign_in(browser, mailbox, me).path == "/compte"


def come_back_too_late(browser, mailbox, person):
    give_password(browser, person)
    browser.submit(code=mailbox.last(to=person.email, subject="code").code())
    return browser.press("Non merci")


def test_a_closing_account_is_not_opened_a_second_time(closed, mailbox, me):
    page = fill_enrolment(closed, me)

    assert page.path == "/inscription/validation"
    assert mailbox.last(to=me.email).subject == "Vous avez déjà un compte"


def test_the_help_desk_exports_and_erases_at_once(browser, mailbox, me, parts, account_id):
    from idp import housekeeping

    sign_in(browser, mailbox, me, trust=YES)
    member_id = account_of(parts.database, account_id).member_id
    now = parts.clock.now()

    document = housekeeping.export_account(parts.settings, parts.database, member_id, now=now)
    assert json.dumps(document)
    assert document["account"]["email"] == me.email
    assert housekeeping.erase_accounts(parts.settings, parts.database, member_id, now=now) == 1

    assert account_of(parts.database, account_id) is None
    assert not is_signed_in(browser)
    assert housekeeping.erase_accounts(parts.settings, parts.database, member_id, now=now) == 0
    assert housekeeping.export_account(parts.settings, parts.database, member_id, now=now) is None
