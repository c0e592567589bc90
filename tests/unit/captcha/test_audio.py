import math
from itertools import pairwise

import pytest

from idp.captcha import audio
from idp.captcha.audio import LANGUAGES, NORMAL, SLOW, speak
from tests.support.listening import RATE, VOICES, digits_of, places_of, samples_of, words_of

PACES = pytest.mark.parametrize("pace", [NORMAL, SLOW], ids=["normal", "slow"])


@PACES
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("digits", ["012345", "678990"])
def test_a_listener_hears_every_digit_twice(language, pace, digits):
    wav = speak(digits, language=language, pace=pace, seed="any")

    words = words_of(wav, language=language, folder=pace.folder)

    assert words == [*digits, "again", *digits]


@pytest.mark.parametrize(("spoken", "ear"), [("fr", "en"), ("en", "fr")])
def test_each_language_speaks_for_itself(spoken, ear):
    wav = speak("0123456789", language=spoken, pace=NORMAL, seed="any")

    assert not set(words_of(wav, language=ear)) & set("0123456789")
    assert digits_of(wav, language=spoken) == "0123456789"


def test_slow_speech_is_another_recording_and_not_only_longer_pauses():
    wav = speak("012345", language="fr", pace=SLOW, seed="any")

    assert "?" in words_of(wav, language="fr")
    assert digits_of(wav, language="fr", folder="slow") == "012345"


@pytest.mark.parametrize(("pace", "shortest"), [(NORMAL, 0.5), (SLOW, 1.0)], ids=["normal", "slow"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_time_to_write_each_digit_down(language, pace, shortest):
    wav = speak("390718", language=language, pace=pace, seed="any")

    places = places_of(samples_of(wav))
    pauses = [(start - end) / RATE for (_, end), (start, _) in pairwise(places)]

    assert len(pauses) == 12
    assert min(pauses) >= shortest
    assert places[0][0] / RATE >= 0.9, "a screen reader is still speaking"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_murmur_is_far_below_the_voice(language):
    samples = samples_of(speak("390718", language=language, pace=NORMAL, seed="any"))
    (start, end), *_ = places_of(samples)

    def strength(piece):
        return math.sqrt(sum(level * level for level in piece) / len(piece))

    before, voice = strength(samples[: RATE // 2]), strength(samples[start:end])

    assert 10 < before < voice / 18, "25 dB"
    assert max(map(abs, samples)) < 32_767


def test_one_challenge_sounds_the_same_at_each_listening_and_others_otherwise():
    first, again, other = (speak("390718", language="fr", pace=NORMAL, seed=seed) for seed in "aab")

    assert first == again
    assert first != other


def test_the_voices_are_whole_and_small():
    for language in LANGUAGES:
        for folder in (NORMAL.folder, SLOW.folder):
            names = {path.stem for path in (VOICES / language / folder).glob("*.wav")}
            assert names - {"again"} == set("0123456789")

    assert sum(path.stat().st_size for path in VOICES.rglob("*.wav")) < 400_000


def test_an_audio_lasts_less_than_half_a_minute():
    longest = speak("000000", language="en", pace=SLOW, seed="any")

    assert len(samples_of(longest)) / RATE < 30
    assert audio.RATE == RATE
