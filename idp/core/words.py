"""Sentences that members read: marked where they stand, spaced as French wants them."""

import re

# The plain one throughout: some mail programs show the narrow one (U+202F) as a box.
NO_BREAK = "\u00a0"
_BEFORE_PUNCTUATION = re.compile(r" (?=[:;?!»])")
_AFTER_QUOTE = re.compile(r"(?<=«) ")
# A figure and what it counts stay on one line; the 2 of `<h2 class>` is no figure.
_AFTER_FIGURE = re.compile(r"((?<!\w)\d+|%\(count\)s) (?=\w)")


def N_(sentence: str) -> str:  # noqa: N802 (the name by which gettext's tools know a marked sentence)
    """The sentence as it is: the mark by which `tools/messages.py` finds what the room above will translate."""
    return sentence


def spaced(text: str) -> str:
    """A French text with the spaces at which no line may end: before : ; ? ! », after «, after a figure."""
    text = _BEFORE_PUNCTUATION.sub(NO_BREAK, text)
    return _AFTER_FIGURE.sub(rf"\1{NO_BREAK}", _AFTER_QUOTE.sub(NO_BREAK, text))


def plain(text: str) -> str:
    """A sentence as the catalogues know it, however its spaces were typed."""
    return text.replace(NO_BREAK, " ")
