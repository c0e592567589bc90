"""Letters on paper: one A4 page for each, ready for an envelope with a window, and the list for the back office."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape

from babel.dates import format_date
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from idp.core.mail_templates import ZONE
from idp.core.spaces import Space
from idp.core.words import NO_BREAK, spaced
from idp.subjects.letters import Kind

FONTS = Path(__file__).with_name("fonts")
PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
INK, GREY = HexColor("#1a1a1a"), HexColor("#4d4d4d")
# Distances are in millimetres from the left and from the top of the page.
LEFT, WIDTH = 20.0, 170.0
PAGE_HEIGHT = 297.0
# A page folded in three, in a DL envelope of 110 by 220 mm whose window of 35 by 100 mm stands 20 mm from its right
# and lower edges, shows through it what is printed here, wherever the sheet lies in the envelope.
WINDOW_LEFT, WINDOW_TOP, WINDOW_WIDTH = 108.0, 52.0, 80.0
FOLDS = (99.0, 198.0)
GROUP = 4
ROWS_OF_A_LIST = 34

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one letter says. `code` is a secret; `space` is the one that it comes from."""

    letter_id: str
    kind: Kind
    space: Space
    population: str
    member_number: str
    family_name: str
    given_name: str
    expires_on: date
    requested_at: datetime
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Words:
    """The sentences of one kind of letter."""

    title: str
    why: str
    steps: tuple[str, ...]
    unasked: str


_WORDS = {
    Kind.RECOVERY: _Words(
        title="Votre code pour retrouver l’accès à votre compte",
        why="Vous avez perdu l’accès à votre compte en ligne. Voici votre code :",
        steps=(
            "Ouvrez cette adresse dans votre navigateur : <b>{address}</b>",
            "Écrivez votre {number}, votre code d’accès extranet, puis le code ci-dessus.",
            "Choisissez un nouveau mot de passe. Vous pouvez aussi indiquer une nouvelle adresse email.",
        ),
        unasked="Vous n’avez rien demandé ? N’utilisez pas ce code et appelez-nous sans attendre.",
    ),
    Kind.INVITATION: _Words(
        title="Votre code d’invitation",
        why="Nous vous invitons à ouvrir votre compte en ligne. Voici votre code :",
        steps=(
            "Ouvrez cette adresse dans votre navigateur : <b>{address}</b>",
            "Écrivez votre {number}, puis le code ci-dessus.",
            "Indiquez votre adresse email et choisissez un mot de passe.",
        ),
        unasked="Vous n’attendiez pas cette invitation ? Ne faites rien : aucun compte ne sera ouvert.",
    ),
}
ADDRESSES = {Kind.RECOVERY: "/adresse-perdue/lettre", Kind.INVITATION: "/invitation/%(space)s"}
NEVER = (
    "Nous ne vous demanderons jamais ce code par téléphone, ni par email, ni par SMS. "
    "Ne le donnez à personne, même si l’on dit appeler de notre part."
)


def write_letters(
    file: BinaryIO, sheets: Sequence[Sheet], *, issuer: str, today: date, progress: Progress
) -> None:
    """Write a PDF of one page a letter; `progress` is told of each page."""
    canvas = _canvas(file, f"Lettres du {_day(today)}")
    for sheet in sheets:
        _draw_letter(canvas, sheet, issuer=issuer, today=today)
        canvas.showPage()
        progress(1)
    canvas.save()


def write_requests(file: BinaryIO, sheets: Sequence[Sheet], *, today: date, progress: Progress) -> None:
    """Write a PDF that lists the members to whom the back office posts a new access code."""
    canvas = _canvas(file, f"Demandes de code d’accès du {_day(today)}")
    pages = [sheets[start : start + ROWS_OF_A_LIST] for start in range(0, len(sheets), ROWS_OF_A_LIST)]
    for number, rows in enumerate(pages, 1):
        _draw_list(canvas, rows, today=today, page=f"{number} / {len(pages)}")
        canvas.showPage()
        progress(len(rows))
    canvas.save()


def _draw_letter(canvas: Canvas, sheet: Sheet, *, issuer: str, today: date) -> None:
    words = _WORDS[sheet.kind]
    number = sheet.space.number_label() or "numéro d’adhérent"
    _draw_sender(canvas, sheet.space)
    _draw_addressee(canvas, sheet, number)
    _draw_marks(canvas, sheet)
    top = 84.0
    _text(canvas, f"Le {_day(today)}", top=top)
    top = _text(canvas, words.title, top=108, style=_style(BOLD, 16)) + 5
    top = _text(canvas, words.why, top=top) + 4
    top = _draw_code(canvas, sheet.code, top=top) + 5
    until = f"Ce code est valable jusqu’au <b>{_day(sheet.expires_on)}</b> inclus. Il sert une seule fois."
    top = _text(canvas, until, top=top, is_markup=True) + 7
    top = _text(canvas, "Ce que vous devez faire", top=top, style=_style(BOLD, 13)) + 3
    for step, sentence in enumerate(words.steps, 1):
        address = issuer + ADDRESSES[sheet.kind] % {"space": sheet.space.name}
        said = sentence.format(address=escape(address), number=escape(number))
        top = _numbered(canvas, step, said, top=top) + 2.5
    top = _draw_warning(canvas, top=top + 4) + 6
    top = _text(canvas, words.unasked, top=top) + 3
    _text(canvas, _help(sheet.space), top=top, is_markup=True)


def _draw_sender(canvas: Canvas, space: Space) -> None:
    left = LEFT
    if space.logo_png:
        canvas.drawImage(_logo(space.logo_png), LEFT * mm, _y(32), width=14 * mm, height=14 * mm, mask="auto")
        left += 18
    body, _, name = space.title.partition(" – ")
    top = _text(canvas, body, top=18, left=left, width=85, style=_style(BOLD, 12))
    top = _text(canvas, name, top=top + 0.5, left=left, width=85, style=_style(PLAIN, 10)) if name else top
    small = _style(PLAIN, 8, ink=GREY)
    top = _text(canvas, space.legal.line, top=max(top, 32) + 2, width=85, style=small)
    _text(canvas, f"Aide : {_unbroken(space.help_phone)}", top=top + 0.5, width=85, style=small)


def _draw_addressee(canvas: Canvas, sheet: Sheet, number: str) -> None:
    """Name and number; the print shop adds the lines of the postal address under them."""
    style = _style(PLAIN, 11)
    top = WINDOW_TOP
    name = _printable(" ".join(part for part in (sheet.given_name, sheet.family_name) if part))
    if name:
        top = _text(canvas, name, top=top, left=WINDOW_LEFT, width=WINDOW_WIDTH, style=_style(BOLD, 11)) + 0.5
    said = f"{number[:1].upper()}{number[1:]} : {sheet.member_number}"
    _text(canvas, said, top=top, left=WINDOW_LEFT, width=WINDOW_WIDTH, style=style)


def _draw_marks(canvas: Canvas, sheet: Sheet) -> None:
    """Where the page is folded, and by what the letter is found again."""
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.3)
    for fold in FOLDS:
        canvas.line(4 * mm, _y(fold), 9 * mm, _y(fold))
    _text(canvas, f"Lettre {sheet.letter_id}", top=284, style=_style(PLAIN, 7, ink=GREY))


def _draw_code(canvas: Canvas, code: str, *, top: float) -> float:
    """The code in groups of four digits, large, in a frame; below the window of the envelope."""
    height = 24.0
    canvas.setStrokeColor(INK)
    canvas.setLineWidth(1)
    canvas.roundRect(LEFT * mm, _y(top + height), WIDTH * mm, height * mm, 2 * mm)
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, 32)
    groups = "  ".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
    canvas.drawCentredString((LEFT + WIDTH / 2) * mm, _y(top + 15.8), groups)
    return top + height


def _draw_warning(canvas: Canvas, *, top: float) -> float:
    bottom = _text(canvas, NEVER, top=top, left=LEFT + 5, width=WIDTH - 5, style=_style(BOLD, 11))
    canvas.setLineWidth(2)
    canvas.setStrokeColor(INK)
    canvas.line((LEFT + 1) * mm, _y(top), (LEFT + 1) * mm, _y(bottom + 1))
    return bottom


def _draw_list(canvas: Canvas, rows: Sequence[Sheet], *, today: date, page: str) -> None:
    top = _text(canvas, "Demandes de code d’accès", top=20, style=_style(BOLD, 16)) + 2
    said = f"Liste du {_day(today)}, page {page}. À chacun, envoyer par courrier un nouveau code d’accès extranet."
    top = _text(canvas, said, top=top) + 5
    columns = ((0.0, 35.0), (35.0, 35.0), (70.0, 70.0), (140.0, 30.0))
    heads = ("Population", "Numéro", "Nom et prénom", "Demandé le")
    _draw_row(canvas, heads, columns, top=top, style=_style(BOLD, 9))
    for sheet in rows:
        top += 6.5
        name = _printable(f"{sheet.family_name} {sheet.given_name}")
        cells = (
            sheet.population,
            sheet.member_number,
            name,
            f"{sheet.requested_at.astimezone(ZONE):%d/%m/%Y}",
        )
        _draw_row(canvas, cells, columns, top=top, style=_style(PLAIN, 9))


def _draw_row(
    canvas: Canvas,
    cells: Sequence[str],
    columns: Sequence[tuple[float, float]],
    *,
    top: float,
    style: ParagraphStyle,
) -> None:
    for cell, (left, width) in zip(cells, columns, strict=True):
        fitting = _shortened(cell, style, (width - 2) * mm)
        _text(canvas, fitting, top=top, left=LEFT + left, width=width, style=style)
    canvas.setStrokeColor(GREY)
    canvas.setLineWidth(0.2)
    canvas.line(LEFT * mm, _y(top + 5.2), (LEFT + WIDTH) * mm, _y(top + 5.2))


def _numbered(canvas: Canvas, step: int, sentence: str, *, top: float) -> float:
    _text(canvas, f"{step}.", top=top, width=8, style=_style(BOLD, 12))
    return _text(canvas, sentence, top=top, left=LEFT + 8, width=WIDTH - 8, is_markup=True)


def _help(space: Space) -> str:
    hours = f" ({escape(space.help_hours)})" if space.help_hours else ""
    return f"Besoin d’aide ? Appelez le <b>{escape(_unbroken(space.help_phone))}</b>{hours}."


def _text(
    canvas: Canvas,
    text: str,
    *,
    top: float,
    left: float = LEFT,
    width: float = WIDTH,
    style: ParagraphStyle | None = None,
    is_markup: bool = False,
) -> float:
    """Write a paragraph whose first line begins at `top`; where it ends."""
    paragraph = Paragraph(spaced(text if is_markup else escape(text)), style or _style(PLAIN, 12))
    _, height = paragraph.wrapOn(canvas, width * mm, A4[1])
    paragraph.drawOn(canvas, left * mm, _y(top) - height)
    return top + height / mm


def _y(from_top: float) -> float:
    """The place of a distance from the top, as PDF counts: points from the bottom."""
    return (PAGE_HEIGHT - from_top) * mm


@cache
def _style(font: str, size: float, *, ink: Color = INK) -> ParagraphStyle:
    return ParagraphStyle(f"{font}-{size}", fontName=font, fontSize=size, leading=size * 1.35, textColor=ink)


def _canvas(file: BinaryIO, title: str) -> Canvas:
    _load_fonts()
    canvas = Canvas(file, pagesize=A4, lang="fr", pageCompression=1)
    canvas.setTitle(title)
    canvas.setAuthor("")
    canvas.setCreator("Parvis")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    return canvas


@cache
def _load_fonts() -> TTFont:
    bold, plain = (TTFont(name, str(FONTS / f"{name}.ttf")) for name in (BOLD, PLAIN))
    pdfmetrics.registerFont(bold)
    pdfmetrics.registerFont(plain)
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return plain


@cache
def _logo(png: bytes) -> ImageReader:
    return ImageReader(BytesIO(png))


def _printable(name: str) -> str:
    """The name in letters that the font has: without accents it lacks, and empty when even so it has not all."""
    if _has_all(name):
        return name
    plain = "".join(_plain_letters(name))
    return plain if _has_all(plain) else ""


def _plain_letters(name: str) -> Iterator[str]:
    for letter in name:
        if _has_all(letter):
            yield letter
        else:
            yield from (
                part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)
            )


def _has_all(text: str) -> bool:
    known = _load_fonts().face.charToGlyph
    return all(ord(letter) in known for letter in text)


def _shortened(text: str, style: ParagraphStyle, width: float) -> str:
    if pdfmetrics.stringWidth(text, style.fontName, style.fontSize) <= width:
        return text
    while text and pdfmetrics.stringWidth(f"{text}…", style.fontName, style.fontSize) > width:
        text = text[:-1]
    return f"{text}…"


def _unbroken(text: str) -> str:
    return text.replace(" ", NO_BREAK)


def _day(value: date) -> str:
    pattern = "d'er' MMMM y" if value.day == 1 else "d MMMM y"
    return format_date(value, pattern, locale="fr").replace(" ", NO_BREAK)
