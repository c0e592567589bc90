"""The three doors, and what the member space is told from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

IDENTITY_SCOPE = "openid profile email member"


@dataclass(frozen=True, slots=True)
class Door:
    """One front door of the mutual: a space, and the OIDC client behind it."""

    space: str
    title: str
    client_id: str
    scope: str
    invitation: str

    @property
    def has_member_data(self) -> bool:
        """Whether this door's tokens open the member-data service."""
        return "member_data" in self.scope.split()


DOORS = {
    door.space: door
    for door in (
        Door(
            "adherent",
            "Espace Adhérent",
            "espace-adherent",
            f"{IDENTITY_SCOPE} member_data account:devices",
            "Vos remboursements, votre contrat, votre carte, vos messages.",
        ),
        Door(
            "professionnel",
            "Espace Professionnel de santé",
            "espace-professionnel",
            IDENTITY_SCOPE,
            "Le tiers payant et vos échanges avec la mutuelle.",
        ),
        Door(
            "elu",
            "Espace Élu",
            "espace-elu",
            IDENTITY_SCOPE,
            "Les réunions et les documents de vos instances.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses without a slash at the end, one client secret per space, and the file for sessions."""

    issuer: str
    base_url: str
    member_data_url: str
    database: Path
    secrets: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `SPACE_*`. Raises KeyError with the name of the first one that is missing."""
        return cls(
            issuer=environment["SPACE_ISSUER"],
            base_url=environment["SPACE_BASE_URL"].rstrip("/"),
            member_data_url=environment["SPACE_MEMBER_DATA_URL"].rstrip("/"),
            database=Path(environment["SPACE_DATABASE"]),
            secrets={space: environment[f"SPACE_SECRET_{space.upper()}"] for space in DOORS},
        )

    @property
    def provider_origin(self) -> str:
        """Where the browser is sent to sign in and out, for the content security policy."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach this service over TLS."""
        return self.base_url.startswith("https://")

    def redirect_uri(self, door: Door) -> str:
        """The address registered for that door's answers."""
        return f"{self.base_url}/callback/{door.space}"
