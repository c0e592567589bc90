"""The forms of « Créer son compte »."""

import re

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from idp.core.settings import Directory
from idp.core.spaces import Space
from idp.core.words import N_
from idp.login import new_password
from idp.subjects import emails
from idp.subjects.members import fold_access_code, fold_member_number

WRONG_EMAIL = N_("Cette adresse email n’est pas complète. Vérifiez-la, par exemple : bonjour@example.org.")
LONG = N_("Cette réponse est trop longue : vérifiez-la.")

WRONG_NUMBER = N_("Ce numéro n’est pas complet, ou contient un signe de trop. Comparez-le à l’exemple.")
SHORT_TEXT = 64


def name_number(field: StringField, space: Space, locale: str) -> None:
    """Call the number what the space calls it, where that is not « Numéro d'adhérent »."""
    label = space.number_label(locale)
    if label:
        field.label.text = label[:1].upper() + label[1:]


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
            Length(max=SHORT_TEXT, message=LONG),
        ],
    )
    access_code = StringField(
        N_("Code d'accès extranet"),
        [
            InputRequired(N_("Écrivez votre code d’accès extranet : il est sur vos relevés.")),
            Length(max=SHORT_TEXT, message=LONG),
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

    def set_patterns(self, directory: Directory, space: Space, locale: str) -> "EnrolmentForm":
        """Take the patterns of what the mutual prints, and what the space calls its members' number."""
        self._directory = directory
        self._space = space
        self._pattern = space.member_number_pattern or directory.member_number_pattern
        name_number(self.member_number, space, locale)
        return self

    @property
    def number(self) -> str:
        """The member number without spaces."""
        return fold_member_number(self.member_number.data or "")

    def validate_member_number(self, field: StringField) -> None:
        """As printed."""
        del field
        if re.fullmatch(self._pattern, self.number, re.ASCII | re.IGNORECASE) is not None:
            return
        if self._space.member_number_pattern:
            raise ValidationError(WRONG_NUMBER)
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


class InvitationCodeForm(Form):
    """The number and the code of a letter or mail that invites."""

    member_number = StringField(
        N_("Votre numéro"),
        [
            InputRequired(N_("Écrivez votre numéro : il est sur votre lettre, sous votre nom.")),
            Length(max=SHORT_TEXT, message=LONG),
        ],
    )
    code = StringField(
        N_("Code d’invitation"),
        [
            DataRequired(N_("Écrivez le code d’invitation : il est sur votre lettre, ou dans votre email.")),
            Length(max=SHORT_TEXT, message=LONG),
        ],
    )
    captcha = StringField(N_("Recopiez les caractères de l’image, ou les chiffres de l’audio"))

    @property
    def number(self) -> str:
        """The number as it is compared."""
        return fold_member_number(self.member_number.data or "")

    @property
    def digits(self) -> str:
        """The code without the spaces and hyphens people type."""
        return "".join((self.code.data or "").replace("-", "").split())


class InvitationForm(EmailForm):
    """What opens an account for someone who is invited; the number is not asked of who gave it with a code."""

    member_number = StringField(
        N_("Numéro d'adhérent"),
        [InputRequired(N_("Écrivez votre numéro.")), Length(max=SHORT_TEXT, message=LONG)],
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

    def ask(self, space: Space, locale: str, *, pattern: str, asks_number: bool) -> "InvitationForm":
        """Ask for the number by the name and the pattern of the space, or not at all."""
        self._pattern = pattern
        if asks_number:
            name_number(self.member_number, space, locale)
        else:
            del self.member_number
        return self

    @property
    def number(self) -> str:
        """The number as it is compared; empty when it is not asked for."""
        return fold_member_number(self.member_number.data or "") if "member_number" in self else ""

    def validate_member_number(self, field: StringField) -> None:
        """As the space's numbers are."""
        del field
        if re.fullmatch(self._pattern, self.number, re.ASCII | re.IGNORECASE) is None:
            raise ValidationError(WRONG_NUMBER)
