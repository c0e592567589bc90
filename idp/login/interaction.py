"""An interaction keeps what this browser has proved on its way through one sign-in."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Boolean, Integer, Text, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, new_id
from idp.login.facts import Facts
from idp.sessions import assurance
from idp.sessions.assurance import Method

LONGEST_HANDLE = 40


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

    def to_json(self) -> dict[str, Any]:
        """The demand as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Demand":
        """The demand that `to_json` wrote."""
        return cls(**{**document, "populations": tuple(document["populations"])})

    @property
    def redirect_uri(self) -> str | None:
        """Where the answer goes, once it is proven to be the client's."""
        return self.parameters.get("redirect_uri")


class Interaction(Base):
    """One sign-in of one browser: facts are stored, the position is computed."""

    __tablename__ = "interaction"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    browser: Mapped[str] = mapped_column(Text, index=True)
    demand: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    identifier: Mapped[str] = mapped_column(Text, default="")
    account_id: Mapped[str | None] = mapped_column(Text)
    epoch: Mapped[int | None] = mapped_column(Integer)
    enrolment_id: Mapped[str | None] = mapped_column(Text)
    password_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    device_id: Mapped[str | None] = mapped_column(Text)
    trust_answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remember: Mapped[bool] = mapped_column(Boolean, default=False)
    code_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code_not_sent: Mapped[str | None] = mapped_column(Text)
    session_id: Mapped[str | None] = mapped_column(Text)
    inherited: Mapped[str] = mapped_column(Text, default="")
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled: Mapped[bool] = mapped_column(Boolean, default=False)

    @property
    def asked(self) -> Demand:
        """What is demanded of this sign-in."""
        return Demand.from_json(self.demand)

    @property
    def facts(self) -> Facts:
        """What was proved so far, here or in the session it builds on."""
        inherited = assurance.read(self.inherited)
        return Facts(
            password=self.password_at is not None or Method.PASSWORD in inherited,
            activation_pending=self.enrolment_id is not None,
            mail_code=self.mail_code_at is not None or Method.MAIL_CODE in inherited,
            device_trusted=self.device_id is not None,
            code_demanded=self.asked.acr == assurance.TWO_STEPS,
            trust_answered=self.trust_answered_at is not None or Method.MAIL_CODE in inherited,
        )

    @property
    def methods(self) -> frozenset[Method]:
        """The methods of the session that this sign-in ends in."""
        facts = self.facts
        proved = {
            Method.PASSWORD: facts.password,
            Method.MAIL_CODE: facts.mail_code,
            Method.TRUSTED_DEVICE: facts.device_trusted,
        }
        return frozenset(method for method, is_proved in proved.items() if is_proved)

    def forget_proofs(self) -> None:
        """Start again: another person may sit here now."""
        self.account_id = self.epoch = self.enrolment_id = None
        self.password_at = self.mail_code_at = self.trust_answered_at = None
        self.device_id = self.session_id = self.code_sent_at = self.code_not_sent = None
        self.inherited = ""


def start(
    session: Session, *, browser: str, demand: Demand, now: datetime, lifetime: timedelta
) -> Interaction:
    """A new interaction of this browser; nothing is proved yet."""
    row = Interaction(
        id=new_id(),
        browser=browser,
        demand=demand.to_json(),
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


def find(session: Session, handle: str, *, browser: str, now: datetime) -> Interaction | None:
    """The interaction of this handle, when it is live and this browser's own; worthless anywhere else."""
    if len(handle) > LONGEST_HANDLE:
        return None
    return session.execute(
        select(Interaction).where(
            Interaction.id == handle,
            Interaction.browser == browser,
            Interaction.expires_at > now,
            Interaction.ended_at.is_(None),
        )
    ).scalar_one_or_none()


def newest(session: Session, *, browser: str, now: datetime) -> Interaction | None:
    """The live interaction that this browser began last."""
    return session.execute(
        select(Interaction)
        .where(Interaction.browser == browser, Interaction.expires_at > now, Interaction.ended_at.is_(None))
        .order_by(Interaction.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def end(session: Session, interaction: Interaction, *, now: datetime) -> bool:
    """Spend an interaction: one UPDATE lets exactly one request take its result."""
    ended = (
        update(Interaction)
        .where(Interaction.id == interaction.id, Interaction.ended_at.is_(None))
        .values(ended_at=now)
        .returning(Interaction.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(ended).scalar_one_or_none() is not None


def keep_until(session: Session, handle: str, *, until: datetime) -> None:
    """Keep a request alive while its member waits for a mail."""
    session.execute(
        update(Interaction)
        .where(Interaction.id == handle, Interaction.expires_at < until)
        .values(expires_at=until)
    )


def purge(session: Session, *, now: datetime) -> None:
    """Drop interactions that are over."""
    session.execute(delete(Interaction).where(Interaction.expires_at <= now))
