"""A tiny service that listens to logouts (OpenID Connect Back-Channel Logout 1.0 section 2.5)."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Self
from urllib.parse import parse_qs

from tests.interop.provider import free_port

PATIENCE = 20


class Ear:
    """Takes what the provider posts to it, by path."""

    def __init__(self) -> None:
        self._heard: defaultdict[str, Queue[str]] = defaultdict(Queue)
        heard = self._heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self.send_response(200)
                self.end_headers()
                heard[self.path].put(form["logout_token"][0])

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def order(self, path: str) -> str:
        """The next logout token that comes, or came, to a path."""
        return self._heard[path].get(timeout=PATIENCE)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
