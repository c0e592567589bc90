"""What members type of themselves, wherever a page asks for it: address, member number, access code."""

import re
from typing import Self

from wtforms import Form, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from idp.core.settings import Directory
from idp.core.spaces import Space
from idp.core.words import N_
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


def email_field(label: str = N_("Adresse email")) -> StringField:
    """An address."""
    return StringField(
        label, [InputRequired(N_("Écrivez votre adresse email.")), Length(max=254, message=LONG)]
    )


def captcha_field() -> StringField:
    """« Vérification de sécurité »."""
    return StringField(N_("Recopiez les caractères de l’image, ou les chiffres de l’audio"))


class EmailForm(Form):
    """An address alone, to correct the one that was typed."""

    email = email_field()

    def validate_email(self, field: StringField) -> None:
        """One parser decides what an address is."""
        if emails.parse(field.data or "") is None:
            raise ValidationError(WRONG_EMAIL)

    @property
    def address(self) -> str:
        """The address in its normal form, once the form is valid."""
        return emails.parse(self.email.data or "") or ""


class PairForm(Form):
    """Member number and access code, as the mutual prints them."""

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

    def set_patterns(self, directory: Directory, space: Space, locale: str) -> Self:
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
