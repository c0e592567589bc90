"""The `claims` parameter (OIDC Core 5.5): which single claims a client asks for, and where."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names asked for in the ID token and from userinfo; and the demands on `sub` and `acr`."""

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    subject: str | None = None
    acr_values: tuple[str, ...] = ()
    acr_is_essential: bool = False

    def only(self, names: Collection[str]) -> "Wanted":
        """The same, without the claims of other names."""
        return replace(
            self,
            id_token=tuple(name for name in self.id_token if name in names),
            userinfo=tuple(name for name in self.userinfo if name in names),
        )


def read(text: str) -> Wanted | None:
    """The parameter's value, or None when it is not what Core 5.5 describes."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    in_id_token, in_userinfo = _member(document, "id_token"), _member(document, "userinfo")
    if in_id_token is None or in_userinfo is None:
        return None
    subject = _demand(in_id_token, "sub").get("value") or _demand(in_userinfo, "sub").get("value")
    acr = _demand(in_id_token, "acr")
    return Wanted(
        id_token=tuple(in_id_token)[:MOST_NAMES],
        userinfo=tuple(in_userinfo)[:MOST_NAMES],
        subject=subject if isinstance(subject, str) else None,
        acr_values=_acr_values(acr),
        acr_is_essential=acr.get("essential") is True,
    )


def _member(document: Mapping[str, object], name: str) -> dict[str, object] | None:
    member = document.get(name)
    if member is None:
        return {}
    if not isinstance(member, dict):
        return None
    return member if all(isinstance(value, dict | None) for value in member.values()) else None


def _demand(member: Mapping[str, object], name: str) -> dict[str, object]:
    demand = member.get(name)
    return demand if isinstance(demand, dict) else {}


def _acr_values(demand: Mapping[str, object]) -> tuple[str, ...]:
    several = demand.get("values")
    found = several if isinstance(several, list) else [demand.get("value")]
    return tuple(value for value in found if isinstance(value, str))
