"""The way on from a page that failed: no member is left without a door to the service they came from."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from idp.core.errors import Problem
from idp.core.spaces import Spaces
from idp.login import interaction as interactions
from idp.login.interaction import Interaction
from idp.login.service import live_session
from idp.web.kit import DoorOf, Visit, WayOn

JUST_BEGUN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class WaysOn:
    """Looks up where a member came from; made once by the app."""

    spaces: Spaces
    door_of: DoorOf

    def __call__(self, session: Session, handle: str, browser: str) -> WayOn | None:
        """The way on for a page of this sign-in, live or over, or else for the last one of this browser."""
        row = interactions.remembered(session, handle) or interactions.last_of(session, browser)
        return None if row is None else self.of(session, row, is_own=row.browser == browser)

    def of(self, session: Session, row: Interaction, *, is_own: bool) -> WayOn | None:
        """Where the sign-in of this row begins again.

        At the client's own door first: its former `state` may be over. A client without one is sent the same
        request again, but only from the browser that brought it.
        """
        demand = row.asked
        space = self.spaces.get(demand.space)
        if space is None:
            return None
        own = self.door_of(session, space, demand.client_id) if demand.client_id is not None else None
        again = _same_request(row) if is_own else None
        url = own or again or self.door_of(session, space) or f"/connexion?espace={space.name}"
        return WayOn(space, demand.client_name, url)


def why_not(visit: Visit, handle: str) -> Problem:
    """Why a page of a sign-in is not shown: over, refused cookies, or lapsed; each has its own way on."""
    row = interactions.remembered(visit.session, handle)
    if row is None:
        return Problem("P-2002", detail="unknown interaction")
    if visit.is_first_request and visit.now - row.created_at < JUST_BEGUN:
        # The redirect that led here set the cookie, and the browser did not bring it.
        return Problem("P-2003", detail="no browser cookie on the page of a new sign-in")
    visit.space = visit.kit.spaces.get(row.asked.space) or visit.space
    if row.browser == visit.browser and row.session_id is not None and live_session(visit) is not None:
        return Problem("P-2007", detail="interaction ended in a session")
    return Problem("P-2002", detail="lapsed, or proved elsewhere")


def _same_request(row: Interaction) -> str | None:
    demand = row.asked
    # A pushed request is spent by its answer (RFC 9126 section 4).
    if demand.client_id is None or "request_uri" in demand.parameters:
        return None
    pairs = [
        (name, part)
        for name, value in demand.parameters.items()
        for part in (value.split(" ") if name == "resource" else [value])
    ]
    return f"/oauth2/authorize?{urlencode(pairs)}"
