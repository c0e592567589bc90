"""Where each value of a TOML text stands: its line for messages, its span for careful edits."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\]|\\.)*)"|'([^']*)')[ \t]*""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'",
    re.DOTALL,
)
# A number, a date or a word; a date may hold one space.
_PLAIN = re.compile(r"[^,\]}#\r\n]*[^,\]}#\s]")


@dataclass(frozen=True, slots=True)
class Place:
    """A value: the line on which it begins, and the characters that it takes."""

    line: int
    start: int
    end: int


def places(text: str) -> dict[Path, Place]:
    """The place of every value and table of a text that `tomllib` accepts; elements of arrays by their number."""
    return _Reader(text).read()


def nearest(found: dict[Path, Place], path: Path) -> Place | None:
    """The place of a value, or of the nearest one around it."""
    return next((found[path[:size]] for size in range(len(path), 0, -1) if path[:size] in found), None)


class _Reader:
    """Goes through a text once; it finds places and judges nothing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._places: dict[Path, Place] = {}
        self._last: dict[Path, int] = {}

    def read(self) -> dict[Path, Place]:
        table: Path = ()
        while self._skip_blank():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._places

    def _skip_blank(self) -> bool:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._at < len(self._text)

    def _header(self) -> Path:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        path: Path = ()
        for name in self._keys():
            # Below an array of tables, a header speaks of its last table.
            path = (*self._in_last(path), name)
        self._at += brackets
        if brackets > 1:
            self._last[path] = self._last.get(path, -1) + 1
        path = self._in_last(path)
        self._note(path, start)
        return path

    def _in_last(self, path: Path) -> Path:
        return (*path, self._last[path]) if path in self._last else path

    def _pair(self, table: Path) -> None:
        path = (*table, *self._keys())
        self._at += len("=")
        self._value(path)

    def _keys(self) -> Iterator[str]:
        while match := _KEY.match(self._text, self._at):
            self._at = match.end()
            yield next(group for group in match.groups() if group is not None)
            if not self._text.startswith(".", self._at):
                return
            self._at += len(".")

    def _value(self, path: Path) -> None:
        self._skip_blank()
        start = self._at
        opening = self._text[start]
        if opening == "[":
            self._inside("]", lambda number: self._value((*path, number)))
        elif opening == "{":
            self._inside("}", lambda _number: self._pair(path))
        else:
            match = (_STRING if opening in "\"'" else _PLAIN).match(self._text, start)
            self._at = match.end() if match else len(self._text)
        self._note(path, start)

    def _inside(self, closing: str, read: Callable[[int], None]) -> None:
        self._at += 1
        number = 0
        while self._skip_blank() and self._text[self._at] != closing:
            read(number)
            number += 1
            self._skip_blank()
            if self._text.startswith(",", self._at):
                self._at += 1
        self._at += 1

    def _note(self, path: Path, start: int) -> None:
        place = Place(self._text.count("\n", 0, start) + 1, start, self._at)
        self._places[path] = place
        for size in range(1, len(path)):
            # A table that only its parts name begins where the first of them does.
            self._places.setdefault(path[:size], place)
