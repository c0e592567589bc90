"""Invitations: how professionals, delegates and staff come to an account; by mail or by letter, good once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, ForeignKey, Select, Text, Update, delete, exists, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core import outbox, throttles
from idp.core.db import Base, UtcDateTime, new_id
from idp.core.mail_templates import ZONE
from idp.core.secrets import Vault
from idp.subjects import letters, one_time
from idp.subjects.accounts import Account
from idp.subjects.letters import Kind, StartedBy
from idp.subjects.members import Member, MemberStatus
from idp.subjects.one_time import Purpose, Refusal, Spent

BY_MAIL = timedelta(days=30)
BY_LETTER = letters.LIFETIME
CODE_DIGITS = 8
# Many, since whoever knows a number may try: few would let a stranger use them up. The link works all the same.
CODE_TRIES = 20
# What follows the right number and code; typing them again is not possible.
PROOF_LIFETIME = timedelta(hours=24)
NUMBER_TRIES = 10
KEPT_AFTER_EXPIRY = timedelta(days=90)
# Two members of different populations may bear one number.
MOST_OF_A_NUMBER = 3


class Channel(StrEnum):
    """How an invitation travels."""

    MAIL = "mail"
    LETTER = "letter"


class Invitation(Base):
    """One invitation of one member; the newest is the only one that counts. `email` is where it was mailed to."""

    __tablename__ = "invitation"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    space: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_open(self, now: datetime) -> bool:
        """Whether it may still be accepted."""
        return self.accepted_at is None and self.voided_at is None and self.expires_at > now


class NotInvited(StrEnum):
    """Why a member was not invited."""

    LEFT = "left"
    HAS_ACCOUNT = "has-account"
    NO_ADDRESS = "no-address"
    TOO_SOON = "too-soon"
    """A letter was begun for them within the week."""


@dataclass(frozen=True, slots=True)
class Mailed:
    """An invitation to be mailed: its link's token and its code are in no other place."""

    invitation: Invitation
    token: str = field(repr=False)
    code: str = field(repr=False)


def by_mail(
    session: Session, member: Member, *, vault: Vault, space: str, now: datetime
) -> Mailed | NotInvited:
    """Invite a member at the address that the register holds; what was sent before is void."""
    refusal = _refusal(session, member)
    if refusal is not None:
        return refusal
    if not member.email:
        return NotInvited.NO_ADDRESS
    invitation = _begin(session, member, Channel.MAIL, space=space, now=now, lifetime=BY_MAIL)
    token = one_time.issue_link(
        session,
        vault=vault,
        purpose=Purpose.INVITATION_LINK,
        binding=invitation.id,
        now=now,
        lifetime=BY_MAIL,
    )
    code = one_time.issue_code(
        session,
        vault=vault,
        purpose=Purpose.INVITATION_CODE,
        binding=invitation.id,
        now=now,
        lifetime=BY_MAIL,
        digits=CODE_DIGITS,
    )
    return Mailed(invitation, token, code)


def send(session: Session, mailed: Mailed, *, vault: Vault, issuer: str, inviter: str, now: datetime) -> None:
    """Queue the mail of an invitation, in French: nobody knows yet which language its reader prefers."""
    invitation = mailed.invitation
    context = {
        "link": f"{issuer}/invitation/{mailed.token}",
        "code": mailed.code,
        # The last whole day: who reads a day tries until its evening.
        "until": (invitation.expires_at.astimezone(ZONE) - timedelta(days=1)).date().isoformat(),
    }
    outbox.enqueue(
        session,
        vault=vault,
        now=now,
        kind="invitation",
        recipient=invitation.email or "",
        context={**context, "inviter": inviter} if inviter else context,
        cause=f"invitation:{invitation.id}",
        space=invitation.space,
        locale="fr",
        expires_at=invitation.expires_at,
    )


def by_letter(
    session: Session, member: Member, *, vault: Vault, space: str, now: datetime
) -> Invitation | NotInvited:
    """Invite a member by a letter that waits for the next export; at most one a week."""
    refusal = _refusal(session, member)
    if refusal is not None:
        return refusal
    if _lettered_lately(session, member.id, now):
        return NotInvited.TOO_SOON
    invitation = _begin(session, member, Channel.LETTER, space=space, now=now, lifetime=BY_LETTER)
    letters.start(
        session,
        vault=vault,
        kind=Kind.INVITATION,
        member_id=member.id,
        subject=invitation.id,
        space=space,
        started_by=StartedBy.MUTUAL,
        now=now,
    )
    return invitation


def _refusal(session: Session, member: Member) -> NotInvited | None:
    # Locked, so that of two commands at once the second one voids what the first one sent.
    session.refresh(member, with_for_update={"key_share": True})
    if not member.is_active:
        return NotInvited.LEFT
    has_account = select(Account.id).where(Account.member_id == member.id, Account.ended_at.is_(None))
    return NotInvited.HAS_ACCOUNT if session.execute(has_account).first() is not None else None


def _begin(
    session: Session, member: Member, channel: Channel, *, space: str, now: datetime, lifetime: timedelta
) -> Invitation:
    void(session, member.id, now=now)
    invitation = Invitation(
        id=new_id(),
        member_id=member.id,
        space=space,
        channel=channel.value,
        email=member.email if channel is Channel.MAIL else None,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(invitation)
    session.flush()
    return invitation


def _lettered_lately(session: Session, member_id: str, now: datetime) -> bool:
    lately = select(Invitation.id).where(
        Invitation.member_id == member_id,
        Invitation.channel == Channel.LETTER,
        Invitation.created_at > now - letters.PAUSE,
    )
    return session.execute(lately.limit(1)).first() is not None


def void(session: Session, member_id: str, *, now: datetime) -> None:
    """Void what a member was sent: their links and codes open nothing any more."""
    session.execute(_still_open(member_id).values(voided_at=now).execution_options(synchronize_session=False))


def accept(session: Session, member_id: str, *, now: datetime) -> None:
    """The member has an account: no invitation of theirs is good any more."""
    session.execute(
        _still_open(member_id).values(accepted_at=now).execution_options(synchronize_session=False)
    )


def _still_open(member_id: str) -> Update:
    return update(Invitation).where(
        Invitation.member_id == member_id, Invitation.accepted_at.is_(None), Invitation.voided_at.is_(None)
    )


def by_id(session: Session, invitation_id: str) -> Invitation | None:
    """The invitation of this id."""
    return session.get(Invitation, invitation_id, populate_existing=True)


def newest(session: Session, member_id: str) -> Invitation | None:
    """The invitation that a member was sent last."""
    return session.execute(
        select(Invitation)
        .where(Invitation.member_id == member_id)
        .order_by(Invitation.created_at.desc())
        .limit(1)
    ).scalar_one_or_none()


def open_ids(session: Session, *, now: datetime) -> frozenset[str]:
    """The invitations by letter that may still be accepted."""
    still = select(Invitation.id).where(Invitation.channel == Channel.LETTER, *_open(now))
    return frozenset(session.execute(still).scalars())


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Invitation.accepted_at.is_(None), Invitation.voided_at.is_(None), Invitation.expires_at > now


def uninvited(population: str, *, now: datetime) -> Select[str]:
    """The active members of a population who have neither an account nor an open invitation."""
    has_account = exists().where(Account.member_id == Member.id, Account.ended_at.is_(None))
    is_invited = exists().where(Invitation.member_id == Member.id, *_open(now))
    return (
        select(Member.id)
        .where(
            Member.population == population,
            Member.status == MemberStatus.ACTIVE.value,
            ~has_account,
            ~is_invited,
        )
        .order_by(Member.member_number)
    )


def redeem(
    session: Session, *, vault: Vault, number: str, spaces: frozenset[str], entry: str, now: datetime
) -> Invitation | None:
    """The invitation whose number and code these are, its code used up; None whatever was wrong.

    An unknown number costs the same statements as a wrong code.
    """
    found = _of_number(session, number, spaces, now)
    for invitation in found:
        if isinstance(_spend(session, vault, invitation, entry, now), Spent):
            return invitation
    if not found:
        _spend_nothing(session, vault, number, entry, now)
    return None


def _of_number(session: Session, number: str, spaces: frozenset[str], now: datetime) -> Sequence[Invitation]:
    wanted = (
        select(Invitation)
        .join(Member, Invitation.member_id == Member.id)
        .where(
            Member.member_number == number,
            Member.status == MemberStatus.ACTIVE.value,
            Invitation.space.in_(sorted(spaces)),
            *_open(now),
        )
        .order_by(Invitation.created_at.desc())
        .limit(MOST_OF_A_NUMBER)
    )
    return session.execute(wanted).scalars().all()


def _spend(
    session: Session, vault: Vault, invitation: Invitation, entry: str, now: datetime
) -> Spent | Refusal:
    if invitation.channel == Channel.LETTER:
        return letters.redeem(
            session, vault=vault, kind=Kind.INVITATION, subject=invitation.id, entry=entry, now=now
        )
    return one_time.spend_code(
        session,
        vault=vault,
        purpose=Purpose.INVITATION_CODE,
        binding=invitation.id,
        entry=entry,
        tries=CODE_TRIES,
        budget=invitation.id,
        budget_ends_at=invitation.expires_at,
        now=now,
    )


def _spend_nothing(session: Session, vault: Vault, number: str, entry: str, now: datetime) -> None:
    """The statements of a wrong code, for a number that nobody invited has."""
    nobody = vault.mac("unknown-invitation", number)
    one_time.spend_code(
        session,
        vault=vault,
        purpose=Purpose.INVITATION_CODE,
        binding=nobody,
        entry=entry,
        tries=CODE_TRIES,
        budget=nobody,
        budget_ends_at=now + PROOF_LIFETIME,
        now=now,
    )
    throttles.spend_until(session, f"tries:nobody:{nobody}", limit=1, ends_at=now + PROOF_LIFETIME)


def purge(session: Session, *, now: datetime) -> None:
    """Drop invitations that ended more than 90 days ago."""
    session.execute(delete(Invitation).where(Invitation.expires_at <= now - KEPT_AFTER_EXPIRY))
