"""Make the voices of the audio captcha, idp/captcha/voices, the same bytes at each run: see SOURCES.md there.

Not needed to run, test or package the product. In an environment of its own: pip install espeakng-loader==0.2.4,
then: python tools/make_voices.py
"""

import ctypes
import importlib
import math
import wave
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

VOICES = Path(__file__).resolve().parent.parent / "idp" / "captcha" / "voices"
SPOKEN = {
    "fr": ("fr", (130, 92), "zéro un deux trois quatre cinq six sept huit neuf", "je répète"),
    "en": ("gmw/en", (145, 100), "zero one two three four five six seven eight nine", "once again"),
}
"""Voice, paces (words a minute: people speak at 150 to 180), digits, and what stands between two readings."""
FOLDERS = ("", "slow")

RATE = 8_000
"""Samples a second of what is shipped: what a telephone carries."""
LOBES = 16
TREBLE = 0.4
"""How much of the sample before is taken away: 0 changes nothing."""
LOUDNESS = 4_000
"""The root mean square of every word: a short « un » is as loud as a long « zéro »."""
PEAK = 30_000
QUIET = 120
"""What the trimming takes for silence, out of 32,768."""
MARGIN = RATE // 100
FADE = RATE // 200

SYNCHRONOUS, RATE_PARAMETER, UTF8 = 2, 1, 1


class Synthesiser:
    """The library, by its C interface."""

    def __init__(self) -> None:
        """Load it with its own data."""
        loader: Any = importlib.import_module("espeakng_loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        self.rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, loader.get_data_path().encode(), 0)
        self._heard = array("h")
        callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        # Kept: the library calls it as long as it lives.
        self._callback = callback(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: Any, count: int, _events: int | None) -> int:  # noqa: ANN401 (a C pointer)
        if samples and count > 0:
            self._heard.extend(samples[:count])
        return 0

    def say(self, words: str, *, voice: str, pace: int) -> "array[int]":
        """The samples of some words."""
        del self._heard[:]
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit(f"no voice {voice}")
        self._library.espeak_SetParameter(RATE_PARAMETER, pace, 0)
        text = (words + ".").encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        return array("h", self._heard)


def resampled(samples: "array[int]", rate: int) -> list[float]:
    """At `RATE` samples a second: each is read through a low-pass filter, a sinc under a Hann window."""
    step = rate / RATE
    reach = round(LOBES * step)
    last = len(samples)
    result = []
    for number in range(int(last / step)):
        place = number * step
        near = range(max(0, int(place) - reach + 1), min(last, int(place) + reach + 1))
        result.append(sum(samples[index] * _weight((index - place) / step) for index in near) / step)
    return result


def _weight(distance: float) -> float:
    if distance == 0:
        return 1.0
    if abs(distance) >= LOBES:
        return 0.0
    turn = math.pi * distance
    return math.sin(turn) / turn * (0.5 + 0.5 * math.cos(turn / LOBES))


def brightened(samples: list[float]) -> list[float]:
    """With more treble: consonants, which tell « six » from « huit », come out."""
    return [value - TREBLE * before for before, value in pairwise([0.0, *samples])]


def trimmed(samples: list[float]) -> list[float]:
    """Without the silence around it, and faded in and out so that nothing clicks."""
    loud = [index for index, value in enumerate(samples) if abs(value) > QUIET]
    kept = samples[max(0, loud[0] - MARGIN) : loud[-1] + MARGIN]
    for index in range(FADE):
        kept[index] *= index / FADE
        kept[-1 - index] *= index / FADE
    return kept


def levelled(samples: list[float]) -> "array[int]":
    """As loud as every other word, and never clipped."""
    strength = math.sqrt(sum(value * value for value in samples) / len(samples))
    factor = min(LOUDNESS / strength, PEAK / max(map(abs, samples)))
    return array("h", (round(value * factor) for value in samples))


def write(path: Path, samples: "array[int]") -> int:
    """Write a WAV file; its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    return path.stat().st_size


def main() -> None:
    """Say everything, and tell how much it weighs."""
    synthesiser = Synthesiser()
    total = 0
    for language, (voice, paces, digits, again) in SPOKEN.items():
        for folder, pace in zip(FOLDERS, paces, strict=True):
            words = dict(zip("0123456789", digits.split(), strict=True))
            if not folder:
                words["again"] = again
            for name, word in words.items():
                said = synthesiser.say(word, voice=voice, pace=pace)
                total += write(
                    VOICES / language / folder / f"{name}.wav",
                    levelled(trimmed(brightened(resampled(said, synthesiser.rate)))),
                )
    print(f"{total} bytes in {VOICES}")


if __name__ == "__main__":
    main()
