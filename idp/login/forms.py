"""The forms of the sign-in."""

from wtforms import BooleanField, Form, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from idp.authenticators.password import LONGEST_IDENTIFIER
from idp.core.words import N_


class PasswordForm(Form):
    """« Connexion à votre compte »."""

    identifier = StringField(
        N_("Identifiant"),
        [
            InputRequired(N_("Écrivez votre identifiant : votre adresse email ou votre numéro d’adhérent.")),
            Length(max=LONGEST_IDENTIFIER, message=N_("Cet identifiant est trop long : vérifiez-le.")),
        ],
    )
    password = PasswordField(
        N_("Mot de passe"),
        [
            InputRequired(N_("Écrivez votre mot de passe.")),
            Length(max=1000, message=N_("Ce mot de passe est trop long : vérifiez-le.")),
        ],
    )
    remember = BooleanField(N_("Se souvenir de moi"))
    captcha = StringField(N_("Recopiez les caractères de l’image, ou les chiffres de l’audio"))


class CodeForm(Form):
    """A code received by mail."""

    code = StringField(N_("Entrez le code"), [DataRequired(N_("Écrivez le code reçu par email."))])

    @property
    def digits(self) -> str:
        """What was typed, without spaces."""
        return "".join((self.code.data or "").split())


class TermsForm(Form):
    """« Nouvelles conditions »."""

    terms = BooleanField(
        N_("J’accepte les nouvelles conditions générales d’utilisation"),
        [InputRequired(N_("Pour continuer, cochez la case : vous acceptez ainsi les nouvelles conditions."))],
    )


class AppForm(CodeForm):
    """A code that an authenticator app shows."""

    code = StringField(
        N_("Entrez le code"), [DataRequired(N_("Écrivez le code affiché par votre application."))]
    )


class RecoveryForm(Form):
    """A code of the list that was printed when the app was set up."""

    recovery_code = StringField(
        N_("Code de secours"), [DataRequired(N_("Écrivez un de vos codes de secours."))]
    )


class AccessCodeForm(Form):
    """The access code of the member's papers, alone."""

    access_code = StringField(
        N_("Code d'accès extranet"),
        [
            DataRequired(N_("Écrivez votre code d’accès extranet : il est sur vos relevés.")),
            Length(max=64, message=N_("Cette réponse est trop longue : vérifiez-la.")),
        ],
    )
