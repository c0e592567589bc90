"""« Ce n'était pas moi »: the owner shuts the account from a mail, and only the paper opens it again."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from idp.authenticators import recovery_codes, trusted_device
from idp.authenticators.passkey import Passkey
from idp.login.interaction import Interaction
from idp.login.journey import StepName, next_step
from idp.sessions import alarms, credentials
from idp.subjects import accounts, enrolments, letters
from idp.subjects.accounts import Account
from idp.subjects.address_changes import UNDO_WITHIN, AddressChange, Origin
from idp.subjects.letters import Letter
from idp.subjects.notices import GOOD_FOR
from idp.web import owner
from tests.support.alarming import account_of, change_address, not_me, press, raise_alarm, visiting
from tests.support.browser import CHROME
from tests.support.people import CAMILLE, SACHA, enrol, fill_enrolment, give_password, is_signed_in, sign_in
from tests.support.rows import all_rows, events
from tests.support.second_device import give_passkey

pytestmark = pytest.mark.settings(captcha={"login": "off"})
BLOCKED = "Votre compte est bloqué"
CHOOSE = "Choisissez un nouveau mot de passe"
KEEP = "Garder mon mot de passe"
NEW = "Sentier!Boussole84"
THIEF = "voleur@example.net"
NEW_SIGN_IN = "Nouvelle connexion"
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def thief(open_browser):
    return open_browser(network="203.0.113.9", agent=CHROME)


@pytest.fixture
def link(thief, mailbox, member):
    """A thief signed in; the owner reads the mail about it."""
    sign_in(thief, mailbox, member, trust="Oui, se fier à cet appareil")
    return not_me(mailbox, to=member.email)


def account_now(browser, person=CAMILLE):
    with browser.parts.database.reading() as session:
        return accounts.by_member_number(session, person.number, frozenset({person.population}))


def to_alarm_step(browser, mailbox, person=CAMILLE):
    """Password and code of a blocked account."""
    give_password(browser, person)
    page = browser.submit(code=mailbox.last(to=person.email, subject="code").code())
    assert page.path == "/connexion/alerte", page.words
    return page


def to_choice(browser, mailbox, person=CAMILLE):
    """And the access code: what becomes of the password is asked now."""
    to_alarm_step(browser, mailbox, person)
    page = browser.submit(access_code=person.code)
    assert page.h1 == CHOOSE, page.words
    return page


def test_the_owner_reads_what_happened_and_one_button_shuts_everybody_out(
    browser, thief, mailbox, member, link
):
    page = browser.get(link)

    assert "Un appareil est devenu un appareil de confiance" in page.words
    assert "sur Android" in page.words
    done = browser.submit(member_number="123 4567")

    assert done.h1 == BLOCKED
    assert not is_signed_in(thief)
    give_password(thief, member)
    assert thief.page.path == "/connexion/code", "the trusted device spares the code no more"
    assert mailbox.last(to=member.email, subject="bloqué")
    assert events(browser.parts.database, "alarm.raised")[0]["by"] == "trusted-device-added"


def test_looking_changes_nothing_and_a_scanner_that_presses_the_button_does_not_either(
    browser, open_browser, thief, member, link
):
    scanner = open_browser(network="192.0.2.50")
    scanner.get(link)
    before = all_rows(browser.parts.database)
    scanner.get(link)
    scanner.head(link)
    assert all_rows(browser.parts.database) == before

    scanner.get(link)
    pressed = scanner.submit()
    filled = scanner.submit(member_number="0000000")

    assert pressed.errors.keys() == filled.errors.keys() == {"member_number"}
    assert is_signed_in(thief)
    assert account_now(browser).alarm_at is None


def test_five_wrong_numbers_end_a_link_and_the_right_one_comes_too_late(
    browser, open_browser, thief, member, link
):
    scanner = open_browser(network="192.0.2.50")
    scanner.get(link)
    form = scanner.fields()
    for guess in range(5):
        page = scanner.submit(member_number=f"000000{guess}")

    assert page.number == "P-6303"
    late = scanner.post(link, {**form, "member_number": member.number})
    assert late.number == "P-6303"
    assert account_now(browser).alarm_at is None


def test_a_network_that_guesses_over_many_links_waits_ever_longer(browser, open_browser, mailbox, member):
    with visiting(browser) as visit:
        for number in range(4):
            owner.warn(visit, account_of(visit, member), "new-sign-in", cause=f"test:{number}")
    guesser = open_browser(network="192.0.2.50")
    sentences = []
    for mail in mailbox.all(to=member.email, subject=NEW_SIGN_IN):
        guesser.get(mail.link())
        sentences += [
            guesser.submit(member_number=f"000000{guess}").errors["member_number"] for guess in range(4)
        ]

    assert sentences[-1].startswith("Trop d’essais. Attendez")
    assert not sentences[0].startswith("Trop")


def test_the_link_pressed_twice_or_in_two_windows_shuts_the_account_once(
    browser, open_browser, mailbox, member, link
):
    browser.get(link)
    other = open_browser()
    other.get(link)
    browser.submit(member_number=member.number)
    epoch = account_now(browser).epoch

    again = other.submit(member_number=member.number)

    assert again.h1 == browser.get(link).h1 == BLOCKED
    assert account_now(browser).epoch == epoch
    assert len(mailbox.all(subject="bloqué")) == 1
    assert len(events(browser.parts.database, "alarm.raised")) == 1


def test_a_false_alarm_is_undone_by_the_member_alone_with_the_paper(browser, mailbox, member, link):
    press(browser, link, member.number)
    to_alarm_step(browser, mailbox)
    assert browser.page.number == "P-6304"

    wrong = browser.submit(access_code="zzzzzzzz")
    right = browser.submit(access_code=" ABCD-efgh ")

    assert wrong.errors["access_code"].startswith("Ce code d’accès n’est pas le bon")
    assert right.h1 == CHOOSE
    assert browser.press(KEEP).path == "/connexion/appareil"
    browser.press("Non merci")
    assert is_signed_in(browser)
    account = account_now(browser)
    assert (account.alarm_at, account.alarm_proof) == (None, None)
    assert events(browser.parts.database, "alarm.undone")[0]["by"] == "access-code"
    assert mailbox.all(subject="mot de passe") == []


def test_with_the_alarm_goes_the_password_that_a_thief_may_know(
    browser, open_browser, thief, mailbox, member
):
    raise_alarm(browser, member)
    to_choice(browser, mailbox)

    page = browser.submit(password=NEW, password_confirm=NEW)

    assert page.path == "/connexion/appareil"
    browser.press("Non merci")
    assert is_signed_in(browser)
    assert account_now(browser).alarm_at is None
    assert "password" in give_password(thief, member).errors
    assert give_password(open_browser(), member, password=NEW).path == "/connexion/code"
    assert not_me(mailbox, to=member.email, subject="mot de passe")
    assert events(browser.parts.database, "password.changed")


def test_the_alarm_stands_while_it_is_not_said_what_becomes_of_the_password(
    browser, open_browser, mailbox, member
):
    raise_alarm(browser, member)
    epoch = account_now(browser).epoch

    page = to_choice(browser, mailbox)

    assert browser.get(page.address).h1 == CHOOSE, "a reload asks the same"
    for path in ("/connexion/appareil", "/connexion/code"):
        assert browser.get(f"{path}?i={browser.handle}").h1 == CHOOSE
    assert not is_signed_in(browser)
    assert account_now(browser).alarm_at is not None
    assert account_now(browser).epoch == epoch
    # What was proved in this sign-in is worth nothing in another, nor in another browser.
    assert open_browser().get(page.address).h1 != CHOOSE
    assert to_alarm_step(browser, mailbox).asks_for("access_code")
    assert browser.post(browser.page.address, {**browser.fields(), "keep_password": "yes"}).h1 == BLOCKED
    assert account_now(browser).alarm_at is not None


def test_neither_the_present_password_nor_the_access_code_is_a_new_password(browser, mailbox, member):
    raise_alarm(browser, member)
    to_choice(browser, mailbox)
    refused = {
        member.password: "C’est votre mot de passe actuel",
        f"{member.code.title()}!2026-47": "N’utilisez ni votre numéro d’adhérent, ni votre code d’accès",
    }

    for typed, sentence in refused.items():
        page = browser.submit(password=typed, password_confirm=typed)
        assert sentence in page.errors["password"]
    page = browser.submit(password=NEW, password_confirm=member.password)

    assert page.errors.keys() == {"password_confirm"}
    assert account_now(browser).alarm_at is not None


def test_the_form_of_the_access_code_sent_twice_asks_about_the_password_without_blame(
    browser, mailbox, member
):
    raise_alarm(browser, member)
    to_alarm_step(browser, mailbox)
    address, fields = browser.page.address, browser.fields(access_code=member.code)

    browser.post(address, fields)
    again = browser.post(address, fields)

    assert again.h1 == CHOOSE
    assert again.errors == {}


@pytest.mark.parametrize("answer", ["new", "keep"])
def test_a_stronger_alarm_that_is_raised_meanwhile_wins(browser, thief, mailbox, member, answer):
    raise_alarm(browser, member)
    to_choice(browser, mailbox)
    with visiting(browser) as visit:
        account = account_of(visit, member)
        alarms.raise_alarm(
            visit.session, account, vault=visit.kit.vault, space="adherent", now=visit.now, is_code_known=True
        )

    page = browser.press(KEEP) if answer == "keep" else browser.submit(password=NEW, password_confirm=NEW)

    assert page.number == "P-2002"
    assert account_now(browser).alarm_proof == alarms.Proof.LETTER
    assert "password" in give_password(thief, member, password=NEW).errors


def test_a_thief_with_password_and_mailbox_cannot_undo_the_alarm_without_the_paper(
    browser, thief, mailbox, member, link
):
    press(browser, link, member.number)
    to_alarm_step(thief, mailbox)
    for guess in "bcdef":
        thief.submit(access_code=guess * 8)
    page = thief.submit(access_code="gggggggg")

    assert page.number == "P-6305"
    assert not is_signed_in(thief)
    assert account_now(browser).alarm_at is not None
    # Nor by the addresses of other steps, nor of a service.
    to_alarm_step(thief, mailbox)
    for path in ("/connexion/appareil", "/compte", "/connexion/code"):
        assert thief.get(f"{path}?i={thief.handle}").h1 in {BLOCKED, "Connexion à votre compte"}
    assert not is_signed_in(thief)


def test_a_sign_in_that_waits_at_its_last_page_dies_with_the_alarm(
    browser, open_browser, mailbox, member, link
):
    waiting = open_browser(agent=CHROME)
    give_password(waiting, member)
    waiting.submit(code=mailbox.last(to=member.email, subject="code").code())

    press(browser, link, member.number)

    assert waiting.press("Non merci").number == "P-2002"
    assert not is_signed_in(waiting)


def test_a_sign_in_that_waits_at_the_alarm_dies_when_another_undid_it(browser, thief, mailbox, member, link):
    press(browser, link, member.number)
    to_alarm_step(thief, mailbox)
    to_choice(browser, mailbox)
    browser.press(KEEP)

    assert thief.submit(access_code=member.code).number == "P-2002"


def test_the_thief_changed_password_and_address_and_the_owner_gets_all_back(browser, thief, mailbox, member):
    sign_in(thief, mailbox, member)
    with visiting(browser) as visit:
        account = account_of(visit, member)
        credentials.change_password(
            visit.session, account, browser.parts.passwords.hash("Voleur!Secret99"), now=visit.now
        )
        owner.warn(visit, account, "password-changed", cause="test")
    change_address(browser, member, THIEF)
    before = not_me(mailbox, to=member.email, subject="mot de passe")
    told = not_me(mailbox, to=member.email, subject="adresse")
    assert "v****r@example.net" in mailbox.last(to=member.email, subject="adresse").words

    page = press(browser, told, member.number)

    assert "votre ancienne adresse email est de nouveau la bonne" in page.words
    assert account_now(browser).email == member.email
    assert {mail.to for mail in mailbox.all(subject="bloqué")} == {member.email, THIEF}
    # The thief's password opens nothing: the code goes to the owner, and the paper is with the owner.
    give_password(thief, member, password="Voleur!Secret99")
    assert thief.submit(code=mailbox.last(to=member.email, subject="code").code()).path == "/connexion/alerte"
    assert browser.get(before).h1 == BLOCKED


def test_the_link_at_the_new_address_cannot_keep_it(browser, mailbox, member):
    change_address(browser, member, THIEF)
    with visiting(browser) as visit:
        owner.warn(visit, account_of(visit, member), "new-sign-in", cause="test")

    page = press(browser, not_me(mailbox, to=THIEF), member.number)

    assert page.h1 == BLOCKED
    assert account_now(browser).email == member.email


def test_two_changes_in_a_row_lead_back_to_the_first_address(browser, mailbox, member):
    change_address(browser, member, "etape@example.net")
    browser.parts.clock.advance(hours=1)
    change_address(browser, member, THIEF)

    press(browser, not_me(mailbox, to=member.email), member.number)

    assert account_now(browser).email == member.email


@pytest.mark.parametrize(("late", "kept"), [(UNDO_WITHIN - A_MINUTE, False), (UNDO_WITHIN, True)])
def test_a_change_is_undone_for_72_hours_and_the_account_is_shut_in_any_case(
    browser, mailbox, member, late, kept
):
    change_address(browser, member, THIEF)
    link = not_me(mailbox, to=member.email)
    browser.parts.clock.advance(late)

    page = press(browser, link, member.number)

    assert page.h1 == BLOCKED
    assert (account_now(browser).email == THIEF) == kept
    assert {mail.to for mail in mailbox.all(subject="bloqué")} == {member.email, THIEF}


def test_each_address_that_was_given_up_in_seven_days_is_told_of_the_alarm(browser, mailbox, member):
    change_address(browser, member, "etape@example.net")
    browser.parts.clock.advance(days=5)
    change_address(browser, member, THIEF)
    link = not_me(mailbox, to="etape@example.net")
    browser.parts.clock.advance(days=2, minutes=1)

    press(browser, link, member.number)

    told = {mail.to for mail in mailbox.all(subject="bloqué")}
    assert told == {"etape@example.net", THIEF}, "not the first one, after seven days"


def test_an_address_that_another_account_took_stays_theirs_and_the_account_is_shut(
    browser, mailbox, member, register
):
    change_address(browser, member, THIEF)
    link = not_me(mailbox, to=member.email)
    register.open_account(SACHA)
    with browser.parts.database.transaction() as session:
        sacha = accounts.by_email(session, SACHA.email)
        sacha.email = sacha.email_folded = member.email

    page = press(browser, link, member.number)

    assert page.h1 == BLOCKED
    assert account_now(browser).email == THIEF
    assert account_now(browser).alarm_at is not None


def test_refusing_the_change_of_a_lost_address_leaves_the_account_open_and_offers_the_block(
    browser, thief, mailbox, member
):
    sign_in(browser, mailbox, member)
    change_address(browser, member, THIEF, origin=Origin.LOST, is_done=False)
    link = not_me(mailbox, to=member.email, subject="adresse")

    page = press(thief, link, member.number)

    assert page.h1 == "C’est refusé"
    assert is_signed_in(browser)
    with browser.parts.database.reading() as session:
        (change,) = session.execute(select(AddressChange)).scalars()
        (letter,) = session.execute(select(Letter)).scalars()
    assert change.refused_at is not None
    assert letter.kind == letters.Kind.ACCESS_CODE
    # And then, the whole.
    assert thief.submit(member_number=member.number).h1 == BLOCKED
    assert not is_signed_in(browser)


def test_a_stranger_who_enrols_the_member_is_refused_and_nobody_is_signed_out(
    browser, open_browser, mailbox, member
):
    sign_in(browser, mailbox, member)
    fill_enrolment(open_browser(), member, email="autre@example.org")
    link = not_me(mailbox, to=member.email, subject="demande de compte")

    page = press(open_browser(), link, member.number)

    assert page.h1 == "C’est refusé"
    assert is_signed_in(browser)
    with browser.parts.database.reading() as session:
        attempts = session.execute(select(enrolments.Enrolment)).scalars().all()
    assert all(attempt.voided_at is not None for attempt in attempts)


def test_an_account_that_a_stranger_opened_with_the_members_papers_needs_a_letter(
    browser, open_browser, mailbox, register
):
    known = type(CAMILLE)(known_email="vraie.camille@example.org")
    register.add(known)
    enrol(browser, mailbox, known)
    sign_in(browser, mailbox, known)

    press(open_browser(), not_me(mailbox, to=known.known_email), known.number)

    assert not is_signed_in(browser)
    page = to_alarm_step(browser, mailbox, known)
    assert not page.asks_for("access_code")
    assert browser.post(page.address, {"access_code": known.code}).number != ""
    account = account_now(browser, known)
    assert account.alarm_at is not None
    with browser.parts.database.reading() as session:
        assert letters.is_waiting(session, f"{account.id}:{account.epoch}", now=browser.parts.clock.now())


@pytest.mark.parametrize(("age", "works"), [(GOOD_FOR - A_MINUTE, True), (GOOD_FOR, False)])
def test_links_live_seven_days_and_then_say_kindly_what_else_there_is(browser, member, link, age, works):
    browser.parts.clock.advance(age)

    page = browser.get(link)

    assert page.asks_for("member_number") == works
    if not works:
        assert page.number == "P-6302"
        assert page.soup.find("a", href="/mot-de-passe-oublie")
        assert browser.post(link, {"csrf_token": "x"}).status in {400, 410}
        assert account_now(browser).alarm_at is None


def test_a_link_that_we_did_not_make_leads_on_as_well(browser):
    page = browser.get("/ce-n-est-pas-moi/" + "x" * 43)

    assert (page.status, page.number) == (404, "P-6301")
    assert page.soup.find("a", href="/acces-perdus")


def test_another_password_does_not_end_the_link_of_a_mail_about_it(browser, mailbox, member, link):
    with visiting(browser) as visit:
        credentials.change_password(visit.session, account_of(visit, member), "x", now=visit.now)

    assert press(browser, link, member.number).h1 == BLOCKED


def test_from_the_history_the_signed_in_browser_shuts_the_account_with_the_number(browser, mailbox, member):
    asked = browser.get("/compte/alerte")
    assert asked.h1 == "Connexion à votre compte"
    sign_in(browser, mailbox, member)
    browser.get("/compte/alerte?evenement=1")

    wrong = browser.submit(member_number="0000000")
    done = browser.submit(member_number=member.number)

    assert "member_number" in wrong.errors
    assert done.h1 == BLOCKED
    assert not is_signed_in(browser)
    assert account_now(browser).alarm_at is not None


def test_the_history_of_another_account_is_not_told(browser, mailbox, member, register):
    register.open_account(SACHA)
    sign_in(browser, mailbox, SACHA)
    other = browser.get("/compte/alerte?evenement=1").soup.select("dl.rows")
    sign_in(browser, mailbox, member)
    (number,) = [row["account_id"] for row in events(browser.parts.database, "session.opened")][-1:]

    assert number == account_now(browser).id
    assert len(other) <= 1
    for strange in ("0", "x", "9" * 30, "%C2%B2"):
        assert browser.get(f"/compte/alerte?evenement={strange}").soup.select("dl.rows") == []


def test_alarms_raised_and_undone_again_and_again_cost_three_letters_a_month(browser, mailbox, member):
    for _ in range(4):
        raise_alarm(browser, member)
        to_choice(browser, mailbox)
        browser.press(KEEP)
        browser.parts.clock.advance(minutes=2)

    with browser.parts.database.reading() as session:
        assert len(session.execute(select(Letter)).scalars().all()) == 3


def test_the_alarm_frees_a_second_step_that_a_guesser_put_to_rest(browser, thief, mailbox, member):
    with visiting(browser) as visit:
        account = account_of(visit, member)
        accounts.rest_second_step(visit.session, account.id, until=visit.now + timedelta(hours=1))
    raise_alarm(browser, member)

    assert to_alarm_step(browser, mailbox).h1 == BLOCKED


def test_a_device_trusted_under_the_alarm_would_spare_no_code(browser, mailbox, member):
    raise_alarm(browser, member)
    with visiting(browser) as visit:
        account = account_of(visit, member)
        trusted = trusted_device.trust(
            visit.session, vault=browser.parts.vault, account=account, name="Chrome", now=visit.now
        )
    browser.set_cookie(trusted_device.cookie_name(browser.parts.vault, account.id), trusted.cookie)

    assert give_password(browser, member).path == "/connexion/code"


def test_an_account_that_ended_says_the_link_is_over(browser, member, link):
    with browser.parts.database.transaction() as session:
        account = session.execute(select(Account)).scalar_one()
        accounts.end_for_members(session, [account.member_id], now=browser.parts.clock.now())

    assert browser.get(link).number == "P-6302"


def test_a_passkey_of_the_last_seven_days_goes_and_an_older_one_stays(browser, member):
    now = browser.parts.clock.now()
    with visiting(browser) as visit:
        account = account_of(visit, member)
        for name, age in (("old", GOOD_FOR + A_MINUTE), ("new", GOOD_FOR)):
            give_passkey(visit.session, account, name, now=now - age)
        recovery_codes.make(visit.session, account, vault=visit.kit.vault, now=now)

    raise_alarm(browser, member)

    with browser.parts.database.reading() as session:
        assert [key.id for key in session.execute(select(Passkey)).scalars()] == ["old"]
        assert recovery_codes.left(session, account.id) == 0


def test_a_passkey_that_signs_in_alone_meets_the_alarm_too(browser, member):
    raise_alarm(browser, member)
    browser.get("/connexion")
    with visiting(browser) as visit:
        row = visit.session.get_one(Interaction, browser.handle)
        row.belong_to(account_of(visit, member))
        row.passkey_at = visit.now

    assert next_step(row.facts) is StepName.ALARM


def test_an_account_that_a_thief_closed_is_kept(browser, member):
    with visiting(browser) as visit:
        accounts.close(visit.session, account_of(visit, member).id, closes_at=visit.now + UNDO_WITHIN)

    raise_alarm(browser, member)

    assert account_now(browser).closes_at is None


def test_a_sign_in_that_is_over_keeps_no_access_code(browser, mailbox, member, parts):
    raise_alarm(browser, member)
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email).code())
    browser.submit(access_code=member.code)
    assert codes_kept(parts) == 1

    browser.post(
        "/connexion/recommencer", {"csrf_token": browser.page.value("csrf_token"), "i": browser.handle}
    )

    assert codes_kept(parts) == 0


def codes_kept(parts) -> int:
    with parts.database.reading() as session:
        return len(session.scalars(select(Interaction.id).where(Interaction.alarm_code.is_not(None))).all())
