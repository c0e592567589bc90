"""One mail handed over step by step, so that an operator reads where it stops and what to do about it."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from idp.core.mailer import FolderMailer, Security, SmtpMailer
from idp.core.outcomes import Accepted
from idp.core.settings import is_loopback

COMPLETED = (250, 251)  # RFC 5321 section 4.2.3; 251: the server forwards it


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one step; `advice` says what to do when it failed, or what could be better."""

    said: str
    advice: str = ""
    failed: bool = False


class _Stopped(Exception):
    def __init__(self, said: str, advice: str) -> None:
        super().__init__(said)
        self.step = Step(said, advice, failed=True)


# The first class that fits decides: a refused certificate is an SSLError, an SSLError an OSError.
_ADVICE: tuple[tuple[type[OSError], str, str], ...] = (
    (
        ssl.SSLCertVerificationError,
        "TLS: the server's certificate is not valid",
        "use the host name that the certificate names, or let this host trust the authority that signed it",
    ),
    (
        ssl.SSLError,
        "TLS: no agreement with the server",
        "smtps:// is for a port that begins with TLS (465), smtp+starttls:// for one that begins without (587)",
    ),
    (
        smtplib.SMTPAuthenticationError,
        "sign-in refused",
        "check user and password in mail.url; special characters are written %XX there",
    ),
    (
        smtplib.SMTPResponseException,
        "refused by the server",
        "its answer says why; 4xx: try again later, 5xx: something must be changed, here or there",
    ),
    (
        smtplib.SMTPNotSupportedError,
        "the server does not offer what mail.url asks for",
        "smtp+starttls:// needs STARTTLS, a user needs AUTH: ask the server's operator which port offers them",
    ),
    (
        smtplib.SMTPServerDisconnected,
        "the server closed the connection",
        "check that the port speaks SMTP, and with smtp:// that it does not begin with TLS (use smtps://)",
    ),
    (
        socket.gaierror,
        "no such host",
        "check the host name in mail.url, and that this host can resolve it",
    ),
    (
        ConnectionRefusedError,
        "nothing listens there",
        "check the port in mail.url, and that the mail server runs",
    ),
    (
        TimeoutError,
        "no answer in time",
        "check the port and the firewalls between; mail.timeout bounds the wait",
    ),
    (OSError, "the connection failed", "check the network between this host and the mail server"),
)


def hand_over(
    mailer: SmtpMailer | FolderMailer, message: EmailMessage, *, sender: str, recipient: str
) -> Iterator[Step]:
    """Hand one mail over now, without the outbox; the steps, as they are made. The last one failed, or none did."""
    match mailer:
        case SmtpMailer():
            yield from _explained(_by_smtp(mailer, message, sender, recipient))
        case FolderMailer():
            yield _by_folder(mailer, message, sender, recipient)


def _by_folder(mailer: FolderMailer, message: EmailMessage, sender: str, recipient: str) -> Step:
    outcome = mailer.send(message, sender=sender, recipient=recipient)
    if isinstance(outcome, Accepted):
        return Step(f"written to the folder {mailer.folder}: another program sends what is there")
    return Step(
        f"the folder {mailer.folder} cannot be written ({outcome.reason})",
        "let the account that runs parvis write there",
        failed=True,
    )


def _explained(steps: Iterator[Step]) -> Iterator[Step]:
    try:
        yield from steps
    except _Stopped as stopped:
        yield stopped.step
    except OSError as problem:
        # smtplib reports a silent server as a lost connection.
        late = problem.__context__ if isinstance(problem.__context__, TimeoutError) else problem
        said, advice = next((said, advice) for kind, said, advice in _ADVICE if isinstance(late, kind))
        yield Step(f"{said}: {_cause(late)}", advice, failed=True)


def _by_smtp(mailer: SmtpMailer, message: EmailMessage, sender: str, recipient: str) -> Iterator[Step]:
    server = mailer.server
    smtp = mailer.connect()
    try:
        yield Step(f"connected to {server.host}:{server.port}")
        smtp.ehlo()
        if server.security is Security.STARTTLS:
            smtp.starttls(context=mailer.tls)
        yield _protection(smtp, mailer)
        if server.user:
            smtp.login(server.user, server.password)
            yield Step(f"signed in as {server.user}")
        yield from _envelope(smtp, sender, recipient)
        code, text = smtp.data(message.as_bytes())
        if code not in COMPLETED:
            raise smtplib.SMTPDataError(code, text)
        yield Step(
            f"the server took the mail: {_answer(code, text)}",
            "whether it arrives, only the mailbox says; look in its spam folder too",
        )
    finally:
        smtp.close()


def _protection(smtp: smtplib.SMTP, mailer: SmtpMailer) -> Step:
    if isinstance(smtp.sock, ssl.SSLSocket):
        return Step(f"protected by {smtp.sock.version()}, the certificate of {mailer.server.host} is valid")
    if smtp.has_extn("starttls"):
        return Step("not protected by TLS", "the server offers it: write smtp+starttls:// in mail.url")
    if is_loopback(mailer.server.host):
        return Step("not protected by TLS: the server is on this host")
    return Step("not protected by TLS", "codes and links can be read on the way: ask for a port with TLS")


def _envelope(smtp: smtplib.SMTP, sender: str, recipient: str) -> Iterator[Step]:
    smtp.ehlo_or_helo_if_needed()
    options = [] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    if options and not smtp.has_extn("smtputf8"):
        raise _Stopped("the server cannot carry this address", "try one without accented letters (RFC 6531)")
    code, text = smtp.mail(sender, options)
    if code not in COMPLETED:
        raise _Stopped(
            f"the sender {sender} was refused: {_answer(code, text)}",
            "set mail.sender to an address that this server may send for",
        )
    yield Step(f"the server takes mail from {sender}")
    code, text = smtp.rcpt(recipient)
    if code not in COMPLETED:
        raise _Stopped(
            f"the recipient {recipient} was refused: {_answer(code, text)}",
            "check the address; 4xx: try again later; 'relay': the server wants a sign-in, or this host's address",
        )
    yield Step(f"the server takes mail for {recipient}")


def _cause(problem: OSError) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return _answer(problem.smtp_code, problem.smtp_error)
    # The library's own sentence; it holds neither user nor password.
    return (
        getattr(problem, "verify_message", "") or problem.strerror or str(problem) or type(problem).__name__
    )


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {said}".split())
