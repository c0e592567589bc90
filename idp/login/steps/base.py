"""What a step of the sign-in is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from flask import Response
from sqlalchemy.orm import Session

from idp.authenticators.password import Passwords
from idp.captcha.guard import Guard
from idp.login.interaction import Interaction
from idp.subjects.accounts import Account
from idp.subjects.directory import MemberDirectory
from idp.web.kit import Visit

MustBeStrong: TypeAlias = Callable[[Session, Account], bool]


def nobody_must(session: Session, account: Account) -> bool:
    """Nobody's second step must be an app or a passkey."""
    del session, account
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts that steps share."""

    passwords: Passwords
    captcha: Guard
    directory: MemberDirectory
    must_be_strong: MustBeStrong = nobody_must
    """Whose second step must be an app or a passkey: given by the app, which knows staff."""


class Step(ABC):
    """One page of the sign-in.

    `enter` runs once, when the step becomes due; `show` writes nothing that a reload would repeat; `submit`
    returns a page to show again, or None when it changed the facts and the journey goes on.
    """

    def __init__(self, tools: Tools) -> None:
        """Keep the shared parts."""
        self.tools = tools

    def enter(self, visit: Visit, interaction: Interaction) -> None:  # noqa: B027 (most steps need nothing)
        """Prepare what the page needs, once."""

    def resend(self, visit: Visit, interaction: Interaction) -> None:  # noqa: B027 (most steps send nothing)
        """Send again what the page waits for."""

    @abstractmethod
    def show(self, visit: Visit, interaction: Interaction) -> Response:
        """The page."""

    @abstractmethod
    def submit(self, visit: Visit, interaction: Interaction) -> Response | None:
        """Judge what was posted."""


def cancel_url(interaction: Interaction) -> str | None:
    """Where a sign-in is given up that a service asked for, on each of its pages (FAPI 2.0 conformance)."""
    return None if interaction.asked.client_id is None else "/connexion/annuler"


def hidden(interaction: Interaction) -> dict[str, str]:
    """The hidden values of the step's forms."""
    return {"i": interaction.id}
