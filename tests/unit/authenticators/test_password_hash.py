"""How passwords are stored and compared."""

import unicodedata

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.authenticators.password_hash import WRONG, Hasher, Verdict

OLD, NEW = b"o" * 32, b"n" * 32
HASHER = Hasher({"p1": NEW, "p0": OLD}, current="p1", cost=4)
RIGHT = Verdict(matches=True, needs_upgrade=False)
RIGHT_BUT_OLD = Verdict(matches=True, needs_upgrade=True)


@settings(max_examples=40, deadline=None)
@given(password=st.text(max_size=200))
def test_a_password_matches_its_own_hash(password):
    assert HASHER.verify(password, HASHER.hash(password)) == RIGHT


@settings(max_examples=40, deadline=None)
@given(password=st.text(max_size=200), other=st.text(max_size=200))
def test_another_password_does_not(password, other):
    same = unicodedata.normalize("NFKC", password) == unicodedata.normalize("NFKC", other)

    assert HASHER.verify(other, HASHER.hash(password)).matches == same


@pytest.mark.parametrize("ending", ["x", "\x00", " ", "é"])
def test_72_bytes_cut_nothing(ending):
    password = "a" * 100

    stored = HASHER.hash(password)

    assert HASHER.verify(password, stored) == RIGHT
    assert HASHER.verify(password + ending, stored) == WRONG
    assert HASHER.verify("a" * 72, stored) == WRONG


def test_a_nul_cuts_nothing():
    stored = HASHER.hash("before\x00after")

    assert HASHER.verify("before\x00other", stored) == WRONG
    assert HASHER.verify("before", stored) == WRONG


def test_the_same_letters_match_whatever_the_keyboard_composed():
    stored = HASHER.hash("caf\u00e9 cr\u00e8me")

    assert HASHER.verify("cafe\u0301 cre\u0300me", stored) == RIGHT


def test_the_stored_string_says_how_it_was_made():
    stored = HASHER.hash("tasse nuage velo")

    assert stored.startswith("parvis$v1$p1$$2b$04$")
    assert stored != HASHER.hash("tasse nuage velo")


def test_without_the_pepper_a_stored_hash_matches_nothing():
    stored = HASHER.hash("tasse nuage velo")
    stranger = Hasher({"p1": b"x" * 32}, current="p1", cost=4)
    forgetful = Hasher({"p2": b"x" * 32}, current="p2", cost=4)

    assert stranger.verify("tasse nuage velo", stored) == WRONG
    assert forgetful.verify("tasse nuage velo", stored) == WRONG


@pytest.mark.parametrize(
    "former",
    [Hasher({"p0": OLD}, current="p0", cost=4), Hasher({"p1": NEW}, current="p1", cost=5)],
    ids=["another pepper", "another cost"],
)
def test_a_hash_made_otherwise_matches_and_is_to_be_renewed(former):
    stored = former.hash("tasse nuage velo")

    assert HASHER.verify("tasse nuage velo", stored) == RIGHT_BUT_OLD
    assert HASHER.verify("tasse nuage", stored) == WRONG


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
@pytest.mark.parametrize("password", ["sésame", "x" * 72, "x" * 90, "é" * 50])
def test_an_imported_hash_matches_as_it_did_and_is_to_be_renewed(prefix, password):
    imported = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    imported = prefix + imported.removeprefix("$2b$")

    assert HASHER.verify(password, imported) == RIGHT_BUT_OLD
    assert HASHER.verify("y" + password, imported) == WRONG


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "é" * 60,
        "\ud800",
        "$2b$04$",
        "$2b$04$" + "!" * 53,
        "$2b$31$" + "a" * 53,
        "$2x$04$" + "a" * 53,
        "$2b$04$" + "a" * 54,
        "parvis$v1$p1$",
        "parvis$v2$p1$$2b$04$" + "a" * 53,
        "parvis$v1$p9$$2b$04$" + "a" * 53,
        "parvis$v1$p1$$2b$04$" + "9" * 53,
        "parvis$v1$p1$$2b$04$" + "a" * 53 + "\n",
    ],
)
def test_a_damaged_row_matches_nothing_and_raises_nothing(stored):
    assert HASHER.verify("tasse nuage velo", stored) == WRONG


@settings(max_examples=40, deadline=None)
@given(stored=st.text(max_size=120), password=st.text(max_size=600))
def test_any_row_and_any_password_get_an_answer(stored, password):
    assert HASHER.verify(password, stored) == WRONG


@settings(max_examples=30, deadline=None)
@given(password=st.text(max_size=60))
def test_the_dummy_matches_nothing(password):
    assert HASHER.verify(password, HASHER.dummy) == WRONG


def test_the_dummy_costs_what_a_real_hash_costs():
    real = HASHER.hash("tasse nuage velo")

    assert len(HASHER.dummy) == len(real)
    assert HASHER.dummy.startswith("parvis$v1$p1$$2b$04$")
    # bcrypt reads it as one of its own: it is computed, not refused.
    assert bcrypt.checkpw(b"anything", HASHER.dummy.split("$", 3)[3].encode()) is False


@pytest.mark.parametrize(
    ("peppers", "current", "cost"),
    [
        ({}, "p1", 4),
        ({"p1": NEW}, "p2", 4),
        ({"p1": b"short"}, "p1", 4),
        ({"p$1": NEW}, "p$1", 4),
        ({"p1": NEW}, "p1", 3),
        ({"p1": NEW}, "p1", 17),
    ],
)
def test_a_hasher_that_cannot_work_is_not_made(peppers, current, cost):
    with pytest.raises(ValueError, match=r"pepper|cost"):
        Hasher(peppers, current=current, cost=cost)
