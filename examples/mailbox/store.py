"""The mails that came: in memory to be read, in a folder to outlive a restart."""

import base64
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

# What the mail server knows and the mail does not say.
ENVELOPE_TO = "X-Mailbox-To"
RECEIVED_AT = "X-Mailbox-Received"
KEPT = 2000
PICTURES = {"image/png", "image/jpeg", "image/gif"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was received."""

    id: int
    to: str
    subject: str
    sender: str
    text: str
    html: str
    pictures: Mapping[str, str]
    """The pictures that came with the mail, as data: addresses, by the name that its HTML gives them (`cid:`)."""
    headers: tuple[tuple[str, str], ...]
    received_at: datetime


class Store:
    """The mailbox of every address; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Read what the folder holds; it is made when it does not exist."""
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = sorted(folder.glob("[0-9]*.eml"))[-KEPT:]
        self._mails = {(mail := _parse(int(path.stem), path.read_bytes())).id: mail for path in files}
        self._ids = itertools.count(max(self._mails, default=0) + 1)

    def add(self, content: bytes, *, to: str, received_at: datetime) -> Mail:
        """Keep one mail for one recipient; it is on the disk when this returns."""
        envelope = f"{ENVELOPE_TO}: {_one_line(to)}\r\n{RECEIVED_AT}: {received_at.isoformat()}\r\n"
        whole = envelope.encode("utf-8", "replace") + content
        with self._lock:
            mail = _parse(next(self._ids), whole)
            draft = self._path(mail.id).with_suffix(".part")
            draft.write_bytes(whole)
            draft.replace(self._path(mail.id))
            self._mails[mail.id] = mail
            if len(self._mails) > KEPT:
                self._drop(min(self._mails))
        return mail

    def all(self, to: str | None = None) -> Sequence[Mail]:
        """The mails, newest first; those of one address, whatever its case, when `to` is given."""
        with self._lock:
            mails = sorted(self._mails.values(), key=lambda mail: mail.id, reverse=True)
        return [mail for mail in mails if to is None or mail.to.lower() == to.lower()]

    def get(self, mail_id: int) -> Mail | None:
        """The mail of this number, or None."""
        with self._lock:
            return self._mails.get(mail_id)

    def clear(self) -> None:
        """Throw everything away."""
        with self._lock:
            for mail_id in list(self._mails):
                self._drop(mail_id)

    def _drop(self, mail_id: int) -> None:
        del self._mails[mail_id]
        self._path(mail_id).unlink(missing_ok=True)

    def _path(self, mail_id: int) -> Path:
        return self._folder / f"{mail_id:08d}.eml"


def _parse(mail_id: int, content: bytes) -> Mail:
    message = BytesParser(policy=default).parsebytes(content)
    headers = tuple((name, _header(message, name, str(raw))) for name, raw in message.raw_items())
    found = {name.lower(): value for name, value in reversed(headers)}
    return Mail(
        id=mail_id,
        to=found.get(ENVELOPE_TO.lower(), ""),
        subject=found.get("subject", ""),
        sender=found.get("from", ""),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        pictures=_pictures(message),
        headers=tuple((name, value) for name, value in headers if not name.startswith("X-Mailbox-")),
        received_at=_instant(found.get(RECEIVED_AT.lower(), "")),
    )


def _part(message: EmailMessage, kind: str) -> str:
    try:
        part = message.get_body((kind,))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
    except Exception:  # noqa: BLE001 (the parser raises whatever it stumbles over, and strangers write mails)
        return "(illisible)"


def _pictures(message: EmailMessage) -> dict[str, str]:
    """RFC 2392: `cid:` and the part's Content-ID without its angle brackets."""
    found = {}
    for part in message.walk():
        try:
            kind, name = part.get_content_type(), str(part["Content-ID"] or "").strip().strip("<>")
            content = part.get_payload(decode=True) if kind in PICTURES and name else None
        except Exception:  # noqa: BLE001, S112 (as above: a broken part is no picture)
            continue
        if isinstance(content, bytes):
            found[name] = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return found


def _header(message: EmailMessage, name: str, raw: str) -> str:
    try:
        return _one_line(str(message.policy.header_fetch_parse(name, raw)))
    except Exception:  # noqa: BLE001 (as above: a broken header is shown as it came)
        return _one_line(raw)


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _instant(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
