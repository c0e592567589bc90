"""A password that a member chooses: its two fields, its rules, and the words for what it breaks."""

from wtforms import Form, PasswordField
from wtforms.validators import EqualTo, InputRequired

from idp.authenticators import password_policy
from idp.authenticators.blocked_passwords import BlockedPasswords
from idp.authenticators.password_policy import Personal, Profile, RuleText
from idp.core.words import N_
from idp.web.kit import Visit

SAME = N_("C’est votre mot de passe actuel. Choisissez-en un autre.")
NAMES = N_("Le mot de passe ne doit contenir ni votre nom, ni votre prénom.")


def field() -> PasswordField:
    """« Choisissez votre mot de passe »."""
    return PasswordField(
        N_("Choisissez votre mot de passe"), [InputRequired(N_("Choisissez un mot de passe."))]
    )


def confirmation() -> PasswordField:
    """« Confirmez le mot de passe »."""
    return PasswordField(
        N_("Confirmez le mot de passe"),
        [
            InputRequired(N_("Écrivez le mot de passe une seconde fois.")),
            EqualTo("password", N_("Les deux mots de passe sont différents. Écrivez-les à nouveau.")),
        ],
    )


class NewPasswordForm(Form):
    """A new password, typed twice."""

    password = field()
    password_confirm = confirmation()


def passes(visit: Visit, field: PasswordField, about: Personal, blocked: BlockedPasswords) -> bool:
    """Whether the policy accepts what was typed; otherwise the field says all that is to be mended."""
    settings = visit.kit.settings.password
    broken = password_policy.check(
        field.data or "",
        profile=Profile(settings.profile),
        about=about,
        blocked=blocked,
        accented=settings.accented_letters,
    )
    field.errors = [password_policy.SENTENCES[rule] for rule in broken]
    return not broken


def rules(visit: Visit) -> list[RuleText]:
    """The password's rules, for the list under its field."""
    settings = visit.kit.settings.password
    found = password_policy.describe(Profile(settings.profile), accented=settings.accented_letters)
    return [RuleText(rule.id, visit.say(rule.text)) for rule in found]


def strength(field: PasswordField, about: Personal) -> int | None:
    """How strong the password was that is asked for again, from 0 to 4: its word is shown, the password never."""
    return password_policy.strength(field.data, about) if field.data else None
