"""Spaces: the front doors, each with its name, colours, entry rule, captcha rule and session rule."""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from idp.core.durations import Duration
from idp.core.logos import CONTENT_ID, BadLogo, check_png, check_svg
from idp.core.themes import Colours, Palette, Part, contrast_faults
from idp.core.wordings import Said, Wordings

__all__ = ["BadSpace", "Colours", "Legal", "Palette", "Space", "Spaces"]

LOGO = "logo.svg"
DARK_LOGO = "logo-dark.svg"
MAIL_LOGO = "logo.png"
# What the folder's other files hold: `space.toml` cannot say it.
OF_FILES = frozenset({"terms_html", "texts", "logo_svg", "logo_dark_svg", "logo_png"})


class BadSpace(Exception):
    """A space's folder cannot be used; the text names the file and what is wrong."""


def _not_dark(name: str) -> str:
    if name.endswith("-dark"):
        message = "must not end in -dark: its logo would stand at the address of another space's dark one"
        raise ValueError(message)
    return name


def _is_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as fault:
        message = f"is not a regular expression: {fault}"
        raise ValueError(message) from None
    return text


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$"), AfterValidator(_not_dark)]
Phone = Annotated[str, Field(pattern=r"^[+]?[0-9][0-9 ]{0,19}$")]


class Legal(Part):
    """Who answers for the space, and where to write."""

    name: Said = ""
    """The body's full name, in the foot of every page and mail."""
    address: Said = ""
    """Its postal address on one line, beside its name."""
    contact: Said = ""
    """Under the legal notice and the terms: a mail address or a postal one."""
    privacy: Said = ""
    """Under « Confidentialité »: how to reach the data protection officer."""
    accessibility: Said = ""
    """Under « Accessibilité »: where to say what stands in one's way."""

    @property
    def line(self) -> str:
        """Name and postal address on one line."""
        return ", ".join(part for part in (self.name, self.address) if part)

    def contact_of(self, text: str) -> str:
        """Where to write about one of the space's texts (`confidentialite`, `accessibilite`, any other)."""
        return {"confidentialite": self.privacy, "accessibilite": self.accessibility}.get(text, self.contact)


class Space(Part):
    """One front door."""

    name: Name
    """The name in addresses and client files, and of the folder; small letters, digits and hyphens."""
    title: str
    """The name members read. Before ` – ` stands the body, after it the space: pages write them on two lines."""
    short_title: str
    """The name in the choice of space."""
    populations: frozenset[str]
    """The populations that may enter."""
    help_phone: Phone
    """The help line, on every page and mail: digits in groups."""
    help_hours: str = ""
    """When it answers, as it follows the number in a sentence."""
    help_hours_en: str = ""
    """The hours as the English pages say them; none are said there without it."""
    enrolment: bool = False
    """Whether members create their account by themselves; in a space without, they are invited."""
    shared_mailboxes: bool = False
    """Whether two members may use one address, as couples do; every sign-in then costs two hashes."""
    listed: bool = True
    """Whether `/` offers the space among the others."""
    member_number_label: str = ""
    """What members call their number, as it stands in a sentence; without it, « numéro d'adhérent »."""
    member_number_label_en: str = ""
    """The same on English pages; without it, the French one, or "member number"."""
    member_number_pattern: Annotated[str, AfterValidator(_is_pattern)] = ""
    """A regular expression for the numbers of its populations; without it, `directory.member_number_pattern`."""
    member_number_example: str = "1234567"
    """An invented number, shown beside fields and in their errors."""
    captcha_login: Literal["always", "after-failures", "off"] | None = None
    """Overrides `captcha.login` for this space."""
    session_idle: Duration = timedelta(minutes=30)
    """A session ends when nothing is asked for so long."""
    session_absolute: Duration = timedelta(hours=12)
    """A session ends after so long, whatever is asked."""
    terms_version: str
    """The version of `terms.html`, kept with each acceptance; another one is asked for at the next sign-in."""
    terms_date: date | None = None
    """The day (in Paris) from which this version is asked for; without it, at once. Mails and the page tell it."""
    legal: Legal = Legal()
    """Who answers for the space; see below."""
    colours: Colours
    """The colours of the light mode, and in `colours.dark` those of the dark one; see below."""
    words: Wordings = Wordings()
    """What the mutual says in its own words, in `words.fr` and `words.en`; see below."""
    terms_html: str = ""
    texts: dict[str, str] = Field(default_factory=dict)
    """Other texts of the space's folder, by the name of their file without `.html`."""
    logo_svg: str = ""
    logo_dark_svg: str = ""
    """The logo of the dark mode; empty when one serves for both."""
    logo_png: bytes = b""
    """The logo inside mails; empty when they go without."""

    def own_words(self, place: str, locale: str) -> str:
        """The mutual's own words at a place of `idp/core/wordings.py`, or nothing: then the product's stand."""
        return self.words.at(place, str(locale))

    def number_label(self, language: str = "fr") -> str:
        """What a member's number is called here, in the middle of a sentence; empty where the product's word stands."""
        own = self.member_number_label
        return own if language == "fr" else self.member_number_label_en or own

    @property
    def mates(self) -> frozenset[str]:
        """The populations whose members may share a mailbox here: none, or those that may enter."""
        return self.populations if self.shared_mailboxes else frozenset()

    @property
    def logo_cid(self) -> str:
        """The name by which a mail's HTML shows the logo beside it (`cid:`)."""
        return CONTENT_ID

    def text(self, name: str, language: str = "fr") -> str:
        """A legal text of the space, as HTML: `terms.html` in French, `terms.en.html` in English; empty without one."""
        return self.texts.get(name if language == "fr" else f"{name}.{language}", "")

    def hours(self, language: str) -> str:
        """When the help line answers."""
        return self.help_hours if language == "fr" else self.help_hours_en

    @property
    def terms_hash(self) -> str:
        """SHA-256 of the terms in French, which prevail in every language: what was accepted can be proved later."""
        return hashlib.sha256(self.terms_html.encode()).hexdigest()


class Spaces:
    """The spaces of this installation."""

    def __init__(self, spaces: dict[str, Space]) -> None:
        """Keep them in the order of their folders; they change no more."""
        self._spaces = MappingProxyType(spaces)

    @classmethod
    def read(cls, folder: Path) -> "Spaces":
        """Read every folder with a `space.toml`; raises BadSpace with all that is wrong."""
        found: dict[str, Space] = {}
        problems: list[str] = []
        for path in sorted(folder.glob("*/space.toml")):
            try:
                found[path.parent.name] = _read(path)
            except BadSpace as problem:
                problems.append(str(problem))
        if problems:
            raise BadSpace("\n".join(problems))
        if fault := _unlike(found):
            message = f"P-9003: {folder}: {fault}"
            raise BadSpace(message)
        if not found:
            message = f"P-9003: no space in {folder}: each needs a folder with a space.toml"
            raise BadSpace(message)
        return cls(found)

    def get(self, name: str) -> Space | None:
        """The space of this name, or None."""
        return self._spaces.get(name)

    def __getitem__(self, name: str) -> Space:
        """The space of this name (KeyError)."""
        return self._spaces[name]

    def __iter__(self) -> Iterator[Space]:
        """All spaces."""
        return iter(self._spaces.values())

    @property
    def default(self) -> Space:
        """The space of pages that no client began: the first one that members can enrol in."""
        return next((space for space in self if space.enrolment), next(iter(self)))

    def of_population(self, population: str) -> Space | None:
        """The first space that admits a population, or None."""
        return next((space for space in self if population in space.populations), None)

    def number_patterns(self, default: str) -> dict[str, str]:
        """For each population the pattern of its numbers; where several spaces admit it, one of theirs must match."""
        found: dict[str, list[str]] = {}
        for space in self:
            for population in space.populations:
                found.setdefault(population, []).append(space.member_number_pattern or default)
        return {
            name: "|".join(f"(?:{each})" for each in dict.fromkeys(all_of)) for name, all_of in found.items()
        }

    @property
    def populations(self) -> frozenset[str]:
        """Every population that some space admits."""
        return frozenset().union(*(space.populations for space in self))

    def mates(self, population: str) -> frozenset[str]:
        """The populations with whose members one of this population may share a mailbox."""
        return frozenset().union(*(space.mates for space in self if population in space.populations))


def _unlike(spaces: dict[str, Space]) -> str | None:
    """Why two spaces cannot stand side by side: an address would mean two members in one, and one in the other."""
    for one, other in combinations(spaces.values(), 2):
        both = one.populations & other.populations
        if both and one.shared_mailboxes != other.shared_mailboxes:
            names = ", ".join(sorted(both))
            return (
                f"{one.name} and {other.name} both admit {names}: shared_mailboxes must be the same in both"
            )
    return None


def _read(path: Path) -> Space:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        files = _files(path.parent)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        message = f"P-9003: {path}: {problem}"
        raise BadSpace(message) from problem
    try:
        space = Space.model_validate({**files, **{_not_a_file(path, key): data[key] for key in data}})
    except ValidationError as problem:
        raise BadSpace("\n".join(f"P-9003: {path}: {fault}" for fault in _explain(problem))) from None
    if space.name != path.parent.name:
        message = f"P-9003: {path}: the name {space.name!r} differs from its folder"
        raise BadSpace(message)
    if faults := contrast_faults(space.colours):
        raise BadSpace("\n".join(f"P-9007: {path}: {fault}" for fault in faults))
    return space


def _files(folder: Path) -> dict[str, Any]:
    """The files of a space's folder; its terms and its logo must be there."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.html")}
    return {
        "terms_html": (folder / "terms.html").read_text(encoding="utf-8"),
        "texts": texts,
        "logo_svg": _svg(folder / LOGO),
        "logo_dark_svg": _svg(folder / DARK_LOGO) if (folder / DARK_LOGO).exists() else "",
        "logo_png": _png(folder / MAIL_LOGO) if (folder / MAIL_LOGO).exists() else b"",
    }


def _svg(path: Path) -> str:
    svg = path.read_text(encoding="utf-8")
    try:
        check_svg(svg)
    except BadLogo as problem:
        message = f"P-9003: {path}: {problem}"
        raise BadSpace(message) from problem
    return svg


def _png(path: Path) -> bytes:
    png = path.read_bytes()
    try:
        check_png(png)
    except BadLogo as problem:
        message = f"P-9003: {path}: {problem}"
        raise BadSpace(message) from problem
    return png


def _not_a_file(path: Path, key: str) -> str:
    if key in OF_FILES:
        message = f"P-9003: {path}: {key}: this is a file of the folder, not a key"
        raise BadSpace(message)
    return key


def _explain(problem: ValidationError) -> Iterator[str]:
    known = set(keys_of(Space))
    for error in problem.errors(include_input=False, include_url=False):
        dotted = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.0)[0]
            yield f"unknown key {dotted}; the nearest known one is {near}"
        elif error["type"] == "missing":
            yield f"{dotted}: missing"
        else:
            yield f"{dotted}: {error['msg'].removeprefix('Value error, ')}"


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key that a `space.toml` may hold, with its tables: `colours.dark.primary`."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{prefix}{name}.")
        elif prefix + name not in OF_FILES:
            yield prefix + name
