"""Notices: what a security mail told, so that its « Ce n'était pas moi » can say what it is about.

A notice and its link outlive the account's epoch on purpose: the thief who changed password and address raised it,
and the mail about that very change must still work for seven days.
"""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from idp.core.db import Base, UtcDateTime, new_id
from idp.core.secrets import Vault
from idp.subjects import one_time
from idp.subjects.accounts import Account
from idp.subjects.one_time import Purpose

GOOD_FOR = timedelta(days=7)
# As long as its link is known: one that is over is told kindly what else there is.
KEPT_AFTER = one_time.KEPT_AFTER_EXPIRY
LONGEST_TOKEN = 64
PATH = "/ce-n-est-pas-moi/"


class Notice(Base):
    """One security mail: of which account, what happened, when, in which browser."""

    __tablename__ = "notice"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    browser_name: Mapped[str] = mapped_column(Text)
    # The change of address that it tells of, when it tells of one.
    change_id: Mapped[str | None] = mapped_column(Text)
    space: Mapped[str] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    # When its reader said « Ce n'était pas moi » to what leaves the account open.
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_over(self, now: datetime) -> bool:
        """Whether its link is too old to do anything."""
        return self.expires_at <= now


def begin(
    session: Session,
    account: Account,
    *,
    vault: Vault,
    kind: str,
    browser_name: str,
    space: str,
    locale: str,
    now: datetime,
    change_id: str | None = None,
) -> tuple[Notice, str]:
    """A new notice, and the token of its link."""
    notice = Notice(
        id=new_id(),
        account_id=account.id,
        kind=kind,
        browser_name=browser_name,
        change_id=change_id,
        space=space,
        locale=locale,
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    session.add(notice)
    session.flush()
    token = one_time.issue_link(
        session, vault=vault, purpose=Purpose.NOT_ME_LINK, binding=notice.id, now=now, lifetime=GOOD_FOR
    )
    return notice, token


def drop(session: Session, notice: Notice) -> None:
    """Take a notice back whose mail was not sent: its cause had one already."""
    one_time.drop(session, purpose=Purpose.NOT_ME_LINK, binding=notice.id)
    session.delete(notice)


def of_link(session: Session, token: str, *, vault: Vault) -> Notice | None:
    """The notice of a link, over or not: looking changes nothing."""
    if len(token) > LONGEST_TOKEN:
        return None
    found = one_time.find_link(session, vault=vault, purpose=Purpose.NOT_ME_LINK, token=token)
    if found is None:
        return None
    wanted = select(Notice).where(Notice.id == found).execution_options(populate_existing=True)
    return session.execute(wanted).scalar_one_or_none()


def purge(session: Session, *, now: datetime) -> None:
    """Drop notices whose link was over a week ago."""
    session.execute(delete(Notice).where(Notice.expires_at <= now - KEPT_AFTER))
