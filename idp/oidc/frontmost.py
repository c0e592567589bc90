"""A thin layer before Flask: discovery and keys as prepared bytes, whatever the database does."""

from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.http import parse_etags

from idp.oidc.discovery import Document

STALE_IF_ERROR = "stale-if-error=86400"
# Scripts of any origin may read these documents: they are the same for everybody and hold no secret.
OPEN = [
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
]
HSTS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
UNAVAILABLE = b'{"error": "temporarily_unavailable", "error_description": "P-5003"}'


class Frontmost:
    """Answers for the documents it knows, and hands every other request on."""

    def __init__(
        self, app: WSGIApplication, documents: Mapping[str, Callable[[], Document | None]], *, https: bool
    ) -> None:
        """Stand before `app`."""
        self._app = app
        self._documents = documents
        self._common = [*OPEN, HSTS] if https else OPEN

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Serve a document, or let the app serve."""
        found = self._documents.get(environ.get("PATH_INFO", ""))
        if found is None:
            return self._app(environ, start)
        method = environ["REQUEST_METHOD"]
        if method not in {"GET", "HEAD"}:
            return self._other(method, start)
        document = found()
        if document is None:
            headers = [("Retry-After", "2"), ("Cache-Control", "no-store")]
            sent = self._send(start, "503 Service Unavailable", UNAVAILABLE, headers)
        else:
            sent = self._document(environ, start, document)
        return [] if method == "HEAD" else sent

    def _document(
        self, environ: WSGIEnvironment, start: StartResponse, document: Document
    ) -> Iterable[bytes]:
        fresh = f"public, max-age={document.max_age}, {STALE_IF_ERROR}"
        headers = [("ETag", f'"{document.etag}"'), ("Cache-Control", fresh)]
        if _is_known(document.etag, environ.get("HTTP_IF_NONE_MATCH")):
            start("304 Not Modified", [*headers, *self._common])
            return []
        return self._send(start, "200 OK", document.body, headers)

    def _other(self, method: str, start: StartResponse) -> Iterable[bytes]:
        allowed = ("Allow", "GET, HEAD, OPTIONS")
        if method == "OPTIONS":
            start("204 No Content", [allowed, ("Access-Control-Allow-Methods", "GET, HEAD"), *self._common])
            return []
        body = b'{"error": "invalid_request", "error_description": "P-4005"}'
        return self._send(start, "405 Method Not Allowed", body, [allowed, ("Cache-Control", "no-store")])

    def _send(
        self, start: StartResponse, status: str, body: bytes, headers: list[tuple[str, str]]
    ) -> Iterable[bytes]:
        kind = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start(status, [*kind, *headers, *self._common])
        return [body]


def _is_known(etag: str, asked: str | None) -> bool:
    """Whether the caller has this very document (RFC 9110 section 13.1.2: a list, compared weakly, or `*`)."""
    return asked is not None and parse_etags(asked).contains_weak(etag)
