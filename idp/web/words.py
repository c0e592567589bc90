"""What pages say in the language of their reader: French as the source has it, English by its catalogue."""

import io
import math
from datetime import date, datetime
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.units import format_unit
from wtforms import Form

from idp.core.mail_templates import ZONE
from idp.core.words import plain, spaced

SOURCE = "fr"
LANGUAGES = {"fr": "Français", "en": "English"}
"""The languages of the pages, by the names that their speakers give them."""
FOLDER = Path(__file__).parent / "locale"

_BABEL = {"fr": "fr_FR", "en": "en_GB"}
_HOUR = {"fr": "'à' H 'h'\u00a0mm", "en": "'at' HH:mm"}
_MOST_SECONDS = 100
_MOST_MINUTES = 90


class _French(NullTranslations):
    """The source itself; 0 and 1 are singular in French."""

    def gettext(self, message: str) -> str:
        return spaced(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return spaced(msgid1 if n in {0, 1} else msgid2)


@cache
def catalogue(language: str) -> NullTranslations:
    """The sentences of a language; made from its `.po` file when it is first asked for."""
    if language == SOURCE:
        return _French()
    compiled = io.BytesIO()
    with (FOLDER / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


@lru_cache(maxsize=4096)
def one(sentence: str, language: str) -> str:
    """The sentence in this language; a sentence that no catalogue knows (a name, a space's own text) as it is."""
    # To gettext the empty sentence is the name of the catalogue's own header.
    return catalogue(language).gettext(plain(sentence)) if sentence else ""


@lru_cache(maxsize=1024)
def many(singular: str, plural: str, count: int, language: str) -> str:
    """The form that this language uses for a number, not yet filled in."""
    return catalogue(language).ngettext(plain(singular), plain(plural), count)


def say(sentence: str, language: str, **values: str) -> str:
    """The sentence with its values, such as `%(wait)s`; without values a percent sign is only that."""
    found = one(sentence, language)
    return found % values if values else found


def say_form(form: Form, language: str) -> None:
    """Put what a form says into this language: labels, hints and errors, which are written in French."""
    form.form_errors = [one(error, language) for error in form.form_errors]
    for field in form:
        field.label.text = one(field.label.text, language)
        field.description = one(field.description, language)
        field.errors = [one(error, language) for error in field.errors]


def duration(seconds: float, language: str) -> str:
    """Seconds in words, rounded up: « 45 secondes », « 3 minutes », « 2 heures »."""
    count = math.ceil(seconds)
    if count < _MOST_SECONDS:
        return format_unit(count, "duration-second", locale=_BABEL[language])
    if count <= _MOST_MINUTES * 60:
        return format_unit(math.ceil(count / 60), "duration-minute", locale=_BABEL[language])
    return format_unit(math.ceil(count / 3600), "duration-hour", locale=_BABEL[language])


def moment(value: datetime, language: str) -> str:
    """A day and an hour in Paris, as in a letter: « 12 mars 2026 à 14 h 05 », "12 March 2026 at 14:05"."""
    local = value.astimezone(ZONE)
    hour = format_datetime(local, _HOUR[language], tzinfo=ZONE, locale=_BABEL[language])
    return f"{day(local, language)} {spaced(hour) if language == SOURCE else hour}"


def day(value: date, language: str) -> str:
    """A date as one writes it in a letter: « 1er mars 2026 », "1 March 2026"; an instant counts as its day in Paris."""
    if isinstance(value, datetime):
        value = value.astimezone(ZONE).date()
    pattern = "d'er' MMMM y" if language == SOURCE and value.day == 1 else "d MMMM y"
    written = format_date(value, pattern, locale=_BABEL[language])
    return spaced(written) if language == SOURCE else written
