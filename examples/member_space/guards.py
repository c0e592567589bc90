"""What stands before a page: a live session, the right door, a fresh access token."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from flask import Response, request

from examples.member_space.data_client import DataUnavailable, TokenRefused
from examples.member_space.signin import SignInDesk
from examples.member_space.site import Site, current, door_of, has_good_csrf, page, see_other
from examples.member_space.store import SpaceSession

# A token that is about to expire would expire on the way (seconds).
_MARGIN = 10
# A token younger than this (seconds) that is refused will not get better by asking for another.
_JUST_RENEWED = 60


class Pages:
    """A group of pages behind the doors, and what they all need."""

    def __init__(self, site: Site, desk: SignInDesk) -> None:
        """Keep the parts."""
        self.site = site
        self.desk = desk

    def has_expired(self, visit: SpaceSession) -> bool:
        """Whether the access token is over, or nearly."""
        return visit.access_expires_at - _MARGIN <= self.site.clock().timestamp()

    def renew(self, visit: SpaceSession, return_to: str) -> Response:
        """Ask the provider for fresh tokens: it knows the member, who comes back without noticing."""
        return self.desk.begin(door_of(visit), return_to)

    def renew_once(self, visit: SpaceSession, return_to: str) -> Response:
        """The same, for a token refused before its time. Raises DataUnavailable rather than go in circles."""
        if self.site.clock().timestamp() - visit.renewed_at < _JUST_RENEWED:
            raise DataUnavailable("a new access token is refused")
        return self.renew(visit, return_to)


Group = TypeVar("Group", bound=Pages)
Rest = ParamSpec("Rest")
Visited = Callable[Concatenate[Group, SpaceSession, Rest], Response]
Routed = Callable[Concatenate[Group, Rest], Response]


def for_signed_in(view: Visited[Group, Rest]) -> Routed[Group, Rest]:
    """Only with a live session; forms only with its own CSRF token."""

    @wraps(view)
    def guarded(pages: Group, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Response:
        with pages.site.database.transaction() as session:
            visit = current(pages.site, session)
        if visit is None:
            return see_other("/connectez-vous")
        if request.method == "POST" and not has_good_csrf(visit):
            return page("form_expired.html", 400, visit=visit, back=request.path)
        return view(pages, visit, *args, **kwargs)

    return guarded


def for_members(view: Visited[Group, Rest]) -> Routed[Group, Rest]:
    """Only behind the door whose tokens open the member-data service."""

    @wraps(view)
    def guarded(pages: Group, visit: SpaceSession, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Response:
        if not door_of(visit).has_member_data:
            return page("members_only.html", 403, visit=visit)
        return view(pages, visit, *args, **kwargs)

    return for_signed_in(guarded)


def with_fresh_token(view: Visited[Group, Rest]) -> Visited[Group, Rest]:
    """With an access token that is still good; otherwise the provider gives a new one first."""

    @wraps(view)
    def guarded(pages: Group, visit: SpaceSession, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Response:
        if pages.has_expired(visit):
            return pages.renew(visit, request.path)
        try:
            return view(pages, visit, *args, **kwargs)
        except TokenRefused:
            return pages.renew_once(visit, request.path)

    return guarded


def with_member_data(view: Visited[Group, Rest]) -> Routed[Group, Rest]:
    """A page that shows a member what the member-data service holds for them."""
    return for_members(with_fresh_token(view))
