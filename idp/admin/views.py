"""The administration API (`/admin/api/v1/…`): JSON, for bearer tokens with the scope that each address names."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from idp.admin import effective
from idp.core import audit
from idp.web.kit import Call, Kit

BASE = "/admin/api/v1"
READ = "admin:read"

# Looks at the token of a call: the client that may, or the answer that says no. Given by the app, which knows tokens.
Gate: TypeAlias = Callable[[Call, str], str | Response]
# The key ring's facts, in JSON: given by the app, which knows the ring.
KeyFacts: TypeAlias = Callable[[Session, datetime], Sequence[Mapping[str, Any]]]


def blueprint(kit: Kit, *, gate: Gate, key_facts: KeyFacts) -> Blueprint:
    """`GET /admin/api/v1/config` and `/keys`."""
    api = Blueprint("admin", __name__)

    @api.get(f"{BASE}/config")
    @kit.endpoint
    def config(call: Call) -> Response:
        return _read(call, gate, "config", lambda: effective.document(kit.settings, kit.spaces))

    @api.get(f"{BASE}/keys")
    @kit.endpoint
    def keys(call: Call) -> Response:
        return _read(call, gate, "keys", lambda: {"keys": list(key_facts(call.session, call.now))})

    kit.limit_pages(api)
    return api


def _read(call: Call, gate: Gate, what: str, document: Callable[[], Mapping[str, Any]]) -> Response:
    admitted = gate(call, READ)
    if isinstance(admitted, Response):
        return admitted
    audit.record(call.session, now=call.now, event="admin.read", client_id=admitted, what=what)
    body = json.dumps(document(), ensure_ascii=False, indent=1)
    return Response(body, headers={"Cache-Control": "no-store"}, mimetype="application/json")
