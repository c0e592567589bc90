"""Whether a password is a repetition or a walk along the keyboard, whatever classes of characters it has."""

import re
from itertools import pairwise

LEAST_STEPS = 5
"""A password is trivial when it takes fewer steps than this to say: « azerty, 1234, ! » is three."""
LEAST_UNIT = 6
"""A piece shorter than this, typed over and over, is worth no more than itself; so is any, typed thrice."""
LEAST_WORDS = 5
"""A sentence of seven words has at least so many different ones."""

_RUN, _THRICE, _SENTENCE = 3, 3, 7
_SEPARATORS = re.compile(r"[\W_]+")
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiop",
    "!@#$%^&*()",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1aqw2zsx3edc4rfv5tgb6yhn7uj",
)


def _neighbours() -> frozenset[tuple[str, str]]:
    forwards = {pair for row in _ROWS for pair in pairwise(row)}
    return frozenset(forwards | {(right, left) for left, right in forwards})


_NEIGHBOURS = _neighbours()


def is_trivial(folded: str) -> bool:
    """Whether the folded password is one piece repeated, a few runs, or a few words over and over."""
    if not folded:
        return False
    return _repeats(folded) or _steps(folded) < LEAST_STEPS or _stammers(folded) or _is_spelt(folded)


def _is_spelt(text: str) -> bool:
    """1-2-3-4-5-6-7-8: trivial once the one sign between its characters is gone."""
    signs = {character for character in text if not character.isalnum()}
    return len(signs) == 1 and _steps(text.replace(signs.pop(), "")) < LEAST_STEPS


def _repeats(text: str) -> bool:
    """Whether one piece, typed again and again, makes the text; the last time perhaps in part.

    One character of the text (a final !) may not fit.
    """
    longest = max(min(LEAST_UNIT - 1, len(text) // 2), (len(text) + 1) // _THRICE)
    return any(_is_made_of(text, length) for length in range(1, longest + 1))


def _is_made_of(text: str, length: int) -> bool:
    return sum(text[index] != text[index % length] for index in range(len(text))) <= 1


def _stammers(text: str) -> bool:
    words = [word for word in _SEPARATORS.split(text) if word]
    return len(words) >= _SENTENCE and len(set(words)) < LEAST_WORDS


def _steps(text: str) -> int:
    """In how many steps the text is said: a run of three or more is one, any other character is one."""
    steps, start = 0, 0
    while start < len(text):
        end = _end_of_run(text, start)
        steps += 1
        start = end if end - start >= _RUN else start + 1
    return steps


def _end_of_run(text: str, start: int) -> int:
    """Where a run of equal or of neighbouring characters that begins here ends."""
    end = start + 1
    while end < len(text) and text[end] == text[start]:
        end += 1
    if end - start > 1:
        return end
    while end < len(text) and (text[end - 1], text[end]) in _NEIGHBOURS:
        end += 1
    return end
