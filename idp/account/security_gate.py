"""Who may open the pages of stronger second steps: somebody signed in, who gave a second step just now."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from flask import Response

from idp.login.service import SESSION, Login, default_demand, is_second_step_fresh, own_session
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import View, Visit

# A form was open meanwhile: what it sends is taken this long after the second step.
FORM_TAKEN_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is signed in at this browser."""

    live: LiveSession
    account: Account


OwnerView: TypeAlias = Callable[..., Response]


def open_to_owner(login: Login, view: OwnerView, *, back: str) -> View:
    """A view for who is signed in; anybody else signs in first and comes to `back`."""

    @functools.wraps(view)
    def run(visit: Visit, **params: str) -> Response:
        owner = _owner_of(visit)
        if owner is None:
            has_lapsed = visit.cookie(SESSION) is not None
            return login.begin(visit, default_demand(visit.space, back=back, has_lapsed=has_lapsed))
        return view(visit, owner, **params)

    return run


def sensitive(login: Login, view: OwnerView, *, back: str) -> View:
    """A view that also needs a second step given just now; the page that asked is come back to, or else `back`."""

    @functools.wraps(view)
    def guarded(visit: Visit, owner: Owner, **params: str) -> Response:
        if _is_proved(visit, owner):
            return view(visit, owner, **params)
        page = visit.request.path if visit.request.method in {"GET", "HEAD"} else back
        return login.begin(visit, default_demand(visit.space, back=page, fresh_second_step=True))

    return open_to_owner(login, guarded, back=back)


def renew_session(visit: Visit, owner: Owner) -> None:
    """Give the session that goes on another secret: a copy of its cookie ends with all the rest."""
    secret = sessions.strengthen(
        visit.session,
        owner.live,
        methods=owner.live.methods,
        auth_time=owner.live.auth_time,
        device_id=None,
        now=visit.now,
    )
    visit.set_cookie(SESSION, secret)


def _owner_of(visit: Visit) -> Owner | None:
    live = own_session(visit)
    if live is not None and visit.request.method == "POST":
        # Whoever ends this session at the same time was first, or waits: it is judged again under the account's lock.
        accounts.hold(visit.session, live.account_id)
        live = own_session(visit)
    account = accounts.by_id(visit.session, live.account_id) if live is not None else None
    if live is None or account is None:
        return None
    sessions.touch(visit.session, live, now=visit.now)
    return Owner(live, account)


def _is_proved(visit: Visit, owner: Owner) -> bool:
    if visit.request.method in {"GET", "HEAD"}:
        return is_second_step_fresh(owner.live, now=visit.now)
    given = owner.live.second_step_at
    return given is not None and visit.now - given <= FORM_TAKEN_FOR
