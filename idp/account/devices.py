"""« Mes appareils de confiance »: the browsers that are spared the code, and the end of their trust."""

from flask import Response

from idp.account.desk import Owner
from idp.authenticators import trusted_device
from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.sessions import service as sessions
from idp.subjects.accounts import Account
from idp.web import browser
from idp.web.kit import Visit

PATH = "/compte/appareils"
REMOVE = "/compte/appareils/supprimer"
ALL = "all"


def page(visit: Visit, owner: Owner) -> Response:
    """The list, the last used first."""
    return visit.page(
        "compte_appareils.html",
        devices=[_shown(visit, owner.account, row) for row in _devices(visit, owner.account)],
        revoke_url=REMOVE,
    )


def remove(visit: Visit, owner: Owner) -> Response:
    """End the trust in one device of this account, or in all of them."""
    chosen = visit.request.form.get("device", "")
    for row in _devices(visit, owner.account):
        if chosen in {row.id, ALL}:
            _revoke(visit, owner, row)
    return visit.see_other(PATH)


def _devices(visit: Visit, account: Account) -> list[TrustedDeviceRow]:
    rules = visit.kit.settings.trusted_device
    return trusted_device.live_devices(visit.session, account, rules=rules, now=visit.now)


def _revoke(visit: Visit, owner: Owner, row: TrustedDeviceRow) -> None:
    """Without trust the sessions that it opened end as well, but the one that asks."""
    if not trusted_device.revoke(visit.session, row.id, account_id=owner.account.id, now=visit.now):
        return
    sessions.end_for_device(visit.session, row.id, now=visit.now, but=owner.live.id)
    visit.audit("device.revoked", owner.account.id, device=row.id)


def _shown(visit: Visit, account: Account, row: TrustedDeviceRow) -> dict[str, object]:
    kit = visit.kit
    rules = kit.settings.trusted_device
    cookie = visit.cookie(trusted_device.cookie_name(kit.vault, account.id))
    here = trusted_device.recognise(
        visit.session, cookie, vault=kit.vault, account=account, rules=rules, now=visit.now
    )
    return {
        "id": row.id,
        "name": browser.name_in(visit.locale, row.name),
        "first_used": row.created_at,
        "last_used": row.last_used_at,
        "until": row.created_at + rules.lifetime,
        "current": here is not None and here.id == row.id,
    }
