"""The English catalogue says everything that the pages say in French, and nothing else."""

import pytest

from tools import messages

ENTRY = 'msgid "Il reste %(count)s essai à « %(name)s »."\nmsgstr "{english}"\n'
KEY = "Il reste %(count)s essai à « %(name)s »."
GOOD = "%(name)s has %(count)s try left."


@pytest.fixture(scope="module")
def wanted():
    return messages.sentences()


def test_every_sentence_that_a_member_can_read_is_in_english(wanted):
    assert messages.problems(messages.ENGLISH.read_text(encoding="utf-8"), wanted) == []


def test_the_catalogue_is_as_the_tool_would_write_it_now(wanted):
    text = messages.ENGLISH.read_text(encoding="utf-8")

    assert messages.updated(text, wanted) == text


def test_sentences_are_found_in_templates_in_python_and_in_the_catalogue_of_errors(wanted):
    assert "Connexion à votre compte" in wanted
    assert ("Il vous reste %(count)s essai.", "Il vous reste %(count)s essais.") in wanted
    assert "Écrivez votre mot de passe." in wanted
    assert "Page introuvable" in wanted


@pytest.mark.parametrize(
    ("english", "told"),
    [
        ("", "not in English"),
        ("%(name)s has a try left.", "other values"),
        ("%(name)s has <b>%(count)s</b> try left.", "other tags"),
        ("“%(name)s” : %(count)s try left.", "French spacing"),
        ('%(name)s has %(count)s \\"try\\" left.', "straight quotation mark"),
    ],
)
def test_a_sentence_that_is_not_the_same_in_english_is_told(english, told):
    text = messages.HEADER + ENTRY.format(english=english)

    assert [told in problem for problem in messages.problems(text, {KEY})] == [True]


def test_a_missing_and_an_obsolete_sentence_are_told_and_the_tool_mends_both():
    text = messages.HEADER + ENTRY.format(english=GOOD)

    assert messages.problems(text, {KEY}) == []
    assert messages.problems(text, {KEY, "Nouveau"}) == ["not in English: Nouveau"]
    assert messages.problems(text, ()) == [f"said nowhere: {KEY}"]
    mended = messages.updated(text, {"Nouveau"})
    assert "Nouveau" in mended
    assert KEY not in mended
