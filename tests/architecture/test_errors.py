"""Every error number that the code uses has its words, and the reference lists it."""

import re

import pytest

from idp.core.errors import CATALOGUE
from tests.architecture.tree import ROOT, name_of, text_files

NUMBER = re.compile(r"\bP-\d{4}\b")
REFERENCE = "docs/reference/errors.md"


def numbers_used() -> dict[str, set[str]]:
    """The numbers that each file of the provider and of the services beside it names."""
    files = [(name_of(path), text) for path, text in text_files()]
    return {name: set(NUMBER.findall(text)) for name, text in files if name.startswith(("idp/", "examples/"))}


def test_every_number_used_is_in_the_catalogue():
    unknown = {name: numbers - CATALOGUE.keys() for name, numbers in numbers_used().items()}

    assert {name: numbers for name, numbers in unknown.items() if numbers} == {}


def test_every_number_of_the_catalogue_is_used():
    elsewhere = [numbers for name, numbers in numbers_used().items() if name != "idp/core/errors.py"]

    assert CATALOGUE.keys() - set().union(*elsewhere) == set()


def test_the_reference_lists_the_catalogue_and_nothing_else():
    listed = set(NUMBER.findall((ROOT / REFERENCE).read_text(encoding="utf-8")))

    assert listed == CATALOGUE.keys()


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_an_entry_has_words_for_each_of_its_readers(entry):
    assert entry.title
    assert entry.operator
    # P-9…: a start that was refused; no page was ever open, so the operator alone reads it.
    if not entry.number.startswith("P-9"):
        assert entry.member
        assert entry.help_desk
