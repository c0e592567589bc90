"""The register's file, line by line: what each line says of a member, or why it is refused."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from idp.subjects import emails
from idp.subjects.members import MemberStatus, fold_access_code

HEADER = (
    "population",
    "member_number",
    "access_code",
    "family_name",
    "given_name",
    "birth_date",
    "email",
    "status",
)
POPULATIONS = frozenset({"adherent", "professionnel", "elu"})

LONGEST_LINE = 8192  # bytes; the longest honest line is under 1,000
LONGEST_NAME = 100
_LONGEST_KEY = 64  # longer numbers and codes are not even shown to the configured patterns
_EARLIEST_BIRTH = date(1880, 1, 1)

_STATUSES = frozenset(status.value for status in MemberStatus)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A name begins with a letter, perhaps after an apostrophe; what a spreadsheet runs as a formula does not.
_NAME = re.compile(r"['’ʼ]?[^\W\d_][^\"<>=|\\;{}\[\]]*")
_SIMPLE_LOCAL_PART = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
_LONGEST_LOCAL_PART = 64  # RFC 5321 section 4.5.3.1.1


class RegisterRow(NamedTuple):
    """One good line. A tuple, because there are millions; `access_code` is folded and still a secret."""

    population: str
    member_number: str
    access_code: str
    family_name: str
    given_name: str
    birth_date: str | None  # ISO 8601, as both databases take it
    email: str | None
    status: str


class RefusedRow(NamedTuple):
    """One bad line: whose it is, as far as it can be read, and why it is refused.

    The reason never quotes a cell: a cell in the wrong column may be an access code.
    """

    population: str
    member_number: str
    reason: str


_TOO_LONG = RefusedRow("", "", f"the line is longer than {LONGEST_LINE} bytes")


class Line(NamedTuple):
    """One line of the file after its header, and where the reading stands."""

    number: int
    row: RegisterRow | RefusedRow
    bytes_read: int


class BadHeader(Exception):
    """The file is not a register: its first line is not the agreed header."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What the mutual's numbers, codes and populations look like."""

    member_number: re.Pattern[str]
    access_code: re.Pattern[str]
    populations: frozenset[str] = POPULATIONS
    numbers: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """The numbers of populations that have a pattern of their own."""

    @classmethod
    def of(
        cls,
        *,
        number_pattern: str,
        code_pattern: str,
        populations: frozenset[str] = POPULATIONS,
        number_patterns: Mapping[str, str] | None = None,
    ) -> "RowRules":
        """Rules from the configured patterns, each of which describes the whole of a folded value."""
        numbers = {name: _folded_pattern(pattern) for name, pattern in (number_patterns or {}).items()}
        return cls(_folded_pattern(number_pattern), _folded_pattern(code_pattern), populations, numbers)

    def number_of(self, population: str) -> re.Pattern[str]:
        """What the numbers of a population look like."""
        return self.numbers.get(population, self.member_number)


def _folded_pattern(pattern: str) -> re.Pattern[str]:
    # Codes are compared in small letters and numbers in capitals: a pattern in the other case means the same.
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


class _Refused(Exception):
    """Why a cell makes its line unusable."""


def read_lines(stream: BinaryIO, rules: RowRules, *, today: date) -> Iterator[Line]:
    """Each line of the file that is not blank; raises BadHeader before the first when the header is wrong.

    A line is a row: no honest cell holds a line break, so a quote never closed costs its own line only.
    """
    header = stream.readline(LONGEST_LINE + 1)
    _check_header(header)
    bytes_read = len(header)
    number = 1
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        bytes_read += len(raw)
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            bytes_read += _skip_line(stream)
            yield Line(number, _TOO_LONG, bytes_read)
        elif raw.strip():
            yield Line(number, read_row(raw, rules, today=today), bytes_read)


def read_row(raw: bytes, rules: RowRules, *, today: date) -> RegisterRow | RefusedRow:
    """What one line says."""
    population, number = "", ""
    try:
        cells = _cells(raw)
        population = _population(cells[0], rules)
        number = _matching(cells[1].strip().upper(), rules.number_of(population), "member_number")
        return _row(population, number, cells, rules, today)
    except _Refused as refused:
        return RefusedRow(population, number, str(refused))


def _row(population: str, number: str, cells: list[str], rules: RowRules, today: date) -> RegisterRow:
    status = cells[7].strip().lower()
    if status not in _STATUSES:
        raise _Refused("status is neither active nor left")
    return RegisterRow(
        population,
        number,
        _access_code(cells[2], status, rules),
        _name(cells[3], "family_name"),
        _name(cells[4], "given_name"),
        _birth_date(cells[5].strip(), today),
        _email(cells[6].strip()),
        status,
    )


def _check_header(raw: bytes) -> None:
    text = raw.decode("utf-8-sig", "replace").strip()
    if not text:
        raise BadHeader("the file is empty")
    if tuple(text.replace('"', "").split(",")) == HEADER:
        return
    hint = "; the separator must be a comma" if tuple(re.split(r"[;\t|]", text)) == HEADER else ""
    raise BadHeader(f"the first line must be exactly {','.join(HEADER)} (UTF-8){hint}")


def _skip_line(stream: BinaryIO) -> int:
    """Read to the end of an endless line without keeping it; the number of bytes passed over."""
    skipped = 0
    while part := stream.readline(LONGEST_LINE):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _cells(raw: bytes) -> list[str]:
    try:
        text = _printable(raw.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise _Refused("the line is not UTF-8") from None
    # A quote is rare, and only then is the whole grammar of RFC 4180 needed.
    cells = _quoted_cells(text) if '"' in text else text.split(",")
    if len(cells) != len(HEADER):
        raise _Refused(f"the line has {len(cells)} cells instead of {len(HEADER)}")
    return cells


def _printable(text: str) -> str:
    """The text with plain spaces for odd ones; NUL, tabs and marks that turn text around are refused."""
    if text.isprintable():
        return text
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    if not spaced.isprintable():
        raise _Refused("the line holds control or invisible characters")
    return spaced


def _quoted_cells(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise _Refused("a quoted cell is not closed, or text follows its closing quote") from None


def _population(cell: str, rules: RowRules) -> str:
    population = cell.strip()
    if population not in rules.populations:
        raise _Refused(f"population is none of {', '.join(sorted(rules.populations))}")
    return population


def _matching(value: str, pattern: re.Pattern[str], column: str) -> str:
    if not value:
        raise _Refused(f"{column} is empty")
    if len(value) > _LONGEST_KEY or pattern.fullmatch(value) is None:
        raise _Refused(f"{column} does not have the agreed form")
    return value


def _access_code(cell: str, status: str, rules: RowRules) -> str:
    code = fold_access_code(cell)
    if not code and status == MemberStatus.LEFT:
        # Who left needs no code; refusing the line would leave them active.
        return ""
    return _matching(code, rules.access_code, "access_code")


def _name(cell: str, column: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", cell).split())
    if not name:
        raise _Refused(f"{column} is empty")
    if len(name) > LONGEST_NAME:
        raise _Refused(f"{column} is longer than {LONGEST_NAME} characters")
    if _NAME.fullmatch(name) is None:
        raise _Refused(f"{column} is not a name")
    return name


def _birth_date(text: str, today: date) -> str | None:
    if not text:
        return None
    if _ISO_DATE.fullmatch(text) is None:
        raise _Refused("birth_date is not written YYYY-MM-DD")
    try:
        born = date.fromisoformat(text)
    except ValueError:
        raise _Refused("birth_date is not a day of the calendar") from None
    if not _EARLIEST_BIRTH <= born <= today:
        raise _Refused("birth_date is in the future or too long ago")
    return text


def _email(text: str) -> str | None:
    if not text:
        return None
    local, _, domain = text.rpartition("@")
    if len(local) <= _LONGEST_LOCAL_PART and _SIMPLE_LOCAL_PART.fullmatch(local) is not None:
        normal = _domain(domain)
        address = None if normal is None else f"{local}@{normal}"
    else:
        address = emails.parse(text)
    if address is None or len(address) > emails.LONGEST:
        raise _Refused("email is not an address")
    return address


@lru_cache(maxsize=4096)
def _domain(text: str) -> str | None:
    """The domain in its normal form, or None. Millions of members share few domains, and parsing is slow."""
    parsed = emails.parse(f"a@{text}")
    return None if parsed is None else parsed.rpartition("@")[2]
