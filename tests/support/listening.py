"""An ear: tells the words of an audio captcha by comparing them with the recordings that are shipped."""

import io
import math
import wave
from array import array
from collections.abc import Iterator
from functools import cache
from operator import mul
from pathlib import Path

import idp.captcha

VOICES = Path(idp.captcha.__file__).parent / "voices"
RATE = 8_000
# Loudness is looked at in slices of 10 ms; words are apart by more than their own inner silences (« hui-t »).
SLICE = RATE // 100
LOUD = 250
LONGEST_STOP = 30
# A recording is laid upon a word with its highest crest on one of the word's high crests, and compared around it.
CREST = 900
AROUND = 700
ALIKE = 0.95


def words_of(wav: bytes, *, language: str, folder: str = "") -> list[str]:
    """The words in their order: digits, `again`, and `?` for what is none of them."""
    samples = samples_of(wav)
    return [_word(samples, start, end, language, folder) for start, end in places_of(samples)]


def digits_of(wav: bytes, *, language: str, folder: str = "") -> str:
    """The digits, when both readings say the same; they are read no more than twice."""
    words = words_of(wav, language=language, folder=folder)
    middle = words.index("again") if "again" in words else len(words)
    first, second = words[:middle], words[middle + 1 :]
    assert first == second, words
    return "".join(first)


def samples_of(wav: bytes) -> "array[int]":
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return array("h", file.readframes(-1))


def places_of(samples: "array[int]") -> list[tuple[int, int]]:
    """Where words are: first and last sample of each."""
    places: list[tuple[int, int]] = []
    for number in range(len(samples) // SLICE):
        piece = samples[number * SLICE : (number + 1) * SLICE]
        if math.sqrt(sum(map(mul, piece, piece)) / SLICE) < LOUD:
            continue
        start, end = number * SLICE, (number + 1) * SLICE
        if places and start - places[-1][1] <= LONGEST_STOP * SLICE:
            places[-1] = (places[-1][0], end)
        else:
            places.append((start, end))
    return places


def _word(samples: "array[int]", start: int, end: int, language: str, folder: str) -> str:
    crests = _crests(samples, start, end)
    best, likeness = "?", ALIKE
    for name, sound in _recordings(language, folder):
        top = max(range(len(sound)), key=lambda place: abs(sound[place]))
        before, after = min(top, AROUND), min(len(sound) - top, AROUND)
        shape = sound[top - before : top + after]
        found = max(_likeness(samples[max(0, crest - before) : crest + after], shape) for crest in crests)
        if found > likeness:
            best, likeness = name, found
    return best


def _crests(samples: "array[int]", start: int, end: int) -> list[int]:
    """The samples that are about as far from rest as the farthest one: noise moves each a little."""
    highest = max(map(abs, samples[start:end]))
    return [place for place in range(start, end) if abs(samples[place]) >= highest - CREST]


def _likeness(piece: "array[int]", shape: "array[int]") -> float:
    """The normalised correlation: 1 for the same shape, 0 for shapes that have nothing in common."""
    if len(piece) != len(shape):
        return 0.0
    return sum(map(mul, piece, shape)) / math.sqrt(sum(map(mul, piece, piece)) * sum(map(mul, shape, shape)))


def _recordings(language: str, folder: str) -> Iterator[tuple[str, "array[int]"]]:
    yield "again", _recording(language, "", "again")
    for digit in "0123456789":
        yield digit, _recording(language, folder, digit)


@cache
def _recording(language: str, folder: str, name: str) -> "array[int]":
    return samples_of((VOICES / language / folder / f"{name}.wav").read_bytes())
