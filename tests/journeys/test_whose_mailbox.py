"""A letter's reader says which mailbox is theirs; one that they disown serves nothing that opens, until it is owned."""

import pytest
from sqlalchemy import select

from idp.housekeeping import make_worker
from idp.recovery import help_desk
from idp.subjects.address_changes import AddressChange
from tests.support.alarming import not_me, press, raise_alarm
from tests.support.browser import CHROME, Browser, Page
from tests.support.lost_access import (
    CHOOSE,
    NEW,
    account_of,
    answer,
    asks_for_password,
    code_of_letter,
    give_letter,
    lose,
    unlock,
)
from tests.support.people import CAMILLE, SACHA, Person, give_password, is_signed_in, sign_in
from tests.support.rows import events

OWN = "camille.nouvelle@example.net"
MISTYPED = "mal.tapee@example.net"
CODE = "Votre code"
RENEWED = Person(email=OWN, password=NEW)
CHANGED = Person(password=NEW)

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.fixture
def old_mailbox(open_browser):
    """Whoever reads the mailbox that the account had when the letter came."""
    return open_browser(network="203.0.113.9", agent=CHROME)


@pytest.fixture
def asked(browser, member, parts) -> Page:
    """Camille lost her mailbox and mistyped the new one; the letter came, and its page asks."""
    lose(browser, MISTYPED)
    return give_letter(browser, code_of_letter(parts))


@pytest.fixture
def disowned(asked, browser, mailbox):
    """She gives the right one, and it is hers from 72 hours later on."""
    return answer(browser, "other", OWN)


def validate(browser: Browser, mailbox) -> None:
    browser.get(mailbox.last(to=OWN).link())
    browser.press("Je valide cette adresse")


def keep_house(settings, clock, **pause: float) -> None:
    clock.advance(**pause)
    make_worker(settings, clock=clock).keep_house()


def test_the_page_asks_whose_address_it_is_and_loses_no_answer(asked, browser):
    page = browser.submit(password=NEW, password_confirm=NEW, email="camille@")
    assert page.errors.keys() == {"mailbox"}
    assert page.summary == ["mailbox"]
    assert CAMILLE.email in page.words
    assert MISTYPED in page.words

    page = answer(browser, "other", "camille@", password="soleil")
    assert page.summary[:2] == ["email", "password"]
    assert page.value("email") == "camille@"
    assert page.form.find(attrs={"value": "other"}).has_attr("checked")
    for already in (CAMILLE.email.upper(), MISTYPED, ""):
        assert answer(browser, "other", already).errors.keys() == {"email"}
    assert answer(browser, "nobody's").errors.keys() == {"mailbox"}


def test_where_no_change_waits_the_page_asks_as_well(browser, member, parts):
    raise_alarm(browser, member)

    page = give_letter(browser, code_of_letter(parts))

    assert member.email in page.words
    assert browser.submit(password=NEW, password_confirm=NEW).errors.keys() == {"mailbox"}
    assert answer(browser, "asked").errors.keys() == {"mailbox"}
    assert "Votre compte garde son adresse email" in answer(browser, "present").words


def test_another_address_is_told_to_the_old_one_validated_and_in_place_after_72_hours(  # noqa: PLR0917 (fixtures)
    disowned, browser, mailbox, parts, settings, clock
):
    assert "Il reste une étape" in disowned.words
    assert mailbox.last(to=CAMILLE.email, subject="Changement de l’adresse").words
    validate(browser, mailbox)

    keep_house(settings, clock, hours=71)
    assert account_of(parts).email == CAMILLE.email
    keep_house(settings, clock, hours=1)

    assert (account_of(parts).email, account_of(parts).is_disowned) == (OWN, False)
    sign_in(browser, mailbox, RENEWED)
    assert is_signed_in(browser)


def test_whoever_let_the_mail_get_too_old_gives_the_same_address_again_and_needs_no_other_letter(  # noqa: PLR0917 (fixtures)
    disowned, browser, mailbox, parts, settings, clock
):
    clock.advance(days=2)
    lose(browser, OWN)

    validate(browser, mailbox)

    keep_house(settings, clock, hours=24)
    assert account_of(parts).email == OWN


def test_no_code_goes_to_a_disowned_mailbox_and_none_is_taken(disowned, browser, mailbox, parts, clock):
    mails = len(mailbox.all(to=CAMILLE.email))

    page = give_password(browser, CHANGED)

    assert (page.path, page.number) == ("/connexion/code", "P-6306")
    assert not page.soup.find("form", id="main-form")
    csrf = page.soup.find(attrs={"name": "csrf_token"})["value"]
    fields = {"csrf_token": csrf, "i": page.address.rpartition("=")[2]}
    clock.advance(seconds=61)
    assert browser.post("/connexion/code/renvoyer", fields).number == "P-6306"
    assert browser.post("/connexion/code", {**fields, "code": "123456"}).number == "P-6306"
    assert len(mailbox.all(to=CAMILLE.email)) == mails


def test_the_sign_in_says_what_the_new_address_waits_for(disowned, browser, mailbox, parts, clock):
    assert (
        "ouvrez l’email que nous avons envoyé à c****e@example.net" in give_password(browser, CHANGED).words
    )

    validate(browser, mailbox)
    assert "à partir du 15 mars 2026 à 10 h 00" in browser.get("/connexion").words

    press(browser, not_me(mailbox, to=CAMILLE.email, subject="Changement de l’adresse"), CAMILLE.number)
    assert "donnez-nous une adresse email" in browser.get("/connexion").words
    assert browser.click("Donner une autre adresse").path == "/adresse-perdue"

    lose(browser, OWN)
    validate(browser, mailbox)
    assert "code de la lettre que vous allez recevoir" in browser.get("/connexion").words


def test_a_disowned_mailbox_gets_no_new_password(disowned, old_mailbox, mailbox, clock):
    old_mailbox.get("/mot-de-passe-oublie")
    page = old_mailbox.submit(identifier=CAMILLE.email)
    assert (page.path, page.asks_for("code")) == ("/mot-de-passe-oublie/code", True)
    clock.advance(seconds=61)
    old_mailbox.get("/mot-de-passe-oublie/code")

    old_mailbox.press("Renvoyer l’email")

    assert mailbox.all(to=CAMILLE.email, subject=CHOOSE) == []


def test_what_the_old_mailbox_had_asked_for_before_opens_nothing(
    browser, old_mailbox, mailbox, member, parts
):
    page = asks_for_password(old_mailbox, mailbox)
    lose(browser, MISTYPED)
    give_letter(browser, code_of_letter(parts))
    answer(browser, "other", OWN)

    old_mailbox.page = page
    assert (
        old_mailbox.submit(password="Autre!Chemin9731", password_confirm="Autre!Chemin9731").number
        == "P-6002"
    )


def test_whoever_calls_the_present_address_theirs_after_all_has_it_again(  # noqa: PLR0917 (fixtures)
    disowned, browser, open_browser, mailbox, parts, clock
):
    clock.advance(seconds=1)
    phone = open_browser()
    lose(phone, MISTYPED)
    give_letter(phone, code_of_letter(parts))

    assert "votre compte garde la sienne" in answer(phone, "present").words

    assert not account_of(parts).is_disowned
    sign_in(phone, mailbox, CHANGED)
    assert is_signed_in(phone)


def test_the_old_mailbox_may_refuse_and_then_nobody_gets_in_until_the_help_desk_decides(  # noqa: PLR0917 (fixtures)
    disowned, browser, old_mailbox, mailbox, parts, settings, clock
):
    validate(browser, mailbox)
    press(old_mailbox, not_me(mailbox, to=CAMILLE.email, subject="Changement de l’adresse"), CAMILLE.number)
    keep_house(settings, clock, days=4)
    assert (account_of(parts).email, account_of(parts).is_disowned) == (CAMILLE.email, True)
    assert give_password(browser, CHANGED).number == "P-6306"
    assert unlock(parts, CAMILLE).is_disowned
    assert unlock(parts, CAMILLE, identity_checked="called back", address=OWN).is_disowned

    assert not unlock(parts, CAMILLE, identity_checked="called back", address=CAMILLE.email).is_disowned

    assert events(parts.database, "help_desk.checked")[-1]["address"] == "present"
    assert give_password(browser, CHANGED).asks_for("code")


def test_while_another_address_waits_the_help_desk_does_not_give_the_old_mailbox_back(disowned, parts):
    with pytest.raises(help_desk.OtherAddress):
        unlock(parts, CAMILLE, identity_checked="called back", address=CAMILLE.email)

    assert account_of(parts).is_disowned


def test_an_alarm_from_the_old_mailbox_does_not_give_it_a_way_in(  # noqa: PLR0917 (fixtures)
    disowned, browser, old_mailbox, mailbox, parts, settings, clock
):
    validate(browser, mailbox)
    keep_house(settings, clock, days=3)
    assert account_of(parts).email == OWN

    press(old_mailbox, not_me(mailbox, to=CAMILLE.email, subject="a changé"), CAMILLE.number)

    now = account_of(parts)
    assert (now.email, now.is_disowned, now.alarm_proof) == (CAMILLE.email, True, "letter")
    old_mailbox.get("/mot-de-passe-oublie")
    old_mailbox.submit(identifier=CAMILLE.email)
    assert mailbox.all(to=CAMILLE.email, subject=CHOOSE) == []
    # The letter ends it, and asks again.
    give_letter(browser, code_of_letter(parts))
    answer(browser, "other", OWN)
    assert account_of(parts).alarm_at is None
    assert give_password(browser, CHANGED).number == "P-6306"


def test_an_alarm_of_a_disowned_mailbox_ends_by_letter_alone(disowned, old_mailbox, mailbox, parts):
    press(old_mailbox, not_me(mailbox, to=CAMILLE.email, subject="mot de passe a été changé"), CAMILLE.number)

    now = account_of(parts)
    assert (now.is_disowned, now.alarm_proof) == (True, "letter")
    with parts.database.reading() as session:
        waiting = select(AddressChange).where(AddressChange.refused_at.is_(None))
        assert session.scalars(waiting).all() == []


def test_a_stranger_who_used_up_the_new_addresses_of_the_day_does_not_stop_the_letters_reader(
    asked, browser, old_mailbox, parts, clock
):
    for number in range(parts.settings.recovery.changes_per_day):
        lose(old_mailbox, f"a{number}@example.net")
    page = answer(browser, "other", OWN)
    # What waits is another address now: the question is asked anew.
    assert page.errors.keys() == {"mailbox"}

    assert answer(browser, "other", OWN).path == "/adresse-perdue/fait"

    clock.advance(seconds=1)
    raise_alarm(browser, CAMILLE)
    give_letter(browser, code_of_letter(parts))
    before = account_of(parts)
    assert "plusieurs fois" in answer(browser, "other", MISTYPED).errors["email"]
    assert account_of(parts).epoch == before.epoch
    assert answer(browser, "present").path == "/adresse-perdue/fait"


def test_an_address_that_another_account_has_leaves_the_mailbox_disowned(
    asked, browser, mailbox, register, parts
):
    register.open_account(Person("1234570", "defghjkl", OWN))

    page = answer(browser, "other", OWN)

    assert "Il reste une étape" in page.words
    assert mailbox.last(to=OWN).subject == "Votre demande ne peut pas être terminée en ligne"
    assert account_of(parts).is_disowned


def disown(browser, parts) -> Page:
    lose(browser, MISTYPED)
    give_letter(browser, code_of_letter(parts))
    return answer(browser, "other", OWN)


def test_a_stranger_who_used_up_the_mails_of_the_new_address_does_not_stop_the_letters_reader(
    browser, old_mailbox, mailbox, register, parts
):
    clock = parts.clock
    register.open_account(CAMILLE)
    register.add(SACHA)
    lose(browser, MISTYPED)
    clock.advance(days=1)
    # Sacha has a number of her own, and none of Camille's papers.
    for _ in range(5):
        lose(old_mailbox, OWN, SACHA)
    for _ in range(4):
        clock.advance(seconds=61)
        old_mailbox.get("/adresse-perdue/validation")
        old_mailbox.press("Renvoyer l’email")
    before = len(mailbox.all(to=OWN))
    assert before == 8

    give_letter(browser, code_of_letter(parts))
    answer(browser, "other", OWN)

    assert len(mailbox.all(to=OWN)) == before + 1


def test_who_guesses_the_new_address_does_not_read_that_a_letter_proved_it(
    browser, old_mailbox, mailbox, member, parts
):
    disown(browser, parts)

    right, wrong = lose(old_mailbox, OWN).words, lose(old_mailbox, "une.autre@example.net").words

    assert right == wrong.replace("une.autre@example.net", OWN)


def test_who_gives_the_same_address_again_does_not_undo_its_validation(
    browser, old_mailbox, mailbox, register, parts
):
    register.open_account(CAMILLE)
    disown(browser, parts)
    browser.get(mailbox.last(to=OWN).link())
    assert "rien d’autre à faire" in browser.press("Je valide cette adresse").words

    lose(old_mailbox, OWN)
    parts.clock.advance(hours=73)
    make_worker(parts.settings, clock=parts.clock).keep_house()

    assert account_of(parts).email == OWN
