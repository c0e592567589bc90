"""The mails that members receive: the outbox is delivered by the real worker to a real mail server."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from idp.core.mail_courier import mail_courier
from idp.core.mailer import mailer_from_url
from tests.support.pages import squeeze
from tests.support.smtp import ScriptedSmtp

LINK = re.compile(r"https?://\S+")
CODE = re.compile(r"[0-9]+ ?[0-9]+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it arrived."""

    to: str
    message: EmailMessage
    issuer: str

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def text(self) -> str:
        return self.message.get_body(("plain",)).get_content().replace("\r\n", "\n")

    @property
    def words(self) -> str:
        """The text part with single spaces; no-break spaces count as spaces."""
        return squeeze(self.text)

    @property
    def html(self) -> str:
        return self.message.get_body(("html",)).get_content()

    def links(self) -> list[str]:
        """The paths of the links that stand alone on a line."""
        found = [line for line in self.text.splitlines() if LINK.fullmatch(line)]
        assert all(link.startswith(self.issuer + "/") for link in found), f"a link leads elsewhere: {found}"
        return [link.removeprefix(self.issuer) for link in found]

    def codes(self) -> list[str]:
        """The codes that stand alone on a line, without their space."""
        return [line.replace(" ", "") for line in self.text.splitlines() if CODE.fullmatch(line)]

    def link(self) -> str:
        """The one link."""
        (link,) = self.links()
        return link

    def code(self) -> str:
        """The one code."""
        (code,) = self.codes()
        return code


class Mailbox:
    """Everybody's mail."""

    def __init__(self, parts: Any, server: ScriptedSmtp) -> None:
        server.received.clear()
        self._server = server
        self._issuer = parts.settings.issuer
        self._courier = mail_courier(
            database=parts.database,
            vault=parts.vault,
            mailer=mailer_from_url(server.url),
            spaces=parts.spaces,
            clock=parts.clock,
            settings=parts.settings,
        )

    def deliver(self) -> None:
        """Let the worker send everything that is due."""
        while self._courier.deliver_once().taken:
            pass

    def all(self, to: str | None = None, subject: str = "") -> list[Mail]:
        """What has arrived, oldest first."""
        self.deliver()
        mails = [Mail(mail.to[0], mail.message, self._issuer) for mail in self._server.received]
        return [mail for mail in mails if to in {None, mail.to} and subject in mail.subject]

    def last(self, to: str | None = None, subject: str = "") -> Mail:
        """The mail that arrived last."""
        mails = self.all(to, subject)
        assert mails, f"no mail for {to} about « {subject} »"
        return mails[-1]
