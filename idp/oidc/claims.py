"""What tokens and userinfo say of a member: scopes become claims, and each client has its own subject."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from idp.core.secrets import Vault
from idp.oidc.clients import Client
from idp.subjects.accounts import Profile

# The language in which the mutual writes to its members.
LOCALE = "fr"
MEMBER_DATA = "member_data"

# The scopes of sign-in and the claims that each opens (OIDC Core 5.4, and ours).
BY_SCOPE: dict[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "given_name", "family_name", "birthdate", "locale", "updated_at"),
    "email": ("email", "email_verified"),
    "member": ("member_number", "population", "space"),
}
OFFLINE = "offline_access"
# The member's own trusted devices: for the mutual's own spaces only, and no service gets it in its own name.
DEVICES = "account:devices"
SCOPES = (*BY_SCOPE, MEMBER_DATA, DEVICES, OFFLINE)
# What services may do here in their own name; no member's token ever carries them.
SERVICE_SCOPES = ("admin:read", "admin:write", "helpdesk")
# Claims about the sign-in itself; every ID token carries them.
OF_EVERY_ID_TOKEN = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash")


@dataclass(frozen=True, slots=True)
class Subject:
    """One member as one client may know them."""

    client: Client
    profile: Profile

    def claims(self, *, scopes: Iterable[str] = (), wanted: Iterable[str] = ()) -> dict[str, Any]:
        """The claims of the scopes, and the single ones asked for, as far as the client may ask for them.

        A claim without a value is left out, never null (OIDC Core 5.3.2).
        """
        # The client's scopes of today: what its file lost, its earlier tokens open no more.
        names = (names_of(scopes) | set(wanted)) & names_of(self.client.scopes)
        everything = self._everything()
        return {name: value for name, value in everything.items() if name in names and value is not None}

    def _everything(self) -> dict[str, Any]:
        profile = self.profile
        return {
            "name": f"{profile.given_name} {profile.family_name}".strip(),
            "given_name": profile.given_name,
            "family_name": profile.family_name,
            "birthdate": profile.birth_date.isoformat() if profile.birth_date else None,
            "locale": LOCALE,
            "updated_at": int(profile.updated_at.timestamp()),
            "email": profile.email,
            # An account exists only once its address was proved by a mail.
            "email_verified": True,
            "member_number": profile.member_number,
            "population": profile.population,
            "space": self.client.space,
        }


def names_of(scopes: Iterable[str]) -> set[str]:
    """The claims that these scopes open."""
    return {name for scope in scopes for name in BY_SCOPE.get(scope, ())}


def subject_of(client: Client, account_id: str, *, vault: Vault) -> str:
    """The `sub` of an account at a client: the same everywhere, or one for its sector (OIDC Core 8)."""
    if client.subject_type == "public":
        return account_id
    return vault.mac("pairwise-subject", client.sector or client.client_id, account_id)
