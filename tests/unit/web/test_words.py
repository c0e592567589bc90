"""What pages say: sentences, plurals, dates, durations and spaces, as each language writes them."""

from datetime import UTC, date, datetime

import pytest
from wtforms import Form, StringField
from wtforms.validators import InputRequired

from idp.core.words import spaced
from idp.web import browser, words

HERE = "\u00a0"


def test_french_is_said_as_the_source_has_it_with_spaces_that_hold():
    assert words.say("Vous n’avez rien reçu ?", "fr") == f"Vous n’avez rien reçu{HERE}?"


def test_english_is_found_however_the_source_typed_its_spaces():
    assert words.say("Vous n’avez rien reçu ?", "en") == "Nothing received?"
    assert words.say(f"Vous n’avez rien reçu{HERE}?", "en") == "Nothing received?"


def test_what_no_catalogue_knows_is_said_as_it_is():
    assert words.say("Mutuelle Horizon", "en") == "Mutuelle Horizon"


def test_a_field_without_a_hint_says_nothing():
    assert [words.say("", language) for language in words.LANGUAGES] == ["", ""]


def test_values_are_filled_in_and_a_percent_sign_alone_is_only_that():
    sentence = "Trop d’essais. Attendez %(wait)s, puis recommencez."

    assert (
        words.say(sentence, "en", wait="12 seconds") == "Too many attempts. Wait 12 seconds, then try again."
    )
    assert words.say("Plus de 100 % de lettres", "en") == "Plus de 100 % de lettres"


@pytest.mark.parametrize(
    ("count", "french", "english"),
    [
        (0, "Il vous reste %(count)s essai.", "You have %(count)s tries left."),
        (1, "Il vous reste %(count)s essai.", "You have %(count)s try left."),
        (2, "Il vous reste %(count)s essais.", "You have %(count)s tries left."),
    ],
)
def test_zero_is_singular_in_french_and_plural_in_english(count, french, english):
    forms = ("Il vous reste %(count)s essai.", "Il vous reste %(count)s essais.")

    assert words.many(*forms, count, "fr").replace(HERE, " ") == french
    assert words.many(*forms, count, "en") == english


@pytest.mark.parametrize(
    ("seconds", "french", "english"),
    [
        (0, "0 seconde", "0 seconds"),
        (0.2, "1 seconde", "1 second"),
        (99, "99 secondes", "99 seconds"),
        (100, "2 minutes", "2 minutes"),
        (3600, "60 minutes", "60 minutes"),
        (5401, "2 heures", "2 hours"),
    ],
)
def test_a_wait_is_rounded_up_and_told_in_the_unit_one_would_use(seconds, french, english):
    assert words.duration(seconds, "fr").replace(HERE, " ") == french
    assert words.duration(seconds, "en") == english


def test_dates_are_written_as_in_a_letter():
    assert words.day(date(2026, 3, 12), "fr") == f"12{HERE}mars 2026"
    assert words.day(date(2026, 3, 1), "fr") == "1er mars 2026"
    assert words.day(date(2026, 3, 12), "en") == "12 March 2026"


@pytest.mark.parametrize(
    ("typed", "held"),
    [
        ("Exemple : 1", "Exemple_: 1"),
        ("« Non merci » ?", "«_Non merci_»_?"),
        ("en 2 étapes", "en 2_étapes"),
        ("%(count)s essais", "%(count)s_essais"),
        ('<h2 class="x">a !</h2>', '<h2 class="x">a_!</h2>'),
        ("à 10:30", "à 10:30"),
    ],
)
def test_no_line_ends_before_a_colon_inside_guillemets_or_after_a_figure(typed, held):
    assert spaced(typed) == held.replace("_", HERE)
    assert spaced(spaced(typed)) == spaced(typed)


def test_a_form_speaks_the_language_of_its_page_and_every_other_form_its_own():
    class Address(Form):
        email = StringField("Adresse email", [InputRequired("Écrivez votre adresse email.")])

    english, french = Address(), Address()
    english.validate()
    french.validate()

    words.say_form(english, "en")
    words.say_form(french, "fr")

    assert (english.email.label.text, english.errors) == (
        "Email address",
        {"email": ["Type your email address."]},
    )
    assert (french.email.label.text, french.errors) == (
        "Adresse email",
        {"email": ["Écrivez votre adresse email."]},
    )


@pytest.mark.parametrize(
    ("kept", "english"),
    [
        ("Chrome sur Android", "Chrome on Android"),
        ("Navigateur sur appareil inconnu", "Browser on unknown device"),
        ("Une tablette", "Une tablette"),
    ],
)
def test_a_browser_is_named_in_the_words_of_who_reads(kept, english):
    assert browser.name_in("en", kept) == english
    assert browser.name_in("fr", kept) == kept


@pytest.mark.parametrize(
    ("language", "written"), [("fr", "1er juillet 2026 à 0 h 05"), ("en", "1 July 2026 at 00:05")]
)
def test_a_moment_is_told_in_paris(language, written):
    moment = datetime(2026, 6, 30, 22, 5, tzinfo=UTC)

    assert words.moment(moment, language).replace("\u00a0", " ") == written
