"""The forms of « Créer son compte »."""

import re

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from idp.core.spaces import Space
from idp.core.words import N_
from idp.login import new_password
from idp.login.member_forms import (
    LONG,
    SHORT_TEXT,
    WRONG_NUMBER,
    EmailForm,
    PairForm,
    captcha_field,
    email_field,
    name_number,
)
from idp.subjects.members import fold_member_number


class EnrolmentForm(PairForm, EmailForm):
    """« Mes infos »."""

    # Again, so that errors are told in the order of the page.
    email = email_field()
    password = new_password.field()
    password_confirm = new_password.confirmation()
    captcha = captcha_field()
    terms = BooleanField(
        N_("J'accepte les conditions générales d'utilisation"),
        [InputRequired(N_("Pour créer votre compte, acceptez les conditions générales d’utilisation."))],
    )


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
    captcha = captcha_field()

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
    email = email_field()
    password = new_password.field()
    password_confirm = new_password.confirmation()
    captcha = captcha_field()
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
