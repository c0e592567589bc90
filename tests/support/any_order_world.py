"""The world of the machine that fires every form: one app, put back to the same morning before each story."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from idp.captcha import challenge
from idp.core.outbox import PURPOSE
from idp.oidc import client_rows
from idp.sessions import credentials
from idp.subjects import accounts, letters
from tests.support import proof_of_change
from tests.support.clock import START, ManualClock
from tests.support.people import Person, Register
from tests.support.proof_model import AccountSeen, Attempt, Letter, Mail, Model, Sent, Violation
from tests.support.racing import begin_enrolment
from tests.support.surfing import Answer, Surfer, handle_of

CALLBACK = "http://127.0.0.1:8002/callback/carnet"
# One of the mutual's own, and one whose members are asked for their consent.
SERVICES = ("carnet", "tiers")
SERVICE = f"""
client_id = "carnet"
client_name = "Carnet de soins"
client_secret_sha256 = "{"0" * 64}"
space = "adherent"
redirect_uris = ["{CALLBACK}"]
initiate_login_uri = "http://127.0.0.1:8002/login/carnet"
scope = "openid"
"""
CAMILLE = Person("4410007", "kqzvwxyj", "camille@example.org", "Prairie!Ardoise27", "Ysoline", "Aubépin")
LOU = Person("4410014", "wyzkxqvj", "lou@example.net", "Falaise?Bouton63", "Bérangère", "Montchêne")
NOEL = Person("4410021", "xvjqkzyw", "noel@example.net", "Rivage?Tambour81", "Gwendal", "Pierrefonte")
SACHA = Person("4410038", "zjxwvkqy", "sacha@example.com", "Verger!Horloge58", "Thibaude", "Valbruyère")
PEOPLE = (CAMILLE, LOU, NOEL, SACHA)
NEW_PASSWORD = "Sentier!Lanterne94"
PASSWORDS = (*(person.password for person in PEOPLE), NEW_PASSWORD)
# Whose letters come to which house.
POST = {
    "family": {person.number for person in (CAMILLE, LOU, NOEL)},
    "stranger": {SACHA.number},
    "scanner": set(),
}
# Who reads which mailbox. A scanner opens what arrives in the family's, and knows nothing else.
MAILBOXES = {
    "family": {
        "ailleurs@example.net",
        "encore@example.net",
        *(person.email for person in (CAMILLE, LOU, NOEL)),
    },
    "stranger": {SACHA.email, "intrus@example.com", "encore@example.com"},
    "scanner": {person.email for person in (CAMILLE, LOU, NOEL)},
}
NETWORKS = {"family": "198.51.100.7", "stranger": "203.0.113.9", "scanner": "192.0.2.5"}
ENROLLED_BEFORE = "noel-enrolled-with-this-cookie-a-while-ago-"


class World:
    """`begin` puts everything back; `post` and `get` send, and then hold what came of it against the model."""

    def __init__(self, app: Any, folder: Path) -> None:
        self.app = app
        self.parts = app.extensions["parvis"]
        self.clock: ManualClock = self.parts.clock
        engine = self.parts.database.engine
        # Nothing here outlives a power cut.
        event.listen(
            engine, "connect", lambda connection, _record: connection.execute("PRAGMA synchronous=OFF")
        )
        engine.dispose()
        self._look = sqlite3.connect(engine.url.database, isolation_level=None)
        self._prepare(folder)
        self._morning = sqlite3.connect(":memory:")
        self._look.backup(self._morning)
        self.stories = 0
        self._routes = app.url_map.bind("")
        self.fired: set[str] = set()
        self.reached: Counter[str] = Counter()

    def _prepare(self, folder: Path) -> None:
        register = Register(self.parts, folder)
        register.add(LOU, NOEL)
        register.open_account(CAMILLE)
        register.open_account(SACHA)
        clients = folder / "any-order-clients"
        clients.mkdir()
        (clients / "carnet.toml").write_text(SERVICE, encoding="utf-8")
        tiers = SERVICE.replace('"carnet"', '"tiers"') + "first_party = false\n"
        (clients / "tiers.toml").write_text(tiers, encoding="utf-8")
        with self.parts.database.transaction() as session:
            client_rows.apply(
                session, clients, spaces=self.parts.spaces, development=True, now=self.clock.now()
            )
        family = Surfer(self.app, "family", network=NETWORKS["family"])
        link, code = begin_enrolment(self.parts, NOEL, family)
        self._enrolment_cookie = family.cookie("enrolment")
        self._pending = {"link": f"{self.parts.settings.issuer}{link}", "code": code}

    def begin(self) -> None:
        """The same morning again, with fresh browsers."""
        self.stories += 1
        self._letters_read = 0
        self._morning.backup(self._look)
        self.clock._now = START
        self.browsers = {name: Surfer(self.app, name, network=at) for name, at in NETWORKS.items()}
        self.browsers["family"].set_cookie("enrolment", self._enrolment_cookie or "")
        self.told: dict[str, set[str]] = {name: set() for name in NETWORKS}
        self.model = Model(papers={person.number: person.code for person in PEOPLE})
        self.model.accounts = {seen.id: seen for seen in self._accounts(PASSWORDS)}
        self.model.mails.append(Mail(NOEL.email, "activation", self._pending, START, "family", ""))
        self.model.attempts.append(Attempt("family", NOEL.number, NOEL.email, NOEL.password, START))
        (self._mails_read,) = self._look.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()

    def end(self) -> None:
        self._look.close()
        self._morning.close()

    # What happens.
    def get(self, who: str, address: str) -> list[Answer]:
        answers = self.browsers[who].get(address)
        self._settle(who, answers, None)
        return answers

    def post(self, who: str, address: str, fields: Mapping[str, str], *, follow: bool = True) -> list[Answer]:
        """Send a form, and judge what came of it."""
        self.told[who] |= set(fields.values())
        answers = self.browsers[who].post(address, dict(fields), follow=follow)
        first, last = answers[0], answers[-1]
        handle = fields.get("i") or first.handle or last.handle or handle_of(last.location)
        sent = Sent(who, first.path, fields, handle, self.clock.now())
        self._note_route(first.path)
        self.model.hear(sent)
        if first.path == "/deconnexion" and first.status < 400:
            self.model.sign_out(who)
        if (
            first.path == "/compte/appareils/supprimer"
            and first.status < 400
            and fields.get("device") == "all"
        ):
            self.model.forget_devices(who)
        self._settle(who, answers, sent)
        return answers

    def pass_time(self, pause: timedelta) -> None:
        self.clock.advance(pause)
        self.model.pause(pause)
        self._see_sessions()

    def void(self, person: Person) -> None:
        """What a changed password, the help desk or « Ce n'était pas moi » does."""
        for seen in list(self.model.accounts.values()):
            if seen.number == person.number:
                with self.parts.database.transaction() as session:
                    account = accounts.by_id(session, seen.id)
                    credentials.void(session, account, now=self.clock.now())
                self.model.void(seen.id)
        self._see_accounts(None)
        self._see_sessions()

    def captcha_answer(self, challenge_id: str) -> str:
        """What the recording says."""
        return challenge.digits_of(self.parts.vault, challenge_id)

    # What must hold.
    def _settle(self, who: str, answers: list[Answer], sent: Sent | None) -> None:
        for answer in answers:
            assert answer.status < 500, f"{answer.status} at {answer.address} after {sent}"
        self._read_mails(who, answers[-1], sent)
        self._read_letters()
        self._see_accounts(sent)
        self._see_sessions()
        self._see_authorization(who, answers[-1])
        if who == "stranger":
            self._see_words(answers)

    def has(self, rule: str) -> bool:
        """Whether the app takes this form at all."""
        return any(each.rule == rule for each in self.app.url_map.iter_rules())

    def _note_route(self, path: str) -> None:
        if self._routes.test(path, method="POST"):
            self.fired.add(self._routes.match(path, method="POST", return_rule=True)[0].rule)

    def _read_mails(self, who: str, last: Answer, sent: Sent | None) -> None:
        rows = self._look.execute(
            "SELECT id, kind, cause, sealed FROM outbox WHERE id > ? AND channel = 'mail' ORDER BY id",
            (self._mails_read,),
        ).fetchall()
        for number, kind, cause, sealed in rows:
            contents = json.loads(self.parts.vault.unseal(PURPOSE, sealed, bound_to=cause))
            handle = last.handle or handle_of(last.location) or (sent.handle if sent else "")
            self.model.mails.append(
                Mail(
                    contents["recipient"].casefold(), kind, contents["context"], self.clock.now(), who, handle
                )
            )
            self._mails_read = number

    def _read_letters(self) -> None:
        """What the post brings, as soon as it is asked for."""
        rows = self._look.execute(
            "SELECT l.rowid, l.id, m.member_number, l.sealed FROM letter l JOIN member m ON m.id = l.member_id"
            " WHERE l.rowid > ? AND l.sealed IS NOT NULL ORDER BY l.rowid",
            (self._letters_read,),
        ).fetchall()
        for row, letter_id, number, sealed in rows:
            code = self.parts.vault.unseal(letters.SEAL, sealed, bound_to=letter_id).decode()
            self.model.letters.append(Letter(number, code, self.clock.now()))
            self._letters_read = row

    def _accounts(
        self, candidates: tuple[str, ...], known: Mapping[str, AccountSeen] | None = None
    ) -> Iterator[AccountSeen]:
        rows = self._look.execute(
            "SELECT a.id, m.member_number, a.email_folded, a.password_hash, a.epoch FROM account a"
            " JOIN member m ON m.id = a.member_id WHERE a.ended_at IS NULL"
        ).fetchall()
        for account_id, number, address, stored, epoch in rows:
            former = (known or {}).get(account_id)
            if former is not None and former.stored == stored:
                password = former.password
            else:
                password = next(
                    (word for word in candidates if self.parts.passwords.verify(word, stored).matches), ""
                )
            yield AccountSeen(account_id, number, address, stored, epoch, password)

    def _see_accounts(self, sent: Sent | None) -> None:
        known = self.model.accounts
        for seen in list(self._accounts(PASSWORDS, known)):
            former = known.get(seen.id)
            if former is None:
                self.model.see_new_account(seen, sent)
                self.reached["an account by enrolment"] += 1
                continue
            if (seen.stored, seen.address) != (former.stored, former.address):
                if not proof_of_change.is_right(self.model, former, seen, sent):
                    raise Violation(f"{former} became {seen} by {sent}")
                proof_of_change.hear_whose_mailbox(self.model, former, seen, sent)
                if former.id in self.model.disowned:
                    self.reached["a disowned mailbox"] += 1
                self.model.see_changed_account(former, seen)
                self.reached["a changed account"] += 1
            if seen.epoch != former.epoch and sent is not None:
                if sent.browser == "scanner":
                    raise Violation(f"a mail scanner ended what {seen.address} had, at {sent.path}")
                # Only « Mon compte » spares the session that asks.
                self.model.void(
                    seen.id,
                    but=sent.browser if sent.path.startswith("/compte") else "",
                    going_on=(sent.browser, sent.handle) if sent.path.startswith("/connexion/") else ("", ""),
                )
            known[seen.id] = seen

    def _see_sessions(self) -> None:
        for name, browser in self.browsers.items():
            secret = browser.cookie("session")
            if secret is None and name not in self.model.sessions:
                continue
            former = self.model.sessions.get(name)
            self.model.see_session(name, self._account_of(browser, secret), self.clock.now())
            held = self.model.sessions.get(name)
            if held is not None and held != former:
                self.reached[f"a session by {self.model.opened_by}"] += 1

    def _account_of(self, browser: Surfer, secret: str | None) -> str | None:
        """Whose « Mon compte » opens with this cookie alone, so that looking changes nothing of the browser's."""
        if secret is None:
            return None
        glass = Surfer(self.app, "glass", network=browser.network)
        glass.set_cookie("session", secret)
        answer = glass.get("/compte")[0]
        if answer.status != 200:
            return None
        shown = [seen.id for seen in self.model.accounts.values() if mask(seen.address) in answer.text]
        assert len(shown) == 1, f"« {answer.h1} » shows {shown}"
        return shown[0]

    def _see_authorization(self, who: str, last: Answer) -> None:
        if last.location.startswith(f"{CALLBACK}?code="):
            (account_id,) = self._look.execute(
                "SELECT account_id FROM authorization_code ORDER BY created_at DESC, rowid DESC LIMIT 1"
            ).fetchone()
            self.reached["an authorization code"] += 1
            held = self.model.sessions.get(who)
            if held is None or held[0] != account_id:
                raise Violation(f"a code for {self.model.accounts[account_id].address} arrived at {who}")

    def _see_words(self, answers: list[Answer]) -> None:
        """No answer to the stranger holds what is another's, but for what they typed themselves."""
        private = [
            word
            for person in (CAMILLE, LOU, NOEL)
            if not self._is_at_the_stranger(person)
            for word in (person.email, person.given_name, person.family_name, person.code)
        ]
        # A code as a page would show it: its digits may well be part of something longer.
        codes = [
            f">{mail.code}<" for mail in self.model.mails if mail.to in MAILBOXES["family"] and mail.code
        ]
        typed = " ".join(self.told["stranger"]).casefold()
        for word in (*private, *codes):
            for answer in answers:
                if word in answer.text + str(answer.headers) and word.casefold().strip("<>") not in typed:
                    raise Violation(f"the stranger reads {word} at {answer.address}")

    def _is_at_the_stranger(self, person: Person) -> bool:
        held = self.model.sessions.get("stranger")
        theirs = {seen.id for seen in self.model.accounts.values() if seen.number == person.number}
        return held is not None and held[0] in theirs


def mask(address: str) -> str:
    """As the pages show an address to who is signed in."""
    name, _, host = address.partition("@")
    return f"{name[0]}****{name[-1]}@{host}"
