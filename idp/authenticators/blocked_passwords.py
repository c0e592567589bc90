"""The offline list of common and breached passwords: a sorted file of short hashes, and what is a hit."""

import hashlib
import mmap
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby, product
from pathlib import Path

from idp.authenticators.password_text import encode, fold

DEFAULT_LIST = Path(__file__).parent / "data" / "blocked_passwords.bin"

HEADER = b"parvis-blocked-1"
ENTRY_BYTES = 6
"""48 bits: with 300,000 entries one good password in a thousand million is refused by accident."""

CORE_MINIMUM = 3
LONG_CORE = 8
"""From this length a listed word is refused whatever short decoration it wears."""
DECORATION_ENOUGH = 8
"""So many unpredictable characters stand on their own, whatever word they are added to."""

_EXTENDED_BY = 4
_NARROW_RUN, _RUNS_AT_MOST = 2, 4
_YEAR = re.compile(r"(1\d|20)\d\d|\d{1,3}0{2,}")
_DATE = re.compile(r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])((19|20)?\d\d)?")
_DIGIT_ROWS = "0123456789012345678909876543210987654321"

_SEPARATORS = re.compile(r"[\W_]+")
_LEET = (
    str.maketrans("01345789@$!€+|", "oieastbgasieti"),
    str.maketrans("01345789@$!€+|", "oleastbgasletl"),
)


class BlockedPasswords:
    """The list, mapped into memory: opened once per process, a few microseconds for a question."""

    def __init__(self, path: Path = DEFAULT_LIST) -> None:
        """Map the file; raises OSError when it is missing, ValueError when it is not such a list."""
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        entries, rest = divmod(len(self._map) - len(HEADER), ENTRY_BYTES)
        if self._map[: len(HEADER)] != HEADER or rest:
            raise ValueError(f"{path.name} is not a list of blocked passwords")
        self._entries = entries

    def __len__(self) -> int:
        return self._entries

    def __getitem__(self, index: int) -> bytes:
        start = len(HEADER) + index * ENTRY_BYTES
        return self._map[start : start + ENTRY_BYTES]

    def lists(self, text: str) -> bool:
        """Whether this very text, folded, is in the list."""
        return self._holds(fold(text))

    def refuses(self, password: str) -> bool:
        """Whether the password is a listed one, or a listed word with the usual decoration around it.

        « Soleil2026!! » and « P@ssw0rd!2024 » meet every class rule and are tried first by everybody.
        """
        folded = fold(password)
        return any(self._refuses_word(form) for form in (folded, _once(folded)))

    def _refuses_word(self, folded: str) -> bool:
        if any(self._holds(reading) for reading in _readings(folded)):
            return True
        return any(
            _is_worthless(core, before, after) and any(self._holds(reading) for reading in _readings(core))
            for before, core, after in _cuts(folded)
        )

    def _holds(self, folded: str) -> bool:
        wanted = entry(folded)
        index = bisect_left(self, wanted)
        return index < self._entries and self[index] == wanted


def entry(folded: str) -> bytes:
    """What the file keeps of one folded password."""
    return hashlib.sha256(encode(folded)).digest()[:ENTRY_BYTES]


def packed(folded_passwords: Iterable[str]) -> bytes:
    """The whole file for these passwords: the same bytes whatever their order."""
    return HEADER + b"".join(sorted({entry(folded) for folded in folded_passwords}))


def _readings(core: str) -> set[str]:
    """The core as typed, without separators (mot-de-passe), and with the usual digits read as letters."""
    read = {core, *(core.translate(table) for table in _LEET)}
    # A sign at the edge is decoration: another cut leaves it outside, where it counts.
    whole = {reading for reading in read if reading[:1].isalnum() and reading[-1:].isalnum()}
    return read | {_SEPARATORS.sub("", reading) for reading in whole}


def _once(folded: str) -> str:
    """The half of a text that was typed twice; otherwise the text."""
    half, odd = divmod(len(folded), 2)
    return folded[:half] if not odd and folded[:half] == folded[half:] else folded


def _cuts(folded: str) -> Iterator[tuple[str, str, str]]:
    """The ways to see a text as decoration, core, decoration.

    The core holds all letters and up to four of the signs at each side: azerty123, 4zerty, p@$$.
    """
    letters = [index for index, character in enumerate(folded) if character.isalpha()]
    if not letters:
        return
    first, last = letters[0], letters[-1] + 1
    starts = range(first, max(first - _EXTENDED_BY, 0) - 1, -1)
    ends = range(last, min(last + _EXTENDED_BY, len(folded)) + 1)
    for start, end in product(starts, ends):
        yield folded[:start], folded[start:end], folded[end:]


def _is_worthless(core: str, before: str, after: str) -> bool:
    """Whether the password falls with its core: the decoration adds too little to be kept."""
    if len(core) < CORE_MINIMUM:
        return False
    if _is_predictable(before) and _is_predictable(after):
        return True
    return len(core) >= LONG_CORE and len(before) + len(after) < DECORATION_ENOUGH


def _is_predictable(decoration: str) -> bool:
    """Whether each run of digits or signs is one that everybody adds: 75, 2026, 1234, 120385, !!!."""
    runs = ["".join(run) for _, run in groupby(decoration, key=str.isdecimal)]
    return len(runs) <= _RUNS_AT_MOST and all(_is_usual(run) for run in runs)


def _is_usual(run: str) -> bool:
    if len(run) <= _NARROW_RUN or len(set(run)) == 1:
        return True
    if not run.isdecimal():
        return False
    return run in _DIGIT_ROWS or any(pattern.fullmatch(run) for pattern in (_YEAR, _DATE))
