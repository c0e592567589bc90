"""`python -m examples.mailbox`: the mail server and the page, until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from examples.mailbox.page import create_app
from examples.mailbox.server import HOST, mail_server
from examples.mailbox.store import Store


class QuietHandler(WSGIRequestHandler):
    """Answers without a line on the terminal for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the page reloads every few seconds."""


def main() -> int:
    """Run both servers on loopback; 1 when a port is taken."""
    options = _options()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(options.directory)
    mail = mail_server(store, port=options.smtp_port)
    try:
        mail.start()
        page = make_server(
            HOST, options.http_port, create_app(store), threaded=True, request_handler=QuietHandler
        )
    except (OSError, SystemExit) as problem:
        print(f"mailbox: cannot listen on {HOST}: {problem}", file=sys.stderr)  # noqa: T201 (a terminal)
        return 1
    threading.Thread(target=page.serve_forever, daemon=True).start()
    print(f"mailbox: page http://{HOST}:{page.server_port}, smtp {HOST}:{options.smtp_port}", flush=True)  # noqa: T201
    stop.wait()
    page.shutdown()
    mail.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="examples.mailbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--directory", type=Path, default=Path("var/mailbox"), help="where mails are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
