"""Invented registers of any size, for demos, tests and measures: the same seed gives the same file."""

import csv
import random
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple, TextIO

from idp.subjects.register_rows import HEADER

# The first members are active, in population `adherent`, and without a known address: for people to enrol.
PROMISED = (
    ("1234567", "abcdefgh", "Aubépin", "Camille", "1984-05-17"),
    ("1234568", "bcdefghj", "Valbruyère", "Sacha", "1957-11-02"),
    ("1234569", "cdefghjk", "Montchêne", "Maëlle", "1993-02-28"),
    ("0012345", "defghjkl", "Clairfougère", "Éloi", ""),
)

_GIVEN = (  # noqa: SIM905 (one word a line would be a page)
    "Adèle Agathe Alice Alix Amandine Ambre Anaïs Antoine Apolline Arthur Aubin Aurélie Baptiste Basile "
    "Béatrice Benoît Blanche Camille Capucine Cécile Céleste Charlie Chloé Claire Clément Clémence "
    "Colette Constance Corentin Damien Delphine Denis Diane Dominique Edgar Édith Élise Éloi Émile "
    "Émilie Estelle Étienne Eulalie Fabien Faustine Félix Firmin Flavie Florence Gaëlle Gaspard Gilles "
    "Hélène Honoré Hortense Inès Irène Jade Joachim Joël Joséphine Jules Justine Laure Léa Léonie "
    "Léopold Loïc Louise Lucie Madeleine Maëlle Maël Marguerite Marius Mathilde Maxence Mélanie Nathan "
    "Ninon Noé Noémie Octave Odette Ophélie Oscar Pauline Philippe Prune Quentin Raphaël Rémi Romane "
    "Rose Sacha Séverine Simon Solène Sylvain Théo Thérèse Tristan Valentine Victor Violette Yann "
    "Yvonne Zélie Anne-Laure Jean-Noël Marie-Ève Pierre-Yves"
).split()
# Family names are put together from two parts, so that none is anybody's in particular.
_FIRST_PARTS = (  # noqa: SIM905 (one word a line would be a page)
    "Aigue Aubre Aulne Beau Belle Bois Bonne Bour Brume Cas Chante Château Clair Combe Cour Dom Entre "
    "Fonte Franc Grand Haute Hêtre Jon Lande Loin Long Mal Mare Mont Neuve Noir Orme Pierre Plein Pré "
    "Puy Roche Rouvre Saule Seigle Sept Source Sur Tille Tour Val Verte Vieux Vigne Ville"
).split()
_LAST_PARTS = (  # noqa: SIM905 (one word a line would be a page)
    "bruyère champ chêne fougère mare lac garenne saule roseau cerise noyer ruisseau lande grive merle "
    "loriot alouette genêt sureau tilleul charme frêne bouleau colline moulin vallon rive sentier "
    "clairière lisière averse brume gelée moisson jachère sillon pommier vergne osier houx"
).split()
_PARTICLES = ("de ", "du ", "Le ")
_CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # no look-alikes
_DOMAINS = ("example.org", "example.net")
_NUMBERS = 10_000_000  # seven digits, leading zeros included
_OLDEST_BIRTH = date(1925, 1, 1)
_BIRTHS_SPAN = 365 * 82


class SyntheticMember(NamedTuple):
    """One row of an invented register; the fields are the columns of the file."""

    population: str
    member_number: str
    access_code: str
    family_name: str
    given_name: str
    birth_date: str
    email: str
    status: str


def synthetic_register(rows: int, *, seed: int) -> Iterator[SyntheticMember]:
    """So many invented members, one at a time; the first are the promised ones."""
    for number, code, family, given, born in PROMISED[:rows]:
        yield SyntheticMember("adherent", number, code, family, given, born, "", "active")
    dice = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    for number in _numbers(rows - len(PROMISED), dice):
        yield _member(number, dice)


def write_register(file: TextIO, rows: int, *, seed: int) -> None:
    """Write an invented register, header included."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(HEADER)
    table.writerows(synthetic_register(rows, seed=seed))


def _numbers(count: int, dice: random.Random) -> Iterator[str]:
    """Unique numbers without remembering them: a walk of constant stride around a circle meets each once."""
    circle = _NUMBERS
    while circle <= count + len(PROMISED):
        circle *= 10
    taken = {int(promised[0]) for promised in PROMISED}
    # A stride that ends in 1, 3, 7 or 9 has no divisor in common with a power of ten.
    stride = int(dice.random() * circle / 10) * 10 + 7
    place = int(dice.random() * circle)
    while count > 0:
        place = (place + stride) % circle
        if place not in taken:
            yield f"{place:0{len(str(circle)) - 1}d}"
            count -= 1


def _member(number: str, dice: random.Random) -> SyntheticMember:
    given = _one_of(_GIVEN, dice)
    family = _family_name(dice)
    chance = dice.random()
    population = "elu" if chance < 0.01 else "professionnel" if chance < 0.04 else "adherent"  # noqa: PLR2004
    born = _OLDEST_BIRTH + timedelta(days=int(dice.random() * _BIRTHS_SPAN))
    return SyntheticMember(
        population=population,
        member_number=_of_profession(number) if population == "professionnel" else number,
        access_code="".join(_one_of(_CODE_LETTERS, dice) for _ in range(8)),
        family_name=family,
        given_name=given,
        birth_date=born.isoformat() if dice.random() < 0.7 else "",  # noqa: PLR2004
        email=_email(given, family, number, dice) if dice.random() < 0.4 else "",  # noqa: PLR2004
        status="left" if dice.random() < 0.05 else "active",  # noqa: PLR2004
    )


def _of_profession(number: str) -> str:
    """An invented RPPS number: 11 digits."""
    return f"10{number:0>9}"


def _family_name(dice: random.Random) -> str:
    name = _one_of(_FIRST_PARTS, dice) + _one_of(_LAST_PARTS, dice)
    return _one_of(_PARTICLES, dice) + name if dice.random() < 0.02 else name  # noqa: PLR2004


def _email(given: str, family: str, number: str, dice: random.Random) -> str:
    return f"{_ascii(given)}.{_ascii(family)}.{number}@{_one_of(_DOMAINS, dice)}"


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain.lower() if letter.isascii() and letter.isalnum())


def _one_of(choices: "tuple[str, ...] | list[str] | str", dice: random.Random) -> str:
    # `random()` gives the same sequence on every version of Python; `choice` does not promise to.
    return choices[int(dice.random() * len(choices))]
