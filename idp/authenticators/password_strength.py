"""The estimate of strength shown beside the field: zxcvbn with French words, in bounded time."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from zxcvbn import matching, scoring, time_estimates

from idp.authenticators.password_text import fold, normalise

READ = 64
"""Characters that are judged: zxcvbn's cost grows with the cube, and 64 say all there is to say."""

_DATA = Path(__file__).parent / "data"
_LONGEST_WORD = 24

# Two readings of the signs that stand for letters. zxcvbn's own search tries every combination: 64 such
# signs cost it two seconds, on a form that anyone may post.
_READINGS = (
    dict(zip("013457@$!", "oieastasi", strict=True)),
    dict(zip("124689+|(", "lzagbgtlc", strict=True)),
)

# zxcvbn's own pattern ends in 2019.
_YEARS = {"recent_year": re.compile(r"(?:19\d|20[0-4])\d", re.ASCII)}

_REPEATED = re.compile(r"(.+?)\1+", re.DOTALL)

# zxcvbn has no types: its matches and dictionaries of ranks are plain dictionaries by design.
_Match = dict[str, Any]
_Ranks = Mapping[str, int]


def estimate(password: str, words: Collection[str]) -> int:
    """From 0 (guessed at once) to 4 (out of reach); `words` are those of this member, the likeliest first."""
    text = normalise(password[:READ])[:READ]
    if not text:
        return 0
    dictionaries = (_ranked(fold(word) for word in words), *_dictionaries())
    matches = [*_matches(text, dictionaries), *_repeats(text, dictionaries)]
    return int(time_estimates.guesses_to_score(_guesses(text, matches)))


@lru_cache(maxsize=1)
def _dictionaries() -> tuple[_Ranks, ...]:
    french = [_DATA / name for name in ("french_words.txt", "french_names.txt")]
    return (
        *matching.RANKED_DICTIONARIES.values(),
        *(_ranked(path.read_text("ascii").splitlines()) for path in french),
    )


def _ranked(words: Iterable[str]) -> dict[str, int]:
    return {word: rank for rank, word in enumerate(words, start=1) if word}


def _guesses(text: str, matches: list[_Match]) -> Any:  # noqa: ANN401 (a Decimal or an int, as zxcvbn likes)
    matches.sort(key=lambda match: (match["i"], match["j"]))
    return scoring.most_guessable_match_sequence(text, matches)["guesses"]


def _matches(text: str, dictionaries: Sequence[_Ranks]) -> list[_Match]:
    """All that zxcvbn looks for, except repeats."""
    plain = "".join(_folded_in_place(character) for character in text)
    found = [*_words(text, plain, dictionaries), *_backwards(text, plain, dictionaries)]
    for reading in _READINGS:
        found += _disguised(text, plain, reading, dictionaries)
    for look in (matching.spatial_match, matching.sequence_match, matching.date_match):
        found += look(text)
    found += matching.regex_match(text, _YEARS)
    return found


def _folded_in_place(character: str) -> str:
    """One character for one, so that positions in the folded text are positions in the typed one."""
    folded = fold(character)
    return folded if len(folded) == 1 else character


def _words(text: str, plain: str, dictionaries: Sequence[_Ranks]) -> Iterator[_Match]:
    for start in range(len(plain)):
        for end in range(start + 1, min(start + _LONGEST_WORD, len(plain)) + 1):
            word = plain[start:end]
            ranks = [ranked[word] for ranked in dictionaries if word in ranked]
            if ranks:
                yield _word(text[start:end], word, start=start, rank=min(ranks))


def _word(token: str, word: str, *, start: int, rank: int) -> _Match:
    return {
        "pattern": "dictionary",
        "i": start,
        "j": start + len(token) - 1,
        "token": token,
        "matched_word": word,
        "rank": rank,
        "reversed": False,
        "l33t": False,
    }


def _backwards(text: str, plain: str, dictionaries: Sequence[_Ranks]) -> Iterator[_Match]:
    for match in _words(text[::-1], plain[::-1], dictionaries):
        start, end = len(text) - 1 - match["j"], len(text) - 1 - match["i"]
        yield match | {"i": start, "j": end, "token": text[start : end + 1], "reversed": True}


def _disguised(
    text: str, plain: str, reading: Mapping[str, str], dictionaries: Sequence[_Ranks]
) -> Iterator[_Match]:
    """Words with signs for letters: m0td3pa$$e."""
    undressed = "".join(reading.get(character, character) for character in plain)
    for match in _words(text, undressed, dictionaries):
        worn = {sign: letter for sign, letter in reading.items() if sign in match["token"]}
        if worn and len(match["token"]) > 1:
            yield match | {"l33t": True, "sub": worn}


def _repeats(text: str, dictionaries: Sequence[_Ranks]) -> Iterator[_Match]:
    """What abc costs, times three, for abcabcabc."""
    for found in _REPEATED.finditer(text):
        base = found[1]
        yield {
            "pattern": "repeat",
            "i": found.start(),
            "j": found.end() - 1,
            "token": found[0],
            "base_token": base,
            "base_guesses": _guesses(base, _matches(base, dictionaries)),
            "repeat_count": len(found[0]) // len(base),
        }
