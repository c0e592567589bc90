"""What each browser has proved, told by what it sent: an oracle that knows nothing of how the provider keeps it.

Where it cannot know (whether the provider judged what was sent), it takes the proof for given: it may miss a fault,
and blames nobody wrongly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# The longest that a proof of a sign-in may wait for the next one: a sign-in, or the wait for an enrolment's mail.
SIGN_IN = timedelta(minutes=60)
CODE = timedelta(minutes=10)
DEVICE = timedelta(days=90)
ENROLMENT = timedelta(hours=24)
IDLE = timedelta(minutes=30)
SESSION = timedelta(hours=12)


class Violation(AssertionError):
    """Somebody got what they gave no proof for, or read what was not theirs."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail gives to whoever reads its mailbox, and the sign-in that it was sent for."""

    to: str
    kind: str
    values: Mapping[str, str]
    at: datetime
    browser: str
    handle: str

    @property
    def code(self) -> str:
        return self.values.get("code", "")

    @property
    def links(self) -> list[str]:
        """The paths of its links that hold a token of their own."""
        paths = [
            "/" + url.split("/", 3)[3]
            for url in self.values.values()
            if url.startswith("http") and url.count("/") > 3
        ]
        return [path for path in paths if len(path.rsplit("/", 1)[-1]) > LONGEST_WORD]


LONGEST_WORD = 30


@dataclass(frozen=True, slots=True)
class Letter:
    """What the post brings."""

    number: str
    code: str
    at: datetime


@dataclass(slots=True)
class SignIn:
    """What was given in one sign-in of one browser, for one account."""

    password_at: datetime
    code_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An enrolment: the right number and code of a member, the address and the password that came with them."""

    browser: str
    number: str
    address: str
    password: str
    at: datetime


@dataclass(slots=True)
class AccountSeen:
    """An account as the tables have it, and the password that opens it."""

    id: str
    number: str
    address: str
    stored: str
    epoch: int
    password: str


@dataclass(slots=True)
class Sent:
    """One POST, and where it led."""

    browser: str
    path: str
    fields: Mapping[str, str]
    handle: str
    at: datetime


@dataclass(slots=True)
class Model:
    """Everything that was proved; `sessions` says who is signed in where, and since when."""

    papers: Mapping[str, str]
    """The right access code of each member number."""
    accounts: dict[str, AccountSeen] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    sign_ins: dict[tuple[str, str, str], SignIn] = field(default_factory=dict)
    waiting: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    """By browser and sign-in: the password of an enrolment that was typed there."""
    devices: dict[tuple[str, str], datetime] = field(default_factory=dict)
    sessions: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    opened_by: str = ""
    letters: list[Letter] = field(default_factory=list)
    history: list[Sent] = field(default_factory=list)
    """Every POST, the oldest first."""
    signed_in_at: dict[datetime, set[tuple[str, str]]] = field(default_factory=dict)
    """At the instant of a POST: which browser was signed in to which account before it."""
    former: dict[str, set[str]] = field(default_factory=dict)
    """The addresses that an account had before."""
    disowned: set[str] = field(default_factory=set)
    """The accounts whose mailbox proves nothing: the reader of a letter named another address."""

    # What is sent.
    def hear(self, sent: Sent) -> None:
        """Note what a POST gives, before it is known what came of it."""
        self.history.append(sent)
        held = {(browser, account_id) for browser, (account_id, _since) in self.sessions.items()}
        self.signed_in_at[sent.at] = self.signed_in_at.get(sent.at, set()) | held
        self._hear_password(sent)
        self._hear_code(sent)
        self._hear_trust(sent)
        self._hear_enrolment(sent)

    def _hear_password(self, sent: Sent) -> None:
        if not sent.path.startswith("/connexion") or not sent.fields.get("password"):
            return
        typed = sent.fields.get("identifier", "").strip().casefold()
        self.waiting[sent.browser, sent.handle] = (sent.fields["password"], sent.at)
        for account in self.accounts.values():
            if sent.fields["password"] == account.password and typed in {account.number, account.address}:
                key = (sent.browser, sent.handle, account.id)
                self.sign_ins[key] = SignIn(sent.at, self._code_of(key))

    def _code_of(self, key: tuple[str, str, str]) -> datetime | None:
        known = self.sign_ins.get(key)
        return None if known is None else known.code_at

    def _hear_code(self, sent: Sent) -> None:
        if not sent.path.startswith("/connexion/") or not sent.fields.get("code"):
            return
        for mail in self._with_code(sent, "one-time-code", CODE):
            for (browser, handle, account_id), sign_in in self.sign_ins.items():
                # Sent without a handle, it is for whichever sign-in of this browser is the newest.
                is_here = browser == sent.browser == mail.browser and handle == mail.handle
                proves = self.accounts[account_id].address == mail.to and account_id not in self.disowned
                if is_here and sent.handle in {handle, ""} and proves:
                    sign_in.code_at = sent.at

    def _with_code(self, sent: Sent, kind: str, lifetime: timedelta) -> Iterator[Mail]:
        typed = "".join(sent.fields.get("code", "").split())
        for mail in self.mails:
            if mail.kind == kind and mail.code == typed and sent.at - mail.at <= lifetime:
                yield mail

    def _hear_trust(self, sent: Sent) -> None:
        if sent.fields.get("trust") != "yes":
            return
        for account_id in self.proved(sent.browser, sent.at, sent.handle or None):
            self.devices[sent.browser, account_id] = sent.at

    def _hear_enrolment(self, sent: Sent) -> None:
        address = sent.fields.get("email", "").strip().casefold()
        if sent.path == "/inscription":
            number = "".join(sent.fields.get("member_number", "").split())
            if self.papers.get(number) == sent.fields.get("access_code", "").strip().casefold():
                self.attempts.append(
                    Attempt(sent.browser, number, address, sent.fields.get("password", ""), sent.at)
                )
        elif sent.path == "/inscription/corriger":
            mine = [attempt for attempt in self.attempts if attempt.browser == sent.browser]
            self.attempts += [
                Attempt(sent.browser, former.number, address, former.password, sent.at) for former in mine
            ]
        elif sent.path.startswith("/inscription/recommencer/"):
            self.attempts += [
                Attempt(former.browser, former.number, former.address, former.password, sent.at)
                for former in self.attempts
                for mail in self._of_link(sent.path)
                if former.address == mail.to
            ]

    def _of_link(self, path: str) -> Iterator[Mail]:
        token = path.rsplit("/", 1)[-1]
        return (mail for mail in self.mails if any(link.endswith("/" + token) for link in mail.links))

    # What came of it.
    def proved(self, browser: str, now: datetime, handle: str | None = None) -> list[str]:
        """The accounts for which password and code were given in one sign-in of this browser."""
        return [
            account_id
            for (whose, which, account_id), sign_in in self.sign_ins.items()
            if whose == browser
            and handle in {None, which}
            and sign_in.code_at is not None
            and now - sign_in.password_at <= SIGN_IN
            and now - sign_in.code_at <= SIGN_IN
        ]

    def may_be_signed_in(self, browser: str, account_id: str, now: datetime) -> bool:
        """Whether this browser's session for this account stands on proofs: it had it already, or gave them since."""
        held = self.sessions.get(browser)
        if held is not None and held[0] == account_id and now - held[1] <= SESSION:
            return True
        if account_id in self.proved(browser, now):
            return True
        trusted = self.devices.get((browser, account_id))
        if trusted is None or now - trusted > DEVICE:
            return False
        typed = (
            sign_in.password_at
            for key, sign_in in self.sign_ins.items()
            if key[0] == browser and key[2] == account_id
        )
        return any(now - at <= SIGN_IN for at in typed)

    def see_session(self, browser: str, account_id: str | None, now: datetime) -> None:
        """What the browser's session shows after a step. Raises Violation when it stands on nothing."""
        held = self.sessions.get(browser)
        if account_id is None:
            self.sessions.pop(browser, None)
            return
        if not self.may_be_signed_in(browser, account_id, now):
            raise Violation(f"{browser} is signed in to {self.accounts[account_id].address} without proofs")
        if held is None or held[0] != account_id:
            self.opened_by = "code" if account_id in self.proved(browser, now) else "device"
            self._use_up(browser, account_id)
            self.sessions[browser] = (account_id, now)

    def _use_up(self, browser: str, account_id: str) -> None:
        """A code opens one session: the next one asks for another."""
        for (whose, _handle, which), sign_in in self.sign_ins.items():
            if (whose, which) == (browser, account_id):
                sign_in.code_at = None

    def sign_out(self, browser: str) -> None:
        """« Déconnexion »: the session and what was proved in open sign-ins end."""
        self.sessions.pop(browser, None)
        self.sign_ins = {key: value for key, value in self.sign_ins.items() if key[0] != browser}

    def forget_devices(self, browser: str) -> None:
        """The devices of the account that this browser is signed in to are all revoked."""
        held = self.sessions.get(browser)
        self.devices = {key: at for key, at in self.devices.items() if held is None or key[1] != held[0]}

    def void(self, account_id: str, *, but: str = "", going_on: tuple[str, str] = ("", "")) -> None:
        """The epoch rose: sessions `but` one browser's, devices and half-way sign-ins of the account are over.

        The sign-in that is `going_on` (its browser and handle) raised it itself, by the proof that an alarm asks for.
        """
        self.sessions = {
            browser: held
            for browser, held in self.sessions.items()
            if held[0] != account_id or browser == but
        }
        self.devices = {key: at for key, at in self.devices.items() if key[1] != account_id}
        self.sign_ins = {
            key: value
            for key, value in self.sign_ins.items()
            if key[2] != account_id or (key[0], key[1]) == going_on
        }

    def pause(self, pause: timedelta) -> None:
        """Nothing happened for a while: longer than the idle time ends every session."""
        if pause > IDLE:
            self.sessions.clear()

    def see_new_account(self, account: AccountSeen, sent: Sent | None) -> None:
        """An account came to be. Raises Violation unless paper, mailbox, and browser or password opened it."""
        if sent is None or not self._activates(account, sent):
            raise Violation(f"{account.address} became the account of {account.number} by {sent}")
        self.accounts[account.id] = account

    def _activates(self, account: AccountSeen, sent: Sent) -> bool:
        by_mail = [
            mail
            for mail in [*self._of_link(sent.path), *self._with_code(sent, "activation", ENROLMENT)]
            if mail.kind == "activation" and mail.to == account.address and sent.at - mail.at <= ENROLMENT
        ]
        typed, typed_at = self.waiting.get((sent.browser, sent.handle), ("", sent.at))
        here = sent.fields.get("password") or (typed if sent.at - typed_at <= SIGN_IN else "")
        attempts = [
            attempt
            for attempt in self.attempts
            if (attempt.number, attempt.address, attempt.password)
            == (account.number, account.address, account.password)
            and sent.at - attempt.at <= ENROLMENT
            and (attempt.browser == sent.browser or here == account.password)
        ]
        return bool(by_mail and attempts)

    def see_changed_account(self, former: AccountSeen, now: AccountSeen) -> None:
        """A password or an address changed, and rightly so: what the account had before may come back."""
        self.former.setdefault(former.id, set()).add(former.address)
        if former.address != now.address:
            self.disowned.discard(former.id)
        self.accounts[now.id] = now


def folded(post: Sent, name: str) -> str:
    """A field as the provider reads it: without spaces, in small letters."""
    return "".join(post.fields.get(name, "").split()).casefold()
