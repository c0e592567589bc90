"""« Mon compte »: the trusted devices of a member."""

from flask import Blueprint, Response

from idp.authenticators import trusted_device
from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.login.service import SESSION, Login, default_demand, live_session
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts, emails
from idp.subjects.accounts import Account
from idp.web import browser
from idp.web.kit import Kit, Visit

PATH = "/compte"
ALL = "all"


def blueprint(kit: Kit, login: Login) -> Blueprint:
    """`/compte` and below."""
    pages = Blueprint("account", __name__)

    @pages.get(PATH)
    @kit.visit
    def overview(visit: Visit) -> Response:
        known = _signed_in(visit)
        if known is None:
            return _sign_in_first(visit, login)
        _live, account = known
        return visit.page(
            "compte.html",
            address=emails.mask(account.email),
            devices=[_shown(visit, account, row) for row in _devices(visit, account)],
            revoke_url="/compte/appareils/supprimer",
            sign_out_url="/deconnexion",
        )

    @pages.post("/compte/appareils/supprimer")
    @kit.visit
    def revoke(visit: Visit) -> Response:
        known = _signed_in(visit)
        if known is None:
            return _sign_in_first(visit, login)
        _live, account = known
        chosen = visit.request.form.get("device", "")
        for row in _devices(visit, account):
            if chosen in {row.id, ALL}:
                _revoke(visit, account, row)
        return visit.see_other(PATH)

    kit.limit_pages(pages)
    return pages


def _sign_in_first(visit: Visit, login: Login) -> Response:
    """To the sign-in, and back here afterwards."""
    has_lapsed = visit.cookie(SESSION) is not None
    return login.begin(visit, default_demand(visit.space, back=PATH, has_lapsed=has_lapsed))


def _signed_in(visit: Visit) -> tuple[LiveSession, Account] | None:
    live = live_session(visit)
    account = accounts.by_id(visit.session, live.account_id) if live is not None else None
    if live is None or account is None:
        return None
    visit.space = visit.kit.spaces.get(live.space) or visit.space
    sessions.touch(visit.session, live, now=visit.now)
    return live, account


def _devices(visit: Visit, account: Account) -> list[TrustedDeviceRow]:
    rules = visit.kit.settings.trusted_device
    return trusted_device.live_devices(visit.session, account, rules=rules, now=visit.now)


def _revoke(visit: Visit, account: Account, row: TrustedDeviceRow) -> None:
    """Without trust the sessions that it opened end as well, but the one that asks."""
    trusted_device.revoke(visit.session, row.id, account_id=account.id, now=visit.now)
    live = live_session(visit)
    sessions.end_for_device(visit.session, row.id, now=visit.now, but=live.id if live is not None else None)
    visit.audit("device.revoked", account.id, device=row.id)


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
        "last_used": row.last_used_at.date(),
        "until": (row.created_at + rules.lifetime).date(),
        "current": here is not None and here.id == row.id,
    }
