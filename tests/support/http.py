"""A real HTTP server on a random loopback port, which records what it gets and misbehaves as it is told."""

import ssl
import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

HOST = "127.0.0.1"


class Fault(Enum):
    """What no status can say. All but HANG come after the request was recorded."""

    HANG = "hang"
    CUT = "cut"
    DRIP_HEAD = "drip-head"
    DRIP_BODY = "drip-body"


@dataclass(frozen=True)
class Received:
    """One request that arrived whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


class ScriptedHttp:
    """`script(500, Fault.HANG)` answers the next two requests so; without a script all is well.

    An answer is a status, a status with headers and a body, or a fault.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.reached = threading.Event()
        self.let_go = threading.Event()
        self._script: deque[object] = deque()
        self._server = _Server((HOST, 0), _Handler)
        self._server.outer = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.port = self._server.server_port
        self.url = f"{'http' if tls is None else 'https'}://{HOST}:{self.port}"

    def script(self, *answers: object) -> None:
        self._script.extend(answers)

    def next_answer(self) -> object:
        return self._script.popleft() if self._script else 200

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    outer: ScriptedHttp


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Server

    @property
    def outer(self) -> ScriptedHttp:
        return self.server.outer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = self.outer.next_answer()
        if told is Fault.HANG:
            self.outer.reached.set()
            self.outer.let_go.wait()
            return
        self.outer.received.append(Received(self.command, self.path, dict(self.headers), body))
        self.outer.reached.set()
        self._tell(told)

    def _tell(self, told: object) -> None:
        if told is Fault.CUT:
            self.close_connection = True
        elif told is Fault.DRIP_HEAD:
            self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000)
        elif told is Fault.DRIP_BODY:
            self._drip(b" " * 1000, after=b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            status, headers, content = told if isinstance(told, tuple) else (told, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    def _drip(self, data: bytes, *, after: bytes = b"") -> None:
        self.wfile.write(after)
        for byte in data:
            if self.outer.let_go.wait(0.02):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def handle(self) -> None:
        # The other side may hang up whenever it likes.
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return

    do_GET = do_POST = answer  # noqa: N815 (http.server's names)
