import io
import os
import threading
import time

import pytest
from PIL import Image

from idp.captcha import picture
from idp.captcha.picture import ALPHABET, INKS, LENGTH, PAPERS, PicturePool


def test_a_picture_is_a_small_png_of_five_characters_without_look_alikes():
    made = [picture.make() for _ in range(20)]

    for one in made:
        assert len(one.text) == LENGTH
        assert set(one.text) <= set(ALPHABET)
        image = Image.open(io.BytesIO(one.png))
        assert (image.format, image.size) == ("PNG", (360, 120))
        assert len(one.png) <= 6_000
    assert len({one.text for one in made}) == 20


def test_no_character_can_be_taken_for_another_and_no_word_appears():
    assert not set(ALPHABET) & set("0ODQ1IL2Z5S6G8BUVW7AE")
    assert len(set(ALPHABET)) == len(ALPHABET)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("ink", INKS)
def test_ink_on_paper_has_the_contrast_that_weak_eyes_need(ink, paper):
    def luminance(colour):
        parts = [value / 255 for value in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    contrast = (luminance(paper) + 0.05) / (luminance(ink) + 0.05)

    assert contrast >= 7


def test_the_letters_are_really_dark_on_light():
    image = Image.open(io.BytesIO(picture.draw("HJ7KM"))).convert("L")

    shades = image.histogram()

    assert sum(shades[:80]) > 0.05 * image.width * image.height
    assert sum(shades[230:]) > 0.5 * image.width * image.height


def wait_until_full(pool, size):
    deadline = time.monotonic() + 20
    while pool.ready < size and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pool.ready == size


def test_the_pool_fills_itself_and_never_gives_a_picture_twice():
    pool = PicturePool(4)
    first = pool.take()
    wait_until_full(pool, 4)

    given = [pool.take() for _ in range(12)]

    assert len({one.png for one in [first, *given]}) == 13


def test_the_painter_is_niced_and_alone():
    pool = PicturePool(2)
    threads = [threading.Thread(target=pool.take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    painter = pool._painter

    assert painter.daemon
    assert os.getpriority(os.PRIO_PROCESS, painter.native_id) >= picture.NICENESS
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) < picture.NICENESS


def test_a_forked_process_begins_with_an_empty_pool():
    pool = PicturePool(4)
    pool.take()
    wait_until_full(pool, 4)

    pool._begin_again()

    assert (pool.ready, pool._painter) == (0, None)
    assert len(pool.take().text) == LENGTH
