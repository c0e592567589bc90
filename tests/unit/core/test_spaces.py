"""Spaces: folders that say who may enter, and files that are refused by name."""

import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from idp.core.spaces import BadSpace, Spaces

SHIPPED = Path(__file__).parents[3] / "config" / "spaces"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "spaces")
    return tmp_path / "spaces"


def change(folder, old, new, space="adherent"):
    path = folder / space / "space.toml"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))


def test_three_spaces_are_shipped_and_one_for_the_staff_each_for_its_own_population():
    spaces = Spaces.read(SHIPPED)

    assert {space.name for space in spaces} == {"adherent", "professionnel", "elu", "staff"}
    assert [space.name for space in spaces if not space.listed] == ["staff"]
    assert all(space.populations == {space.name} for space in spaces)
    assert [space.name for space in spaces if space.enrolment] == ["adherent"]
    assert spaces.default.name == "adherent"
    assert spaces.populations == {"adherent", "professionnel", "elu", "staff"}


@pytest.mark.parametrize(
    ("population", "good", "bad"),
    [
        ("adherent", ["1234567", "0012345"], ["2A0001234", "1234"]),
        ("professionnel", ["10001234567", "750001234", "2A0001234", "2B0001234"], ["1234567", "2C0001234"]),
        ("elu", ["7700001"], ["2A0001234"]),
    ],
)
def test_each_space_says_what_its_members_numbers_look_like(population, good, bad):
    pattern = Spaces.read(SHIPPED).number_patterns("[0-9]{5,12}")[population]

    assert [number for number in good if not re.fullmatch(pattern, number)] == []
    assert [number for number in bad if re.fullmatch(pattern, number)] == []


def test_sessions_idle_half_an_hour_and_last_half_a_day():
    for space in Spaces.read(SHIPPED):
        assert space.session_idle == timedelta(minutes=30)
        assert space.session_absolute == timedelta(hours=12)


def test_each_text_of_a_shipped_space_is_there_in_both_languages():
    for space in Spaces.read(SHIPPED):
        for name in ("terms", "mentions-legales", "confidentialite", "accessibilite"):
            assert space.text(name).count("<h2>") == space.text(name, "en").count("<h2>") > 0
            assert "the French version prevails" in space.text(name, "en")
        assert (space.hours("fr")[:8], space.hours("en")[:6]) == ("du lundi", "Monday")


def test_the_french_terms_alone_are_what_is_accepted(folder):
    before = Spaces.read(folder)["adherent"].terms_hash

    with (folder / "adherent" / "terms.en.html").open("a") as terms:
        terms.write("<p>One more word.</p>")

    assert Spaces.read(folder)["adherent"].terms_hash == before


def test_what_was_accepted_can_be_proved_later(folder):
    before = Spaces.read(folder)["adherent"].terms_hash

    with (folder / "adherent" / "terms.html").open("a") as terms:
        terms.write("<p>Un mot de plus.</p>")

    assert Spaces.read(folder)["adherent"].terms_hash != before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "adherent"', 'name = "autre"', "differs from its folder"),
        ('name = "adherent"', 'name = "adherent"\nwelcome = "x"', "welcome"),
        ("enrolment = true", 'member_number_pattern = "["', "is not a regular expression"),
        ('title = "', 'titel = "', "unknown key titel; the nearest known one is title"),
        ('title = "', 'titel = "', "title: missing"),
        ("[colours]\nprimary = ", "[colours]\nprimry = ", "the nearest known one is colours.primary"),
        ('name = "adherent"', 'name = "adherent-dark"', "must not end in -dark"),
        ('name = "adherent"', 'name = "Adherent/"', "name"),
        ('help_phone = "', 'help_phone = "tel ', "help_phone"),
        ("enrolment = true", 'logo_svg = "<svg/>"', "this is a file of the folder"),
        ('address = "', 'address = "75000" # ', "legal.address: must hold words"),
        ('privacy = "', 'privacy = "https://', "legal.privacy: must not hold a link"),
        ("[colours]\nprimary = ", "[colours]\nprimary = 'red' #", "colours"),
        ('session_idle = "30m"', "session_idle = 30", "session_idle"),
        ("name = ", "name == ", "space.toml"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_what_is_wrong(folder, old, new, told):
    change(folder, old, new)

    with pytest.raises(BadSpace) as refused:
        Spaces.read(folder)

    assert "P-9003" in str(refused.value)
    assert "adherent" in str(refused.value)
    assert told in str(refused.value)


def test_a_space_without_terms_is_refused(folder):
    (folder / "elu" / "terms.html").unlink()

    with pytest.raises(BadSpace, match=r"elu"):
        Spaces.read(folder)


def test_a_folder_without_spaces_is_refused(tmp_path):
    with pytest.raises(BadSpace, match="P-9003"):
        Spaces.read(tmp_path)


def test_an_unknown_space_is_none():
    spaces = Spaces.read(SHIPPED)

    assert spaces.get("nowhere") is None
    with pytest.raises(KeyError):
        spaces["nowhere"]


def test_no_shipped_space_lets_two_share_a_mailbox():
    spaces = Spaces.read(SHIPPED)

    assert not any(space.shared_mailboxes for space in spaces)
    assert spaces.mates("adherent") == frozenset()


def test_who_may_share_a_mailbox_is_the_same_in_every_space_that_they_may_enter(folder):
    change(folder, "enrolment = true", "enrolment = true\nshared_mailboxes = true")
    assert Spaces.read(folder).mates("adherent") == {"adherent"}
    assert Spaces.read(folder).mates("elu") == frozenset()

    change(folder, 'populations = ["elu"]', 'populations = ["elu", "adherent"]', space="elu")

    with pytest.raises(
        BadSpace, match="adherent and elu both admit adherent: shared_mailboxes must be the same"
    ):
        Spaces.read(folder)


def test_the_day_of_new_terms_is_a_date(folder):
    change(folder, 'terms_version = "2026-01"', 'terms_version = "2026-07"\nterms_date = 2026-07-01')

    assert Spaces.read(folder)["adherent"].terms_date == date(2026, 7, 1)
