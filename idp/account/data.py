"""« Mes données »: all that is held about one account, for its owner; never a secret, nor the hash of one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from idp.account import history
from idp.account.desk import Services
from idp.authenticators import trusted_device
from idp.core import outbox
from idp.core.settings import Settings
from idp.sessions import service as sessions
from idp.subjects import address_changes, members
from idp.subjects.accounts import Account
from idp.subjects.members import Member

MOST_EVENTS = 10_000


def document(
    session: Session,
    account: Account,
    *,
    services: Services,
    say: Callable[..., str],
    locale: str,
    settings: Settings,
    now: datetime,
) -> dict[str, Any]:
    """One JSON object; instants are ISO 8601 in UTC."""
    held = services.held(session, account.id, say=say, now=now)
    changes = address_changes.of_account(session, account.id)
    return {
        "made_at": _at(now),
        "member": _member(members.by_id(session, account.member_id)),
        "account": _account(account),
        "terms": {"version": account.terms_version, "accepted_at": _at(account.terms_accepted_at)},
        "trusted_devices": _devices(session, account, settings=settings, now=now),
        "sessions": _sessions(session, account, now=now),
        "services": [
            {"name": each.name, "since": _at(each.since), "may_know": list(each.known)} for each in held
        ],
        "address_changes": [
            {
                "new_address": change.email,
                "former_address": change.former_email,
                "asked_at": _at(change.created_at),
                "done_at": _at(change.done_at),
            }
            for change in changes
        ],
        "mails": [
            {"kind": mail.kind, "written_at": _at(mail.at), "state": mail.state}
            for mail in outbox.told_to(session, account.id)
        ],
        "history": history.lines_in(session, account.id, locale=locale, limit=MOST_EVENTS),
    }


def _member(member: Member | None) -> dict[str, Any] | None:
    if member is None:
        return None
    return {
        "population": member.population,
        "member_number": member.member_number,
        "given_name": member.given_name,
        "family_name": member.family_name,
        "birth_date": member.birth_date.isoformat() if member.birth_date is not None else None,
        "email_in_the_register": member.email,
        "status": member.status,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "email": account.email,
        "language": account.locale,
        "created_at": _at(account.created_at),
        "changed_at": _at(account.updated_at),
        "closes_at": _at(account.closes_at),
    }


def _devices(
    session: Session, account: Account, *, settings: Settings, now: datetime
) -> list[dict[str, Any]]:
    rules = settings.trusted_device
    return [
        {
            "name": row.name,
            "first_used_at": _at(row.created_at),
            "last_used_at": _at(row.last_used_at),
            "until": _at(row.created_at + rules.lifetime),
        }
        for row in trusted_device.live_devices(session, account, rules=rules, now=now)
    ]


def _sessions(session: Session, account: Account, *, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "browser": row.browser_name,
            "space": row.space,
            "since": _at(row.created_at),
            "last_seen_at": _at(row.last_seen_at),
        }
        for row in sessions.of_account(session, account, now=now)
    ]


def _at(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="seconds") if instant is not None else None
