"""When a lost address is replaced: proved twice, and not refused for 72 hours."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from idp.core import audit, outbox
from idp.core.db import Database
from idp.core.logs import accident
from idp.core.mail_templates import Kind as MailKind
from idp.core.secrets import Vault
from idp.core.settings import Settings
from idp.core.spaces import Spaces
from idp.sessions import credentials
from idp.subjects import accounts, address_changes, emails, notices
from idp.subjects.accounts import Account
from idp.subjects.address_changes import AddressChange

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChangeTools:
    """What the mails about a change are made with."""

    settings: Settings
    vault: Vault
    spaces: Spaces


def take_effect(
    session: Session, account: Account, change: AddressChange, *, tools: ChangeTools, now: datetime
) -> bool:
    """Give the account its new address and tell both; False when another account took it meanwhile.

    The caller holds account and change locked, and found the change due.
    """
    space = tools.spaces.get(change.space)
    mates = space.mates if space is not None else frozenset()
    if not credentials.change_address(session, account, change.email, now=now, mates=mates):
        change.refused_at = now
        audit.record(session, now=now, event="address.not_changed", account_id=account.id, reason="taken")
        return False
    change.done_at = now
    audit.record(session, now=now, event="address.changed", account_id=account.id, way=change.origin)
    _tell(session, account, change, tools=tools, now=now)
    return True


def _tell(
    session: Session, account: Account, change: AddressChange, *, tools: ChangeTools, now: datetime
) -> None:
    """Both addresses, each with a link of its own that says « Ce n'était pas moi »."""
    # The name says to which of two who share a mailbox it speaks; the former address tells nobody's.
    hers = {"given_name": accounts.given_name(session, account)}
    for name, address, named in (("old", change.former_email, {}), ("new", change.email, hers)):
        _notice, token = notices.begin(
            session,
            account,
            vault=tools.vault,
            kind=MailKind.ADDRESS_CHANGED,
            browser_name="",
            space=change.space,
            locale=account.locale,
            now=now,
            change_id=change.id,
        )
        outbox.enqueue(
            session,
            vault=tools.vault,
            now=now,
            kind=MailKind.ADDRESS_CHANGED,
            recipient=address,
            context={
                "time": now.isoformat(),
                "new_address": emails.mask(change.email),
                "sign_in_url": f"{tools.settings.issuer}/connexion?espace={change.space}",
                "not_me_url": tools.settings.issuer + notices.PATH + token,
                **named,
            },
            cause=f"address-change:{change.id}:done:{name}",
            space=change.space,
            locale=account.locale,
            account_id=account.id,
        )


def settle(database: Database, *, tools: ChangeTools, now: datetime) -> int:
    """Let every change that is due take effect, each in a transaction of its own; how many did.

    Two workers may do it at once: the second one finds the change done.
    """
    with database.reading() as session:
        ripe = address_changes.ripe(session, now=now)
    done = 0
    for change_id, account_id in ripe:
        try:
            done += _settle_one(database, change_id, account_id, tools=tools, now=now)
        except Exception as problem:  # noqa: BLE001 (whatever one meets, the others are done)
            log.error("address_change.failed", **accident(problem))
    return done


def _settle_one(
    database: Database, change_id: str, account_id: str, *, tools: ChangeTools, now: datetime
) -> bool:
    with database.transaction() as session:
        account = accounts.hold(session, account_id)
        change = address_changes.by_id(session, change_id, lock=True)
        if account is None or change is None or not change.is_due(account, now):
            return False
        return take_effect(session, account, change, tools=tools, now=now)
