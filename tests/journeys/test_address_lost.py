"""« Je n'ai plus accès à mon email »: the paper and a letter or the help desk, and 72 hours for the old address."""

import json

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from idp.cli import main
from idp.housekeeping import make_worker
from idp.subjects import accounts, address_changes, letters
from idp.subjects.address_changes import AddressChange, Origin
from idp.subjects.letters import Letter
from tests.support.account import ask_for_address
from tests.support.browser import Browser, Page
from tests.support.people import CAMILLE, SACHA, Person, give_password, is_signed_in, sign_in
from tests.support.rows import all_rows, events, statements

OTHER = {"network": "203.0.113.9"}
ADDRESS = "camille.nouvelle@example.net"
NEW = "Sentier!Boussole84"
RENEWED = Person(email=ADDRESS, password=NEW)
VALIDATE = "Validez votre nouvelle adresse email"

pytestmark = pytest.mark.settings(captcha={"login": "off"})


@pytest.fixture
def days_pass(settings, clock):
    """Time goes by, and the worker keeps house at the end of it."""

    def days_pass(days: float = 0, **more: float) -> None:
        clock.advance(days=days, **more)
        make_worker(settings, clock=clock).keep_house()

    return days_pass


def ask(browser: Browser, person: Person = CAMILLE, *, address: str = ADDRESS, **changes: str) -> Page:
    browser.get("/adresse-perdue")
    return browser.submit(
        **{"member_number": person.number, "access_code": person.code, "email": address} | changes
    )


@pytest.mark.settings(captcha={"login": "off"}, recovery={"mails_to_new_address_per_day": 2})
def test_an_address_gets_so_many_mails_in_a_day_whoever_asks_and_every_page_is_the_same(
    browser, open_browser, mailbox, member, register
):
    register.add(SACHA)
    pages = [ask(browser), ask(open_browser(**OTHER), SACHA)]

    pages += [ask(browser, address=ADDRESS.upper()), ask(open_browser(), SACHA)]
    sign_in(browser, mailbox, member)
    ask_for_address(browser, ADDRESS)

    assert {(page.path, page.h1) for page in pages} == {("/adresse-perdue/validation", pages[0].h1)}
    assert browser.page.path == "/compte/adresse/validation"
    assert len(mailbox.all(to=ADDRESS)) == 2
    assert len([mail for mail in mailbox.all(to=member.email) if "adresse" in mail.subject]) == 2
    browser.parts.clock.advance(days=1)
    ask(browser)
    assert len(mailbox.all(to=ADDRESS)) == 3


@pytest.mark.settings(captcha={"login": "off"}, recovery={"mails_to_new_address_per_day": 1})
def test_a_mail_too_many_costs_the_same_statements(browser, open_browser, member, register, parts):
    register.add(SACHA)
    ask(open_browser(**OTHER), SACHA)
    counted = []
    for address in ("a@example.net", "a@example.net", ADDRESS):
        browser.get("/adresse-perdue")
        fields = browser.fields(member_number=SACHA.number, access_code=SACHA.code, email=address)
        with statements(parts.database) as seen:
            browser.post("/adresse-perdue", fields, follow=False)
        counted.append(len(seen))

    assert len(set(counted)) == 1


def letter_code(parts, person: Person = CAMILLE) -> str:
    """What the printer reads on the newest letter of a member."""
    with parts.database.reading() as session:
        wanted = select(Letter).where(Letter.kind == "recovery").order_by(Letter.created_at.desc())
        letter = session.scalars(wanted).first()
        return parts.vault.unseal(letters.SEAL, letter.sealed, bound_to=letter.id).decode()


def enter_letter(browser: Browser, code: str, person: Person = CAMILLE, **changes: str) -> Page:
    browser.get("/adresse-perdue/lettre")
    typed = {"member_number": person.number, "access_code": person.code, "code": code}
    return browser.submit(**typed | changes)


def choose(browser: Browser, **more: str) -> Page:
    return browser.submit(password=NEW, password_confirm=NEW, **more)


def address_of(parts) -> str:
    with parts.database.reading() as session:
        return accounts.by_member_number(session, CAMILLE.number, frozenset({"adherent"})).email


@pytest.fixture
def asked(browser, member, mailbox):
    """Camille gave a new address; its mail."""
    assert ask(browser).path == "/adresse-perdue/validation"
    return mailbox.last(to=ADDRESS)


@pytest.fixture
def validated(asked, browser):
    """And validated it."""
    browser.get(asked.link())
    browser.press("Je valide cette adresse")


def test_the_letter_and_72_hours_make_the_new_address_the_accounts(
    open_browser, validated, parts, mailbox, days_pass
):
    days_pass(4)
    phone = open_browser(**OTHER)
    assert enter_letter(phone, letter_code(parts)).path == "/mot-de-passe/nouveau"

    page = choose(phone, mailbox="asked")

    assert page.path == "/adresse-perdue/fait"
    assert "Votre nouvelle adresse est en place" in page.words
    for address in (CAMILLE.email, ADDRESS):
        assert mailbox.last(to=address, subject="adresse email de votre compte a changé")
    assert not is_signed_in(phone)
    assert sign_in(phone, mailbox, RENEWED).h1 == "Mon compte"


def test_a_letter_that_comes_sooner_waits_for_the_end_of_the_72_hours(
    browser, validated, parts, mailbox, days_pass
):
    days_pass(2)
    enter_letter(browser, letter_code(parts))

    page = choose(browser, mailbox="asked")

    assert "15 mars 2026 à 10 h 00" in page.words
    days_pass()
    assert address_of(parts) == CAMILLE.email
    days_pass(1, seconds=1)
    days_pass()
    assert address_of(parts) == ADDRESS
    assert len(mailbox.all(subject="adresse email de votre compte a changé")) == 2
    assert len(events(parts.database, "address.changed")) == 1


def test_the_old_address_is_told_at_once_and_has_72_hours(asked, mailbox):
    mail = mailbox.last(to=CAMILLE.email)

    assert mail.subject == "Changement de l’adresse email de votre compte"
    assert "c****e@example.net" in mail.words
    assert "15 mars 2026 à 10 h 00" in mail.words
    assert "24 heures" in asked.words


def test_what_the_old_address_refused_never_takes_effect(browser, validated, parts, clock, days_pass):
    clock.advance(hours=71)
    with parts.database.transaction() as session:
        session.scalars(select(AddressChange)).one().refused_at = clock.now()
    days_pass(3)

    enter_letter(browser, letter_code(parts))
    page = choose(browser, mailbox="present")

    days_pass()
    assert page.path == "/adresse-perdue/fait"
    assert address_of(parts) == CAMILLE.email


def test_a_changed_password_voids_the_change_and_the_letter(browser, validated, parts, days_pass, mailbox):
    code = letter_code(parts)
    browser.get("/mot-de-passe-oublie")
    browser.submit(identifier=CAMILLE.email)
    browser.get(mailbox.last(to=CAMILLE.email, subject="mot de passe").link())
    # The mailbox alone does not: whoever reads it would void the letter of an owner on their way back.
    assert choose(browser).errors.keys() == {"access_code"}
    browser.submit(password=NEW, password_confirm=NEW, access_code=CAMILLE.code)

    days_pass(4)

    assert address_of(parts) == CAMILLE.email
    assert enter_letter(browser, code).errors.keys() == {"code"}


def test_without_any_email_a_letter_alone_gives_a_new_password(browser, member, parts, mailbox, open_browser):
    ask(open_browser(**OTHER), address="mal.tapee@example.net")
    computer = open_browser(**OTHER)
    sign_in(computer, mailbox, member)

    enter_letter(browser, " ".join(letter_code(parts)[part : part + 4] for part in (0, 4, 8)))
    page = choose(browser, mailbox="present")

    assert "votre compte garde la sienne" in page.words
    assert not is_signed_in(computer)
    assert mailbox.last(to=member.email).subject == "Votre mot de passe a été changé"
    # Whoever calls the account's address theirs is mailed the codes of the sign-in there, as ever.
    page = give_password(browser, Person(password=NEW))
    assert (page.path, page.asks_for("code")) == ("/connexion/code", True)


def test_a_thief_with_the_paper_does_not_get_his_address_proved_by_the_members_letter(
    open_browser, member, parts, mailbox, days_pass
):
    thief = open_browser(**OTHER)
    ask(thief, address="voleur@example.net")
    thief.get(mailbox.last(to="voleur@example.net").link())
    thief.press("Je valide cette adresse")
    browser = open_browser()
    page = enter_letter(browser, letter_code(parts))
    assert "voleur@example.net" in page.words
    assert choose(browser).errors.keys() == {"mailbox"}
    shown = browser.page

    # Another address than the one that was shown must not be kept by an answer about the first.
    ask(thief, address="voleur.encore@example.net")
    browser.page = shown
    page = choose(browser, mailbox="asked")
    assert page.errors.keys() == {"mailbox"}
    assert "voleur.encore@example.net" in page.words
    choose(browser, mailbox="present")

    days_pass(5)
    assert address_of(parts) == CAMILLE.email


def test_a_letter_does_not_prove_an_address_that_a_session_of_the_account_asked_for(
    open_browser, asked, parts, clock, days_pass
):
    code = letter_code(parts)
    with parts.database.transaction() as session:
        account = accounts.by_email(session, CAMILLE.email)
        begun = address_changes.begin(
            session, account, origin=Origin.ACCOUNT, address="voleur@example.net", browser="b", space="adherent",
            locale="fr", now=clock.now(), lifetime=address_changes.UNDO_WITHIN * 3,
        )  # fmt: skip
        begun.proved_at = clock.now()
    browser = open_browser()
    page = enter_letter(browser, code)
    assert "voleur@example.net" not in page.words

    assert choose(browser, mailbox="present").path == "/adresse-perdue/fait"

    days_pass(4)
    assert address_of(parts) == CAMILLE.email


def test_an_address_that_was_not_validated_is_asked_again_after_the_letter(
    asked, parts, mailbox, open_browser, days_pass
):
    days_pass(4)
    phone = open_browser(**OTHER)
    enter_letter(phone, letter_code(parts))
    page = choose(phone, mailbox="asked")
    assert "Il reste une étape" in page.words

    phone.get(mailbox.last(to=ADDRESS).link())
    phone.press("Je valide cette adresse")

    assert address_of(parts) == ADDRESS


def test_the_help_desk_confirms_and_the_72_hours_still_count(validated, parts, days_pass, parvis):
    told = parvis("members", "unlock", CAMILLE.number, "--population", "adherent")
    assert "c****e@example.net" in told
    assert ADDRESS not in told
    assert events(parts.database, "help_desk.checked") == []

    parvis(
        "members",
        "unlock",
        CAMILLE.number,
        "--identity-checked",
        "three questions on the contract",
        "--address",
        ADDRESS,
    )

    (checked,) = events(parts.database, "help_desk.checked")
    assert checked["how"] == "three questions on the contract"
    days_pass()
    assert address_of(parts) == CAMILLE.email
    days_pass(3)
    assert address_of(parts) == ADDRESS


def test_the_help_desk_lifts_delays_and_the_rest_of_the_second_step(
    open_browser, member, parts, parvis, clock
):
    browser = open_browser()
    for _ in range(8):
        give_password(browser, member, password="pas celui-ci")
    with parts.database.transaction() as session:
        account = accounts.by_email(session, member.email)
        accounts.rest_second_step(session, account.id, until=clock.now().replace(year=2036))

    told = json.loads(parvis("members", "unlock", CAMILLE.number, "--json"))

    assert told["delays"] > 0
    assert told["second_step_rested"]
    assert give_password(browser, member).h1 == "Consultez vos emails"


@pytest.fixture
def parvis(settings, monkeypatch, clock):
    """The command line on this database, at the time of the story."""
    for name, value in {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "PEPPER": settings.pepper.get_secret_value(),
    }.items():
        monkeypatch.setenv(f"PARVIS_{name}", value)

    def run(*arguments: str) -> str:
        with time_machine.travel(clock.now(), tick=False):
            result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_help_desk_reads_that_no_code_goes_to_the_mailbox_and_what_to_do(
    asked, browser, parts, parvis, clock
):
    enter_letter(browser, letter_code(parts))
    choose(browser, mailbox="other", email="camille.autre@example.net")
    told = parvis("members", "unlock", CAMILLE.number)
    assert "not theirs" in told
    assert "has not answered the mail at the new address" in told

    with parts.database.transaction() as session:
        for change in session.scalars(select(AddressChange)):
            change.refused_at = clock.now()
    assert "No other address waits" in parvis("members", "unlock", CAMILLE.number)

    checked = ("--identity-checked", "called back", "--address", CAMILLE.email)
    assert "Nothing else waits." in parvis("members", "unlock", CAMILLE.number, *checked)


def test_the_link_needs_the_member_number_in_another_browser(asked, open_browser, parts):
    scanner = open_browser(**OTHER)
    page = scanner.get(asked.link())
    before = all_rows(parts.database)
    scanner.submit()
    assert all_rows(parts.database) == before
    for _ in range(5):
        page = scanner.submit(member_number="7654321")
    assert page.h1 == "Trop de numéros ont été essayés"
    assert (
        scanner.post(asked.link(), {"csrf_token": before and _csrf(page), "member_number": CAMILLE.number}).h1
        == page.h1
    )


def _csrf(page: Page) -> str:
    return page.soup.find(attrs={"name": "csrf_token"})["value"]


def test_the_right_number_validates_the_link_in_another_browser(asked, open_browser, browser):
    phone = open_browser(**OTHER)
    phone.get(asked.link())

    page = phone.submit(member_number=f"{CAMILLE.number[:3]} {CAMILLE.number[3:]}")

    assert page.h1 == "Votre nouvelle adresse est validée"
    assert browser.get("/adresse-perdue/validation").h1 == "Votre nouvelle adresse est validée"
    assert browser.get(asked.link()).h1 == "Votre nouvelle adresse est validée"


def test_the_code_of_the_mail_validates_in_the_browser_that_asked(asked, browser, open_browser):
    assert open_browser().get("/adresse-perdue/code").path == "/adresse-perdue"
    browser.get("/adresse-perdue/code")
    assert "pas le bon" in browser.submit(code="00000000").errors["code"]

    page = browser.submit(code=asked.code())

    assert (page.path, page.h1) == ("/adresse-perdue/validation", "Votre nouvelle adresse est validée")


def test_the_waiting_page_follows_the_delivery_and_sends_again(browser, member, mailbox, clock):
    assert "Envoi en cours" in ask(browser).words
    mailbox.deliver()
    assert "Email envoyé" in browser.get("/adresse-perdue/validation").words
    clock.advance(seconds=61)
    browser.get("/adresse-perdue/validation")

    browser.press("Renvoyer l’email")

    first, _second = mailbox.all(to=ADDRESS)
    browser.get(first.link())
    assert browser.press("Je valide cette adresse").h1 == "Votre nouvelle adresse est validée"


def test_nobody_learns_whether_the_member_has_an_account_or_the_address_another(
    open_browser, mailbox, register, parts
):
    register.open_account(CAMILLE)
    register.open_account(Person("1234570", "defghjkl", "prise@example.org"))
    register.add(SACHA)
    seen, cost = {}, {}
    for name, person, address in (
        ("account", CAMILLE, "un@example.net"),
        ("none", SACHA, "deux@example.net"),
        ("taken", CAMILLE, "prise@example.org"),
    ):
        browser = open_browser()
        browser.get("/adresse-perdue")
        with statements(parts.database) as spent:
            page = browser.submit(
                follow=False, member_number=person.number, access_code=person.code, email=address
            )
        cost[name] = len(spent)
        seen[name] = browser.get(page.location).without_chance().replace(address, "")

    assert seen["account"] == seen["none"] == seen["taken"]
    assert cost["account"] == cost["none"]
    assert mailbox.last(to="un@example.net").subject == VALIDATE
    assert mailbox.last(to="deux@example.net").subject == "Aucun compte avec cette adresse email"
    assert mailbox.last(to="prise@example.org").subject == "Votre demande ne peut pas être terminée en ligne"
    assert len(mailbox.all(to=CAMILLE.email)) == 2


def test_a_wrong_pair_is_one_sentence_and_starts_nothing(browser, member, parts, mailbox):
    for changes in ({"access_code": "zzzzzzzz"}, {"member_number": "7654321"}):
        page = ask(browser, **changes)
        assert page.errors.keys() == {"member_number"}
        assert "ne vont pas ensemble" in page.errors["member_number"]
        page = enter_letter(browser, "123456789012", **changes)
        assert page.errors.keys() == {"member_number"}
    assert mailbox.all() == []


def test_a_letters_code_is_tried_five_times_and_a_member_without_one_reads_the_same(
    browser, asked, register, parts, open_browser
):
    register.add(SACHA)
    right = letter_code(parts)
    said = {enter_letter(browser, "000000000000", SACHA).errors["code"]}
    for _ in range(5):
        said.add(enter_letter(browser, "000000000000").errors["code"])
    said.add(enter_letter(browser, right).errors["code"])

    assert len(said) == 1


def test_a_letter_serves_once_and_three_weeks(browser, asked, parts, clock, open_browser):
    code = letter_code(parts)
    enter_letter(browser, code)
    assert enter_letter(open_browser(), code).errors.keys() == {"code"}

    clock.advance(hours=3)
    assert browser.get("/mot-de-passe/nouveau").number == "P-6002"


def test_one_letter_a_week_is_started_and_five_addresses_a_day_may_be_given(browser, member, parts):
    for number in range(5):
        assert ask(browser, address=f"a{number}@example.net").path == "/adresse-perdue/validation"

    assert "plusieurs fois" in ask(browser).errors["member_number"]
    with parts.database.reading() as session:
        assert len(session.scalars(select(Letter)).all()) == 1


def test_an_address_that_another_account_took_meanwhile_is_not_changed(
    validated, browser, register, parts, days_pass
):
    enter_letter(browser, letter_code(parts))
    choose(browser, mailbox="asked")
    register.open_account(Person("1234570", "defghjkl", ADDRESS))

    days_pass(4)

    assert address_of(parts) == CAMILLE.email
    assert len(events(parts.database, "address.not_changed")) == 1
