"""Where the member came from on the pages around the sign-in, and the way back there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from idp.core.spaces import Space
from idp.login import interaction as interactions
from idp.login import proof
from idp.login.interaction import Interaction
from idp.web.kit import Visit


@dataclass(frozen=True, slots=True)
class Origin:
    """The handle that names the member's service, and the sign-in that may go on after what is begun here."""

    handle: str = ""
    interaction: Interaction | None = None

    def wait(self, visit: Visit, *, within: timedelta, identifier: str = "") -> None:
        """Keep the request of the service alive meanwhile; what its sign-in had proved starts again."""
        if self.interaction is None:
            return
        interactions.keep_until(visit.session, self.handle, until=visit.now + within)
        self.interaction.forget_proofs()
        self.interaction.identifier = identifier or self.interaction.identifier


def of(visit: Visit, *, welcomes: Callable[[Space], bool] = lambda _space: True) -> Origin:
    """The sign-in that the page names, or the last one of a browser that names none; its space becomes the visit's.

    A page that not every space has says by `welcomes` which do.
    """
    handle = visit.request.form.get("i") or visit.request.args.get("i") or ""
    space = visit.request.form.get("espace") or visit.request.args.get("espace") or ""
    row = interactions.remembered(visit.session, handle)
    if row is None and not space:
        newest = interactions.newest(visit.session, browser=visit.browser, now=visit.now)
        row = (
            newest
            if newest is not None and not newest.holds_proofs and _is_of(visit, newest, welcomes)
            else None
        )
    visit.space = visit.kit.spaces.get(space if row is None else row.asked.space) or visit.space
    if row is None:
        return Origin()
    visit.prefer(row.asked.ui_locales)
    live = interactions.find(visit.session, row.id, browser=visit.browser, now=visit.now)
    if live is not None and not proof.holds(visit, live):
        live = None
    return Origin(row.id, live or interactions.unproved(visit.session, row.id, browser=visit.browser))


def named(visit: Visit, handle: str | None) -> dict[str, str]:
    """What a page's forms and links carry, so that the pages after it know where the member came from."""
    return {"i": handle} if handle else {"espace": visit.space.name}


def sign_in_url(visit: Visit, handle: str) -> str:
    """« Me connecter »: the request that the member came with while it lives, else the door of its client."""
    if interactions.find(visit.session, handle, browser=visit.browser, now=visit.now):
        return f"/connexion?i={handle}"
    way = visit.kit.way_on(visit.session, handle, visit.browser) if handle else None
    if way is not None:
        return way.url
    return visit.kit.door_of(visit.session, visit.space) or f"/connexion?espace={visit.space.name}"


def _is_of(visit: Visit, interaction: Interaction, welcomes: Callable[[Space], bool]) -> bool:
    space = visit.kit.spaces.get(interaction.asked.space)
    return space is not None and welcomes(space)
