"""How the member space reads and writes French dates, sums and forms."""

from datetime import date

import pytest

from examples.member_space.forms import Declared, read_accident, read_iban, read_request
from examples.member_space.french import day, euros, month, typeset
from examples.member_space.settings import Settings

TODAY = date(2026, 3, 12)


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (2310, "23,10 €"),
        (5, "0,05 €"),
        (0, "0,00 €"),
        (-150, "-1,50 €"),
        (123450, "1\N{NARROW NO-BREAK SPACE}234,50 €"),
    ],
)
def test_sums_are_written_as_in_the_guide(cents, text):
    assert euros(cents) == text


def test_days_and_months_are_written_as_in_the_guide():
    assert day(TODAY) == "12/03/2026"
    assert month(TODAY) == "Mars 2026"


def test_signs_stay_with_their_words_and_code_is_left_alone():
    assert typeset("Oui ! « Non » : a != b") == "Oui\xa0! «\xa0Non\xa0»\xa0: a != b"


@pytest.mark.parametrize("text", ["2026-03-11", "11/03/2026", "11.3.2026", " 11/3/2026 "])
def test_dates_are_read_as_browsers_and_people_write_them(text):
    read = read_request({"care_on": text, "care": "optique", "amount": "12"}, today=TODAY)

    assert read == Declared(date(2026, 3, 11), "Optique", "Somme payée : 12,00 €")


@pytest.mark.parametrize(
    "text",
    ["", "13/03/2026", "01/01/2020", "31/02/2026", "0000-00-00", "12/03/26", "١٢/٠٣/٢٠٢٦", "\0", "9" * 5000],
)
def test_other_dates_are_refused_with_a_word(text):
    read = read_request({"care_on": text, "care": "optique", "amount": "12"}, today=TODAY)

    assert list(read) == ["care_on"]


@pytest.mark.parametrize(
    ("text", "cents"), [("23,1", "23,10"), ("1 023.10 €", "1023,10"), ("20000", "20000,00")]
)
def test_sums_are_read_as_people_write_them(text, cents):
    read = read_request({"care_on": "12/03/2026", "care": "autre", "amount": text}, today=TODAY)

    assert read.details == f"Somme payée : {cents} €"


@pytest.mark.parametrize("text", ["", "0", "-5", "20000,01", "1,234", "1e3", "٢٣", "x", "NaN"])
def test_other_sums_are_refused(text):
    read = read_request({"care_on": "12/03/2026", "care": "autre", "amount": text}, today=TODAY)

    assert list(read) == ["amount"]


def test_an_empty_accident_form_says_all_that_is_missing():
    assert list(read_accident({}, today=TODAY)) == ["happened_on", "place", "third_party"]


def test_a_long_story_is_refused_and_a_strange_one_kept():
    good = {"happened_on": "12/03/2026", "place": "route", "third_party": "non"}

    assert list(read_accident(good | {"details": "x" * 1001}, today=TODAY)) == ["details"]
    assert read_accident(good | {"details": "\0é😀"}, today=TODAY).details.endswith("é😀")


@pytest.mark.parametrize("text", ["", "FR", "DE47" + "9" * 23, "FR47" + "9" * 24, "FR٤٧" + "9" * 23])
def test_what_is_not_a_french_account_number_is_refused_before_it_is_sent(text):
    assert list(read_iban({"iban": text})) == ["iban"]


def test_settings_come_from_the_environment_and_a_missing_one_is_named():
    environment = {
        "SPACE_ISSUER": "http://127.0.0.1:8000",
        "SPACE_BASE_URL": "http://127.0.0.1:8002/",
        "SPACE_MEMBER_DATA_URL": "http://127.0.0.1:8001/",
        "SPACE_DATABASE": "var/space.db",
        "SPACE_SECRET_ADHERENT": "a",
        "SPACE_SECRET_PROFESSIONNEL": "b",
        "SPACE_SECRET_ELU": "c",
    }

    settings = Settings.from_environment(environment)

    assert settings.base_url == "http://127.0.0.1:8002"
    assert settings.secrets == {"adherent": "a", "professionnel": "b", "elu": "c"}
    del environment["SPACE_SECRET_ELU"]
    with pytest.raises(KeyError, match="SPACE_SECRET_ELU"):
        Settings.from_environment(environment)
