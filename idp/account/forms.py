"""The forms of « Mon compte »."""

from wtforms import Form, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from idp.core.words import N_
from idp.login import new_password
from idp.subjects import emails

WRONG_EMAIL = N_("Cette adresse email n’est pas complète. Vérifiez-la, par exemple : bonjour@example.org.")
LONG = N_("Cette réponse est trop longue : vérifiez-la.")


def _current() -> PasswordField:
    return PasswordField(
        N_("Mot de passe actuel"),
        [InputRequired(N_("Écrivez votre mot de passe actuel.")), Length(max=1000, message=LONG)],
    )


class CurrentPasswordForm(Form):
    """The current password alone."""

    current_password = _current()


class ChangePasswordForm(Form):
    """The current password, then a new one, typed twice."""

    current_password = _current()
    password = new_password.field()
    password_confirm = new_password.confirmation()


class AddressForm(Form):
    """The address that the account is to have."""

    email = StringField(
        N_("Nouvelle adresse email"),
        [InputRequired(N_("Écrivez votre nouvelle adresse email.")), Length(max=254, message=LONG)],
    )

    def validate_email(self, field: StringField) -> None:
        """One parser decides what an address is."""
        if emails.parse(field.data or "") is None:
            raise ValidationError(WRONG_EMAIL)

    @property
    def address(self) -> str:
        """The address in its normal form, once the form is valid."""
        return emails.parse(self.email.data or "") or ""


class AddressCodeForm(Form):
    """The code that the new address received."""

    code = StringField(
        N_("Entrez le code"), [DataRequired(N_("Écrivez le code reçu à la nouvelle adresse."))]
    )

    @property
    def digits(self) -> str:
        """What was typed, without spaces."""
        return "".join((self.code.data or "").split())
