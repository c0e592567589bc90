"""Enrolments: attempts to create an account, each its own record, and the one activation among them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Integer, Text, and_, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime
from idp.subjects import accounts, emails, invitations
from idp.subjects.members import Member

KEPT_AFTER_LAPSE = timedelta(days=7)


class Outcome(StrEnum):
    """What a typed number, code and address led to; the page that follows is the same for all."""

    NEW = "new"
    ALREADY_MEMBER = "already-member"
    IMPOSSIBLE = "impossible"


class Enrolment(Base):
    """One attempt of one member; only an attempt with outcome `new` can be activated."""

    __tablename__ = "enrolment"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    # What it was begun with, where members are invited; there is no access code behind it.
    invitation_id: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    browser: Mapped[str] = mapped_column(Text, index=True)
    interaction_id: Mapped[str | None] = mapped_column(Text)
    space: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    email_folded: Mapped[str] = mapped_column(Text, index=True)
    password_hash: Mapped[str] = mapped_column(Text)
    terms_version: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(Text)
    terms_accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mails: Mapped[int] = mapped_column(Integer)
    outbox_id: Mapped[int | None] = mapped_column(Integer)
    mailed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    # When number and code were right, here or in the attempt that this one repeats.
    proved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be activated."""
        return self.outcome == Outcome.NEW and self.is_waiting(now)

    def is_waiting(self, now: datetime) -> bool:
        """Whether its pages still wait for a mail; one that cannot be activated looks the same."""
        return self.activated_at is None and self.voided_at is None and self.expires_at > now


class NotActivated(StrEnum):
    """Why an enrolment could not become an account."""

    ALREADY_ACTIVE = "already-active"
    LAPSED = "lapsed"
    IMPOSSIBLE = "impossible"
    """The member left, has another access code by now, or the address has no room for another account."""


@dataclass(frozen=True, slots=True)
class Activated:
    """The account exists from now on."""

    account_id: str


def by_id(session: Session, enrolment_id: str) -> Enrolment | None:
    """The attempt of this id."""
    return session.get(Enrolment, enrolment_id, populate_existing=True)


def newest_of_browser(session: Session, browsers: Sequence[str]) -> Enrolment | None:
    """The attempt that this browser made last."""
    return session.execute(
        select(Enrolment)
        .where(Enrolment.browser.in_(browsers))
        .order_by(Enrolment.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def newest_waiting_for(
    session: Session,
    *,
    identifier: str,
    populations: frozenset[str],
    but: Collection[str] = (),
    limit: int = 1,
    now: datetime,
) -> list[Enrolment]:
    """Of so many members, the newest first, the newest attempt that waits for its mail, by address or member number.

    Attempts that cannot be activated count as well: who signs in to one reads the same page as for any other,
    and so does not learn whether the address was taken. Those of the members `but` do not count.
    """
    matches = (
        Enrolment.email_folded == emails.fold(identifier)
        if "@" in identifier
        else and_(Member.member_number == identifier, Member.population.in_(populations))
    )
    age = func.row_number().over(
        partition_by=Enrolment.member_id, order_by=(Enrolment.created_at.desc(), Enrolment.id)
    )
    waiting = (
        select(Enrolment.id, age.label("age"))
        .join(Member, Enrolment.member_id == Member.id)
        .where(
            matches,
            Member.status == "active",
            Member.id.not_in(but),
            Enrolment.activated_at.is_(None),
            Enrolment.voided_at.is_(None),
            Enrolment.expires_at > now,
        )
        .subquery()
    )
    newest = (
        select(Enrolment)
        .join(waiting, and_(Enrolment.id == waiting.c.id, waiting.c.age == 1))
        .order_by(Enrolment.created_at.desc(), Enrolment.id)
        .limit(limit)
    )
    return list(session.execute(newest).scalars())


def is_still_entitled(session: Session, enrolment: Enrolment) -> bool:
    """Whether the member is still one, and what the attempt was begun with still good: access code or invitation."""
    member = session.get(Member, enrolment.member_id, populate_existing=True)
    if enrolment.invitation_id is not None:
        invitation = invitations.by_id(session, enrolment.invitation_id)
        # One that the mutual replaced proves nothing; one that lapsed meanwhile was accepted in time.
        is_good = invitation is not None and invitation.voided_at is None
        return is_good and member is not None and member.is_active
    # A code that the mutual replaced proves nothing any more, nor does what was begun with it.
    return member is not None and member.status == "active" and member.code_changed_at <= enrolment.proved_at


def activate(
    session: Session, enrolment: Enrolment, *, mates: frozenset[str] = frozenset(), now: datetime
) -> Activated | NotActivated:
    """Turn an attempt into the member's account: of all who race, one INSERT lets exactly one win.

    `mates`: the populations of which another member's account may have the same mailbox.
    """
    # Of two attempts of one member the second waits here: each would otherwise wait for the other's row.
    session.get(Member, enrolment.member_id, with_for_update={"key_share": True})
    if not is_still_entitled(session, enrolment):
        return NotActivated.IMPOSSIBLE
    if accounts.by_member(session, enrolment.member_id) is not None:
        return NotActivated.ALREADY_ACTIVE
    with session.begin_nested() as step:
        if not _mark_activated(session, enrolment, now=now):
            return NotActivated.LAPSED
        account_id = accounts.open_if_none(
            session,
            now=now,
            mates=mates,
            member_id=enrolment.member_id,
            email=enrolment.email,
            email_folded=enrolment.email_folded,
            password_hash=enrolment.password_hash,
            locale=enrolment.locale,
            terms_version=enrolment.terms_version,
            terms_hash=enrolment.terms_hash,
            terms_accepted_at=enrolment.terms_accepted_at,
            terms_space=enrolment.space,
        )
        if account_id is None:
            step.rollback()
    if account_id is None:
        is_theirs = accounts.by_member(session, enrolment.member_id) is not None
        return NotActivated.ALREADY_ACTIVE if is_theirs else NotActivated.IMPOSSIBLE
    invitations.accept(session, enrolment.member_id, now=now)
    session.execute(
        update(Enrolment)
        .where(
            Enrolment.member_id == enrolment.member_id,
            Enrolment.id != enrolment.id,
            Enrolment.voided_at.is_(None),
        )
        .values(voided_at=now)
    )
    return Activated(account_id)


def void_of_member(session: Session, member_id: str, *, now: datetime) -> None:
    """End the attempts of this member that still wait."""
    session.execute(
        update(Enrolment)
        .where(
            Enrolment.member_id == member_id, Enrolment.activated_at.is_(None), Enrolment.voided_at.is_(None)
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )


def _mark_activated(session: Session, enrolment: Enrolment, *, now: datetime) -> bool:
    """One UPDATE takes the attempt, unless it was activated, voided or lapsed meanwhile."""
    marked = (
        update(Enrolment)
        .where(
            Enrolment.id == enrolment.id,
            Enrolment.outcome == Outcome.NEW,
            Enrolment.activated_at.is_(None),
            Enrolment.voided_at.is_(None),
            Enrolment.expires_at > now,
        )
        .values(activated_at=now)
        .returning(Enrolment.id)
        .execution_options(synchronize_session=False)
    )
    return session.execute(marked).scalar_one_or_none() is not None


def purge(session: Session, *, now: datetime) -> None:
    """Drop attempts that lapsed a week ago (until then a late link is told kindly what happened)."""
    session.execute(delete(Enrolment).where(Enrolment.expires_at <= now - KEPT_AFTER_LAPSE))
