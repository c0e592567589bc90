"""Trusted devices: spared the code for ninety days, and never more than that."""

import pytest
from sqlalchemy import select

from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.sessions import service as sessions
from tests.support.browser import CHROME
from tests.support.people import CAMILLE, SACHA, give_password, is_signed_in, sign_in

YES, NO = "Oui, se fier à cet appareil", "Non merci"
OTHER = {"network": "203.0.113.9"}


@pytest.fixture
def trusted(browser, mailbox, member):
    """Camille's own browser, trusted, and closed since."""
    sign_in(browser, mailbox, member, trust=YES)
    browser.close()
    return browser


def the_cookie(browser):
    ((name, value),) = browser.device_cookies().items()
    return name, value


def test_the_question_comes_after_the_code_with_the_date_of_its_end(browser, mailbox, member):
    give_password(browser, member)
    page = browser.submit(code=mailbox.last(to=member.email).code())

    assert page.h1 == "Souhaitez-vous enregistrer cet appareil comme appareil de confiance ?"
    assert "10 juin 2026" in page.words
    assert browser.has_button(YES)
    assert browser.has_button(NO)


def test_on_a_trusted_device_the_password_suffices(trusted, mailbox, member):
    codes = len(mailbox.all(subject="code de connexion"))

    page = give_password(trusted, member)

    assert page.path == "/compte"
    assert len(mailbox.all(subject="code de connexion")) == codes


def test_no_thanks_means_a_code_next_time_and_no_cookie(browser, mailbox, member):
    sign_in(browser, mailbox, member, trust=NO)
    assert browser.device_cookies() == {}
    browser.close()

    assert give_password(browser, member).path == "/connexion/code"


@pytest.mark.parametrize("answer", ["", "maybe", "YES", "yes "])
def test_only_the_two_answers_count(browser, mailbox, member, answer):
    give_password(browser, member)
    browser.submit(code=mailbox.last(to=member.email).code())

    page = browser.submit(trust=answer)

    assert page.path == "/connexion/appareil"
    assert browser.device_cookies() == {}


def test_the_owner_is_told_of_a_new_trusted_device(trusted, mailbox, member):
    mail = mailbox.last(to=member.email, subject="appareil de confiance a été enregistré")

    assert "Firefox" in mail.text
    assert "10 juin 2026" in mail.words


def test_trust_lasts_ninety_days_however_often_it_is_used(trusted, member, clock):
    for _ in range(8):
        clock.advance(days=11)
        assert give_password(trusted, member).path == "/compte"
        trusted.close()

    clock.advance(days=2)

    assert give_password(trusted, member).path == "/connexion/code"


def test_the_secret_changes_at_each_use(trusted, member):
    name, first = the_cookie(trusted)
    give_password(trusted, member)
    _, second = the_cookie(trusted)

    assert second != first
    assert trusted.cookies[name] == second


def test_only_a_hash_of_the_secret_is_kept(trusted, parts):
    _, value = the_cookie(trusted)
    series, _, secret = value.split(".")

    with parts.database.reading() as session:
        row = session.execute(select(TrustedDeviceRow)).scalar_one()

    kept = f"{row.series} {row.secret_hash}"
    assert secret not in kept
    assert series not in kept


def test_a_lost_answer_is_not_theft(trusted, member, clock):
    name, former = the_cookie(trusted)
    for _ in range(3):
        give_password(trusted, member)
        trusted.close()
        # The answer with the new secret never arrived.
        trusted.set_cookie(name, former)
        clock.advance(minutes=5)

    assert give_password(trusted, member).path == "/compte"


def test_a_former_secret_still_passes_for_thirty_seconds_after_the_new_one_was_used(trusted, member, clock):
    name, former = the_cookie(trusted)
    for _ in range(2):
        give_password(trusted, member)
        trusted.close()
    trusted.set_cookie(name, former)
    clock.advance(seconds=30)

    assert give_password(trusted, member).path == "/compte"


def test_a_former_secret_after_that_is_theft(open_browser, trusted, mailbox, member, clock):
    name, stolen = the_cookie(trusted)
    for _ in range(2):
        trusted.close()
        give_password(trusted, member)
    assert is_signed_in(trusted)
    clock.advance(seconds=31)
    thief = open_browser(**OTHER)
    thief.set_cookie(name, stolen)

    page = give_password(thief, member)

    assert page.path == "/connexion/code"
    assert thief.device_cookies() == {}
    assert not is_signed_in(trusted)
    assert give_password(trusted, member).path == "/connexion/code"
    assert len(mailbox.all(to=member.email, subject="retiré par sécurité")) == 1


def test_theft_is_judged_only_after_the_right_password(open_browser, trusted, mailbox, member, clock):
    name, stolen = the_cookie(trusted)
    for _ in range(2):
        trusted.close()
        give_password(trusted, member)
    clock.advance(seconds=31)
    thief = open_browser(**OTHER)
    thief.set_cookie(name, stolen)

    give_password(thief, member, password="not the one")

    assert is_signed_in(trusted)
    assert mailbox.all(subject="retiré par sécurité") == []


def test_a_copied_cookie_without_the_password_opens_nothing(open_browser, trusted, member):
    thief = open_browser(**OTHER)
    thief.steal_cookies(trusted)

    assert not is_signed_in(thief)
    assert give_password(thief, member, password="not the one").errors.keys() == {"password"}


def test_the_cookie_of_one_account_is_worth_nothing_to_another(trusted, mailbox, register):
    register.open_account(SACHA)
    sign_in(trusted, mailbox, SACHA, trust=YES)
    trusted.close()
    (mine, hers) = sorted(trusted.device_cookies())
    values = trusted.cookies
    trusted.set_cookie(mine, values[hers])
    trusted.set_cookie(hers, values[mine])

    assert give_password(trusted, CAMILLE).path == "/connexion/code"
    trusted.forget_cookie("browser")
    assert give_password(trusted, SACHA).path == "/connexion/code"


def test_a_family_computer_serves_several_people(trusted, mailbox, member, register):
    register.open_account(SACHA)
    sign_in(trusted, mailbox, SACHA, trust=YES)

    for person in (member, SACHA, member):
        trusted.close()
        assert give_password(trusted, person).path == "/compte"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value[:-1] + ("a" if value[-1] != "a" else "b"),
        lambda value: value.replace(".0.", ".1.", 1),
        lambda value: value.replace(".0.", ".-1.", 1),
        lambda value: value.replace(".0.", ".999999999999.", 1),
        lambda value: value.replace(".", "", 1),
        lambda _value: "..",
        lambda _value: "x",
        lambda value: value * 30,
        lambda value: value.replace(".0.", ".²."),
    ],
    ids=["cut", "altered", "counter", "negative", "huge counter", "two parts", "dots", "x", "long", "digit"],
)
def test_a_forged_cookie_is_a_stranger(trusted, member, spoil):
    name, value = the_cookie(trusted)
    trusted.set_cookie(name, spoil(value).encode("latin-1", "replace").decode("latin-1"))

    assert give_password(trusted, member).path == "/connexion/code"


def test_a_forged_cookie_harms_the_real_device_in_nothing(trusted, open_browser, member, mailbox):
    name, value = the_cookie(trusted)
    _series, counter, secret = value.split(".")
    forger = open_browser(**OTHER)
    forger.set_cookie(name, f"{'A' * 22}.{counter}.{secret}")
    give_password(forger, member)

    assert give_password(trusted, member).path == "/compte"
    assert mailbox.all(subject="retiré par sécurité") == []


def test_a_removed_device_needs_the_code_again(trusted, member):
    give_password(trusted, member)
    page = trusted.get("/compte/appareils")
    assert "Firefox" in page.words
    assert "cet appareil" in page.words

    page = trusted.press("supprimer")

    assert "Aucun appareil de confiance" in page.words
    trusted.close()
    assert give_password(trusted, member).path == "/connexion/code"


def test_removing_a_device_ends_the_sessions_that_it_opened(open_browser, trusted, mailbox, member):
    give_password(trusted, member)
    phone = open_browser(agent=CHROME, **OTHER)
    sign_in(phone, mailbox, member)
    phone.get("/compte/appareils")

    phone.press("Tout supprimer")

    assert is_signed_in(phone)
    assert not is_signed_in(trusted)


def test_nobody_removes_the_device_of_another(  # noqa: PLR0917 (fixtures)
    open_browser, trusted, mailbox, member, register, parts
):
    register.open_account(SACHA)
    with parts.database.reading() as session:
        device = session.execute(select(TrustedDeviceRow)).scalar_one().id
    other = open_browser(**OTHER)
    sign_in(other, mailbox, SACHA, trust=YES)
    fields = {"csrf_token": other.get("/deconnexion").value("csrf_token"), "device": device}

    other.post("/compte/appareils/supprimer", fields)

    assert give_password(trusted, member).path == "/compte"


def test_a_raised_epoch_voids_every_device_and_session(trusted, member, parts):
    from sqlalchemy import update

    from idp.subjects.accounts import Account

    give_password(trusted, member)
    with parts.database.transaction() as session:
        session.execute(update(Account).values(epoch=Account.epoch + 1))

    assert not is_signed_in(trusted)
    assert give_password(trusted, member).path == "/connexion/code"


def test_a_trusted_device_is_not_delayed_by_strangers(open_browser, trusted, member):
    stranger = open_browser()
    for _ in range(9):
        give_password(stranger, member, password="not the one")
    assert "Patientez" in give_password(stranger, member).words

    assert give_password(trusted, member).path == "/compte"


def test_a_trusted_device_has_ten_wrong_passwords_then_counts_as_a_stranger(trusted, member):
    for _ in range(10):
        page = give_password(trusted, member, password="not the one", captcha=None)
        assert page.errors.keys() == {"password"}

    page = give_password(trusted, member, password="not the one", captcha=None)

    assert page.errors.keys() == {"captcha"}


def test_the_right_password_gives_a_device_its_ten_tries_back(trusted, member):
    for _ in range(9):
        give_password(trusted, member, password="not the one")
    assert give_password(trusted, member).path == "/compte"
    trusted.close()

    for _ in range(10):
        assert give_password(trusted, member, password="not the one", captcha=None).errors.keys() == {
            "password"
        }


def test_what_tokens_will_say_is_true(browser, mailbox, member, parts, clock):
    sign_in(browser, mailbox, member, trust=YES)
    live = live_session(browser, parts, clock)
    assert (live.acr, live.amr) == ("urn:parvis:acr:2sv", ("pwd", "otp"))

    browser.close()
    clock.advance(minutes=5)
    give_password(browser, member)
    live = live_session(browser, parts, clock)
    assert (live.acr, live.amr) == ("urn:parvis:acr:2sv-remembered", ("pwd",))
    assert live.auth_time == clock.now()


def live_session(browser, parts, clock):
    with parts.database.reading() as session:
        space = parts.spaces["adherent"]
        return sessions.by_secret(session, browser.cookies["session"], space=space, now=clock.now())
