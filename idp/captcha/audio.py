"""Digits spoken twice over a low murmur: mixed at each listening, the same bytes for the same seed."""

import io
import random
import wave
from array import array
from dataclasses import dataclass
from functools import cache
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # A class without parameters until Python 3.12.
    Samples = array[int]

VOICES = Path(__file__).parent / "voices"
LANGUAGES = ("fr", "en")
# Samples a second: the voices sound as on a good telephone, and twenty seconds weigh as much as a photograph.
RATE = 8_000
# The murmur is 30 dB under the voice: weak ears lose nothing.
MURMUR = 120
LOUDEST_MURMUR = 400
MURMUR_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """How digits follow each other: the folder of their voices, and the pauses, shortest and longest, in seconds."""

    folder: str
    pause: tuple[float, float]


NORMAL = Pace("", (0.6, 0.8))
SLOW = Pace("slow", (1.2, 1.4))
# Before the first digit, so that a screen reader has finished its sentence; around « je répète »; after the last.
BEFORE, AROUND, AFTER = 1.0, 1.2, 0.5


def speak(digits: str, *, language: str, pace: Pace, seed: str) -> bytes:
    """The WAV file (8 kHz, 16 bits, mono) of some digits, said, repeated: about 5 ms of CPU."""
    chance = random.Random(seed)  # noqa: S311 (it places pauses; the secret is in the digits)
    words, end = [], _count(BEFORE)
    for reading in range(2):
        if reading:
            words.append((end + _count(AROUND), _voice(language, "", "again")))
            end = _after(words) + _count(AROUND)
        for place, digit in enumerate(digits):
            start = end + _count(chance.uniform(*pace.pause)) if place else end
            words.append((start, _voice(language, pace.folder, digit)))
            end = _after(words)
    track = _murmur_from(chance, end + _count(AFTER))
    for start, word in words:
        under = track[start : start + len(word)]
        track[start : start + len(word)] = array("h", map(add, word, under))
    return _file(track)


def _count(seconds: float) -> int:
    return round(seconds * RATE)


def _after(words: "list[tuple[int, Samples]]") -> int:
    start, word = words[-1]
    return start + len(word)


@cache
def _voice(language: str, folder: str, name: str) -> "Samples":
    with wave.open(str(VOICES / language / folder / f"{name}.wav")) as file:
        return array("h", file.readframes(-1))


@cache
def _murmur() -> "Samples":
    chance = random.Random(0)  # noqa: S311 (noise)
    count = MURMUR_SECONDS * RATE
    drawn = (round(chance.gauss(0, MURMUR)) for _ in range(count))
    return array("h", (max(-LOUDEST_MURMUR, min(LOUDEST_MURMUR, level)) for level in drawn))


def _murmur_from(chance: random.Random, length: int) -> "Samples":
    murmur = _murmur()
    start = chance.randrange(len(murmur))
    turned = murmur[start:] + murmur[:start]
    return (turned * (length // len(turned) + 1))[:length]


def _file(samples: "Samples") -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, RATE, len(samples), "NONE", "not compressed"))
        written.writeframes(samples.tobytes())
    return file.getvalue()
