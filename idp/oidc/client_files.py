"""Client files: one TOML file for each client, read whole or refused with file, line, key and what it must be."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from idp.core import toml_places
from idp.core.spaces import Spaces
from idp.core.toml_places import Place
from idp.oidc import client_rules
from idp.oidc.client_jwks import Fault
from idp.oidc.clients import Client

_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
# pydantic's sentences begin with the kind of thing; ours say what the key must be.
_SUBJECT = re.compile(r"^(Value error, |(Input|String|Tuple|Dictionary|Frozenset) should )")
_PLAINER = {
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "string_type": "must be a text",
    "dict_type": "must be a table",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "extra_forbidden": "unknown key",
    "missing": "missing",
}
_PATTERNS = {
    "client_id": "must be visible ASCII, without spaces",
    "client_secret_sha256": "must be a SHA-256 in 64 hexadecimal digits, small letters",
}


class BadClient(Exception):
    """A client cannot be used; the text names the file, the line, the key and what it must be."""

    def __init__(self, text: str, *, faults: Iterable[Fault] = ()) -> None:
        """Keep the faults too: a client that registers itself reads them in other words."""
        super().__init__(text)
        self.faults = tuple(faults)


def read_folder(folder: Path, *, spaces: Spaces, development: bool) -> dict[Path, Client]:
    """Every client file of a folder. Raises BadClient with all that is wrong."""
    found: dict[str, Path] = {}
    clients: dict[Path, Client] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            client = read_file(path, spaces=spaces, development=development)
        except BadClient as problem:
            problems.append(str(problem))
            continue
        if client.client_id in found:
            problems.append(f"P-9002: {path}: client_id: already used by {found[client.client_id]}")
        found.setdefault(client.client_id, path)
        clients[path] = client
    if problems:
        raise BadClient("\n".join(problems))
    return clients


def read_file(path: Path, *, spaces: Spaces, development: bool) -> Client:
    """One client file. Raises BadClient."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadClient(f"P-9002: {path}: {problem}") from problem
    return read_text(text, where=str(path), spaces=spaces, development=development)


def read_text(text: str, *, where: str, spaces: Spaces, development: bool) -> Client:
    """The client of a file's text. Raises BadClient."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise BadClient(_of_syntax(str(problem), where)) from problem
    except RecursionError:
        raise BadClient(f"P-9002: {where}: tables and lists are nested too deep") from None
    places = toml_places.places(text)
    return parse(document, where=where, spaces=spaces, development=development, places=places)


def parse(
    document: Mapping[str, Any],
    *,
    where: str,
    spaces: Spaces,
    development: bool,
    places: dict[toml_places.Path, Place] | None = None,
) -> Client:
    """A client from its document; its populations are the space's unless it names some. Raises BadClient."""
    try:
        client = Client.model_validate(dict(document))
    except ValidationError as problem:
        raise _refused(_faults(problem), where, places) from None
    if not client.space:
        client = client.model_copy(update={"space": spaces.default.name})
    found = client_rules.faults(client, spaces=spaces, development=development)
    if found:
        raise _refused(found, where, places)
    if client.populations:
        return client
    return client.model_copy(update={"populations": spaces[client.space].populations})


def document(client: Client) -> dict[str, Any]:
    """What is kept of a client: the keys that its file gave."""
    return client.model_dump(mode="json", exclude_unset=True)


def _refused(faults: Iterable[Fault], where: str, places: dict[toml_places.Path, Place] | None) -> BadClient:
    faults = list(faults)
    lines = [f"P-9002: {where}{_line(fault, places)}: {_key(fault)}: {fault.text}" for fault in faults]
    return BadClient("\n".join(lines), faults=faults)


def _key(fault: Fault) -> str:
    return ".".join(str(part) for part in fault.path)


def _line(fault: Fault, places: dict[toml_places.Path, Place] | None) -> str:
    place = toml_places.nearest(places or {}, fault.path)
    return f", line {place.line}" if place is not None else ""


def _of_syntax(problem: str, where: str) -> str:
    line = _LINE.search(problem)
    place = f", line {line[1]}" if line else ""
    return f"P-9002: {where}{place}: not TOML: {_LINE.sub('', problem)}"


def _faults(problem: ValidationError) -> list[Fault]:
    errors = problem.errors(include_input=False, include_url=False, include_context=False)
    return [
        Fault(tuple(error["loc"]), _sentence(error["type"], error["msg"], error["loc"])) for error in errors
    ]


def _sentence(kind: str, message: str, path: tuple[str | int, ...]) -> str:
    key = str(path[0]) if path else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, Client.model_fields, n=1, cutoff=0.0)[0]
        return f"unknown key; the nearest known one is {near}"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(key, message)
    return _PLAINER.get(kind) or _SUBJECT.sub(lambda match: "must " if match[2] else "", message)
