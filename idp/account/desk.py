"""What every page of « Mon compte » stands on: somebody is signed in, and gave a second step when it matters."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias

from flask import Response
from sqlalchemy.orm import Session

from idp.authenticators.password import Passwords
from idp.login.service import SESSION, Login, default_demand, is_second_step_fresh, own_session
from idp.sessions import service as sessions
from idp.sessions.service import LiveSession
from idp.subjects import accounts
from idp.subjects.accounts import Account
from idp.web.kit import Kit, View, Visit

PATH = "/compte"
# A form was open meanwhile: what it sends is taken this long after the second step.
FORM_TAKEN_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who is signed in at this browser."""

    live: LiveSession
    account: Account
    epoch: int
    """The account's when this request began; the row in memory follows the database."""


class HeldService(Protocol):
    """A service that holds tokens or a consent of an account, and what it may know, in words."""

    @property
    def client_id(self) -> str: ...  # noqa: D102 (a value)
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def since(self) -> datetime: ...  # noqa: D102
    @property
    def known(self) -> tuple[str, ...]: ...  # noqa: D102


class Services(Protocol):
    """The services of an account: given by the app, which knows OpenID Connect."""

    def held(
        self, session: Session, account_id: str, *, say: Callable[..., str], now: datetime
    ) -> Sequence[HeldService]:
        """Those that hold something of this account now."""
        ...

    def name_of(self, session: Session, client_id: str, *, now: datetime) -> str | None:
        """The name of a service, when it is still known."""
        ...

    def take_back(self, session: Session, account_id: str, client_id: str, *, now: datetime) -> bool:
        """End all that this account gave it; whether there was anything."""
        ...


OwnerView: TypeAlias = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts that the pages need."""

    kit: Kit
    login: Login
    passwords: Passwords
    services: Services

    def open_to_owner(self, view: OwnerView, *, back: str, touches: bool = True) -> View:
        """A view for who is signed in; anybody else signs in first and comes to `back`.

        `touches`: looking at it keeps the session from lapsing; not so for a page that looks again by itself.
        """

        @functools.wraps(view)
        def run(visit: Visit, **params: Any) -> Response:  # noqa: ANN401 (the parts of the address)
            owner = owner_of(visit, touches=touches)
            return self.sign_in_first(visit, back) if owner is None else view(visit, owner, **params)

        return run

    def sensitive(self, view: OwnerView, *, back: str, returns: bool = False) -> View:
        """A view that also needs a second step given just now; `back` must be a page that shows the form.

        `returns`: whoever looked at the page comes back to its own address, not to `back`.
        """

        def guarded(visit: Visit, owner: Owner, **params: Any) -> Response:  # noqa: ANN401 (as above)
            if not _is_proved(visit, owner):
                is_look = visit.request.method in {"GET", "HEAD"}
                page = visit.request.path if returns and is_look else back
                demand = default_demand(visit.space, back=page, fresh_second_step=True)
                return self.login.begin(visit, demand)
            return view(visit, owner, **params)

        return self.open_to_owner(functools.wraps(view)(guarded), back=back)

    def sign_in_first(self, visit: Visit, back: str) -> Response:
        """To the sign-in, and back here afterwards."""
        has_lapsed = visit.cookie(SESSION) is not None
        return self.login.begin(visit, default_demand(visit.space, back=back, has_lapsed=has_lapsed))


def owner_of(visit: Visit, *, touches: bool = True) -> Owner | None:
    """Who is signed in, by the limits of their session's own space, which becomes the visit's."""
    live = own_session(visit)
    if live is not None and visit.request.method == "POST":
        # Whoever ends this session at the same time was first, or waits: it is judged again under the account's lock.
        accounts.hold(visit.session, live.account_id)
        live = own_session(visit)
    account = accounts.by_id(visit.session, live.account_id) if live is not None else None
    if live is None or account is None:
        return None
    if touches:
        sessions.touch(visit.session, live, now=visit.now)
    return Owner(live, account, account.epoch)


def hold(visit: Visit, owner: Owner) -> Account | None:
    """The account as it is now, held to the end of this request.

    None when the session ended meanwhile, or something that this page's reader proved is worth nothing any more.
    """
    account = accounts.hold(visit.session, owner.account.id)
    if account is None or account.epoch != owner.epoch:
        return None
    live = sessions.by_row(visit.session, owner.live.id, now=visit.now)
    return account if live is not None else None


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


def _is_proved(visit: Visit, owner: Owner) -> bool:
    if visit.request.method in {"GET", "HEAD"}:
        return is_second_step_fresh(owner.live, now=visit.now)
    given = owner.live.second_step_at
    return given is not None and visit.now - given <= FORM_TAKEN_FOR
