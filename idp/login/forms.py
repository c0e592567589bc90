"""The forms of the sign-in."""

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from idp.authenticators.password import LONGEST_IDENTIFIER


class PasswordForm(Form):
    """« Connexion à votre compte »."""

    identifier = StringField(
        "Identifiant",
        [
            InputRequired("Écrivez votre identifiant : votre adresse email ou votre numéro d’adhérent."),
            Length(max=LONGEST_IDENTIFIER, message="Cet identifiant est trop long : vérifiez-le."),
        ],
    )
    password = PasswordField(
        "Mot de passe",
        [
            InputRequired("Écrivez votre mot de passe."),
            Length(max=1000, message="Ce mot de passe est trop long : vérifiez-le."),
        ],
    )
    remember = BooleanField("Se souvenir de moi")
    captcha = StringField("Recopiez les caractères de l’image")


class CodeForm(Form):
    """A code received by mail."""

    code = StringField("Entrez le code", [DataRequired("Écrivez le code reçu par email.")])

    @property
    def digits(self) -> str:
        """What was typed, without spaces."""
        return "".join((self.code.data or "").split())
