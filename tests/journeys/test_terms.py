"""New terms: asked for at the next sign-in, once, before the session opens."""

from urllib.parse import urlencode

import pytest
from sqlalchemy import delete, select

from idp.oidc import client_rows
from idp.subjects import accounts, terms
from tests.support.people import CAMILLE, give_password, is_signed_in, sign_in
from tests.support.rows import events
from tests.support.spaces import spaces_with

YES, NO = "Oui, se fier à cet appareil", "Non merci"
CALLBACK = "http://127.0.0.1:8002/callback/adherent"
ASKED = {
    "response_type": "code",
    "client_id": "espace-adherent",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
CHANGES = "Vous pourrez joindre un document à vos messages."

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def settings(settings, tmp_path, request):
    """Version 2026-02 of the members' terms, for the day that a story names, in words that say what changes."""
    day = getattr(request, "param", "2026-03-01")
    folder = spaces_with(tmp_path, "adherent", terms_version='"2026-02"', terms_date=day)
    file = folder / "adherent" / "space.toml"
    file.write_text(file.read_text().replace("[words.fr]", f'[words.fr]\nterms_changes = "{CHANGES}"'))
    return settings.model_copy(update={"spaces_dir": folder})


@pytest.fixture
def services(parts, tmp_path, settings):
    """The shipped client files, with a secret."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for file in settings.clients_dir.glob("*.toml"):
        (folder / file.name).write_text(f'client_secret_sha256 = "{"0" * 64}"\n' + file.read_text())
    with parts.database.transaction() as session:
        client_rows.apply(session, folder, spaces=parts.spaces, development=True, now=parts.clock.now())


@pytest.fixture
def accepted_before(register, parts):
    """Camille, who accepted version 2026-01."""
    register.open_account(CAMILLE)
    with parts.database.transaction() as session:
        account = accounts.by_email(session, CAMILLE.email)
        account.terms_version, account.terms_hash = "2026-01", "of 2026-01"
        session.execute(delete(terms.TermsAcceptance))
    return CAMILLE


def give_code(browser, mailbox, person):
    give_password(browser, person)
    return browser.submit(code=mailbox.last(to=person.email, subject="code").code())


def kept(parts):
    """The versions that Camille accepted, the oldest first, and what her account says."""
    with parts.database.reading() as session:
        account = accounts.by_email(session, CAMILLE.email)
        return [row.version for row in terms.history(session, account.id)], account.terms_version


def test_new_terms_are_asked_for_after_the_code_and_before_anything_opens(
    browser, mailbox, accepted_before, parts
):
    page = give_code(browser, mailbox, accepted_before)

    assert page.path == "/connexion/conditions"
    assert page.h1 == "Nouvelles conditions"
    assert "1er mars 2026" in page.words
    assert CHANGES in page.words
    assert page.value("terms") is None
    assert page.soup.select_one("a[href='/cgu?espace=adherent']") is not None
    assert not is_signed_in(browser)
    browser.get(page.address)
    assert browser.submit().errors.keys() == {"terms"}

    page = browser.submit(terms="y")

    assert page.path == "/connexion/appareil"
    assert browser.press(NO).h1 == "Mon compte"
    assert kept(parts) == (["2026-01", "2026-02"], "2026-02")
    assert events(parts.database, "terms.accepted")[0]["version"] == "2026-02"


def test_once_accepted_they_are_asked_for_no_more(browser, mailbox, accepted_before, clock):
    give_code(browser, mailbox, accepted_before)
    browser.submit(terms="y")
    browser.press(NO)
    browser.close()
    clock.advance(hours=1)

    assert sign_in(browser, mailbox, accepted_before).h1 == "Mon compte"


def test_a_trusted_device_is_spared_the_code_not_the_terms(browser, mailbox, register, parts):
    register.open_account(CAMILLE)
    sign_in(browser, mailbox, CAMILLE, trust=YES)
    browser.close()
    with parts.database.transaction() as session:
        accounts.by_email(session, CAMILLE.email).terms_version = "2026-01"

    page = give_password(browser, CAMILLE)

    assert page.h1 == "Nouvelles conditions"
    assert browser.submit(terms="y").h1 == "Mon compte"


def test_refusing_opens_nothing_and_says_what_stays(browser, mailbox, accepted_before, parts, clock):
    give_code(browser, mailbox, accepted_before)

    page = browser.press("Refuser")

    assert page.h1 == "Vous avez refusé les nouvelles conditions"
    assert "Votre compte reste ouvert" in page.words
    assert kept(parts)[1] == "2026-01"
    assert not is_signed_in(browser)
    clock.advance(minutes=2)
    assert give_code(browser, mailbox, accepted_before).h1 == "Nouvelles conditions"


def test_what_was_proved_before_refusing_proves_nothing_after_it(browser, mailbox, accepted_before):
    page = give_code(browser, mailbox, accepted_before)
    step, fields = page.address, browser.fields(terms="y")
    browser.press("Refuser")

    page = browser.post(step, fields)

    assert page.number == "P-2002"
    assert not is_signed_in(browser)


@pytest.mark.usefixtures("services")
def test_a_service_is_answered_that_its_member_refused(browser, mailbox, accepted_before):
    browser.get("/oauth2/authorize?" + urlencode(ASKED))
    browser.submit(identifier=accepted_before.email, password=accepted_before.password)
    browser.submit(code=mailbox.last(subject="code").code())
    browser.press("Refuser")

    page = browser.press("Retour au service")

    assert page.location.startswith(f"{CALLBACK}?error=access_denied")


def test_refusing_closes_a_session_that_was_open(browser, mailbox, register, parts):
    register.open_account(CAMILLE)
    sign_in(browser, mailbox, CAMILLE)
    with parts.database.transaction() as session:
        accounts.by_email(session, CAMILLE.email).terms_version = "2026-01"
    assert is_signed_in(browser)  # what is open already is not interrupted

    give_password(browser, CAMILLE, address="/connexion")
    browser.submit(code=mailbox.last(subject="code").code())
    assert browser.page.h1 == "Nouvelles conditions"
    browser.press("Refuser")

    assert not is_signed_in(browser)


def test_a_text_put_up_while_the_page_was_open_is_shown_first(browser, mailbox, accepted_before, parts):
    give_code(browser, mailbox, accepted_before)

    page = browser.submit(terms="y", version="2025-12")

    assert page.h1 == "Nouvelles conditions"
    assert page.value("terms") is None
    assert kept(parts)[1] == "2026-01"


def test_they_cannot_be_accepted_before_their_turn(browser, accepted_before, parts):
    give_password(browser, accepted_before)

    page = browser.post(
        f"/connexion/conditions?i={browser.handle}", browser.fields(terms="y", version="2026-02")
    )

    assert page.path == "/connexion/code"
    assert kept(parts)[1] == "2026-01"


@pytest.mark.parametrize("settings", ["2026-03-13"], indirect=True)
def test_before_their_day_nobody_is_asked(browser, mailbox, accepted_before, clock):
    assert sign_in(browser, mailbox, accepted_before).h1 == "Mon compte"
    browser.close()

    # The day begins in Paris.
    clock.advance(hours=14, minutes=1)

    give_code(browser, mailbox, accepted_before)
    assert browser.page.h1 == "Nouvelles conditions"


def test_each_space_has_its_own(register, parts, clock):
    register.open_account(CAMILLE)
    member, other = parts.spaces["adherent"], parts.spaces["elu"]
    both = other.model_copy(
        update={"populations": frozenset({"adherent", "elu"}), "terms_version": "2026-02"}
    )

    def due(space, population="adherent"):
        account = accounts.by_email(session, CAMILLE.email)
        return terms.are_due(session, account, population=population, space=space, now=clock.now())

    with parts.database.transaction() as session:
        account = accounts.by_email(session, CAMILLE.email)
        terms.accept(session, account, space=member, now=clock.now())
        assert not due(member)
        assert due(both)
        # Whom only a client of the space lets in, that client answers for.
        assert not due(other)

        terms.accept(session, account, space=both, now=clock.now())
        assert not due(both)
        assert not due(member)
        assert account.terms_space == "adherent"


def test_the_hash_alone_asks_nobody_again(register, parts, clock):
    register.open_account(CAMILLE)
    space = parts.spaces["adherent"]
    corrected = space.model_copy(update={"terms_html": space.terms_html + " "})

    with parts.database.reading() as session:
        account = accounts.by_email(session, CAMILLE.email)
        assert account.terms_hash != corrected.terms_hash
        assert not terms.are_due(session, account, population="adherent", space=corrected, now=clock.now())


def test_the_first_acceptance_is_kept_from_the_first_day(register, parts):
    register.open_account(CAMILLE)

    with parts.database.reading() as session:
        (row,) = session.execute(select(terms.TermsAcceptance)).scalars()

    assert (row.version, row.hash) == ("2026-02", parts.spaces["adherent"].terms_hash)
