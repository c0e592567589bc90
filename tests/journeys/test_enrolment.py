"""« Créer son compte », step 1: what a member meets on « Mes infos »."""

import pytest

from tests.support.people import (
    CAMILLE,
    SACHA,
    Person,
    enrol,
    fill_enrolment,
    give_password,
    is_signed_in,
    sign_in,
)
from tests.support.rows import count_rows, events

WRONG_PAIR = "Le numéro d’adhérent et le code d’accès ne vont pas ensemble. Vérifiez-les sur votre courrier."


def test_a_member_creates_an_account_and_signs_in(browser, mailbox, newcomer):
    page = fill_enrolment(browser, newcomer)
    assert page.path == "/inscription/validation"
    assert newcomer.email in page.words

    page = browser.get(mailbox.last(to=newcomer.email).link())
    assert page.h1 == "Validez votre inscription"
    page = browser.submit()

    assert page.h1 == "Bienvenue, votre compte est actif"
    assert not is_signed_in(browser)
    assert sign_in(browser, mailbox, newcomer).h1 == "Mon compte"


def test_the_first_page_names_its_three_steps_and_shows_the_rules_of_the_password(browser):
    page = browser.get("/inscription")

    assert page.h1 == "Créer son compte"
    assert all(step in page.words for step in ("Mes infos", "Validation", "Bienvenue"))
    assert "12 caractères" in page.words
    assert browser.has_button("Créer mon compte")
    assert page.value("terms") is None


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("Printemps", "Solidité estimée du mot de passe refusé : faible."),
        (
            "Brume9Cactus4Tiroir",
            "Écrivez à nouveau votre mot de passe. Sa solidité estimée : excellente.",
        ),
    ],
)
def test_a_password_asked_for_again_is_judged_in_a_word_and_never_shown(
    browser, newcomer, password, sentence
):
    page = fill_enrolment(browser, newcomer, password=password, password_confirm=password + "x", terms=None)

    assert sentence in page.words
    assert password not in page.response.text


def test_no_strength_is_told_before_a_password_was_given(browser):
    words = browser.get("/inscription").words

    assert "mot de passe refusé" not in words
    assert "Écrivez à nouveau" not in words


@pytest.mark.parametrize(
    ("number", "code"),
    [("1234567", "zzzzzzzz"), ("7654321", "abcdefgh"), ("1234567", "bcdefghj")],
    ids=["wrong code", "unknown number", "the code of another member"],
)
def test_a_wrong_pair_is_told_in_one_sentence_whatever_is_wrong(browser, mailbox, register, number, code):
    register.add(CAMILLE, SACHA)

    page = fill_enrolment(browser, CAMILLE, member_number=number, access_code=code)

    assert page.errors == {"member_number": WRONG_PAIR}
    assert page.summary == ["member_number"]
    assert mailbox.all() == []


def test_a_member_who_left_is_told_the_same_sentence(browser, register):
    register.add(Person(status="left"))

    page = fill_enrolment(browser, CAMILLE)

    assert page.errors == {"member_number": WRONG_PAIR}


def test_a_member_of_another_population_is_told_the_same_sentence(browser, register):
    register.add(Person(population="elu"))

    page = fill_enrolment(browser, CAMILLE)

    assert page.errors == {"member_number": WRONG_PAIR}


def test_spaces_hyphens_and_capitals_of_the_pair_do_not_matter(browser, newcomer):
    page = fill_enrolment(browser, newcomer, member_number=" 123 45 67 ", access_code="ABCD-efgh ")

    assert page.path == "/inscription/validation"


def test_leading_zeros_of_the_number_count(browser, register):
    register.add(Person("0012345"))

    assert fill_enrolment(browser, CAMILLE, member_number="12345").errors == {"member_number": WRONG_PAIR}
    assert fill_enrolment(browser, CAMILLE, member_number="0012345").path == "/inscription/validation"


def test_an_error_keeps_what_was_typed_but_never_passwords(browser, newcomer):
    page = fill_enrolment(browser, newcomer, password_confirm="another one")

    assert page.errors == {
        "password_confirm": "Les deux mots de passe sont différents. Écrivez-les à nouveau."
    }
    assert page.value("member_number") == newcomer.number
    assert page.value("access_code") == newcomer.code
    assert page.value("email") == newcomer.email
    assert page.value("terms") == "y"
    assert newcomer.password not in page.response.text
    assert "another one" not in page.response.text


def test_an_empty_form_says_for_each_field_how_to_mend_it(browser):
    browser.get("/inscription")

    page = browser.submit(captcha="")

    needed = {"member_number", "access_code", "email", "password", "password_confirm", "terms"}
    assert page.errors.keys() == needed
    assert set(page.summary) == needed
    assert page.h1 == "Créer son compte"


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("member_number", "ABC", "chiffres"),
        ("access_code", "1234", "lettres"),
        ("email", "camille@", "complète"),
        ("email", "camille", "complète"),
        ("terms", None, "acceptez"),
        ("captcha", "?????", "image"),
        ("captcha", "", "Recopiez"),
    ],
)
def test_each_mistake_is_told_at_its_field(browser, newcomer, field, typed, told):
    page = fill_enrolment(browser, newcomer, **{field: typed})

    assert page.errors.keys() == {field}
    assert told in page.errors[field]


@pytest.mark.parametrize(
    "password",
    [
        "Court!1a",
        "longmaissimple",
        "Été!prairie2027x",
        "Abcdefgh!1234567",
        "1234567!Ardoise",
        "Motdepasse123!",
    ],
)
def test_a_password_against_the_policy_is_refused_in_words(browser, newcomer, password):
    page = fill_enrolment(browser, newcomer, password=password, password_confirm=password)

    assert page.errors.keys() == {"password"}
    assert len(page.errors["password"]) > 20


def test_a_password_with_the_members_own_name_is_refused_only_after_the_right_pair(browser, newcomer):
    named = {
        "password": "Camille!Prairie27",
        "password_confirm": "Camille!Prairie27",
        "email": "moi@example.org",
    }

    page = fill_enrolment(browser, newcomer, access_code="zzzzzzzz", **named)
    assert page.errors.keys() == {"member_number"}

    page = fill_enrolment(browser, newcomer, **named)
    assert page.errors.keys() == {"password"}
    assert "nom" in page.errors["password"]


def test_a_passphrase_of_seven_words_is_accepted(browser, newcomer):
    phrase = "sept mots calmes pour une longue promenade"

    page = fill_enrolment(browser, newcomer, password=phrase, password_confirm=phrase)

    assert page.path == "/inscription/validation", page.errors


def test_the_accepted_terms_are_kept_with_version_hash_and_time(browser, mailbox, newcomer, parts, clock):
    enrol(browser, mailbox, newcomer)

    with parts.database.reading() as session:
        account = session.execute(_accounts()).scalar_one()
    space = parts.spaces["adherent"]
    assert (account.terms_version, account.terms_hash) == (space.terms_version, space.terms_hash)
    assert account.terms_accepted_at == clock.now()


def _accounts():
    from sqlalchemy import select

    from idp.subjects.accounts import Account

    return select(Account)


def test_a_space_without_enrolment_says_that_members_are_invited(browser):
    page = browser.get("/inscription?espace=elu")

    assert (page.status, page.number) == (404, "P-1002")


def test_whoever_has_an_account_already_sees_the_same_pages_and_is_told_by_mail(
    open_browser, mailbox, register
):
    register.add(CAMILLE)
    register.open_account(SACHA)

    seen = []
    for person in (CAMILLE, SACHA):
        browser = open_browser()
        seen.append(fill_enrolment(browser, person).without_chance().replace(person.email, "@"))
        mailbox.deliver()
        seen.append(browser.get("/inscription/validation").without_chance().replace(person.email, "@"))
        seen.append(browser.get("/inscription/code").without_chance().replace(person.email, "@"))

    assert seen[:3] == seen[3:]
    mail = mailbox.last(to=SACHA.email)
    assert mail.subject == "Vous avez déjà un compte"
    assert mail.codes() == []
    assert mail.links() == ["/connexion", "/acces-perdus"]


def test_another_address_for_a_member_with_an_account_changes_nothing_and_tells_the_owner(
    browser, mailbox, member
):
    page = fill_enrolment(browser, member, email="intrus@example.org")

    assert page.path == "/inscription/validation"
    assert mailbox.last(to="intrus@example.org").subject == "Votre demande ne peut pas être terminée en ligne"
    assert mailbox.last(to="intrus@example.org").links() == []
    assert mailbox.last(to=member.email).subject == "Votre numéro a servi à une demande de compte"
    assert give_password(browser, member).path == "/connexion/code"


def test_the_owner_is_told_once_a_day_however_often_a_stranger_tries(browser, mailbox, member):
    for _ in range(3):
        fill_enrolment(browser, member, email="intrus@example.org")

    assert len(mailbox.all(to=member.email)) == 1


def test_the_address_of_somebody_else_changes_nothing_and_its_owner_is_told(browser, mailbox, register):
    register.open_account(CAMILLE)
    register.add(SACHA)

    page = fill_enrolment(browser, SACHA, email=CAMILLE.email)

    assert page.path == "/inscription/validation"
    assert [mail.subject for mail in mailbox.all()] == ["Votre demande ne peut pas être terminée en ligne"]
    assert mailbox.last().to == CAMILLE.email


@pytest.mark.parametrize("who", ["new", "already", "other address", "address of another"])
def test_the_same_statements_run_whoever_is_known(open_browser, register, parts, who):
    register.add(CAMILLE)
    register.open_account(SACHA)
    person, address = {
        "new": (CAMILLE, CAMILLE.email),
        "already": (SACHA, SACHA.email),
        "other address": (SACHA, "autre@example.org"),
        "address of another": (CAMILLE, SACHA.email),
    }[who]
    before = count_rows(parts.database)

    fill_enrolment(open_browser(), person, email=address)

    after = count_rows(parts.database)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    # One more mail goes to the owner of an account whose member somebody enrols at another address, with its link.
    is_owner_told = who == "other address"
    assert grown["outbox"] == (2 if is_owner_told else 1)
    assert grown.get("notice", 0) == (1 if is_owner_told else 0)
    # Where nobody is told, as many rows are written that nothing comes of.
    assert sum(grown.pop(name, 0) for name in ("outbox", "one_time_secret", "notice")) == 6
    assert grown == {"enrolment": 1, "audit_event": 1, "budget": 2, "delay": 2}


def test_at_most_five_enrolments_a_day_begin_for_a_member(open_browser, mailbox, newcomer, clock):
    for _ in range(5):
        assert fill_enrolment(open_browser(), newcomer).path == "/inscription/validation"

    page = fill_enrolment(open_browser(), newcomer)
    assert "recommencez demain" in page.errors["member_number"]
    assert len(mailbox.all()) == 5

    clock.advance(days=1)
    assert fill_enrolment(open_browser(), newcomer).path == "/inscription/validation"


def test_guesses_of_a_code_wait_ever_longer_but_the_owner_elsewhere_does_not(open_browser, newcomer, clock):
    stranger = open_browser(network="203.0.113.66")
    waits = []
    for _ in range(9):
        page = fill_enrolment(stranger, newcomer, access_code="zzzzzzzz")
        if page.errors["member_number"].startswith("Trop d’essais"):
            waits.append(int("".join(filter(str.isdigit, page.errors["member_number"]))))
            clock.advance(seconds=waits[-1])

    assert len(waits) >= 2
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    assert fill_enrolment(open_browser(), newcomer).path == "/inscription/validation"


def test_many_strangers_on_many_networks_make_the_owner_wait_seconds_only(open_browser, newcomer, clock):
    for network in range(12):
        stranger = open_browser(network=f"203.0.{network}.9")
        for _ in range(4):
            fill_enrolment(stranger, newcomer, access_code="zzzzzzzz")

    clock.advance(seconds=6)
    assert fill_enrolment(open_browser(), newcomer).path == "/inscription/validation"


def test_a_wrong_pair_is_noted_without_what_was_typed(browser, newcomer, parts):
    fill_enrolment(browser, newcomer, access_code="zzzzzzzz")

    (noted,) = events(parts.database, "pair.wrong")
    assert "zzzzzzzz" not in str(noted)
    assert newcomer.number not in str(noted)
