"""The estimate of strength shown beside the field: zxcvbn with French words, in bounded time."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from zxcvbn import matching, scoring, time_estimates

from idp.authenticators.password_text import fold, normalise

READ = 72
"""Characters that are judged; what 72 do not prove, 128 do not either."""

_DATA = Path(__file__).parent / "data"
_LONGEST_WORD = 24

# One reading each: zxcvbn's own search tries every combination, and 72 such signs cost it two seconds.
_LEET = (dict(zip("013457@$!", "oleastasi", strict=True)), dict(zip("124689+|(", "izagbgtlc", strict=True)))

type_match = dict[str, Any]  # zxcvbn has no types; its matches are dictionaries by design


def estimate(password: str, words: Collection[str]) -> int:
    """From 0 (guessed at once) to 4 (out of reach); `words` are those of this member, the likeliest first."""
    text = normalise(password[:READ])[:READ]
    if not text:
        return 0
    dictionaries = [*_dictionaries(), _ranked(fold(word) for word in words)]
    matches = [*_matches(text, dictionaries), *_repeats(text, dictionaries)]
    guesses = scoring.most_guessable_match_sequence(text, _sorted(matches))["guesses"]
    return int(time_estimates.guesses_to_score(guesses))


@lru_cache(maxsize=1)
def _dictionaries() -> tuple[Mapping[str, int], ...]:
    french = (_DATA / name for name in ("french_words.txt", "french_names.txt"))
    return (
        *matching.RANKED_DICTIONARIES.values(),
        *(_ranked(path.read_text("ascii").splitlines()) for path in french),
    )


def _ranked(words: Iterable[str]) -> dict[str, int]:
    return {word: rank for rank, word in enumerate(words, start=1) if word}
