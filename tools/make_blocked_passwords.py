"""Make the lists of idp/authenticators/data from two npm packages, the same bytes at each run.

In an empty folder: npm pack @zxcvbn-ts/language-common@4.1.3 @zxcvbn-ts/language-fr@4.1.2, unpack each
archive to a folder of its own, then: python tools/make_blocked_passwords.py COMMON/package FR/package
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from idp.authenticators.blocked_passwords import packed
from idp.authenticators.password_text import fold

DATA = Path(__file__).resolve().parent.parent / "idp" / "authenticators" / "data"

SHORTEST = 3
PARTNERS = 260
"""How many of the commonest words are joined two by two: soleilcamille, jetaimedoudou."""
PREFIXED = 4000
PREFIXES = ("je", "jaime", "jetaime", "le", "la", "les", "ma", "mon", "mes", "mot", "mdp", "super", "nos")
SEQUENCE_WORDS = range(3, 15)

# What members of a mutual choose beside what the lists know.
OURS = (
    "motdepasse", "monmotdepasse", "motdepasseperdu", "nouveaumotdepasse", "ancienmotdepasse",
    "changemoi", "changezmoi", "mutuelle", "mamutuelle", "mutuellehorizon", "adherent",
    "espaceadherent", "monespace", "moncompte", "assurance", "assurancemaladie", "cartevitale",
    "securitesociale", "remboursement", "retraite", "complementaire", "complementairesante",
    "santepourtous", "bonjourtoutlemonde", "azertyuiop", "azertyuiopqsdfghjklm", "qsdfghjklm",
    "wxcvbn", "azertyqwerty", "administrateur", "identifiant", "connexion", "bienvenue", "parvis",
    "vivelafrance", "vivelesvacances", "joyeuxnoel", "bonneannee", "joyeuxanniversaire",
    "coucoucestmoi", "ouvretoi", "sesameouvretoi",
)  # fmt: skip

# Whole sentences that a rule of seven words would let in.
SENTENCES = (
    "je t'aime plus que tout au monde",
    "un pour tous et tous pour un",
    "liberté égalité fraternité",
    "au clair de la lune mon ami pierrot",
    "frère jacques frère jacques dormez vous dormez vous",
    "allons enfants de la patrie le jour de gloire est arrivé",
    "allons enfants de la patrie",
    "sur le pont d'avignon on y danse on y danse",
    "il était une fois dans un pays lointain",
    "maître corbeau sur un arbre perché tenait en son bec un fromage",
    "maître corbeau sur un arbre perché",
    "longtemps je me suis couché de bonne heure",
    "sous le pont mirabeau coule la seine et nos amours",
    "sous le pont mirabeau coule la seine",
    "demain dès l'aube à l'heure où blanchit la campagne",
    "les sanglots longs des violons de l'automne",
    "mignonne allons voir si la rose",
    "heureux qui comme ulysse a fait un beau voyage",
    "je pense donc je suis",
    "être ou ne pas être telle est la question",
    "le petit chaperon rouge et le grand méchant loup",
    "promenons nous dans les bois pendant que le loup",
    "une souris verte qui courait dans l'herbe",
    "ceci est mon mot de passe tres secret",
    "ceci est mon nouveau mot de passe secret",
    "voici mon mot de passe que personne ne connait",
    "mon mot de passe est facile a retenir",
    "les chaussettes de l'archiduchesse sont elles sèches archi sèches",
    "un chasseur sachant chasser sait chasser sans son chien",
    "notre père qui es aux cieux que ton nom soit sanctifié",
    "je vous salue marie pleine de grâce",
    "correct horse battery staple",
    "the quick brown fox jumps over the lazy dog",
    "to be or not to be that is the question",
)


def main() -> None:
    """Read the packages, write the four files, print the counts."""
    common, french = (Path(argument) / "src" for argument in sys.argv[1:3])
    passwords = [fold(word) for word in _read(common / "passwords.json")]
    diceware = [fold(word) for word in _read(common / "diceware.json")]
    words = [fold(word) for word in _read(french / "commonWords.json")]
    encyclopedia = [fold(word) for word in _read(french / "wikipedia.json")]
    names = [fold(word) for part in ("firstnames", "lastnames") for word in _read(french / f"{part}.json")]
    sequences = _read(french / "wordSequences.json")

    sources = {
        "common passwords (language-common)": passwords,
        "diceware words (language-common)": diceware,
        "French words (language-fr, OpenSubtitles)": words,
        "French words (language-fr, Wikipedia)": encyclopedia,
        "French given and family names (language-fr)": names,
        "our own words and sentences": [_joined(word) for word in (*OURS, *SENTENCES)],
        "sequences of days, months, numbers": list(_runs(sequences)),
        "common words joined": list(_joined_words(passwords, words, names)),
    }
    listed = {word for part in sources.values() for word in _long_enough(part)}
    _write("blocked_passwords.bin", packed(listed))
    _write("french_words.txt", _lines(_unique(words)))
    _write("french_names.txt", _lines(_by_frequency(names, passwords)))
    counts = {title: len(set(_long_enough(part))) for title, part in sources.items()}
    _write("SOURCES.md", _sources(counts, total=len(listed)))


def _read(path: Path) -> Any:  # noqa: ANN401 (lists of words, and one table of lists)
    return json.loads(path.read_text("utf-8"))


def _joined(sentence: str) -> str:
    return "".join(character for character in fold(sentence) if character.isalnum())


def _long_enough(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        for form in (word, _joined(word)):
            if len(form) >= SHORTEST:
                yield form


def _unique(words: Iterable[str]) -> list[str]:
    """Each word once, in its first place, as ASCII."""
    return [word for word in dict.fromkeys(words) if word.isascii() and word.isprintable()]


def _by_frequency(names: list[str], passwords: list[str]) -> list[str]:
    """The packages list names by the alphabet; those that are passwords come first, in that order."""
    ranks = {password: rank for rank, password in enumerate(passwords)}
    return sorted(_unique(names), key=lambda name: (ranks.get(name, len(ranks)), name))


def _runs(sequences: dict[str, list[str]]) -> Iterator[str]:
    """lundimardimercredi, unedeuxtrois…: every stretch of three words and more."""
    for words in sequences.values():
        for start, count in product(range(len(words)), SEQUENCE_WORDS):
            if start + count <= len(words):
                yield _joined("".join(words[start : start + count]))


def _joined_words(passwords: list[str], words: list[str], names: list[str]) -> Iterator[str]:
    """What people write to reach the length: two common words, one twice, one after an article."""
    known = {word for word in (*words, *names) if len(word) > SHORTEST and word.isascii() and word.isalpha()}
    common = [word for word in dict.fromkeys(passwords) if word in known]
    for pair in product(common[:PARTNERS], repeat=2):
        yield "".join(pair)
    for prefix, word in product(PREFIXES, common[:PREFIXED]):
        yield prefix + word
    for word in common:
        yield word + word


def _lines(words: list[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode("ascii")


def _sources(counts: dict[str, int], *, total: int) -> bytes:
    rows = "\n".join(f"| {title} | {count:,} |" for title, count in counts.items())
    return SOURCES.format(rows=rows, total=f"{total:,}").encode()


def _write(name: str, content: bytes) -> None:
    DATA.mkdir(exist_ok=True)
    (DATA / name).write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


SOURCES = """# Where these lists come from

Made by `tools/make_blocked_passwords.py`; do not edit them by hand.

- `blocked_passwords.bin`: folded passwords and words that no member may choose: sorted, truncated SHA-256.
- `french_words.txt`, `french_names.txt`: words by frequency, for the estimate of strength.

| source | entries of three characters or more, folded |
| --- | --- |
{rows}
| **all, each once** | **{total}** |

Words come from the npm packages `@zxcvbn-ts/language-common` 4.1.3 and `@zxcvbn-ts/language-fr` 4.1.2
(MIT; copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc.; copyright (c) 2021 @zxcvbn-ts):

> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
> associated documentation files (the "Software"), to deal in the Software without restriction,
> including without limitation the rights to use, copy, modify, merge, publish, distribute,
> sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
> furnished to do so, subject to the following conditions: the above copyright notice and this
> permission notice shall be included in all copies or substantial portions of the Software. THE
> SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
> LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
> NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
> DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
> OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The French words by frequency derive from OpenSubtitles 2024, provided by OPUS (https://opus.nlpl.eu/,
Helsinki-NLP), under ODC-BY (Open Data Commons Attribution License): attributed to the subtitles' contributors
and rights holders; tokenised, counted, normalised and filtered by zxcvbn-ts, folded by us.
"""

if __name__ == "__main__":
    main()
