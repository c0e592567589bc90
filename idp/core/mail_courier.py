"""The courier of mails: each is written from its template at the moment it leaves."""

from datetime import timedelta
from email.message import EmailMessage

from idp.core import outbox
from idp.core.clock import Clock
from idp.core.courier import POLL, Courier
from idp.core.db import Database
from idp.core.mail_templates import render
from idp.core.mailer import Mailer, UnfitMail, build_message
from idp.core.outbox import Channel, Claim
from idp.core.outcomes import Outcome, Refused
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces


def mail_courier(
    *,
    database: Database,
    vault: Vault,
    mailer: Mailer,
    spaces: Spaces,
    clock: Clock,
    settings: Settings,
    poll: timedelta = POLL,
) -> Courier:
    """Delivers mails through one mail server, one after the other."""
    pen = _Pen(vault=vault, mailer=mailer, spaces=spaces, settings=settings)
    return Courier(channel=Channel.MAIL, send=pen.send, database=database, clock=clock, poll=poll)


class _Pen:
    def __init__(self, *, vault: Vault, mailer: Mailer, spaces: Spaces, settings: Settings) -> None:
        self._vault = vault
        self._mailer = mailer
        self._spaces = spaces
        self._settings = settings

    def send(self, claim: Claim) -> Outcome:
        """Write one mail and hand it over."""
        recipient, values = outbox.unseal(self._vault, claim)
        try:
            message = self._message(claim, recipient, values)
            return self._mailer.send(message, sender=self._settings.mail.sender, recipient=recipient)
        except UnfitMail as unfit:
            return Refused(unfit.part)

    def _message(self, claim: Claim, recipient: str, values: dict[str, str]) -> EmailMessage:
        space = self._spaces[claim.space]
        sender = self._settings.mail.sender
        words = render(
            claim.kind, space=space, locale=claim.locale, context=values, issuer=self._settings.issuer
        )
        mark = self._vault.mac("message-id", claim.cause)[:32]
        return build_message(
            words,
            sender=sender,
            sender_name=space.title,
            recipient=recipient,
            message_id=f"<{mark}@{sender.rpartition('@')[2]}>",
            written_at=claim.created_at,
            logo=space.logo_png,
        )
