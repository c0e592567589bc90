"""Gather what members read into the English catalogue (`--check` only says what is wrong with it)."""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_file, extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from idp.core.errors import CATALOGUE
from idp.core.words import plain
from idp.web.words import FOLDER

ROOT = Path(__file__).parent.parent
ENGLISH = FOLDER / "en.po"
KEYWORDS = {"N_": None, "say": None, "_": None, "gettext": None, "ngettext": (1, 2)}
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true", "silent": "false"}
HEADER = """\
# What the pages say in English. The French of the source is the key, with plain spaces.
# `python -m tools.messages` adds new sentences, still empty, and drops those that no page says any more.
msgid ""
msgstr ""
"Language: en\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""
WIDTH = 0  # one sentence, one line
_VALUE = re.compile(r"%\((\w+)\)s")
_TAG = re.compile(r"</?[a-z][^>]*>")
# In a template a sentence is written out as it is, into an attribute too.
_HARMFUL = re.compile(r"[\"&]|\u00a0|\u202f| [:;]| [?!]$")

Key = str | tuple[str, str]


def sentences(root: Path = ROOT) -> set[Key]:
    """Every sentence of the source; one with a plural is a pair."""
    found = {
        plain(text) for entry in CATALOGUE.values() if entry.member for text in (entry.title, entry.member)
    }
    return found | set(_extracted(root))


def _extracted(root: Path) -> Iterator[Key]:
    for path in sorted((root / "idp").rglob("*.*")):
        if path.suffix == ".py":
            taken = extract_from_file(extract_python, path, KEYWORDS)
        elif path.suffix == ".html":
            taken = extract_from_file(babel_extract, path, KEYWORDS, options=JINJA)
        else:
            continue
        for _line, message, _comments, _context in taken:
            yield plain(message) if isinstance(message, str) else (plain(message[0]), plain(message[1]))


def updated(text: str, wanted: Iterable[Key]) -> str:
    """The catalogue with these sentences and no others, their translations kept."""
    former = _read(text)
    catalog = Catalog(locale="en", fuzzy=False)
    for key in wanted:
        known = former.get(key[0] if isinstance(key, tuple) else key)
        catalog.add(key, known.string if known is not None and known.id == key else "")
    written = io.BytesIO()
    write_po(written, catalog, width=WIDTH, no_location=True, omit_header=True, sort_output=True)
    return HEADER + written.getvalue().decode()


def problems(text: str, wanted: Iterable[Key]) -> list[str]:
    """What is wrong with a catalogue: missing, obsolete, or not the same sentence in English."""
    wanted = set(wanted)
    known = {message.id: message for message in _read(text) if message.id}
    missing = [
        f"not in English: {_shown(key)}" for key in wanted if key not in known or not _is_whole(known[key])
    ]
    obsolete = [f"said nowhere: {_shown(key)}" for key in known if key not in wanted]
    unequal = [fault for key, message in known.items() if key in wanted for fault in _faults(message)]
    return sorted([*missing, *obsolete, *unequal])


def _faults(message: Message) -> Iterator[str]:
    french = _forms(message.id)
    for english in filter(None, _forms(message.string)):
        if _values(english) != _values(french[-1]):
            yield f"other values in English: {_shown(message.id)}"
        if _TAG.findall(english) != _TAG.findall(french[-1]):
            yield f"other tags in English: {_shown(message.id)}"
        if _HARMFUL.search(_TAG.sub("", english)):
            yield f"a straight quotation mark, an ampersand or French spacing in English: {_shown(message.id)}"


def _values(text: str) -> list[str]:
    return sorted(set(_VALUE.findall(text)))


def _forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _is_whole(message: Message) -> bool:
    return all(_forms(message.string))


def _shown(key: Key) -> str:
    return _forms(key)[0]


def _read(text: str) -> Catalog:
    return read_po(io.StringIO(text), locale="en", ignore_obsolete=True)


def main() -> int:
    """Write the catalogue and say what it lacks; exit 1 when it lacks something."""
    wanted = sentences()
    text = ENGLISH.read_text(encoding="utf-8") if ENGLISH.exists() else HEADER
    if "--check" not in sys.argv:
        text = updated(text, wanted)
        ENGLISH.write_text(text, encoding="utf-8")
    found = problems(text, wanted)
    print("\n".join(found) or f"{len(wanted)} sentences, all in English")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
