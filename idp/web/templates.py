"""Jinja as the pages use it: translations, and addresses of static files that change with their content."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent
STATIC_FOR = 365 * 24 * 3600


def prepare(app: Flask) -> None:
    """Let the app render this folder's templates; a name that a template misspells is an error."""
    app.jinja_loader = FileSystemLoader(FOLDER / "templates")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["asset"] = asset
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_FOR


@cache
def asset(name: str) -> str:
    """The address of a static file, with its content's hash: caches may keep it for good."""
    digest = hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
