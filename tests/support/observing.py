"""What an outsider could notice of one request, and of two requests what differs."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import unified_diff
from typing import Any

from sqlalchemy import event

from idp.core.outbox import PURPOSE
from tests.support.surfing import Surfer, handle_of

# Handles, tokens, nonces, challenges: whatever is long and random.
RANDOM = re.compile(r"[A-Za-z0-9_.\-]{20,}")
# How many there are in a list is no other statement; SQLAlchemy writes an empty one as a look that finds nothing.
LISTED = re.compile(r"IN \((?:\?(?:, \?)*|NULL\) OR \(1 = 1\)|SELECT 1 FROM \(SELECT 1\) WHERE 1!=1)\)")
ISSUED = re.compile(r"(__Host-parvis_(?:device|proof)_)[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Noticed:
    """One answer, less what is random or was typed; and the work that it took."""

    status: str
    headers: tuple[str, ...]
    cookies: tuple[str, ...]
    body: tuple[str, ...]
    hashes: tuple[str, ...]
    statements: tuple[str, ...]
    mails: tuple[str, ...]
    """How many of the addresses that were typed were written to; no other mailbox can be an outsider's."""


class Observer:
    """A browser that notes everything; the store can be put back, so that each subject meets the same one."""

    def __init__(self, app: Any, session: str = "") -> None:
        """`session`: the secret of one, for visitors who are signed in."""
        self.app = app
        self.session = session
        self.parts = app.extensions["parvis"]
        engine = self.parts.database.engine
        self._store = sqlite3.connect(engine.url.database, isolation_level=None)
        self._kept = sqlite3.connect(":memory:")
        self._start = self.parts.clock.now()
        self._ran: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda *call: self._ran.append(_statement(call[2])))
        event.listen(engine, "commit", lambda _connection: self._ran.append("COMMIT"))
        event.listen(engine, "rollback", lambda _connection: self._ran.append("ROLLBACK"))

    def keep(self) -> None:
        """This is the store that `fresh` goes back to."""
        self._store.backup(self._kept)
        self._start = self.parts.clock.now()

    @contextmanager
    def fresh(self, network: str = "203.0.113.9") -> Iterator["Visitor"]:
        """A new browser before the kept store."""
        self._kept.backup(self._store)
        self.parts.clock._now = self._start
        yield Visitor(self, Surfer(self.app, "outsider", network=network))

    def close(self) -> None:
        self._store.close()
        self._kept.close()


class Visitor:
    """One outsider; `seen` is all that they noticed, in order."""

    def __init__(self, observer: Observer, browser: Surfer) -> None:
        self._observer = observer
        self.browser = browser
        self._typed: set[str] = set()
        self.seen: list[Noticed] = []

    def is_signed_in(self) -> None:
        """They have the session from now on."""
        self.browser.set_cookie("session", self._observer.session)

    def get(self, address: str) -> None:
        self._note(lambda: self.browser._ask("GET", address, None))

    def send(self, typed: Mapping[str, str], *, address: str = "") -> None:
        """Fill in the form of the page (that leads to `address`), send it, and go where it leads."""
        forms = self.browser.page.forms if self.browser.page is not None else []
        wanted = address or self.browser.page.path
        form = next(form for form in forms if form.action.partition("?")[0] == wanted)
        known = {**form.fields, **typed}
        if "captcha_id" in known:
            from idp.captcha.challenge import digits_of

            known["captcha"] = digits_of(self._observer.parts.vault, known["captcha_id"])
        self._typed |= {value for value in typed.values() if len(value) > 2}
        self._note(lambda: self.browser._ask("POST", form.action, known))

    def _note(self, ask: Callable[[], Any]) -> None:
        observer = self._observer
        del observer._ran[:]
        before, mails = observer.parts.passwords.gate.statistics().done, self._newest_mail()
        answer = ask()
        hashes = observer.parts.passwords.gate.statistics().done - before
        if "<form" in answer.text:
            self.browser.tabs = [answer]
        self.seen.append(
            Noticed(
                status=f"{answer.status} {self._plain(answer.location)}",
                headers=tuple(
                    sorted(
                        f"{name}: {self._plain(value)}"
                        for name, value in answer.headers
                        # The length follows the random tokens'; that of the body is compared without them.
                        if name not in {"Set-Cookie", "Content-Length", "Location"}
                    )
                ),
                cookies=tuple(_cookie(value) for value in answer.headers.getlist("Set-Cookie")),
                body=tuple(self._plain(answer.text).splitlines()),
                hashes=(str(hashes),),
                statements=tuple(observer._ran),
                mails=(str(len(self._written_to(after=mails) & self._typed)),),
            )
        )
        if answer.location.startswith("/"):
            self._note(lambda: self.browser._ask("GET", answer.location, None))

    def _newest_mail(self) -> int:
        return int(self._observer._store.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0])

    def _written_to(self, *, after: int) -> set[str]:
        rows = self._observer._store.execute(
            "SELECT cause, sealed FROM outbox WHERE id > ? AND channel = 'mail'", (after,)
        )
        vault = self._observer.parts.vault
        return {
            json.loads(vault.unseal(PURPOSE, sealed, bound_to=cause))["recipient"] for cause, sealed in rows
        }

    def _plain(self, text: str) -> str:
        for value in sorted(self._typed, key=len, reverse=True):
            text = text.replace(value, "(typed)")
        return RANDOM.sub("(random)", text)

    @property
    def handle(self) -> str:
        return handle_of(self.browser.page.address) if self.browser.page is not None else ""


Flow = Callable[[Visitor], None]


def _statement(text: str) -> str:
    return LISTED.sub("IN (list)", " ".join(text.split()))


def _cookie(header: str) -> str:
    """Name, size of the value, and attributes."""
    pair, _, attributes = header.partition(";")
    name, _, value = pair.partition("=")
    name = ISSUED.sub(r"\1(random)", name)
    return f"{name} ({len(value)} characters);{attributes}"


def differences(one: list[Noticed], other: list[Noticed], *, stand_ins: bool = False) -> str:
    """What tells two visits apart, readable; empty when nothing does.

    With `stand_ins` a statement may be done upon another table: a row that nobody needs costs what the row costs
    that it stands for.
    """
    found = [] if len(one) == len(other) else [f"{len(one)} answers against {len(other)}"]
    for number, (first, second) in enumerate(zip(one, other, strict=False), start=1):
        for aspect in fields(Noticed):
            left, right = getattr(first, aspect.name), getattr(second, aspect.name)
            lines = [[text] if isinstance(text, str) else list(text) for text in (left, right)]
            if stand_ins and aspect.name == "statements":
                # In any order: they are all done before the answer.
                lines = [sorted(text.split()[0] for text in texts) for texts in lines]
            if lines[0] != lines[1]:
                found += [f"answer {number}, {aspect.name}:", *unified_diff(*lines, lineterm="", n=1)]
    return "\n".join(found)


def watched(observer: Observer, flow: Flow) -> list[Noticed]:
    """What somebody noticed who went this way, before the kept store."""
    with observer.fresh() as visitor:
        flow(visitor)
        return visitor.seen


def are_the_same(
    observer: Observer, subtests: Any, unknown: Flow, known: Mapping[str, Flow], *, stand_ins: bool = False
) -> None:
    """Whoever is known looks as whoever is not."""
    expected = watched(observer, unknown)
    for name, flow in known.items():
        with subtests.test(name):
            found = differences(expected, watched(observer, flow), stand_ins=stand_ins)
            assert not found, found
