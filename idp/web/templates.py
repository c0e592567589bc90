"""Jinja as the pages use it: translations, and addresses of static files that change with their content."""

from pathlib import Path

from flask import Flask
from jinja2 import FileSystemLoader, StrictUndefined

from idp.web import assets, look

FOLDER = Path(__file__).parent


def prepare(app: Flask) -> None:
    """Let the app render this folder's templates; a name that a template misspells is an error."""
    app.jinja_loader = FileSystemLoader(FOLDER / "templates")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals |= {"asset": assets.address, "logo_url": look.logo_url}
