"""The API by which a member space shows and revokes its member's trusted devices (scope `account:devices`)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from flask import Blueprint, Response

from idp.authenticators import trusted_device
from idp.authenticators.trusted_device import TrustedDeviceRow
from idp.core import audit, throttles
from idp.core.errors import Problem
from idp.sessions import service as sessions
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import Call, Kit

BASE = "/api/v1/account/devices"
SCOPE = "account:devices"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token speaks for: its member, the session that it came from while that lasts, and the client."""

    account_id: str
    session_id: str | None
    client_id: str


# Looks at the token of a call: for whom it speaks, or the answer that says no. Given by the app, which knows tokens.
MemberGate: TypeAlias = Callable[[Call, str], Bearer | Response]


def blueprint(kit: Kit, *, gate: MemberGate) -> Blueprint:
    """`GET /api/v1/account/devices` and `DELETE /api/v1/account/devices/{id}`.

    No limit at the edge: one address may be a whole service. Each account has a number of calls a minute instead.
    """
    views = _Views(kit, gate)
    api = Blueprint("account_api", __name__)
    api.add_url_rule(BASE, "devices", kit.endpoint(views.show), methods=["GET"])
    api.add_url_rule(f"{BASE}/<device_id>", "device", kit.endpoint(views.revoke), methods=["DELETE"])
    return api


class _Views:
    def __init__(self, kit: Kit, gate: MemberGate) -> None:
        self._kit = kit
        self._gate = gate

    def show(self, call: Call) -> Response:
        """The trusted devices of the token's member, the last used first."""
        admitted = self._admit(call)
        if isinstance(admitted, Response):
            return admitted
        bearer, account = admitted
        here = sessions.device_of(call.session, bearer.session_id) if bearer.session_id else None
        found = [self._shown(row, here) for row in self._devices(call, account)]
        headers = {"Cache-Control": "no-store"}
        return Response(json.dumps(found, ensure_ascii=False), headers=headers, mimetype="application/json")

    def revoke(self, call: Call, device_id: str) -> Response:
        """End the trust in one of them, and the sessions that it opened, but the one of this token."""
        admitted = self._admit(call)
        if isinstance(admitted, Response):
            return admitted
        bearer, account = admitted
        live = {row.id for row in self._devices(call, account)}
        if device_id not in live or not trusted_device.revoke(
            call.session, device_id, account_id=account.id, now=call.now
        ):
            raise Problem("P-4004", detail="no such device of this account")
        sessions.end_for_device(call.session, device_id, now=call.now, but=bearer.session_id)
        audit.record(
            call.session,
            now=call.now,
            event="device.revoked",
            account_id=account.id,
            device=device_id,
            client_id=bearer.client_id,
        )
        return Response(status=204, headers={"Cache-Control": "no-store"})

    def _admit(self, call: Call) -> tuple[Bearer, Account] | Response:
        bearer = self._gate(call, SCOPE)
        if isinstance(bearer, Response):
            return bearer
        limit = self._kit.settings.limits.pages_per_minute
        key = f"account-api:{bearer.account_id}"
        if not throttles.spend(call.session, key, limit=limit, window=MINUTE, now=call.now):
            raise Problem("P-4029", detail="account API", retry_after=MINUTE)
        account = accounts.by_id(call.session, bearer.account_id)
        if account is None:
            raise Problem("P-4004", detail="the account ended meanwhile")
        return bearer, account

    def _devices(self, call: Call, account: Account) -> list[TrustedDeviceRow]:
        rules = self._kit.settings.trusted_device
        return trusted_device.live_devices(call.session, account, rules=rules, now=call.now)

    def _shown(self, row: TrustedDeviceRow, here: str | None) -> dict[str, Any]:
        lifetime = self._kit.settings.trusted_device.lifetime
        return {
            "id": row.id,
            "name": row.name,
            "created_at": row.created_at.isoformat(timespec="seconds"),
            "last_used_at": row.last_used_at.isoformat(timespec="seconds"),
            "expires_at": (row.created_at + lifetime).isoformat(timespec="seconds"),
            "current": row.id == here,
        }
