"""Invented registers: repeatable, plausible, and imported without a refusal."""

import io
from collections import Counter
from datetime import date
from itertools import islice

import pytest

from idp.subjects.register_rows import RegisterRow, RowRules, read_lines
from idp.subjects.synthetic import PROMISED, synthetic_register, write_register

RULES = RowRules.of(number_pattern="[0-9]{5,12}", code_pattern="[a-z]{6,12}")


def test_the_same_seed_gives_the_same_file_and_another_seed_another():
    one, same, other = io.StringIO(), io.StringIO(), io.StringIO()

    write_register(one, 500, seed=7)
    write_register(same, 500, seed=7)
    write_register(other, 500, seed=8)

    assert one.getvalue() == same.getvalue()
    assert one.getvalue() != other.getvalue()


def test_the_first_members_are_the_promised_ones_whatever_the_seed():
    rows = list(synthetic_register(10, seed=3))

    assert rows[0] == ("adherent", "1234567", "abcdefgh", "Aubépin", "Camille", "1984-05-17", "", "active")
    assert {(row.population, row.status, row.email) for row in rows[: len(PROMISED)]} == {
        ("adherent", "active", "")
    }


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 5000])
def test_every_row_asked_for_is_a_good_one_with_a_number_of_its_own(rows):
    file = io.StringIO()
    write_register(file, rows, seed=11)

    lines = list(read_lines(io.BytesIO(file.getvalue().encode()), RULES, today=date(2026, 3, 2)))

    assert len(lines) == rows
    assert all(isinstance(line.row, RegisterRow) for line in lines)
    assert len({line.row.member_number for line in lines}) == rows


def test_the_shares_are_those_of_a_mutual():
    rows = list(synthetic_register(20_000, seed=5))
    populations, statuses = Counter(row.population for row in rows), Counter(row.status for row in rows)

    assert 0.02 < populations["professionnel"] / 20_000 < 0.04
    assert 0.005 < populations["elu"] / 20_000 < 0.015
    assert 0.04 < statuses["left"] / 20_000 < 0.06
    assert {row.email.rpartition("@")[2] for row in rows} == {"", "example.org", "example.net"}
    assert any(row.member_number.startswith("0") for row in rows)


def test_rows_are_made_one_at_a_time():
    rows = synthetic_register(10**12, seed=1)

    assert len(list(islice(rows, 10))) == 10
