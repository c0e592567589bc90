"""Jinja as the pages use it: the reader's language, and addresses of static files that change with their content."""

from datetime import date, datetime
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from idp.web import assets, look, words

FOLDER = Path(__file__).parent


def prepare(app: Flask) -> None:
    """Let the app render this folder's templates; a name that a template misspells is an error."""
    app.jinja_loader = FileSystemLoader(FOLDER / "templates")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(_one, _many, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.filters |= {"duration": duration, "day": day, "moment": moment}
    app.jinja_env.globals |= {"asset": assets.address, "logo_url": look.logo_url}


# Each asks the template's own `locale`, so that one app speaks to each reader in their language.


@pass_context
def _one(context: Context, sentence: str) -> str:
    return words.one(sentence, context["locale"])


@pass_context
def _many(context: Context, singular: str, plural: str, count: int) -> str:
    return words.many(singular, plural, count, context["locale"])


@pass_context
def duration(context: Context, seconds: float) -> str:
    """Seconds in words, rounded up."""
    return words.duration(seconds, context["locale"])


@pass_context
def day(context: Context, value: date) -> str:
    """A date in words."""
    return words.day(value, context["locale"])


@pass_context
def moment(context: Context, value: datetime) -> str:
    """A day and an hour, in Paris."""
    return words.moment(value, context["locale"])
