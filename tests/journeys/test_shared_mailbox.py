"""Two members on one mailbox, as couples have it: neither ever learns of the other before the right password."""

from dataclasses import replace

import bcrypt
import pytest
from sqlalchemy import select

from idp.sessions.service import SessionRow
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.subjects.members import Member
from tests.support.people import CAMILLE, MAELLE, SACHA, enrol, fill_enrolment, give_password, sign_in
from tests.support.rows import all_rows, events
from tests.support.spaces import spaces_with

YES = "Oui, se fier à cet appareil"
WRONG = "L’identifiant ou le mot de passe n’est pas le bon. Vérifiez-les, puis recommencez."
PARTNER = replace(SACHA, email=CAMILLE.email)
TWIN = replace(PARTNER, password=CAMILLE.password)
THIRD = replace(MAELLE, email=CAMILLE.email)

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def settings(settings, tmp_path):
    """The space of members lets two of them use one address."""
    return settings.model_copy(
        update={"spaces_dir": spaces_with(tmp_path, "adherent", shared_mailboxes="true")}
    )


@pytest.fixture
def couple(register):
    """Camille and Sacha, each with an account and a password of their own."""
    register.open_account(CAMILLE)
    register.open_account(PARTNER)


@pytest.fixture
def twins(register):
    """Camille and Sacha, who also chose the same password."""
    register.open_account(CAMILLE)
    register.open_account(TWIN)


@pytest.fixture
def hashes(monkeypatch):
    """Every comparison that bcrypt makes."""
    made = []
    compare = bcrypt.checkpw

    def counted(password, stored):
        made.append(stored)
        return compare(password, stored)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return made


def who_is_in(parts):
    """The given name of the member whose session opened last."""
    with parts.database.reading() as session:
        return session.execute(
            select(Member.given_name)
            .join(Account, Account.member_id == Member.id)
            .join(SessionRow, SessionRow.account_id == Account.id)
            .order_by(SessionRow.created_at.desc())
        ).scalars().first()  # fmt: skip


def guess(browser, person=CAMILLE, **changes):
    return give_password(browser, person, **{"password": "not the one", **changes})


def test_the_second_of_a_couple_enrols_with_the_same_address_and_each_enters_by_their_own_password(
    open_browser, mailbox, register, parts, clock
):
    register.add(CAMILLE, PARTNER)
    enrol(open_browser(), mailbox, CAMILLE)

    enrol(open_browser(), mailbox, PARTNER)

    for person in (CAMILLE, PARTNER):
        clock.advance(minutes=2)
        assert sign_in(open_browser(), mailbox, person).h1 == "Mon compte"
        assert who_is_in(parts) == person.given_name


def test_an_address_with_one_account_and_one_without_lead_to_the_same_page(open_browser, mailbox, register):
    register.open_account(CAMILLE)
    register.add(SACHA)

    free = fill_enrolment(open_browser(), SACHA)
    shared = fill_enrolment(open_browser(), PARTNER)

    assert shared.without_chance().replace(PARTNER.email, "@") == free.without_chance().replace(
        SACHA.email, "@"
    )
    assert mailbox.last(to=PARTNER.email).subject == mailbox.last(to=SACHA.email).subject
    # Whoever typed the address may be a stranger: no mail to it tells a name.
    assert not any(name in mailbox.last(to=PARTNER.email).text for name in ("Camille", "Sacha"))


def test_a_third_is_refused_in_silence(open_browser, mailbox, couple, register):
    register.add(THIRD)

    page = fill_enrolment(open_browser(), THIRD)

    assert page.path == "/inscription/validation"
    assert mailbox.last().subject == "Votre demande ne peut pas être terminée en ligne"
    assert mailbox.last().links() == []
    # Signing in meanwhile is as for anybody whose account is not active yet.
    assert give_password(open_browser(), THIRD, identifier=THIRD.number).h1 == "Inscription en cours"


def test_nothing_that_one_reads_tells_of_the_other(open_browser, mailbox, couple):
    browser = open_browser()
    read = [
        give_password(browser, CAMILLE).response.text,
        browser.submit(code=mailbox.last(subject="code").code()).response.text,
        browser.press(YES).response.text,
    ]

    mails = mailbox.all(to=CAMILLE.email)

    assert browser.page.h1 == "Mon compte"
    assert len(mails) == 2
    for text in [*read, *(mail.text for mail in mails)]:
        assert PARTNER.given_name not in text
        assert PARTNER.family_name not in text
        assert PARTNER.number not in text


def test_every_mail_names_whom_it_speaks_to(open_browser, mailbox, couple):
    for person in (CAMILLE, PARTNER):
        sign_in(open_browser(), mailbox, person, trust=YES)

    greeted = [mail.words.split(",")[0] for mail in mailbox.all()]

    assert greeted == ["Bonjour Camille"] * 2 + ["Bonjour Sacha"] * 2


def test_every_sign_in_costs_two_hashes_whoever_is_meant(open_browser, couple, register, hashes):
    register.open_account(MAELLE)
    waiting = replace(MAELLE, number="1234570", email="attente@example.org")
    register.add(waiting)
    fill_enrolment(open_browser(), waiting)

    costs = {}
    for identifier in (CAMILLE.email, CAMILLE.number, MAELLE.email, MAELLE.number, waiting.email, waiting.number,
                       "inconnue@example.org", "9999999"):  # fmt: skip
        hashes.clear()
        assert guess(open_browser(), identifier=identifier).errors == {"password": WRONG}
        costs[identifier] = len(hashes)
    for person in (CAMILLE, PARTNER):
        hashes.clear()
        assert give_password(open_browser(), person).path == "/connexion/code"
        costs[person] = len(hashes)

    assert set(costs.values()) == {2}


def test_where_no_mailbox_is_shared_one_hash_is_enough(open_browser, couple, hashes):
    for identifier in (CAMILLE.email, "inconnue@example.org"):
        hashes.clear()
        guess(open_browser(), identifier=identifier, address="/connexion?espace=elu")
        assert len(hashes) == 1


def test_a_wrong_and_an_unknown_address_give_the_same_page(open_browser, couple):
    pages = [
        guess(open_browser(), identifier=identifier).without_chance().replace(identifier, "@")
        for identifier in (CAMILLE.email, "inconnue@example.org")
    ]

    assert pages[0] == pages[1]


def test_an_enrolment_that_waits_beside_an_account_takes_its_own_password(open_browser, mailbox, register):
    register.open_account(CAMILLE)
    register.add(PARTNER)
    fill_enrolment(open_browser(), PARTNER)

    assert give_password(open_browser(), PARTNER).h1 == "Inscription en cours"
    assert give_password(open_browser(), CAMILLE).path == "/connexion/code"


def test_an_active_account_wins_over_an_enrolment_with_the_same_password(open_browser, register):
    register.open_account(CAMILLE)
    register.add(TWIN)
    fill_enrolment(open_browser(), TWIN)

    assert give_password(open_browser(), TWIN).path == "/connexion/code"


def test_a_password_that_both_have_asks_who_is_there_by_given_names_only(open_browser, mailbox, twins, parts):
    browser = open_browser()

    page = give_password(browser, CAMILLE)

    assert page.h1 == "Qui êtes-vous ?"
    assert [button.text for button in page.soup.select("button[name=person]")] == ["Camille", "Sacha"]
    with parts.database.reading() as session:
        ids = [account.id for account in accounts.all_by_email(session, CAMILLE.email)]
    for told in (*ids, CAMILLE.number, SACHA.number, CAMILLE.family_name, SACHA.family_name):
        assert told not in page.response.text
    assert mailbox.all() == []

    browser.press("Sacha")
    page = browser.submit(code=mailbox.last().code())
    assert mailbox.last().words.startswith("Bonjour Sacha,")
    assert page.path == "/connexion/appareil"
    browser.press("Non merci")
    assert who_is_in(parts) == "Sacha"


def test_the_same_given_name_is_told_apart_by_the_end_of_the_number(open_browser, register):
    register.open_account(CAMILLE)
    register.open_account(replace(TWIN, given_name="Camille"))

    page = give_password(open_browser(), CAMILLE)

    assert [button.text for button in page.soup.select("button[name=person]")] == [
        "Camille (numéro d’adhérent finissant par 567)",
        "Camille (numéro d’adhérent finissant par 568)",
    ]


def test_the_choice_is_made_once(open_browser, twins):
    browser = open_browser()
    page = give_password(browser, CAMILLE)
    sacha = page.soup.select("button[name=person]")[1]["value"]
    step, fields = page.address, browser.fields(person=sacha)
    browser.press("Camille")

    page = browser.post(step, fields)

    assert page.path == "/connexion/code"
    assert browser.get(step).path == "/connexion/code"


@pytest.mark.parametrize("value", ["", "Camille", "camille@example.org", "1", "é"])
def test_any_other_answer_asks_again(open_browser, mailbox, twins, value):
    browser = open_browser()
    give_password(browser, CAMILLE)

    page = browser.submit(person=value)

    assert page.h1 == "Qui êtes-vous ?"
    assert mailbox.all() == []


def test_the_answer_of_another_sign_in_is_worthless(open_browser, twins):
    first, second = open_browser(), open_browser()
    value = give_password(first, CAMILLE).soup.select("button[name=person]")[0]["value"]
    give_password(second, CAMILLE)

    assert second.submit(person=value).h1 == "Qui êtes-vous ?"


def test_nothing_of_either_is_touched_before_the_choice(open_browser, mailbox, twins, parts):
    browser = open_browser()
    guess(browser)
    watched = {"trusted_device", "session", "account", "outbox", "one_time_secret"}
    before = {name: rows for name, rows in all_rows(parts.database).items() if name in watched}

    assert give_password(browser, CAMILLE).h1 == "Qui êtes-vous ?"

    assert {name: rows for name, rows in all_rows(parts.database).items() if name in watched} == before
    assert browser.get("/compte").path.startswith("/connexion")
    # Delays go on until the choice: four tries are counted, the fifth is the last free one.
    for _ in range(3):
        guess(open_browser())
    assert "Patientez" in guess(open_browser()).words


def test_who_changed_the_password_meanwhile_is_not_to_be_chosen(open_browser, twins, parts, clock):
    browser = open_browser()
    page = give_password(browser, CAMILLE)
    sacha = page.soup.select("button[name=person]")[1]["value"]
    with parts.database.transaction() as session:
        accounts.raise_epoch(session, accounts.all_by_email(session, CAMILLE.email)[1], now=clock.now())

    page = browser.submit(person=sacha)

    assert [button.text for button in page.soup.select("button[name=person]")] == ["Camille"]


def test_a_member_number_means_one_member_even_with_the_same_password(open_browser, mailbox, twins, hashes):
    page = give_password(open_browser(), TWIN, identifier=TWIN.number)

    assert page.path == "/connexion/code"
    assert mailbox.last().words.startswith("Bonjour Sacha,")
    assert len(hashes) == 2


def test_tries_are_counted_for_the_mailbox(open_browser, couple):
    browser = open_browser()
    for identifier in (CAMILLE.email, CAMILLE.number, SACHA.number, " CAMILLE@example.org", SACHA.number):
        assert guess(browser, identifier=identifier).errors == {"password": WRONG}

    for identifier in (CAMILLE.email, CAMILLE.number, SACHA.number):
        assert "Patientez" in guess(browser, identifier=identifier).words


@pytest.mark.parametrize("trusted", [False, True])
def test_ones_own_sign_ins_do_not_buy_guesses_at_the_others_password(
    open_browser, mailbox, couple, clock, trusted
):
    browser = open_browser()
    if trusted:
        sign_in(browser, mailbox, CAMILLE, trust=YES)
        browser.close()

    for _ in range(5):
        for _ in range(4):
            clock.advance(seconds=4)  # longer than what guesses from all networks together make wait
            assert guess(browser).errors == {"password": WRONG}
        assert give_password(browser, CAMILLE).errors == {}
        browser.close()

    assert "Patientez" in guess(browser).words
    clock.advance(seconds=31)
    assert guess(browser).errors == {"password": WRONG}


def test_a_device_that_one_trusts_spares_the_other_no_code(open_browser, mailbox, couple):
    browser = open_browser()
    sign_in(browser, mailbox, CAMILLE, trust=YES)
    browser.close()

    assert give_password(browser, PARTNER).path == "/connexion/code"
    browser.close()
    assert give_password(browser, CAMILLE).path == "/compte"


@pytest.mark.settings(captcha={"login": "always"})
def test_the_device_of_either_spares_the_picture_in_the_same_way(open_browser, mailbox, couple):
    for person in (CAMILLE, PARTNER):
        browser = open_browser()
        sign_in(browser, mailbox, person, trust=YES)
        browser.close()
        browser.get("/connexion")

        page = browser.submit(identifier=CAMILLE.email, password="not the one")

        assert page.errors == {"password": WRONG}
        assert not page.asks_for("captcha")


def test_a_wrong_password_of_a_shared_mailbox_is_noted_for_neither(open_browser, couple, parts):
    guess(open_browser())
    guess(open_browser(), identifier=SACHA.number)

    noted = [event["account_id"] for event in events(parts.database, "password.wrong")]

    assert noted[0] is None
    assert noted[1] is not None


def test_a_forgotten_password_brings_each_a_mail_and_a_code_of_their_own(open_browser, couple, mailbox):
    browser = open_browser()
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=CAMILLE.email)
    mails = {mail.words.partition(",")[0]: mail for mail in mailbox.all(to=CAMILLE.email)}
    assert mails.keys() == {"Bonjour Camille", "Bonjour Sacha"}
    assert browser.submit(code="00000000").errors.keys() == {"code"}
    assert "Il vous reste 4 essais" in browser.page.words

    browser.submit(code=mails["Bonjour Sacha"].code())
    chosen = {"password": "Sentier!Boussole84", "password_confirm": "Sentier!Boussole84"}
    # Both read these mails: the paper says whose password is set.
    assert browser.submit(**chosen, access_code=CAMILLE.code).errors.keys() == {"access_code"}
    browser.submit(**chosen, access_code=PARTNER.code)

    assert give_password(open_browser(), CAMILLE).path == "/connexion/code"
    assert give_password(open_browser(), PARTNER).errors.keys() == {"password"}
    renewed = replace(PARTNER, password="Sentier!Boussole84")
    assert give_password(open_browser(), renewed).path == "/connexion/code"
    assert open_browser().get(mails["Bonjour Camille"].link()).h1 == "Choisissez un nouveau mot de passe"


@pytest.mark.settings(password={"bcrypt_cost": 5})
def test_an_old_hash_is_renewed_for_the_one_whose_password_was_right(open_browser, couple, parts):
    old = bcrypt.hashpw(PARTNER.password.encode(), bcrypt.gensalt(4)).decode()
    other = bcrypt.hashpw(CAMILLE.password.encode(), bcrypt.gensalt(4)).decode()
    with parts.database.transaction() as session:
        first, second = accounts.all_by_email(session, CAMILLE.email)
        first.password_hash, second.password_hash = other, old

    assert give_password(open_browser(), PARTNER).path == "/connexion/code"

    with parts.database.reading() as session:
        first, second = accounts.all_by_email(session, CAMILLE.email)
    assert first.password_hash == other
    assert second.password_hash.startswith("parvis$v1$")
    assert give_password(open_browser(), PARTNER).path == "/connexion/code"
