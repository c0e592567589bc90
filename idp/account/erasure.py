"""The erasure of an account: whatever table holds something of it, and all that leads from it to a person."""

from datetime import datetime

from sqlalchemy import MetaData, Table, delete, func
from sqlalchemy.orm import Session

from idp.core import audit, outbox
from idp.core.audit import AuditEvent
from idp.core.secrets import Vault
from idp.core.spaces import Spaces
from idp.login.interaction import Interaction
from idp.sessions import service as sessions
from idp.subjects import accounts, address_changes
from idp.subjects.accounts import Account
from idp.subjects.enrolments import Enrolment
from idp.subjects.letters import Kind, Letter
from idp.subjects.members import Member

AT_ONCE = 20
# The trail of events stays: it is stripped of what tells of a person, and its account leads nowhere any more.
KEPT = frozenset({AuditEvent.__tablename__, Account.__tablename__})


def erase_due(session: Session, *, vault: Vault, spaces: Spaces, issuer: str, now: datetime) -> None:
    """Erase the accounts that their owners closed and did not come back to, and tell each last address."""
    for account_id in accounts.to_erase(session, now=now, limit=AT_ONCE):
        # Services are told of ended sessions first: what is to be said of them stands in their rows.
        if sessions.owes_news(session, account_id):
            continue
        account = session.get_one(Account, account_id)
        _tell(session, account, vault=vault, spaces=spaces, issuer=issuer, now=now)
        erase(session, account, now=now)


def erase(session: Session, account: Account, *, now: datetime) -> None:
    """Erase one account; its member stays in the register, which is the mutual's, and may enrol again."""
    addresses = {
        account.email,
        *(each.former_email for each in address_changes.of_account(session, account.id)),
    }
    account_id, member_id = account.id, account.member_id
    audit.forget_person(session, account_id)
    outbox.forget_owner(session, account_id)
    typed = {address.lower() for address in addresses}
    session.execute(delete(Interaction).where(func.lower(Interaction.identifier).in_(typed)))
    session.execute(delete(Enrolment).where(Enrolment.member_id == member_id))
    session.execute(delete(Letter).where(Letter.member_id == member_id, Letter.kind == Kind.RECOVERY))
    for table in _tables_of_accounts(session):
        session.execute(table.delete().where(table.c.account_id == account_id))
    session.expunge(account)
    session.execute(delete(Account).where(Account.id == account_id))
    audit.record(session, now=now, event="account.erased", account_id=account_id)


def _tables_of_accounts(session: Session) -> list[Table]:
    """Every table of the database whose rows belong to an account, whether this process knows it by name or not."""
    found = MetaData()
    found.reflect(session.connection())
    there = reversed(found.sorted_tables)
    return [table for table in there if "account_id" in table.c and table.name not in KEPT]


def _tell(
    session: Session, account: Account, *, vault: Vault, spaces: Spaces, issuer: str, now: datetime
) -> None:
    member = session.get_one(Member, account.member_id)
    space = next((each for each in spaces if member.population in each.populations), spaces.default)
    context = {"time": now.isoformat()}
    if space.enrolment:
        context["enrol_url"] = f"{issuer}/inscription?espace={space.name}"
    outbox.enqueue(
        session,
        vault=vault,
        now=now,
        kind="account-closed",
        recipient=account.email,
        context=context,
        cause=f"closed:{account.id}",
        space=space.name,
        locale=account.locale,
    )
