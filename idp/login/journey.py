"""The journey of a sign-in: the next step is the first one that the facts make necessary."""

from dataclasses import dataclass
from enum import StrEnum

from idp.login.facts import Facts


class StepName(StrEnum):
    """The steps, by the last part of their address."""

    PASSWORD = "mot-de-passe"
    CHOOSER = "personne"
    ACTIVATION = "activation"
    MAIL_CODE = "code"
    TERMS = "conditions"
    TRUST = "appareil"


@dataclass(frozen=True, slots=True)
class Rule:
    """When one step is due."""

    name: StepName

    def needed(self, facts: Facts) -> bool:
        """Whether these facts make the step necessary."""
        match self.name:
            case StepName.PASSWORD:
                return not facts.password
            case StepName.CHOOSER:
                return facts.choice_pending
            case StepName.ACTIVATION:
                return facts.activation_pending
            case StepName.MAIL_CODE:
                return not facts.mail_code and (facts.code_demanded or not facts.device_trusted)
            case StepName.TERMS:
                return facts.terms_due
            case StepName.TRUST:
                return facts.mail_code and not facts.device_trusted and not facts.trust_answered


JOURNEY = (
    Rule(StepName.PASSWORD),
    Rule(StepName.CHOOSER),
    Rule(StepName.ACTIVATION),
    Rule(StepName.MAIL_CODE),
    Rule(StepName.TERMS),
    Rule(StepName.TRUST),
)


def next_step(facts: Facts) -> StepName | None:
    """The first step due, or None: the sign-in is complete."""
    return next((rule.name for rule in JOURNEY if rule.needed(facts)), None)
