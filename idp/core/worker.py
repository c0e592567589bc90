"""The worker of the outbox: sends what is due, and keeps house between two mails."""

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Protocol, assert_never

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from idp.core import outbox
from idp.core.clock import Clock
from idp.core.db import Database
from idp.core.mail_templates import render
from idp.core.mailer import Accepted, Mailer, Outcome, Postponed, Refused, UnfitMail, build_message
from idp.core.outbox import Claim
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces

BATCH = 10
POLL = timedelta(milliseconds=500)
HOUSEKEEPING_EVERY = timedelta(minutes=5)
# A mail is begun only in the first part of its lease, so that it is over before another worker may take it.
BEGUN_WITHIN = timedelta(seconds=20)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=10)

log = structlog.get_logger(__name__)


class Chore(Protocol):
    """Something to do now and then, in a transaction of its own: a purge, a schedule."""

    def __call__(self, session: Session, *, now: datetime) -> object:
        """Do it; doing it twice, or in two workers at once, must do no harm."""
        ...


class Errand(Protocol):
    """Something to do now and then, in as many transactions as it likes."""

    def __call__(self, *, now: datetime) -> object:
        """Do it; doing it twice, or in two workers at once, must do no harm."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round met."""

    taken: int = 0
    outage: bool = False
    """The mail server or the database could not be used: wait before the next round."""


class Worker:
    """Delivers the outbox. Any number may run beside each other, on any host."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        mailer: Mailer,
        spaces: Spaces,
        clock: Clock,
        settings: Settings,
        housekeeping: Sequence[Chore] = (),
        errands: Sequence[Errand] = (),
        poll: timedelta = POLL,
    ) -> None:
        """Do nothing yet; `run` or `deliver_once` begins. The outbox purges itself without being listed."""
        self._database = database
        self._vault = vault
        self._mailer = mailer
        self._spaces = spaces
        self._clock = clock
        self._settings = settings
        self._chores: Sequence[Chore] = (outbox.purge, *housekeeping)
        self._errands = errands
        self._poll = poll
        self._unwritten: list[Callable[[Session], bool]] = []
        self._chores_due: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the mail that is on its way is finished first, the others are given back.

        A mail server or a database that is down is waited for, longer at each try.
        """
        pause = FIRST_PAUSE
        while not stop.is_set():
            result = self._round(stop)
            if result.outage:
                stop.wait(pause.total_seconds())
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if result.taken < BATCH:
                stop.wait(self._poll.total_seconds())

    def deliver_once(self, stop: threading.Event | None = None) -> Round:
        """Send one batch of what is due; raises what the database raises."""
        self._write_down()
        claims = self._claim()
        for position, claim in enumerate(claims):
            begun_late = self._clock.now() > claim.lease - outbox.LEASE + BEGUN_WITHIN
            if begun_late or (stop is not None and stop.is_set()):
                self._give_back(claims[position:])
                break
            outcome = self._attempt(claim)
            self._settle(claim, outcome)
            if isinstance(outcome, Postponed) and outcome.outage:
                # The next mail would meet the same: one try at a time until the server is back.
                self._give_back(claims[position + 1 :])
                return Round(len(claims), outage=True)
        return Round(len(claims))

    def keep_house(self) -> None:
        """Do every chore, each in its own transaction, and every errand; one that fails stops none of the others."""
        for chore in self._chores:
            self._try(chore, partial(self._in_transaction, chore))
        for errand in self._errands:
            self._try(errand, partial(self._run, errand))

    def _in_transaction(self, chore: Chore) -> None:
        with self._database.transaction() as session:
            chore(session, now=self._clock.now())

    def _run(self, errand: Errand) -> None:
        errand(now=self._clock.now())

    def _try(self, chore: Chore | Errand, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as problem:  # noqa: BLE001 (as for a mail)
            name = getattr(chore, "__qualname__", type(chore).__name__)
            log.error("worker.chore_failed", chore=name, **_told(problem))

    def _round(self, stop: threading.Event) -> Round:
        try:
            result = self.deliver_once(stop)
            self._keep_house_when_due()
        except SQLAlchemyError as problem:
            log.warning("worker.database_unavailable", **_told(problem))
            return Round(outage=True)
        except Exception as problem:  # noqa: BLE001 (as for a mail)
            # Whatever one round meets, the next one is tried: mails must not wait for a person's restart.
            log.error("worker.round_failed", **_told(problem))
            return Round(outage=True)
        return result

    def _keep_house_when_due(self) -> None:
        now = self._clock.now()
        if self._chores_due is None or now >= self._chores_due:
            self._chores_due = now + HOUSEKEEPING_EVERY
            self.keep_house()

    def _claim(self) -> Sequence[Claim]:
        now = self._clock.now()
        with self._database.reading() as session:
            if not outbox.has_due(session, now=now):
                return ()
        with self._database.transaction() as session:
            outbox.expire(session, now=now)
            return outbox.claim_due(session, now=now, limit=BATCH)

    def _attempt(self, claim: Claim) -> Outcome | None:
        """Send one mail, outside any transaction; None when it came too late."""
        if claim.is_over(self._clock.now()):
            return None
        try:
            recipient, values = outbox.unseal(self._vault, claim)
            message = self._message(claim, recipient, values)
            return self._mailer.send(message, sender=self._settings.mail.sender, recipient=recipient)
        except UnfitMail as unfit:
            return Refused(unfit.part)
        except Exception as problem:  # noqa: BLE001 (one mail never holds up the others)
            # Another root secret, a fault in a template, a space that is gone: nothing is lost meanwhile,
            # since a worker that is configured well, or the next version, may send it.
            log.error("worker.mail_failed", message=claim.id, kind=claim.kind, **_told(problem))
            return Postponed(type(problem).__name__)

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
        )

    def _settle(self, claim: Claim, outcome: Outcome | None) -> None:
        now = self._clock.now()
        match outcome:
            case None:
                write = partial(outbox.mark_expired, claim=claim)
            case Accepted():
                write = partial(outbox.mark_sent, claim=claim, now=now)
            case Refused(reason):
                write = partial(outbox.mark_refused, claim=claim, reason=reason)
            case Postponed(reason):
                write = partial(outbox.postpone, claim=claim, reason=reason, now=now)
            case _:
                assert_never(outcome)
        log.info("worker.mail", message=claim.id, kind=claim.kind, outcome=_name(outcome))
        self._unwritten.append(write)
        self._write_down()

    def _give_back(self, claims: Sequence[Claim]) -> None:
        self._unwritten += [partial(outbox.release, claim=claim) for claim in claims]
        self._write_down()

    def _write_down(self) -> None:
        """Record what happened; it is remembered here while the database is down, and nothing new begins."""
        if not self._unwritten:
            return
        with self._database.transaction() as session:
            for write in self._unwritten:
                write(session)
        self._unwritten.clear()


def _told(problem: Exception) -> dict[str, str]:
    """An accident for the log: its class and its place. Its text, or a trace, may hold an address or a code."""
    place = traceback.extract_tb(problem.__traceback__)[-1]
    return {"problem": type(problem).__name__, "at": f"{Path(place.filename).name}:{place.lineno}"}


def _name(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "expired"
        case Accepted():
            return "accepted"
        case Refused(reason):
            return f"refused {reason}"
        case Postponed(reason):
            return f"postponed {reason}"
        case _:
            assert_never(outcome)
