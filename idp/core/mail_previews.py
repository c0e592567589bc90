"""Every mail in every space and language, written to a folder with a page to leaf through them."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from idp.core import mail_catalogue
from idp.core.logos import with_logo_inside
from idp.core.mail_templates import FOLDER, WORDS, Kind, Rendered, render
from idp.core.spaces import Space, Spaces


def sample(
    kind: Kind, *, space: Space, language: str, issuer: str, values: dict[str, str] | None = None
) -> Rendered:
    """One mail with invented values, but for the `values` given."""
    context = mail_catalogue.sample(kind, language=language, issuer=issuer) | (values or {})
    return render(kind, space=space, locale=language, context=context, issuer=issuer)


def write(folder: Path, *, spaces: Spaces, issuer: str) -> int:
    """Write `<space>/<language>/<kind>.html`, the same as `.txt`, and `index.html`; how many mails. Raises OSError."""
    shelves = []
    for space in spaces:
        for language in sorted(WORDS, reverse=True):
            mails = {kind: sample(kind, space=space, language=language, issuer=issuer) for kind in Kind}
            shelf = folder / space.name / language
            shelf.mkdir(parents=True, exist_ok=True)
            for kind, mail in mails.items():
                shown = with_logo_inside(mail.html, space.logo_png)
                (shelf / f"{kind}.html").write_text(shown, encoding="utf-8")
                (shelf / f"{kind}.txt").write_text(mail.text, encoding="utf-8")
            shelves.append((space, language, mails))
    index = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined
    ).get_template("previews.html.jinja")
    (folder / "index.html").write_text(index.render(shelves=shelves), encoding="utf-8")
    return sum(len(mails) for _space, _language, mails in shelves)
