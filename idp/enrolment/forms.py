"""The forms of « Créer son compte »."""

import re

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, ValidationError

from idp.core.settings import Directory
from idp.subjects import emails
from idp.subjects.members import fold_access_code

WRONG_EMAIL = "Cette adresse email n’est pas complète. Vérifiez-la, par exemple : bonjour@example.org."
LONG = "Cette réponse est trop longue : vérifiez-la."


def _email_field() -> StringField:
    return StringField(
        "Adresse email", [InputRequired("Écrivez votre adresse email."), Length(max=254, message=LONG)]
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
        "Numéro d'adhérent",
        [
            InputRequired("Écrivez votre numéro d’adhérent : il est sur vos courriers."),
            Length(max=64, message=LONG),
        ],
    )
    access_code = StringField(
        "Code d'accès extranet",
        [
            InputRequired("Écrivez votre code d’accès extranet : il est sur vos relevés."),
            Length(max=64, message=LONG),
        ],
    )
    # Again, so that errors are told in the order of the page.
    email = _email_field()
    password = PasswordField("Choisissez votre mot de passe", [InputRequired("Choisissez un mot de passe.")])
    password_confirm = PasswordField(
        "Confirmez le mot de passe",
        [
            InputRequired("Écrivez le mot de passe une seconde fois."),
            EqualTo("password", "Les deux mots de passe sont différents. Écrivez-les à nouveau."),
        ],
    )
    captcha = StringField("Recopiez les caractères de l’image")
    terms = BooleanField(
        "J'accepte les conditions générales d'utilisation",
        [InputRequired("Pour créer votre compte, acceptez les conditions générales d’utilisation.")],
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
            message = "Le numéro d’adhérent se compose de chiffres seulement, par exemple : 1234567."
            raise ValidationError(message)

    def validate_access_code(self, field: StringField) -> None:
        """Letters, whatever the case, spaces and hyphens."""
        if re.fullmatch(self._directory.access_code_pattern, fold_access_code(field.data or "")) is None:
            message = "Le code d’accès se compose de lettres seulement, par exemple : abcdefgh."
            raise ValidationError(message)


class ActivationForm(Form):
    """The password just chosen, where the link is opened in another browser."""

    password = PasswordField(
        "Mot de passe",
        [InputRequired("Écrivez le mot de passe que vous venez de choisir."), Length(max=1000, message=LONG)],
    )
