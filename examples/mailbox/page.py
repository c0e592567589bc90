"""The page of the dev mailbox: the list, one mail, and the same as JSON."""

import re
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, abort, jsonify, render_template, request
from markupsafe import Markup, escape
from werkzeug.wrappers import Response as AnyResponse

from examples.mailbox.store import Mail, Store

REFRESH_SECONDS = 4
STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# A mail brings its style in attributes; it gets no script, nothing from elsewhere, an origin of its own.
MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
NO_HTML = (
    "<!DOCTYPE html><html lang='fr'><title>Sans HTML</title><p>Ce message n’a pas de partie HTML.</p></html>"
)

_LINK = re.compile(r"https?://[^\s<>\"«»]+[^\s<>\"«».,;:!?)]")
_PICTURE = re.compile(r"\bcid:([^\s\"'<>]+)")
_MONTHS = (
    "janv.", "févr.", "mars", "avril", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."
)  # fmt: skip


def create_app(store: Store) -> Flask:
    """The page over one store. It answers to loopback names only."""
    app = Flask(__name__)
    # Another site may point its own name at 127.0.0.1: without this, its scripts could read the mails.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost"]
    app.jinja_env.filters |= {"linked": linked, "moment": moment}
    app.after_request(_headers)
    _add_pages(app, store)
    _add_api(app, store)
    return app


def _add_pages(app: Flask, store: Store) -> None:
    @app.get("/")
    def mailbox() -> str:
        to = request.args.get("to", "").strip()
        return render_template("list.html", mails=store.all(to or None), to=to, refresh=REFRESH_SECONDS)

    @app.get("/messages/<int:mail_id>")
    def message(mail_id: int) -> str:
        return render_template("message.html", mail=_found(store, mail_id))

    @app.get("/messages/<int:mail_id>/html")
    def message_html(mail_id: int) -> Response:
        mail = _found(store, mail_id)
        shown = _opening_elsewhere(_with_pictures(mail)) if mail.html else NO_HTML
        response = Response(shown, mimetype="text/html")
        response.headers["Content-Security-Policy"] = MAIL
        return response


def _add_api(app: Flask, store: Store) -> None:
    @app.get("/api/messages")
    def messages() -> Response:
        return jsonify([_json(mail) for mail in store.all(request.args.get("to"))])

    # A page of another origin cannot send DELETE without asking first, and is never answered.
    @app.delete("/api/messages")
    def forget() -> Response:
        store.clear()
        return Response(status=204)


def _found(store: Store, mail_id: int) -> Mail:
    return store.get(mail_id) or abort(404)


def _json(mail: Mail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "to": mail.to,
        "from": mail.sender,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "headers": [list(header) for header in mail.headers],
        "received_at": mail.received_at.isoformat(),
    }


def _headers(response: AnyResponse) -> AnyResponse:
    response.headers.setdefault("Content-Security-Policy", STRICT)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _opening_elsewhere(html: str) -> str:
    """Links leave the frame: no page of the provider may be shown inside another."""
    return re.sub(r"<a(?=\s)", '<a target="_blank" rel="noopener noreferrer"', html, flags=re.IGNORECASE)


def _with_pictures(mail: Mail) -> str:
    """The pictures that travelled with the mail stand in it, as a mail program shows them."""
    return _PICTURE.sub(lambda found: mail.pictures.get(found[1], found[0]), mail.html)


def linked(text: str) -> Markup:
    """The text part with its links made clickable, and nothing else of it as HTML."""
    parts: list[str] = []
    position = 0
    for link in _LINK.finditer(text):
        parts += [escape(text[position : link.start()]), Markup('<a href="{0}">{0}</a>').format(link.group())]
        position = link.end()
    return Markup("").join([*parts, escape(text[position:])])


def moment(instant: datetime) -> str:
    """`12 mars à 14:05:09`, in the machine's own zone."""
    local = instant.astimezone(UTC).astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} à {local:%H:%M:%S}"
