"""Pictures of characters to copy: distorted, yet dark on light and large; drawn ahead by a niced thread."""

import io
import os
import queue
import secrets
import threading
from dataclasses import dataclass
from typing import Protocol

from captcha.image import ImageCaptcha
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

# No look-alikes (0 O D Q, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V W; a 7 beside a turned T), and no A or E: without vowels
# no word appears. Five of fifteen characters: a blind guess is right once in 750,000, and each picture takes one.
ALPHABET = "CFHJKMNPRTXY349"
LENGTH = 5
# One and a half times the 240 × 80 of the page: letters stay sharp when the page is enlarged.
WIDTH, HEIGHT = 360, 120
FONT_SIZES = (76, 84, 90)
DOTS = 18
CURVES = 2
SHADES = 8
MUCH_INK = 16
# On each side of a letter: N beside M, pushed together, is a row of strokes.
GAP = 7
# Contrast between ink and paper is above 10:1 for every pair (WCAG 1.4.6 asks for 7:1).
PAPERS = ((244, 247, 252), (250, 247, 240), (244, 250, 245))
INKS = ((20, 40, 90), (70, 20, 60), (10, 60, 50), (60, 35, 15))
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
NICENESS = 10

Colour = tuple[int, int, int] | tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """The characters, and their picture as PNG."""

    text: str
    png: bytes


class Pictures(Protocol):
    """Something that gives a fresh picture each time."""

    def take(self) -> Picture:
        """A picture that nobody was shown before."""
        ...


class _Letters(ImageCaptcha):
    """The library's letters, turned and bent less than by default, and never touching each other."""

    lookup_table = list(range(256))  # noqa: RUF012 (this is how the library is configured)
    character_rotate = (-16, 16)
    character_warp_dx = (0.05, 0.12)
    character_warp_dy = (0.05, 0.12)
    word_space_probability = 1.0
    word_offset_dx = 0.0

    def _draw_character(self, c: str, draw: ImageDraw.ImageDraw, color: Colour) -> Image.Image:
        return ImageOps.expand(super()._draw_character(c, draw, color), (GAP, 0))


def make() -> Picture:
    """Draw new characters: about 20 ms of CPU."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return Picture(text, draw(text))


def draw(text: str) -> bytes:
    """The picture of a text, as PNG of 2 to 4 kB.

    The library pastes letters through a mask of their brightness, which makes dark ink faint: so they are
    drawn white on black, and coloured afterwards.
    """
    letters = _Letters(WIDTH, HEIGHT, font_sizes=FONT_SIZES)
    image = letters.create_captcha_image(text, WHITE, BLACK)
    letters.create_noise_dots(image, WHITE, number=DOTS)
    for _ in range(CURVES):
        letters.create_noise_curve(image, WHITE)
    grey = _centred(image.filter(ImageFilter.SMOOTH).convert("L"))
    coloured = ImageOps.colorize(grey, black=secrets.choice(PAPERS), white=secrets.choice(INKS))
    file = io.BytesIO()
    coloured.quantize(SHADES).save(file, "PNG", optimize=True)
    return file.getvalue()


def _centred(grey: Image.Image) -> Image.Image:
    # Dots fill the whole width; only columns with much ink belong to letters.
    columns = grey.resize((WIDTH, 1), Image.Resampling.BOX).point(lambda level: 255 * (level > MUCH_INK))
    box = columns.getbbox()
    if box is None:
        return grey
    return ImageChops.offset(grey, (WIDTH - box[0] - box[2]) // 2, 0)


class PicturePool:
    """Pictures drawn ahead by one niced thread, so that a request never waits for one to be drawn.

    The thread starts with the first picture taken. A process forked from this one begins with an empty pool:
    two processes never hand out the same picture.
    """

    def __init__(self, size: int = 32) -> None:
        """Keep up to `size` pictures ready: about 100 kB."""
        self._size = size
        self._start = threading.Lock()
        self._ready: queue.Queue[Picture] = queue.Queue(size)
        self._painter: threading.Thread | None = None
        os.register_at_fork(after_in_child=self._begin_again)

    def _begin_again(self) -> None:
        self._start = threading.Lock()
        self._ready = queue.Queue(self._size)
        self._painter = None

    def take(self) -> Picture:
        """A ready picture, or one drawn now when a rush has emptied the pool."""
        self._wake()
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return make()

    @property
    def ready(self) -> int:
        """How many pictures are waiting."""
        return self._ready.qsize()

    def _wake(self) -> None:
        if self._painter is not None and self._painter.is_alive():
            return
        with self._start:
            if self._painter is None or not self._painter.is_alive():
                self._painter = threading.Thread(
                    target=_paint, args=(self._ready,), name="captcha", daemon=True
                )
                self._painter.start()


def _paint(ready: "queue.Queue[Picture]") -> None:
    if hasattr(os, "setpriority"):
        # On Linux a thread has its own niceness: sign-ins and tokens come first.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    while True:
        ready.put(make())


POOL = PicturePool()
