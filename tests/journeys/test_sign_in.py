"""« Connexion à votre compte »: identifier and password, the entry rule, the delays, and what is never told."""

import pytest

from tests.support.people import (
    CAMILLE,
    SACHA,
    Person,
    fill_enrolment,
    give_password,
    is_signed_in,
    sign_in,
)
from tests.support.rows import all_rows, events

WRONG = "L’identifiant ou le mot de passe n’est pas le bon. Vérifiez-les, puis recommencez."
STRANGER = {"network": "203.0.113.66"}


def test_the_first_page_tells_of_two_steps_and_offers_every_way_on(browser):
    page = browser.get("/connexion")

    assert page.h1 == "Connexion à votre compte"
    assert "la connexion se fait en 2 étapes" in page.words
    assert "J'ai perdu mes accès de connexion" in page.words
    assert "Première connexion ? Créer son compte" in page.words
    assert "Se souvenir de moi" in page.words


@pytest.mark.parametrize("typed", ["camille@example.org", " Camille@Example.ORG ", "1234567", " 123 45 67 "])
def test_a_member_signs_in_by_address_or_by_number(browser, mailbox, member, typed):
    page = sign_in(browser, mailbox, member, identifier=typed)

    assert page.path == "/compte"
    assert page.h1 == "Mon compte"


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("camille@example.org", "not the one"),
        ("inconnu@example.org", "Prairie!Ardoise27"),
        ("9999999", "Prairie!Ardoise27"),
        ("sacha@example.org", "not the one"),
        ("1234568", "not the one"),
        ("partie@example.org", "Prairie!Ardoise27"),
        ("1234567' OR 1=1 --", "x"),
    ],
    ids=["wrong", "unknown address", "unknown number", "pending", "pending number", "left", "hostile"],
)
def test_one_message_for_unknown_wrong_pending_and_gone(
    browser, open_browser, register, identifier, password
):
    register.open_account(CAMILLE)
    gone = Person("7654321", email="partie@example.org")
    register.open_account(gone)
    register.add(SACHA, Person("7654321", email="partie@example.org", status="left"))
    fill_enrolment(open_browser(), SACHA)

    page = give_password(browser, CAMILLE, identifier=identifier, password=password)

    assert page.status == 200
    assert page.errors == {"password": WRONG}
    assert page.value("identifier") == identifier
    assert browser.cookies.keys() == {"browser"}


def test_a_wrong_and_an_unknown_identifier_give_the_same_page(open_browser, member):
    pages = []
    for identifier in (member.email, "inconnue@example.org"):
        page = give_password(open_browser(), member, identifier=identifier, password="not the one")
        pages.append(page.without_chance().replace(identifier, "@"))

    assert pages[0] == pages[1]


def test_every_try_costs_one_hash_whoever_is_meant(open_browser, register, parts):
    register.open_account(CAMILLE)
    register.add(SACHA)
    fill_enrolment(open_browser(), SACHA)
    gate = parts.passwords.gate

    costs = []
    for identifier in (CAMILLE.email, SACHA.email, "inconnue@example.org", "9999999"):
        before = gate.statistics().done
        give_password(open_browser(), CAMILLE, identifier=identifier, password="not the one")
        costs.append(gate.statistics().done - before)

    assert costs == [1, 1, 1, 1]


def test_a_frozen_account_looks_like_any_other_until_the_right_password(browser, member, parts, clock):
    from datetime import timedelta

    from idp.subjects import accounts

    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        accounts.rest_second_step(session, account.id, until=clock.now() + timedelta(hours=1))

    assert give_password(browser, member, password="not the one").errors == {"password": WRONG}
    page = give_password(browser, member)
    assert page.h1 == "Nous faisons une pause pour protéger votre compte"


def test_an_error_keeps_the_identifier_but_never_the_password(browser, member):
    page = give_password(browser, member, password="not the one", remember="y")

    assert page.value("identifier") == member.email
    assert page.value("remember") == "y"
    assert "not the one" not in page.response.text


def test_an_empty_form_says_what_is_missing_and_compares_nothing(browser, member, parts):
    browser.get("/connexion")

    page = browser.submit(identifier="", password="")

    assert page.errors.keys() == {"identifier", "password"}
    assert parts.passwords.gate.statistics().done == 1  # the one of the account itself


def test_an_adherent_is_refused_at_the_space_of_delegates_only_after_the_right_password(browser, member):
    page = give_password(browser, member, address="/connexion?espace=elu", password="not the one")
    assert (page.status, page.errors) == (200, {"password": WRONG})

    page = browser.submit(password=member.password)

    assert page.status == 403
    assert page.number == "P-2001"
    assert page.h1 == "Cet espace ne vous est pas destiné"
    assert not is_signed_in(browser)


def test_a_delegate_enters_the_space_of_delegates(browser, mailbox, register):
    delegate = Person("7700001", "efghjkmn", "elue@example.org", population="elu")
    register.open_account(delegate)

    page = sign_in(browser, mailbox, delegate, address="/connexion?espace=elu")

    assert page.h1 == "Mon compte"
    assert "Espace Élu" in page.soup.title.text


def test_a_space_without_enrolment_offers_none(browser):
    page = browser.get("/connexion?espace=elu")

    assert "Créer son compte" not in page.words
    assert "sur invitation" in page.words


def test_wrong_passwords_wait_ever_longer(browser, member, clock, parts):
    waits = []
    for _ in range(12):
        page = give_password(browser, member, password="not the one")
        if "Patientez avant de réessayer" in page.words:
            waits.append(_longest_wait(parts, clock))
            clock.advance(waits[-1])

    seconds = [round(wait.total_seconds()) for wait in waits]
    assert seconds == [2, 4, 8, 16]
    assert len(events(parts.database, "password.wrong")) == 8


def _longest_wait(parts, clock):
    from sqlalchemy import func, select

    from idp.core.throttles import Delay

    with parts.database.reading() as session:
        return session.execute(select(func.max(Delay.allowed_at))).scalar_one() - clock.now()


def test_while_one_waits_even_the_right_password_is_not_compared(browser, member, parts):
    for _ in range(5):
        give_password(browser, member, password="not the one")
    done = parts.passwords.gate.statistics().done

    page = give_password(browser, member)

    assert "Votre compte n’est pas bloqué" in page.words
    assert parts.passwords.gate.statistics().done == done


def test_delays_are_alike_for_unknown_identifiers(open_browser, member):
    waits = []
    for identifier in (member.email, "inconnue@example.org"):
        browser = open_browser()
        pages = [
            give_password(browser, member, identifier=identifier, password="not the one") for _ in range(6)
        ]
        waits.append(["Patientez" in page.words for page in pages])

    assert waits[0] == waits[1] == [False] * 5 + [True]


def test_every_spelling_of_one_member_shares_one_count(browser, member):
    for identifier in (member.email, member.number, "CAMILLE@example.org", "12 34 567", member.email):
        give_password(browser, member, identifier=identifier, password="not the one")

    assert "Patientez" in give_password(browser, member).words


def test_a_strangers_guesses_never_stop_the_owner_on_another_network(open_browser, mailbox, member):
    stranger = open_browser(**STRANGER)
    for _ in range(10):
        give_password(stranger, member, password="not the one")

    page = sign_in(open_browser(), mailbox, member)

    assert page.h1 == "Mon compte"


def test_guesses_from_everywhere_cost_the_owner_seconds_at_most(open_browser, member, clock):
    for network in range(8):
        stranger = open_browser(network=f"203.0.{network}.9")
        for _ in range(4):
            give_password(stranger, member, password="not the one")
    clock.advance(seconds=3)

    assert give_password(open_browser(), member).path == "/connexion/code"


def test_the_right_password_lets_its_network_start_afresh(open_browser, member, clock):
    for _ in range(4):
        give_password(open_browser(), member, password="not the one")
    assert give_password(open_browser(), member).path == "/connexion/code"

    for _ in range(5):
        assert give_password(open_browser(), member, password="not the one").errors == {"password": WRONG}


def test_after_a_day_of_calm_the_guesses_are_forgotten(browser, member, clock):
    for _ in range(5):
        give_password(browser, member, password="not the one")
    clock.advance(hours=24, seconds=1)

    assert give_password(browser, member).path == "/connexion/code"


def test_remember_me_fills_in_the_identifier_next_time_and_nothing_else(browser, mailbox, member):
    sign_in(browser, mailbox, member, remember="y")
    browser.close()

    page = browser.get("/connexion")

    assert browser.cookies.keys() >= {"remembered"} or "identifier" in browser.cookies
    assert page.value("identifier") == member.email
    assert page.value("remember") == "y"
    assert not is_signed_in(browser)


def test_the_remembered_identifier_cannot_be_read_from_its_cookie(browser, member):
    import base64

    give_password(browser, member, remember="y")

    value = browser.cookies["identifier"]
    assert b"camille" not in base64.urlsafe_b64decode(value)


def test_without_the_tick_the_identifier_is_forgotten(browser, mailbox, member):
    sign_in(browser, mailbox, member, remember="y")
    browser.close()
    sign_in(browser, mailbox, member, remember=None)
    browser.close()

    assert browser.get("/connexion").value("identifier") == ""


@pytest.mark.parametrize("value", ["x", "", "A" * 3000, "%00", "AAAA", "====", '"é"'])
def test_an_altered_remembered_identifier_is_ignored(browser, value):
    browser.set_cookie("identifier", value)

    assert browser.get("/connexion").value("identifier") == ""


def test_signing_out_ends_the_session_and_says_so(browser, mailbox, member):
    sign_in(browser, mailbox, member)
    kept = dict(browser.cookies)

    browser.get("/deconnexion")
    page = browser.submit()

    assert page.h1 != "Mon compte"
    assert not is_signed_in(browser)
    browser.set_cookie("session", kept["session"])
    assert not is_signed_in(browser)


def test_looking_at_the_sign_out_page_signs_nobody_out(browser, mailbox, member):
    sign_in(browser, mailbox, member)

    browser.get("/deconnexion")
    browser.head("/deconnexion")

    assert is_signed_in(browser)


def test_a_session_ends_after_thirty_idle_minutes(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member)
    for _ in range(4):
        clock.advance(minutes=29)
        assert is_signed_in(browser)

    clock.advance(minutes=30, seconds=1)

    assert not is_signed_in(browser)


def test_a_session_ends_after_twelve_hours_however_busy(browser, mailbox, member, clock):
    sign_in(browser, mailbox, member)
    for _ in range(35):
        clock.advance(minutes=20)
        assert is_signed_in(browser)

    clock.advance(minutes=20)

    assert not is_signed_in(browser)


def test_the_cookie_of_a_session_goes_with_the_browser(browser, mailbox, member):
    sign_in(browser, mailbox, member)

    browser.close()

    assert not is_signed_in(browser)


def test_the_session_has_another_secret_after_each_sign_in(browser, mailbox, member):
    sign_in(browser, mailbox, member)
    first = browser.cookies["session"]
    browser.close()

    sign_in(browser, mailbox, member)

    assert browser.cookies["session"] != first


def test_another_person_who_signs_in_here_ends_the_first_ones_session(browser, mailbox, register, parts):
    register.open_account(CAMILLE)
    register.open_account(SACHA)
    sign_in(browser, mailbox, CAMILLE)
    first = browser.cookies["session"]

    page = sign_in(browser, mailbox, SACHA)

    assert "s****a@example.org" in page.words
    browser.set_cookie("session", first)
    assert not is_signed_in(browser)


@pytest.mark.parametrize("value", ["x", "A" * 43, "A" * 3000, '"é"', "null"])
def test_a_forged_session_opens_nothing(browser, value):
    browser.set_cookie("session", value)

    assert browser.get("/compte").path == "/connexion"


@pytest.mark.parametrize(
    "step", ["code", "appareil", "activation", "mot-de-passe-oublie", "x", "%00", "..%2f"]
)
def test_no_step_is_reached_before_its_turn(browser, step):
    browser.get("/connexion")

    page = browser.get(f"/connexion/{step}?i={browser.handle}")

    assert page.h1 == "Connexion à votre compte" or page.status == 404


@pytest.mark.parametrize("step", ["code", "appareil", "activation"])
def test_what_is_posted_to_a_step_before_its_turn_is_not_judged(browser, member, parts, step):
    browser.get("/connexion")
    fields = {"csrf_token": browser.page.value("csrf_token"), "i": browser.handle}
    before = all_rows(parts.database, ignoring=frozenset({"captcha_challenge"}))

    page = browser.post(f"/connexion/{step}", {**fields, "code": "123456", "trust": "yes"})

    assert page.h1 == "Connexion à votre compte"
    assert all_rows(parts.database, ignoring=frozenset({"captcha_challenge"})) == before


def test_an_expired_sign_in_is_a_clear_page(browser, member, clock):
    browser.get("/connexion")
    handle = browser.handle
    clock.advance(minutes=31)

    page = browser.get(f"/connexion?i={handle}")

    assert (page.status, page.number) == (400, "P-2002")


def test_a_sign_in_of_another_browser_is_worthless(open_browser, member, clock):
    victim, thief = open_browser(), open_browser()
    give_password(victim, member)

    assert thief.get(f"/connexion/code?i={victim.handle}").number == "P-2003"  # it came without any cookie
    thief.get("/connexion")
    assert thief.get(f"/connexion/code?i={victim.handle}").number == "P-2002"


def test_a_new_browser_is_told_to_the_owner_once(open_browser, mailbox, member, clock):
    sign_in(open_browser(), mailbox, member)
    clock.advance(hours=1)
    sign_in(open_browser(), mailbox, member)

    told = mailbox.all(to=member.email, subject="Nouvelle connexion")

    assert len(told) == 1
    assert "Firefox" in told[0].text
