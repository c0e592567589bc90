"""What one line of the register says, and why a line is refused."""

import io
import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idp.subjects import emails
from idp.subjects.members import fold_access_code
from idp.subjects.register_rows import (
    HEADER,
    BadHeader,
    RefusedRow,
    RegisterRow,
    RowRules,
    read_lines,
    read_row,
)

RULES = RowRules.of(number_pattern="[0-9]{5,12}", code_pattern="[a-z]{6,12}")
TODAY = date(2026, 3, 2)
GOOD = "adherent,1234567,abcdefgh,Aubépin,Camille,1984-05-17,camille@example.org,active"


def read(line: str | bytes) -> RegisterRow | RefusedRow:
    return read_row(line.encode() if isinstance(line, str) else line, RULES, today=TODAY)


def with_cell(column: str, value: str) -> str:
    cells = GOOD.split(",")
    cells[HEADER.index(column)] = value
    return ",".join(cells)


def test_a_good_line_is_read_cell_by_cell():
    row = read(GOOD)

    assert row == RegisterRow(
        "adherent", "1234567", "abcdefgh", "Aubépin", "Camille", "1984-05-17", "camille@example.org", "active"
    )


@pytest.mark.parametrize(
    ("column", "written", "kept"),
    [
        ("member_number", "0012345", "0012345"),
        ("member_number", " 1234567 ", "1234567"),
        ("access_code", "ABCD-efgh", "abcdefgh"),
        ("access_code", " ab cd ef gh ", "abcdefgh"),
        ("access_code", "abcd\u2011efgh", "abcdefgh"),  # the hyphen of a word processor
        ("family_name", "Aube\u0301pin", "Aubépin"),  # two characters become one: NFC
        ("family_name", "  Le\u00a0Roncier ", "Le Roncier"),
        ("family_name", '"d’Aubépin, dite Ronce"', "d’Aubépin, dite Ronce"),
        ("family_name", "O'Roncier", "O'Roncier"),
        ("given_name", "Anne-Laure", "Anne-Laure"),
        ("birth_date", "", None),
        ("email", "", None),
        ("email", " Camille.A@EXAMPLE.org ", "Camille.A@example.org"),
        ("email", "camille@étable.example.org", "camille@étable.example.org"),
        ("status", "LEFT", "left"),
    ],
)
def test_cells_are_brought_to_one_form(column, written, kept):
    row = read(with_cell(column, written))

    assert isinstance(row, RegisterRow), row
    assert getattr(row, column) == kept


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("population", "", "population is none of adherent, elu, professionnel"),
        ("population", "Adherent", "population is none of adherent, elu, professionnel"),
        ("member_number", "", "member_number is empty"),
        ("member_number", "12a4567", "member_number does not have the agreed form"),
        ("member_number", "１２３４５６７", "member_number does not have the agreed form"),
        ("member_number", "9" * 5000, "member_number does not have the agreed form"),
        ("access_code", "", "access_code is empty"),
        ("access_code", "abc", "access_code does not have the agreed form"),
        ("access_code", "abcd3fgh", "access_code does not have the agreed form"),
        ("family_name", "   ", "family_name is empty"),
        ("family_name", "=cmd|'/c calc'!A1", "family_name is not a name"),
        ("family_name", "+33 1", "family_name is not a name"),
        ("family_name", "@SUM(A1)", "family_name is not a name"),
        ("given_name", "<b>Camille", "given_name is not a name"),
        ("given_name", "C" * 101, "given_name is longer than 100 characters"),
        ("given_name", "Cam\x00ille", "the line holds control or invisible characters"),
        ("given_name", "Cam\tille", "the line holds control or invisible characters"),
        ("given_name", "Cam\u202eille", "the line holds control or invisible characters"),
        ("given_name", "Camille\rDeux", "the line holds control or invisible characters"),
        ("birth_date", "17/05/1984", "birth_date is not written YYYY-MM-DD"),
        ("birth_date", "19840517", "birth_date is not written YYYY-MM-DD"),
        ("birth_date", "1984-02-30", "birth_date is not a day of the calendar"),
        ("birth_date", "2026-03-03", "birth_date is in the future or too long ago"),
        ("birth_date", "0001-01-01", "birth_date is in the future or too long ago"),
        ("email", "camille", "email is not an address"),
        ("email", "camille@", "email is not an address"),
        ("email", "@example.org", "email is not an address"),
        ("email", "a@b@example.org", "email is not an address"),
        ("email", "camille@example", "email is not an address"),
        ("email", "a" * 250 + "@example.org", "email is not an address"),
        ("status", "", "status is neither active nor left"),
        ("status", "parti", "status is neither active nor left"),
        ("status", "active,", "the line has 9 cells instead of 8"),
        ("family_name", '"Aubépin', "a quoted cell is not closed, or text follows its closing quote"),
        ("family_name", '"Aub"épin', "a quoted cell is not closed, or text follows its closing quote"),
        ("family_name", 'Aub"épin', "family_name is not a name"),
    ],
)
def test_a_bad_cell_refuses_its_line_and_says_why(column, value, reason):
    row = read(with_cell(column, value))

    assert isinstance(row, RefusedRow), row
    assert row.reason == reason


def test_a_line_that_is_not_utf_8_is_refused():
    row = read(GOOD.encode("latin-1"))

    assert row == RefusedRow("", "", "the line is not UTF-8")


def test_a_refused_line_names_its_member_but_never_repeats_what_may_be_a_code():
    # The code stands in the number's column, as when a column was forgotten.
    shifted = read("adherent,abcdefgh,Aubépin,Camille,,,active,")
    known = read(with_cell("access_code", "secretcode1"))

    assert shifted == RefusedRow("adherent", "", "member_number does not have the agreed form")
    assert known == RefusedRow("adherent", "1234567", "access_code does not have the agreed form")


def test_who_left_needs_no_code():
    row = read("adherent,1234567,,Aubépin,Camille,,,left")

    assert isinstance(row, RegisterRow)
    assert row.access_code == ""


def test_a_pattern_in_capitals_means_the_same_code():
    rules = RowRules.of(number_pattern=r"\d{7}", code_pattern="[A-Z]{8}")

    row = read_row(GOOD.encode(), rules, today=TODAY)

    assert isinstance(row, RegisterRow)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\n",
        b"population;member_number;access_code;family_name;given_name;birth_date;email;status\n",
        b"member_number,population,access_code,family_name,given_name,birth_date,email,status\n",
        b"population,member_number,access_code,family_name,given_name,birth_date,email\n",
        ",".join(HEADER).encode("utf-16"),
        b"\x00" * 100_000,
        b"PK\x03\x04",
    ],
)
def test_a_file_without_the_agreed_header_is_no_register(header):
    with pytest.raises(BadHeader, match=r"the file is empty|the first line must be exactly population,"):
        list(read_lines(io.BytesIO(header), RULES, today=TODAY))


def test_a_semicolon_between_cells_is_told_apart():
    header = ";".join(HEADER).encode() + b"\n"

    with pytest.raises(BadHeader, match="the separator must be a comma"):
        list(read_lines(io.BytesIO(header), RULES, today=TODAY))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_either_line_end_are_fine(mark, end):
    file = mark + end.join([",".join(HEADER).encode(), GOOD.encode(), b"", GOOD.encode()])

    lines = list(read_lines(io.BytesIO(file), RULES, today=TODAY))

    assert [line.number for line in lines] == [2, 4]
    assert all(isinstance(line.row, RegisterRow) for line in lines)
    assert lines[-1].bytes_read == len(file)


def test_an_endless_line_and_an_open_quote_cost_their_own_line_only():
    huge = b"adherent,1234567,abcdefgh," + b"A" * 10_000_000 + b",Camille,,,active"
    stray = with_cell("family_name", '"Aubépin').encode()
    file = b"\n".join([",".join(HEADER).encode(), huge, stray, GOOD.encode()])

    lines = list(read_lines(io.BytesIO(file), RULES, today=TODAY))

    assert [type(line.row) for line in lines] == [RefusedRow, RefusedRow, RegisterRow]
    assert lines[0].row.reason == "the line is longer than 8192 bytes"
    assert lines[-1].bytes_read == len(file)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_line_is_an_accident(raw):
    row = read_row(raw.replace(b"\n", b""), RULES, today=TODAY)

    assert isinstance(row, RegisterRow | RefusedRow)


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), min_size=8, max_size=8))
def test_no_cell_is_an_accident_and_no_reason_repeats_one(cells):
    row = read(",".join(cells).encode("utf-8", "surrogatepass"))

    assert isinstance(row, RefusedRow)
    assert re.fullmatch(r"[a-zA-Z0-9_ ,-]+", row.reason)


@settings(deadline=None)
@given(
    st.from_regex(r"[A-Za-z0-9_+.-]{1,66}", fullmatch=True),
    st.sampled_from(
        ["example.org", "EXAMPLE.net", "étable.example.org", "x.test", "a_b.example.org", "-", "org"]
    ),
)
def test_the_short_cut_for_addresses_agrees_with_the_parser_of_every_page(local, domain):
    address = f"{local}@{domain}"

    row = read(with_cell("email", address))

    assert (row.email if isinstance(row, RegisterRow) else None) == emails.parse(address)


@pytest.mark.parametrize(
    "typed",
    [
        "abcdefgh",
        "ABCDEFGH",
        " ABCD efgh ",
        "abcd-efgh",
        "ab‑cd–ef—gh",
        "ab\u00a0cd\u202fef gh",
        "abcd\u200befgh",
        "ａｂｃｄefgh",
    ],
)
def test_case_spaces_and_hyphens_do_not_count_in_a_code(typed):
    assert fold_access_code(typed) == "abcdefgh"
