"""What an outsider could notice of one request, and of two requests what differs."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import unified_diff
from typing import Any

from sqlalchemy import event

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
    """How many mails were queued to addresses that were typed here."""


class Observer:
    """A browser that notes everything; the store can be put back, so that each subject meets the same one."""

    def __init__(self, app: Any) -> None:
        self.app = app
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
        before, mails = observer.parts.passwords.gate.statistics().done, self._mails()
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
                mails=(str(self._mails() - mails),),
            )
        )
        if answer.location.startswith("/"):
            self._note(lambda: self.browser._ask("GET", answer.location, None))

    def _mails(self) -> int:
        (count,) = self._observer._store.execute(
            "SELECT count(*) FROM outbox WHERE channel = 'mail'"
        ).fetchone()
        return int(count)

    def _plain(self, text: str) -> str:
        for value in sorted(self._typed, key=len, reverse=True):
            text = text.replace(value, "(typed)")
        return RANDOM.sub("(random)", text)

    @property
    def handle(self) -> str:
        return handle_of(self.browser.page.address) if self.browser.page is not None else ""


def _statement(text: str) -> str:
    return LISTED.sub("IN (list)", " ".join(text.split()))


def _cookie(header: str) -> str:
    """Name, size of the value, and attributes."""
    pair, _, attributes = header.partition(";")
    name, _, value = pair.partition("=")
    name = ISSUED.sub(r"\1(random)", name)
    return f"{name} ({len(value)} characters);{attributes}"


def differences(one: list[Noticed], other: list[Noticed], *, but: tuple[str, ...] = ()) -> str:
    """What tells two visits apart, readable; empty when nothing does. Statements that begin with `but` are left out."""
    found = [] if len(one) == len(other) else [f"{len(one)} answers against {len(other)}"]
    for number, (first, second) in enumerate(zip(one, other, strict=False), start=1):
        for aspect in fields(Noticed):
            left, right = getattr(first, aspect.name), getattr(second, aspect.name)
            if but and aspect.name == "mails":
                continue
            lines = [[text] if isinstance(text, str) else list(text) for text in (left, right)]
            if but and aspect.name == "statements":
                lines = [[text for text in texts if not text.startswith(but)] for texts in lines]
            if lines[0] != lines[1]:
                found += [f"answer {number}, {aspect.name}:", *unified_diff(*lines, lineterm="", n=1)]
    return "\n".join(found)
