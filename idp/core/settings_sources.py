"""Where settings come from: TOML file < secret files < environment; an unknown name stops the start."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from idp.core.settings import Settings

PREFIX = "PARVIS_"
# These say where settings are, so they are read before any setting.
CONFIG_FILE = "PARVIS_CONFIG"
SECRETS_DIR = "PARVIS_SECRETS_DIR"
_DEFAULT_FILE = Path("config/parvis.toml")

Tree: TypeAlias = dict[str, Any]


class BadSettings(Exception):
    """A setting is unknown or wrong; the text names it and says what to do."""


def load(environ: Mapping[str, str] | None = None, *, base: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; `base` (the demo's own) stands between the file and the secret files. Raises BadSettings."""
    environ = os.environ if environ is None else environ
    tree: Tree = {}
    _merge(tree, _from_file(Path(environ.get(CONFIG_FILE, str(_DEFAULT_FILE))), named=CONFIG_FILE in environ))
    _merge(tree, dict(base or {}))
    if SECRETS_DIR in environ:
        _merge(tree, _from_directory(Path(environ[SECRETS_DIR])))
    _merge(tree, _from_environment(environ))
    try:
        return Settings.model_validate(tree)
    except ValidationError as problem:
        raise BadSettings(_explain(problem)) from None


def names(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as a dotted name, such as `mail.url`."""
    for name, field in model.model_fields.items():
        full = prefix + (field.alias or name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from names(inner, full + ".")
        else:
            yield full


def _from_file(path: Path, *, named: bool) -> Tree:
    if not path.exists():
        if named:
            message = f"P-9001: {CONFIG_FILE} names {path}, which does not exist"
            raise BadSettings(message)
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        message = f"P-9001: {path} is not valid TOML: {problem}"
        raise BadSettings(message) from problem


def _from_directory(folder: Path) -> Tree:
    """One file a secret, named like the variable without its prefix, in small letters (`mail__url`)."""
    tree: Tree = {}
    known = set(names())
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or not path.is_file():
            continue
        dotted = path.name.replace("__", ".")
        if dotted not in known:
            raise BadSettings(_unknown(f"secret file {path.name}", dotted, known))
        _put(tree, dotted, path.read_text(encoding="utf-8").strip())
    return tree


def _from_environment(environ: Mapping[str, str]) -> Tree:
    tree: Tree = {}
    known = set(names())
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in {CONFIG_FILE, SECRETS_DIR}:
            continue
        dotted = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if dotted not in known:
            raise BadSettings(_unknown(f"variable {variable}", dotted, known, as_variable=True))
        _put(tree, dotted, value)
    return tree


def _put(tree: Tree, dotted: str, value: str) -> None:
    *sections, leaf = dotted.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[leaf] = value


def _merge(under: Tree, over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(under.get(key), dict):
            _merge(under[key], value)
        else:
            under[key] = dict(value) if isinstance(value, Mapping) else value


def _unknown(what: str, dotted: str, known: set[str], *, as_variable: bool = False) -> str:
    near = difflib.get_close_matches(dotted, known, n=1, cutoff=0.0)[0]
    shown = PREFIX + near.upper().replace(".", "__") if as_variable else near
    return f"P-9001: unknown {what}; the nearest known name is {shown}"


def _explain(problem: ValidationError) -> str:
    lines = []
    for error in problem.errors(include_input=False, include_url=False):
        dotted = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            lines.append(_unknown(f"setting {dotted}", dotted, set(names())))
        elif error["type"] == "missing":
            variable = PREFIX + dotted.upper().replace(".", "__")
            lines.append(
                f"P-9001: the setting {dotted} is missing: set {variable}, or put it in a secret file"
            )
        else:
            lines.append(f"P-9001: the setting {dotted}: {error['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
