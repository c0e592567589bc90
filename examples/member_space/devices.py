"""« Mes appareils »: the devices that the provider trusts, listed and revoked by its account API."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from examples.fetching import Answer, Unreachable, fetch, new_client
from examples.issuer import IssuerUnavailable
from examples.member_space.data_client import NotFound, refusal_of
from examples.member_space.guards import Pages, for_members, with_fresh_token, with_member_data
from examples.member_space.signin import HOME, SignInDesk
from examples.member_space.site import Site, page, see_other
from examples.member_space.store import SpaceSession

PATH = f"{HOME}/appareils"
_OK, _GONE = 200, 204
_PARIS = ZoneInfo("Europe/Paris")
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Device:
    """One browser that is spared the code."""

    id: str
    name: str
    last_used_on: date
    until: date
    is_current: bool


class DeviceClient:
    """The provider's account API; every method takes the member's access token (scope `account:devices`)."""

    def __init__(self, issuer: str) -> None:
        """The provider's address."""
        self._url = f"{issuer}/api/v1/account/devices"
        self._http = new_client()

    def devices(self, token: str) -> list[Device]:
        """The last used first. Raises IssuerUnavailable, and TokenRefused or NotAllowed."""
        answer = self._ask("GET", self._url, token, _OK)
        try:
            return [_device(item) for item in answer.json_list()]
        except (Unreachable, KeyError, TypeError, ValueError) as error:
            raise IssuerUnavailable(type(error).__name__) from error

    def revoke(self, token: str, device_id: str) -> None:
        """End the trust in one. Raises NotFound for what is not this member's, and as above."""
        if _ID.fullmatch(device_id) is None:
            raise NotFound
        self._ask("DELETE", f"{self._url}/{device_id}", token, _GONE)

    def _ask(self, method: str, url: str, token: str, wanted: int) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        try:
            answer = fetch(self._http, method, url, headers=headers)
        except Unreachable as error:
            raise IssuerUnavailable(str(error)) from error
        if answer.status != wanted:
            raise refusal_of(answer)
        return answer


def _device(item: object) -> Device:
    if not isinstance(item, dict):
        raise TypeError("not an object")
    return Device(
        id=str(item["id"]),
        name=str(item["name"]),
        last_used_on=_day(item["last_used_at"]),
        until=_day(item["expires_at"]),
        is_current=item["current"] is True,
    )


def _day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(_PARIS).date()


class DevicePages(Pages):
    """The list, and the button of each device."""

    def __init__(self, site: Site, desk: SignInDesk) -> None:
        """Keep the parts, and talk to the provider."""
        super().__init__(site, desk)
        self._devices = DeviceClient(site.settings.issuer)

    def blueprint(self) -> Blueprint:
        """`/espace/appareils`."""
        routes = Blueprint("devices", __name__)
        routes.add_url_rule(PATH, "list", self.show)
        routes.add_url_rule(PATH, "revoke", self.revoke, methods=["POST"])
        return routes

    @with_member_data
    def show(self, visit: SpaceSession) -> Response:
        """« Mes appareils »."""
        found = self._devices.devices(visit.access_token)
        return page("devices.html", visit=visit, devices=found, is_revoked="retire" in request.args)

    @for_members
    @with_fresh_token
    def revoke(self, visit: SpaceSession) -> Response:
        """« Retirer »; one that is gone already is gone."""
        try:
            self._devices.revoke(visit.access_token, request.form.get("device", ""))
        except NotFound:
            return see_other(PATH)
        return see_other(f"{PATH}?retire=oui")
