"""The forms of « Créer son compte »."""

import re

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from idp.core.settings import Directory
from idp.core.words import N_
from idp.login import new_password
from idp.subjects import emails
from idp.subjects.members import fold_access_code

WRONG_EMAIL = N_("Cette adresse email n’est pas complète. Vérifiez-la, par exemple : bonjour@example.org.")
LONG = N_("Cette réponse est trop longue : vérifiez-la.")


def _email_field() -> StringField:
    return StringField(
        N_("Adresse email"),
        [InputRequired(N_("Écrivez votre adresse email.")), Length(max=254, message=LONG)],
    )


class EmailForm(Form):
    """An address alone, to correct the one that was typed."""

    email = _email_field()

    def validate_email(self, field: StringField) -> None:
        """One parser decides what an address is."""
        if emails.parse(field.data or "") is None:
            raise ValidationError(WRONG_EMAIL)

    @property
    def address(self) -> str:
        """The address in its normal form, once the form is valid."""
        return emails.parse(self.email.data or "") or ""


class EnrolmentForm(EmailForm):
    """« Mes infos »."""

    member_number = StringField(
        N_("Numéro d'adhérent"),
        [
            InputRequired(N_("Écrivez votre numéro d’adhérent : il est sur vos courriers.")),
            Length(max=64, message=LONG),
        ],
    )
    access_code = StringField(
        N_("Code d'accès extranet"),
        [
            InputRequired(N_("Écrivez votre code d’accès extranet : il est sur vos relevés.")),
            Length(max=64, message=LONG),
        ],
    )
    # Again, so that errors are told in the order of the page.
    email = _email_field()
    password = new_password.field()
    password_confirm = new_password.confirmation()
    captcha = StringField(N_("Recopiez les caractères de l’image, ou les chiffres de l’audio"))
    terms = BooleanField(
        N_("J'accepte les conditions générales d'utilisation"),
        [InputRequired(N_("Pour créer votre compte, acceptez les conditions générales d’utilisation."))],
    )

    def set_patterns(self, directory: Directory) -> "EnrolmentForm":
        """Take the patterns of what the mutual prints."""
        self._directory = directory
        return self

    @property
    def number(self) -> str:
        """The member number without spaces."""
        return "".join((self.member_number.data or "").split())

    def validate_member_number(self, field: StringField) -> None:
        """Digits, as printed."""
        del field
        if re.fullmatch(self._directory.member_number_pattern, self.number) is None:
            message = N_("Le numéro d’adhérent se compose de chiffres seulement, par exemple : 1234567.")
            raise ValidationError(message)

    def validate_access_code(self, field: StringField) -> None:
        """Letters, whatever the case, spaces and hyphens."""
        if re.fullmatch(self._directory.access_code_pattern, fold_access_code(field.data or "")) is None:
            message = N_("Le code d’accès se compose de lettres seulement, par exemple : abcdefgh.")
            raise ValidationError(message)


class ActivationForm(Form):
    """The password just chosen, where the link is opened in another browser."""

    password = PasswordField(
        N_("Mot de passe"),
        [
            InputRequired(N_("Écrivez le mot de passe que vous venez de choisir.")),
            Length(max=1000, message=LONG),
        ],
    )
