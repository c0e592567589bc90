"""A real mail server on a random loopback port, which misbehaves as it is told."""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from enum import Enum
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
OK = "250 OK"


class Fault(Enum):
    """What no answer can say."""

    HANG = "hang"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Received:
    """One mail that the server took, whether or not it could say so."""

    to: tuple[str, ...]
    message: EmailMessage

    @property
    def text(self) -> str:
        return self.message.get_body(("plain",)).get_content()


class ScriptedSmtp:
    """`script("RCPT", "451 later")` answers the next RCPT with a fault; without a script all is well.

    The steps are MAIL, RCPT, DATA (before the mail is kept) and KEPT (after it is kept, before the answer).
    """

    def __init__(self, **options: Any) -> None:
        self.received: list[Received] = []
        self.senders: list[str] = []
        self.reached = threading.Event()
        self._script: dict[str, deque[str | Fault]] = {}
        self._options = options

    def script(self, step: str, *answers: str | Fault) -> None:
        self._script.setdefault(step, deque()).extend(answers)

    def __enter__(self) -> Self:
        self.port = free_port()
        self._controller = Controller(
            self, hostname=HOST, port=self.port, server_hostname="mail.example.org", **self._options
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._act("MAIL", server)
        if answer == OK:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            self.senders.append(address)
        return answer

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self._act("RCPT", server)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await self._act("DATA", server)
        if answer != OK:
            return answer
        message = BytesParser(policy=default).parsebytes(envelope.content)
        self.received.append(Received(tuple(envelope.rcpt_tos), message))
        return await self._act("KEPT", server)

    async def _act(self, step: str, server: SMTP) -> str:
        waiting = self._script.get(step)
        answer = waiting.popleft() if waiting else OK
        if answer is Fault.HANG:
            self.reached.set()
            await asyncio.sleep(3600)
        if answer is Fault.CUT:
            server.transport.abort()
            await asyncio.sleep(0)
            return OK
        return answer


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word; its URL."""
    with socket.create_server((HOST, 0)) as listener:
        yield f"smtp://{HOST}:{listener.getsockname()[1]}"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]
