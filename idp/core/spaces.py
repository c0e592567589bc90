"""Spaces: the front doors, each with its name, colours, entry rule, captcha rule and session rule."""

import hashlib
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from idp.core.durations import Duration

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class BadSpace(Exception):
    """A space's folder cannot be used; the text names the file and what is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Palette(_Part):
    """The colours of one mode."""

    primary: Colour
    on_primary: Colour
    accent: Colour


class Colours(Palette):
    """The colours of the light mode, and those of the dark one."""

    dark: Palette


class Space(_Part):
    """One front door."""

    name: str
    """The name in addresses and client files."""
    title: str
    """The name members read."""
    short_title: str
    populations: frozenset[str]
    """The populations that may enter."""
    help_phone: str
    help_hours: str = ""
    enrolment: bool = False
    """Whether members create their account by themselves."""
    captcha_login: Literal["always", "after-failures", "off"] | None = None
    """Overrides `captcha.login` for this space."""
    session_idle: Duration = timedelta(minutes=30)
    session_absolute: Duration = timedelta(hours=12)
    terms_version: str
    colours: Colours
    terms_html: str = ""
    texts: dict[str, str] = {}
    """Other texts of the space's folder, by the name of their file without `.html`."""
    logo_svg: str = ""

    def text(self, name: str) -> str:
        """A legal text of the space, as HTML."""
        return self.texts.get(name, "")

    @property
    def terms_hash(self) -> str:
        """SHA-256 of the terms' text: what was accepted can be proved later."""
        return hashlib.sha256(self.terms_html.encode()).hexdigest()


class Spaces:
    """The spaces of this installation."""

    def __init__(self, spaces: dict[str, Space]) -> None:
        """Keep them in the order of their folders."""
        self._spaces = spaces

    @classmethod
    def read(cls, folder: Path) -> "Spaces":
        """Read every folder with a `space.toml`; raises BadSpace."""
        found = {path.parent.name: _read(path) for path in sorted(folder.glob("*/space.toml"))}
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

    @property
    def populations(self) -> frozenset[str]:
        """Every population that some space admits."""
        return frozenset().union(*(space.populations for space in self))


def _read(path: Path) -> Space:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        terms = path.with_name("terms.html").read_text(encoding="utf-8")
        logo = path.with_name("logo.svg").read_text(encoding="utf-8")
        texts = {file.stem: file.read_text(encoding="utf-8") for file in path.parent.glob("*.html")}
        space = Space.model_validate({**data, "terms_html": terms, "logo_svg": logo, "texts": texts})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        message = f"P-9003: {path}: {problem}"
        raise BadSpace(message) from problem
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        message = f"P-9003: {path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise BadSpace(message) from None
    if space.name != path.parent.name:
        message = f"P-9003: {path}: the name {space.name!r} differs from its folder"
        raise BadSpace(message)
    return space
