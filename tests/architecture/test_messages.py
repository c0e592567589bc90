"""The English catalogue says everything that the pages say in French, and nothing else."""

import ast
import re

import pytest

from idp.core.words import plain
from tests.architecture.tree import name_of, python_files
from tools import messages

ENTRY = 'msgid "Il reste %(count)s essai à « %(name)s »."\nmsgstr "{english}"\n'
KEY = "Il reste %(count)s essai à « %(name)s »."
GOOD = "%(name)s has %(count)s try left."
FRENCH = re.compile(r"[éèêàçôûîÉÀ]\w* |[a-z]’[a-zé]|\b(votre|vous|les|une) ")
# Mails have their own templates, and letters are printed in French; names of invented people, samples and help for
# operators are no sentences of a page.
ELSEWHERE = re.compile(
    r"idp/(core/(mail|errors|wordings)\w*|subjects/(synthetic|letter_pages)|admin/\w+|cli\w*|demo)\.py"
)


def french_of(source):
    """The French sentences of a module, docstrings aside."""
    tree = ast.parse(source)
    said_of = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return {plain(node.value) for node in texts if id(node) not in said_of and FRENCH.search(node.value)}


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


def test_no_french_sentence_of_python_is_left_unmarked(wanted):
    files = [path for path in python_files("idp") if not ELSEWHERE.fullmatch(name_of(path))]

    assert {name_of(path): lost for path in files if (lost := french_of(path.read_text()) - wanted)} == {}


@pytest.mark.parametrize(
    "source", ['x = "Écrivez votre nom."', 'x = f"Attendez {n} s, vous pourrez continuer"']
)
def test_an_unmarked_one_would_be_seen(source):
    assert french_of(source)
    assert not french_of('def f():\n    """« Écrivez votre nom »."""')


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
