"""Dates, sums and spaces as a French reader expects them."""

import re
from datetime import date

from jinja2.ext import Extension

_MONTHS = (
    "Janvier", "Février", "Mars", "Avril", "Mai", "Juin",
    "Juillet", "Août", "Septembre", "Octobre", "Novembre", "Décembre",
)  # fmt: skip
_GROUP = "\N{NARROW NO-BREAK SPACE}"


def euros(cents: int) -> str:
    """« 1 234,50 € » for 123450. The space before the sign is a plain one: the page keeps it on the line."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole:,}".replace(",", _GROUP) + f",{rest:02d} €"


def day(value: date) -> str:
    """« 12/03/2026 »."""
    return f"{value:%d/%m/%Y}"


def month(value: date) -> str:
    """« Mars 2026 »."""
    return f"{_MONTHS[value.month - 1]} {value.year}"


def typeset(text: str) -> str:
    """Keep « ; : ! ? » on the line of the word before them, and quotation marks with what they hold."""
    return re.sub(r" (?=[;:!?»](?!=))|(?<=«) ", "\N{NO-BREAK SPACE}", text)


class Typography(Extension):
    """Typeset the words of every template as it is read."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source with its French spaces. Jinja's own `!=` is left alone."""
        return typeset(source)
