"""The mail server of the dev mailbox: takes every mail for every address, on loopback only."""

from datetime import UTC, datetime

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from examples.mailbox.store import Store

HOST = "127.0.0.1"


class Keeper:
    """What aiosmtpd calls when a mail has come."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep the mail once for each recipient."""
        del server, session
        content = (
            envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        )
        for recipient in envelope.rcpt_tos:
            self._store.add(content, to=recipient, received_at=datetime.now(UTC))
        return "250 OK"


def mail_server(store: Store, *, port: int) -> Controller:
    """A server in a thread of its own; `start()` and `stop()` it."""
    # The name is given: aiosmtpd would ask a name server for it.
    return Controller(
        Keeper(store), hostname=HOST, port=port, server_hostname="localhost", enable_SMTPUTF8=True
    )
