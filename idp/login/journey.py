"""The journey of a sign-in: the next step is the first one that the facts make necessary."""

from dataclasses import dataclass
from enum import StrEnum

from idp.login.facts import Facts


class StepName(StrEnum):
    """The steps, by the last part of their address."""

    PASSWORD = "mot-de-passe"
    CHOOSER = "personne"
    ACTIVATION = "activation"
    APP = "application"
    MAIL_CODE = "code"
    ALARM = "alerte"
    STRONG_SETUP = "renforcer"
    TERMS = "conditions"
    TRUST = "appareil"


@dataclass(frozen=True, slots=True)
class Rule:
    """When one step is due."""

    name: StepName

    def needed(self, facts: Facts) -> bool:  # noqa: PLR0911 (one line a step)
        """Whether these facts make the step necessary."""
        match self.name:
            case StepName.PASSWORD:
                return not facts.is_known
            case StepName.CHOOSER:
                return facts.choice_pending
            case StepName.ACTIVATION:
                return facts.activation_pending
            case StepName.APP:
                # Not the mailed code of a session from before the app: the app stands in its place.
                given = facts.recovery_code or facts.is_strong
                return facts.asks_own_device and not given and _asks_second_step(facts)
            case StepName.MAIL_CODE:
                due = not facts.asks_own_device and not facts.has_second_step
                return due and _asks_second_step(facts)
            case StepName.ALARM:
                return facts.alarm
            case StepName.STRONG_SETUP:
                return facts.strong_demanded and not facts.is_strong
            case StepName.TERMS:
                return facts.terms_due
            case StepName.TRUST:
                # Nobody who must use a device of their own each time is asked whether a code may be spared.
                is_code = facts.has_second_step and not facts.passkey and not facts.strong_demanded
                return is_code and not facts.device_trusted and not facts.trust_answered


def _asks_second_step(facts: Facts) -> bool:
    return facts.code_demanded or facts.strong_demanded or facts.alarm or not facts.device_trusted


JOURNEY = (
    Rule(StepName.PASSWORD),
    Rule(StepName.CHOOSER),
    Rule(StepName.ACTIVATION),
    Rule(StepName.APP),
    Rule(StepName.MAIL_CODE),
    Rule(StepName.ALARM),
    Rule(StepName.STRONG_SETUP),
    Rule(StepName.TERMS),
    Rule(StepName.TRUST),
)


def next_step(facts: Facts) -> StepName | None:
    """The first step due, or None: the sign-in is complete."""
    return next((rule.name for rule in JOURNEY if rule.needed(facts)), None)
