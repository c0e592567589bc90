"""What a password must be (journey 3.2): two profiles, and the rules in the words that members read."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from idp.authenticators.blocked_passwords import BlockedPasswords
from idp.authenticators.password_strength import estimate
from idp.authenticators.password_text import MAXIMUM, RAW_MAXIMUM, fold, normalise
from idp.authenticators.password_trivial import is_trivial
from idp.core.words import N_

PERSONAL_MINIMUM = 4
"""A shorter name or word occurs by chance in good passwords; the number and the code count at any length."""

_ALL_CLASSES = 4
_NOT_A_LETTER = re.compile(r"[^a-z]+")
_NOT_A_WORD = re.compile(r"[\W_]+")
_UNREADABLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_LEET = str.maketrans("01345@$!", "oieasasi")


class Profile(StrEnum):
    """`password.profile`: CNIL 2022-100 (the default), or NIST SP 800-63B-4 and OWASP ASVS 5.0."""

    CNIL_2022 = "cnil-2022"
    LENGTH_FIRST = "length-first"


class Rule(StrEnum):
    """What a password can break, in the order in which the page says it."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    TOO_LONG = "too-long"
    TOO_SHORT = "too-short"
    COMPOSITION = "composition"
    ACCENTED = "accented"
    PERSONAL = "personal"
    TRIVIAL = "trivial"
    COMMON = "common"


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as the page lists it; `dataclasses.asdict` makes JSON of it.

    While one types, the page ticks `length-N`, `words-N`, `upper`, `lower`, `digit`, `special`, `no-accents`.
    """

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Personal:
    """What is known of the member, and so to others: none of it may be in the password."""

    member_number: str = ""
    access_code: str = ""
    names: tuple[str, ...] = ()
    email: str = ""
    words: tuple[str, ...] = ()
    """Others that an attacker would try first, such as the name of the space."""


_CNIL_NUMBERS: Mapping[str, int] = MappingProxyType({
    "minimum": 12,
    "maximum": MAXIMUM,
    "classes": _ALL_CLASSES,
    "fewer_classes": 3,
    "fewer_classes_from": 14,
    "passphrase_words": 7,
    "passphrase_word_letters": 2,
})  # fmt: skip
_NUMBERS: Mapping[Profile, Mapping[str, int]] = MappingProxyType({
    Profile.CNIL_2022: _CNIL_NUMBERS,
    Profile.LENGTH_FIRST: MappingProxyType({"minimum": 15, "maximum": MAXIMUM}),
})  # fmt: skip


def numbers(profile: Profile) -> Mapping[str, int]:
    """The figures of a profile, for the configuration endpoint and the list that ticks itself."""
    return _NUMBERS[profile]


def check(
    password: str,
    *,
    profile: Profile,
    about: Personal,
    blocked: BlockedPasswords,
    accented: bool = False,
) -> tuple[Rule, ...]:
    """The rules that the password breaks, none when it is accepted; `accented` lets letters such as é in."""
    text = normalise(password)
    if not text:
        return (Rule.EMPTY,)
    if len(text) > MAXIMUM or len(password) > RAW_MAXIMUM:
        return (Rule.TOO_LONG,)
    if any(unicodedata.category(character) in _UNREADABLE for character in text):
        # Nothing else is worth saying about characters that no one can see.
        return (Rule.UNREADABLE,)
    broken = {
        Rule.TOO_SHORT: len(text) < _NUMBERS[profile]["minimum"],
        Rule.COMPOSITION: profile is Profile.CNIL_2022 and not _is_composed(text),
        Rule.ACCENTED: not accented and _has_accents(text),
        Rule.PERSONAL: _names_the_member(text, about),
        Rule.TRIVIAL: is_trivial(fold(text)),
        Rule.COMMON: blocked.refuses(text),
    }
    return tuple(rule for rule, is_broken in broken.items() if is_broken)


def strength(password: str, about: Personal) -> int:
    """The estimate of zxcvbn, from 0 to 4: an advice, never a rule."""
    return estimate(password, tuple(_personal_words(about)))


def describe(profile: Profile, *, accented: bool = False) -> tuple[RuleText, ...]:
    """The rules in French, for the list under the field and for the configuration endpoint."""
    shape = _CNIL_RULES if profile is Profile.CNIL_2022 else _LENGTH_RULES
    letters = () if accented else (RuleText("no-accents", N_("pas de lettre accentuée (é, è, à, ç…)")),)
    return (*shape, *letters, *_ALWAYS)


_CNIL_RULES = (
    RuleText("length-12", N_("au moins 12 caractères (128 au plus)")),
    RuleText("upper", N_("une lettre majuscule")),
    RuleText("lower", N_("une lettre minuscule")),
    RuleText("digit", N_("un chiffre")),
    RuleText("special", N_("un caractère spécial, comme ! ? * ou -")),
    RuleText("length-14", N_("à partir de 14 caractères, trois de ces quatre sortes suffisent")),
    RuleText(
        "words-7", N_("ou bien, sans tout cela : une phrase d’au moins sept mots, séparés par des espaces")
    ),
)
_LENGTH_RULES = (RuleText("length-15", N_("au moins 15 caractères (128 au plus), ceux que vous voulez")),)
_ALWAYS = (
    RuleText("personal", N_("ni votre numéro, ni votre code d’accès, ni votre nom, ni votre adresse email")),
    RuleText("trivial", N_("pas de répétition ni de suite, comme « aaaa », « 1234 » ou « azerty »")),
    RuleText("common", N_("pas un mot de passe courant, comme « Motdepasse123! » ou « Soleil2026!! »")),
)

SENTENCES: Mapping[Rule, str] = MappingProxyType({
    Rule.EMPTY: N_("Choisissez un mot de passe."),
    Rule.UNREADABLE: N_("Ce mot de passe contient un caractère invisible. Tapez-le au clavier, sans le copier."),
    Rule.TOO_LONG: N_("Ce mot de passe est trop long : 128 caractères au plus."),
    Rule.TOO_SHORT: N_("Ce mot de passe est trop court : ajoutez des mots ou des signes."),
    Rule.COMPOSITION: N_(
        "Ajoutez ce qui manque : une majuscule, une minuscule, un chiffre, un signe comme ! ou -. "
        "Vous pouvez aussi écrire une phrase d’au moins sept mots."
    ),
    Rule.ACCENTED: N_(
        "N’utilisez pas de lettre accentuée : elle est difficile à taper sur un autre clavier. "
        "Écrivez par exemple « e » au lieu de « é »."
    ),
    Rule.PERSONAL: N_(
        "N’utilisez ni votre numéro d’adhérent, ni votre code d’accès, ni votre nom, ni votre adresse : "
        "d’autres les connaissent."
    ),
    Rule.TRIVIAL: N_("Ce mot de passe se répète ou suit l’ordre du clavier. Mélangez davantage."),
    Rule.COMMON: N_(
        "Ce mot de passe est trop courant : il serait essayé en premier. "
        "Choisissez plusieurs mots sans rapport entre eux."
    ),
})  # fmt: skip
"""For each broken rule, the message beside the field: how to mend it, in French."""


def _is_composed(text: str) -> bool:
    """CNIL 2022-100: four classes, three in a longer password, or seven words."""
    classes = len(_classes(text))
    if classes >= _ALL_CLASSES:
        return True
    is_long = len(text) >= _CNIL_NUMBERS["fewer_classes_from"]
    return (is_long and classes >= _CNIL_NUMBERS["fewer_classes"]) or _is_passphrase(text)


def _classes(text: str) -> set[str]:
    """Which of the four classes occur; spaces, and letters without case, belong to none."""
    return {name for name in map(_class, text) if name}


def _class(character: str) -> str:
    if character.isupper():
        return "upper"
    if character.islower():
        return "lower"
    if character.isdecimal():
        return "digit"
    # Marks (M) are parts of letters; spaces (Z) are no signs.
    return "" if unicodedata.category(character)[0] in "LMZ" else "special"


def _is_passphrase(text: str) -> bool:
    shortest = _CNIL_NUMBERS["passphrase_word_letters"]
    words = [word for word in _NOT_A_LETTER.split(fold(text)) if len(word) >= shortest]
    return len(words) >= _CNIL_NUMBERS["passphrase_words"]


def _has_accents(text: str) -> bool:
    return any(not character.isascii() and unicodedata.category(character)[0] in "LM" for character in text)


def _names_the_member(text: str, about: Personal) -> bool:
    """Whether something personal is in the password, also with signs between or digits for letters."""
    folded = fold(text)
    seen = (folded, _NOT_A_WORD.sub("", folded), _NOT_A_WORD.sub("", folded.translate(_LEET)))
    return any(word in form for word in _personal_words(about) for form in seen)


def _personal_words(about: Personal) -> Iterator[str]:
    """The number and the code as they are; of the rest, whole values and parts of four characters or more."""
    for value in (about.member_number, about.access_code):
        if joined := _NOT_A_WORD.sub("", fold(value)):
            yield joined
    # Few members type the zeros that a printed number begins with.
    if len(short := about.member_number.lstrip("0")) >= PERSONAL_MINIMUM:
        yield fold(short)
    local, _, domain = about.email.rpartition("@")
    for value in (*about.names, local, *domain.split(".")[:-1], *about.words):
        yield from _parts(fold(value))


def _parts(folded: str) -> Iterator[str]:
    """Of jean-pierre.martin85: the whole, joined; jean, pierre, martin85; and martin."""
    parts = {_NOT_A_WORD.sub("", folded), *_NOT_A_WORD.split(folded), *_NOT_A_LETTER.split(folded)}
    yield from sorted(part for part in parts if len(part) >= PERSONAL_MINIMUM)
