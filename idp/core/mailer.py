"""How a mail leaves: one message built from its words, and a transport chosen by a URL."""

import errno
import hashlib
import os
import re
import secrets
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from email_validator import EmailNotValidError, validate_email

from idp.core.logos import CONTENT_ID
from idp.core.mail_templates import Rendered
from idp.core.outcomes import Accepted, Outcome, Postponed, Refused

# A server that answers a byte at a time is cut off here, well before the outbox's lease ends.
LONGEST = timedelta(seconds=30)
EXCHANGE = timedelta(seconds=10)
PERMANENT = 500
AUTHENTICATION_REQUIRED = 530
CLOSING = 421
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

LONGEST_ADDRESS = 254

# RFC 5321 section 4.1.2: a dot-string and a domain, without quotes, comments or literals. Which domains
# members may give is the forms' affair; an internal name is good enough for a mail server.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_ADDRESS = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UnfitMail(ValueError):
    """An address or a subject that must not reach a mail server; `part` says which of them."""

    def __init__(self, part: str) -> None:
        """Remember `address` or `subject`."""
        super().__init__(f"the {part} is not fit for a mail")
        self.part = part


class BadMailUrl(ValueError):
    """The setting `mail.url` cannot be used; the text never holds its password."""


class Security(StrEnum):
    """How the way to the mail server is protected."""

    NONE = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


class Mailer(Protocol):
    """Something that hands one mail over, within `LONGEST`."""

    def send(self, message: EmailMessage, *, sender: str, recipient: str) -> Outcome:
        """Hand the mail over; every failure of the other side is an outcome, not an exception."""
        ...


def build_message(
    words: Rendered,
    *,
    sender: str,
    sender_name: str,
    recipient: str,
    message_id: str,
    written_at: datetime,
    logo: bytes = b"",
) -> EmailMessage:
    """The mail as it travels; raises UnfitMail for an address or subject that could forge a header.

    `logo`, a PNG, goes beside the HTML that shows it: it is seen where remote pictures are not, and asks nobody.
    `message_id` and `written_at` belong to the cause: a mail sent twice after a crash is recognisable.
    """
    to = proper_address(recipient)
    if _CONTROL.search(words.subject) or _CONTROL.search(sender_name):
        raise UnfitMail("subject")
    message = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    message["From"] = _address(proper_address(sender), sender_name)
    message["To"] = _address(to)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = message_id
    # RFC 3834 section 5: so that no vacation notice answers. The second is what Exchange reads.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(words.text, cte="quoted-printable")
    message.add_alternative(words.html, subtype="html", cte="quoted-printable")
    if logo:
        _put_beside_html(message, logo)
    return message


def _put_beside_html(message: EmailMessage, logo: bytes) -> None:
    html = message.get_body(("html",))
    if html is not None:
        # RFC 2387: the text stays the first alternative, and the picture belongs to the second alone.
        html.add_related(
            logo, "image", "png", cid=f"<{CONTENT_ID}>", disposition="inline", filename="logo.png"
        )


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)


def proper_address(address: str) -> str:
    """One plain address, its domain in ASCII; raises UnfitMail for anything else."""
    if _PLAIN_ADDRESS.fullmatch(address) and len(address) <= LONGEST_ADDRESS:
        return address
    try:
        found = validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError:
        raise UnfitMail("address") from None
    return f"{found.local_part}@{found.ascii_domain}"


def mailer_from_url(
    url: str, *, exchange: timedelta = EXCHANGE, tls: ssl.SSLContext | None = None
) -> "SmtpMailer | FolderMailer":
    """The transport of `mail.url`: `smtp://`, `smtps://`, `smtp+starttls://` or `file:///directory`.

    `exchange` bounds one exchange with the server. Certificates are verified; `tls` brings other authorities.
    Raises BadMailUrl.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        message = "mail.url is not a URL"
        raise BadMailUrl(message) from None
    if parts.scheme == "file":
        return _folder(parts)
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        message = "mail.url is smtp://, smtps:// or smtp+starttls:// with a host, or file:///directory"
        raise BadMailUrl(message)
    server = Server(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        security=Security(parts.scheme),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    if tls is None and server.security is not Security.NONE:
        # It reads every authority of this machine: not for a server that is spoken to in clear.
        tls = ssl.create_default_context()
    return SmtpMailer(server, exchange=exchange, tls=tls)


def _folder(parts: SplitResult) -> "FolderMailer":
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        message = "mail.url names a directory with three slashes: file:///directory"
        raise BadMailUrl(message)
    return FolderMailer(Path(unquote(parts.path)))


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, and who we are to it."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpMailer:
    """Hands each mail to one SMTP server, over a connection of its own."""

    def __init__(self, server: Server, *, exchange: timedelta, tls: ssl.SSLContext | None) -> None:
        """Connect to nothing yet."""
        self.server = server
        self.tls = tls
        self._exchange = exchange.total_seconds()

    def send(self, message: EmailMessage, *, sender: str, recipient: str) -> Outcome:
        """Hand the mail over; what goes wrong before RCPT is the server's trouble, not this mail's."""
        try:
            with self._connection() as smtp, _cut_after(smtp, LONGEST):
                return _hand_over(smtp, message, sender, recipient)
        except smtplib.SMTPResponseException as answer:
            stage = "auth" if isinstance(answer, smtplib.SMTPAuthenticationError) else "server"
            return Postponed(f"{stage}-{answer.smtp_code}", outage=True)
        except ssl.SSLError:
            return Postponed("tls", outage=True)
        except TimeoutError:
            return Postponed("timeout", outage=True)
        except OSError as problem:
            return Postponed(_class_of(problem), outage=True)

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        smtp = self.connect()
        try:
            if self.server.security is Security.STARTTLS:
                smtp.starttls(context=self.tls)
            if self.server.user:
                smtp.login(self.server.user, self.server.password)
            yield smtp
        finally:
            # The mail's fate is known by now; a server that is rude at the farewell does not change it.
            smtp.close()

    def connect(self) -> smtplib.SMTP:
        """A connection on which nothing was said yet; raises OSError."""
        server = self.server
        if server.security is Security.TLS:
            return smtplib.SMTP_SSL(
                server.host,
                server.port,
                local_hostname=_own_name(),
                timeout=self._exchange,
                context=self.tls,
            )
        return smtplib.SMTP(server.host, server.port, local_hostname=_own_name(), timeout=self._exchange)


def _hand_over(smtp: smtplib.SMTP, message: EmailMessage, sender: str, recipient: str) -> Outcome:
    try:
        smtp.send_message(message, from_addr=sender, to_addrs=[recipient])
    except smtplib.SMTPRecipientsRefused as refusal:
        (code, _text), *_ = refusal.recipients.values()
        return _judged("recipient", code)
    except smtplib.SMTPDataError as answer:
        return _judged("data", answer.smtp_code)
    except smtplib.SMTPNotSupportedError:
        # RFC 6531: the address has letters that this server cannot carry.
        return Refused("smtputf8")
    with suppress(OSError):
        smtp.docmd("QUIT")
    return Accepted()


def _judged(stage: str, code: int) -> Outcome:
    """RFC 5321 section 4.2.1: 5yz is for good. But 530 asks for a password: our settings are wrong."""
    reason = f"{stage}-{code}"
    if code >= PERMANENT and code != AUTHENTICATION_REQUIRED:
        return Refused(reason)
    # RFC 5321 section 3.8: 421 closes the channel, whatever was asked.
    return Postponed(reason, outage=code in (CLOSING, AUTHENTICATION_REQUIRED))


def _class_of(problem: OSError) -> str:
    # smtplib reports a silent server as a lost connection.
    if isinstance(problem.__context__, TimeoutError):
        return "timeout"
    if isinstance(problem, smtplib.SMTPServerDisconnected):
        return "disconnected"
    # An SMTPException is an OSError too.
    return "protocol" if isinstance(problem, smtplib.SMTPException) else "connection"


@contextmanager
def _cut_after(smtp: smtplib.SMTP, limit: timedelta) -> Iterator[None]:
    """Shut the connection when the delivery lasts too long, though each read alone stays within its time."""

    def cut() -> None:
        if smtp.sock is not None:
            with suppress(OSError):
                smtp.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit.total_seconds(), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _own_name() -> str:
    """How we greet: the host's name if it is a full one; `socket.getfqdn` might wait for a name server."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


class FolderMailer:
    """Leaves each mail as one .eml file, for tests and for installations whose mail another program takes."""

    def __init__(self, folder: Path) -> None:
        """Make the folder at the first mail."""
        self.folder = folder

    def send(self, message: EmailMessage, *, sender: str, recipient: str) -> Outcome:
        """Write the file whole or not at all; the same mail sent twice is one file."""
        del sender, recipient  # Both are in the headers.
        name = hashlib.sha256(message["Message-ID"].encode()).hexdigest()[:32]
        moment = message["Date"].datetime.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_whole(self.folder / f"{moment}-{name}.eml", message.as_bytes())
        except OSError as problem:
            return Postponed(f"folder-{errno.errorcode.get(problem.errno or 0, 'unknown')}", outage=True)
        return Accepted()


def _write_whole(path: Path, content: bytes) -> None:
    # Mails hold live codes: nobody else on the host may read them.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
