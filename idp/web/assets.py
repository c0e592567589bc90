"""Style sheets, scripts and drawings: read once, compressed once, kept by browsers for good."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from idp.core.errors import Problem

FOLDER = Path(__file__).parent / "static"
FOR_GOOD = "public, max-age=31536000, immutable"
# By hand: what the machine's own list says of these differs from one to the next.
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
TEXTS = frozenset({".css", ".js", ".svg"})


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it travels."""

    content: bytes
    compressed: bytes | None
    """The same by gzip, for what shrinks by it. Pages themselves are never compressed: beside a secret, what a
    visitor sent must not tell by its length (BREACH)."""
    mimetype: str
    digest: str


def blueprint() -> Blueprint:
    """`/static/…`."""
    pages = Blueprint("static", __name__)

    @pages.get("/static/<path:name>")
    def file(name: str) -> Response:
        found = assets().get(name)
        if found is None:
            raise Problem("P-4004", detail="no such static file")
        return _answer(found)

    return pages


def _answer(found: Asset) -> Response:
    accepts = request.accept_encodings.quality("gzip") > 0
    is_small = accepts and found.compressed is not None
    response = Response(found.compressed if is_small else found.content, mimetype=found.mimetype)
    response.headers["Vary"] = "Accept-Encoding"
    if is_small:
        response.headers["Content-Encoding"] = "gzip"
    # An address with another file's hash, or with none, may mean another content tomorrow.
    is_named = request.args.get("v") == found.digest
    response.headers["Cache-Control"] = FOR_GOOD if is_named else "no-cache"
    response.set_etag(found.digest + ("-gzip" if is_small else ""))
    response.make_conditional(request)
    return response


@cache
def assets() -> dict[str, Asset]:
    """Every file of the folder, by its name in addresses."""
    return {path.relative_to(FOLDER).as_posix(): _read(path) for path in FOLDER.rglob("*") if path.is_file()}


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    is_text = path.suffix in TEXTS
    return Asset(
        content=content,
        compressed=gzip.compress(content, 9, mtime=0) if is_text else None,
        mimetype=TYPES[path.suffix],
        digest=hashlib.sha256(content).hexdigest()[:12],
    )


def address(name: str) -> str:
    """The address of a static file, with its content's hash: caches may keep it for good."""
    return f"/static/{name}?v={assets()[name].digest}"
