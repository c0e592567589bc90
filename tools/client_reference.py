"""`docs/reference/client-files.md`: the prose of `tools/prose`, with tables made from the model of a client."""

import types
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from idp.core.durations import write_duration
from idp.oidc.claims import SERVICE_SCOPES
from idp.oidc.clients import OWN_KEYS, Client

PROSE = Path(__file__).parent / "prose" / "client-files.txt"
_PLAIN = {str: "text", int: "whole number", bool: "`true` or `false`", timedelta: 'duration, such as `"5m"`'}


class NoSentence(Exception):
    """A key of a file has no docstring in the model that reads it."""


def client_files_page() -> str:
    """The whole page. Raises NoSentence."""
    standard = (name for name in Client.model_fields if name not in OWN_KEYS)
    filled = {
        "standard": table(Client, standard),
        "own": table(Client, OWN_KEYS),
        "service_scopes": "The scopes " + ", ".join(f"`{scope}`" for scope in SERVICE_SCOPES),
    }
    text = PROSE.read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def table(model: type[BaseModel], names: Iterable[str]) -> str:
    """The named fields of a model, each with its docstring. Raises NoSentence."""
    lines = ["| Key | Value | Without it | Meaning |", "| --- | --- | --- | --- |"]
    for name in names:
        field = model.model_fields[name]
        if not field.description:
            message = f"{name} has no sentence: write a docstring under it in {model.__module__}"
            raise NoSentence(message)
        lines.append(f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def _kind(annotation: Any) -> str:  # noqa: ANN401 (whatever a field says of itself)
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Annotated:
        return _limited(inner)
    if origin is Literal:
        return _choices(inner)
    if origin in {types.UnionType, Union}:
        return _kind(next(part for part in inner if part is not type(None)))
    if origin in {tuple, frozenset}:
        return f"list of {_kind(inner[0])}".replace("list of text", "list of texts")
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _choices([member.value for member in annotation])
    return "table"


def _limited(inner: tuple[Any, ...]) -> str:
    words, rules = _kind(inner[0]), [rule for part in inner[1:] for rule in getattr(part, "metadata", [part])]
    bounds = [getattr(rule, kind) for kind in ("ge", "le") for rule in rules if hasattr(rule, kind)]
    if len(bounds) == len(("from", "to")) and isinstance(bounds[0], timedelta):
        return f"{words}, from {write_duration(bounds[0])} to {write_duration(bounds[1])}"
    return words


def _choices(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if (
        field.default_factory is not None
        or isinstance(value, BaseModel)
        or value is None
        or value in ("", (), frozenset())
    ):
        return "—"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f'`"{write_duration(value)}"`'
    return _choices(value) if isinstance(value, tuple) else f"`{value}`"
