"""An interaction keeps what this browser has proved on its way through one sign-in."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Boolean, Index, Integer, LargeBinary, Text, delete, false, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, new_id
from idp.login.facts import Facts
from idp.sessions import assurance
from idp.sessions.assurance import Method
from idp.subjects.accounts import Account

LONGEST_HANDLE = 40
# A sign-in that is over is remembered for a day: whoever comes back to its page is led to the same service. Its
# request, which may be long, is forgotten sooner; and of one browser the oldest sign-ins make room.
REMEMBERED_FOR = timedelta(days=1)
REQUEST_KEPT_FOR = timedelta(hours=1)
LIVE_PER_BROWSER = 20


@dataclass(frozen=True, slots=True)
class Demand:
    """What a relying party asks of a sign-in; stored whole, so that it survives mails and waiting."""

    space: str
    client_id: str | None = None
    client_name: str = ""
    populations: tuple[str, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    reauthenticate: bool = False
    max_age: int | None = None
    acr: str | None = None
    login_hint: str = ""
    create: bool = False
    account_id: str | None = None
    ui_locales: str = ""
    back: str = ""
    """Our own page that a member without a service wanted."""
    has_lapsed: bool = False
    """Whether a session of this browser had just ended by itself."""
    fresh_second_step: bool = False
    """Whether the second step must have been given just now, as before a sensitive change."""

    def to_json(self) -> dict[str, Any]:
        """The demand as a JSON object, but for the parameters of its request."""
        return {name: value for name, value in asdict(self).items() if name != "parameters"}

    @classmethod
    def from_json(cls, document: dict[str, Any], parameters: dict[str, str] | None) -> "Demand":
        """The demand that `to_json` wrote, with the parameters of its request while they are kept."""
        return cls(
            **{
                **document,
                "populations": tuple(document["populations"]),
                "parameters": document.get("parameters") or parameters or {},
            }
        )

    @property
    def redirect_uri(self) -> str | None:
        """Where the answer goes, once it is proven to be the client's."""
        return self.parameters.get("redirect_uri")


class Interaction(Base):
    """One sign-in of one browser: facts are stored, the position is computed."""

    __tablename__ = "interaction"
    __table_args__ = (Index("ix_interaction_browser_created", "browser", "created_at"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    browser: Mapped[str] = mapped_column(Text)
    demand: Mapped[dict[str, Any]] = mapped_column(JSON)
    parameters: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    identifier: Mapped[str] = mapped_column(Text, default="")
    account_id: Mapped[str | None] = mapped_column(Text)
    epoch: Mapped[int | None] = mapped_column(Integer)
    candidates: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """Two accounts whose password was given, until one is chosen: `value` (of its button), `account_id`, `epoch`."""
    enrolment_id: Mapped[str | None] = mapped_column(Text)
    password_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    terms_due: Mapped[bool | None] = mapped_column(Boolean)
    """Whether new terms must be accepted first; None: not looked at yet."""
    # Since when an alarm kept the account shut, as the password found it; until the alarm's proof is given here.
    alarm_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarm_code: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The access code, once it was right here, sealed: the alarm stands until the password is chosen or kept."""
    device_id: Mapped[str | None] = mapped_column(Text)
    trust_answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    app_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recovery_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    passkey_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    has_app: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    has_passkey: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    must_be_strong: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    known_by_passkey: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    remember: Mapped[bool] = mapped_column(Boolean, default=False)
    code_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code_not_sent: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[str | None] = mapped_column(Text)
    inherited: Mapped[str] = mapped_column(Text, default="")
    inherited_from: Mapped[str | None] = mapped_column(Text)
    proof_hash: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled: Mapped[bool] = mapped_column(Boolean, default=False)

    # Two requests on one interaction never mix their proofs: the second one to write fails.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 (SQLAlchemy's own form)

    @property
    def asked(self) -> Demand:
        """What is demanded of this sign-in."""
        return Demand.from_json(self.demand, self.parameters)

    @property
    def facts(self) -> Facts:
        """What was proved so far, here or in the session it builds on."""
        inherited = assurance.read(self.inherited)
        asked = self.asked
        return Facts(
            password=self.password_at is not None or Method.PASSWORD in inherited,
            choice_pending=self.candidates is not None,
            activation_pending=self.enrolment_id is not None,
            mail_code=self.mail_code_at is not None or Method.MAIL_CODE in inherited,
            alarm=self.alarm_since is not None,
            device_trusted=self.device_id is not None or Method.TRUSTED_DEVICE in inherited,
            terms_due=bool(self.terms_due),
            code_demanded=asked.acr == assurance.TWO_STEPS or asked.fresh_second_step,
            app_code=self.app_code_at is not None or Method.APP_CODE in inherited,
            recovery_code=self.recovery_code_at is not None or Method.RECOVERY_CODE in inherited,
            passkey=self.passkey_at is not None or Method.PASSKEY in inherited,
            known_by_passkey=self.known_by_passkey,
            has_app=self.has_app,
            has_passkey=self.has_passkey,
            strong_demanded=asked.acr == assurance.MULTI_FACTOR or self.must_be_strong,
            # Who proves themselves again, in the middle of something, is not asked about their device.
            trust_answered=(
                self.trust_answered_at is not None
                or bool(inherited - {Method.PASSWORD})
                or self.inherited_from is not None
            ),
        )

    @property
    def methods(self) -> frozenset[Method]:
        """The methods of the session that this sign-in ends in."""
        facts = self.facts
        proved = {
            Method.PASSWORD: facts.password,
            Method.MAIL_CODE: facts.mail_code,
            Method.TRUSTED_DEVICE: facts.device_trusted,
            Method.APP_CODE: facts.app_code,
            Method.RECOVERY_CODE: facts.recovery_code,
            Method.PASSKEY: facts.passkey,
        }
        return frozenset(method for method, is_proved in proved.items() if is_proved)

    @property
    def second_step_at(self) -> datetime | None:
        """When the last second step was given here."""
        given = (self.mail_code_at, self.app_code_at, self.recovery_code_at, self.passkey_at)
        return max((at for at in given if at is not None), default=None)

    def belong_to(self, account: Account) -> None:
        """From now on this sign-in is of this account, as it is now."""
        self.account_id = account.id
        self.epoch = account.epoch
        self.alarm_since, self.alarm_code = account.alarm_at, None

    def forget_proofs(self) -> None:
        """Start again: another person may sit here now."""
        self.account_id = self.epoch = self.enrolment_id = self.candidates = self.terms_due = None
        self.alarm_since = self.alarm_code = None
        self.password_at = self.mail_code_at = self.trust_answered_at = None
        self.device_id = self.session_id = self.code_sent_at = self.code_not_sent = None
        self.app_code_at = self.recovery_code_at = self.passkey_at = None
        self.has_app = self.has_passkey = self.must_be_strong = self.known_by_passkey = False
        self.inherited = ""
        self.inherited_from = self.proof_hash = None

    @property
    def holds_proofs(self) -> bool:
        """Whether something was proved here, so that its proof cookie must come with every step."""
        return self.proof_hash is not None


def start(
    session: Session, *, browser: str, demand: Demand, now: datetime, lifetime: timedelta
) -> Interaction:
    """A new interaction of this browser, whose oldest ones make room; nothing is proved yet."""
    _make_room(session, browser)
    row = Interaction(
        id=new_id(),
        browser=browser,
        demand=demand.to_json(),
        parameters=demand.parameters,
        created_at=now,
        expires_at=now + lifetime,
        identifier=demand.login_hint,
        inherited="",
        remember=False,
        cancelled=False,
    )
    session.add(row)
    session.flush()
    return row


def _make_room(session: Session, browser: str) -> None:
    # Each visit of a service writes a row: without a bound, one browser could fill the table. Nobody waits for it.
    oldest = (
        select(Interaction.id)
        .where(Interaction.browser == browser)
        .order_by(Interaction.created_at.desc(), Interaction.id)
        .offset(LIVE_PER_BROWSER - 1)
        .with_for_update(skip_locked=True)
    )
    gone = list(session.execute(oldest).scalars())
    if gone:
        session.execute(
            delete(Interaction).where(Interaction.id.in_(gone)),
            execution_options={"synchronize_session": False},
        )


def find(
    session: Session, handle: str, *, browser: str, now: datetime, lock: bool = False
) -> Interaction | None:
    """The interaction of this handle, when it is live and this browser's own; worthless anywhere else.

    With `lock`, as it is in the database now, and nobody else changes it before this transaction ends.
    """
    if len(handle) > LONGEST_HANDLE:
        return None
    found = select(Interaction).where(
        Interaction.id == handle,
        Interaction.browser == browser,
        Interaction.expires_at > now,
        Interaction.ended_at.is_(None),
    )
    if lock:
        found = found.with_for_update().execution_options(populate_existing=True)
    return session.execute(found).scalar_one_or_none()


def newest(session: Session, *, browser: str, now: datetime) -> Interaction | None:
    """The live interaction that this browser began last."""
    return session.execute(
        select(Interaction)
        .where(Interaction.browser == browser, Interaction.expires_at > now, Interaction.ended_at.is_(None))
        .order_by(Interaction.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def unproved(session: Session, handle: str, *, browser: str) -> Interaction | None:
    """This browser's interaction, perhaps lapsed since, in which nothing was proved: it may go on with an enrolment."""
    row = remembered(session, handle)
    is_own = row is not None and row.browser == browser and row.ended_at is None
    return row if row is not None and is_own and not row.holds_proofs else None


def remembered(session: Session, handle: str) -> Interaction | None:
    """The interaction of this handle, live or over, of any browser: tells where its member came from, nothing else."""
    return session.get(Interaction, handle) if 0 < len(handle) <= LONGEST_HANDLE else None


def last_of(session: Session, browser: str) -> Interaction | None:
    """The interaction that this browser began last, live or over."""
    return session.execute(
        select(Interaction)
        .where(Interaction.browser == browser)
        .order_by(Interaction.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def end(session: Session, interaction: Interaction, *, now: datetime) -> bool:
    """Spend an interaction: one UPDATE lets exactly one request take its result."""
    ended = (
        update(Interaction)
        .where(Interaction.id == interaction.id, Interaction.ended_at.is_(None))
        .values(ended_at=now, alarm_code=None)
        .returning(Interaction.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(ended).scalar_one_or_none() is not None


def replace(session: Session, interaction: Interaction, *, now: datetime, lifetime: timedelta) -> Interaction:
    """End an interaction and begin another for the same demand, with nothing proved."""
    end(session, interaction, now=now)
    return start(session, browser=interaction.browser, demand=interaction.asked, now=now, lifetime=lifetime)


def end_proved(session: Session, *, browser: str, now: datetime, but: str = "") -> None:
    """End this browser's interactions that hold proofs: they do not outlive the session, nor its owner."""
    session.execute(
        update(Interaction)
        .where(
            Interaction.browser == browser,
            Interaction.proof_hash.is_not(None),
            Interaction.ended_at.is_(None),
            Interaction.id != but,
        )
        .values(ended_at=now, alarm_code=None)
        .execution_options(synchronize_session=False)
    )


def keep_until(session: Session, handle: str, *, until: datetime) -> None:
    """Keep a request alive while its member waits for a mail."""
    session.execute(
        update(Interaction)
        .where(Interaction.id == handle, Interaction.expires_at < until, Interaction.ended_at.is_(None))
        .values(expires_at=until)
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop interactions that nobody comes back to any more, and before that the requests they were for."""
    session.execute(
        update(Interaction)
        .where(Interaction.expires_at <= now - REQUEST_KEPT_FOR, Interaction.parameters.is_not(None))
        .values(parameters=None, alarm_code=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Interaction).where(Interaction.expires_at <= now - REMEMBERED_FOR))
