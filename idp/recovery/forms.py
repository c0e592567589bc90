"""The forms of « J'ai perdu mes accès de connexion »."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Self

from wtforms import Form, HiddenField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from idp.authenticators import password
from idp.authenticators.password import LONGEST_IDENTIFIER
from idp.core.words import N_
from idp.login.forms import CodeForm
from idp.login.member_forms import LONG, WRONG_EMAIL, EmailForm, PairForm, captcha_field, email_field
from idp.login.new_password import NewPasswordForm, confirmation, field
from idp.subjects import emails

OLDEST = 1880
_DATE = re.compile(r"(\d{1,2})[\s./-]+(\d{1,2})[\s./-]+(\d{4})|(\d{2})(\d{2})(\d{4})|(\d{4})-(\d{2})-(\d{2})")


class AskForm(Form):
    """« Mot de passe oublié »."""

    identifier = StringField(
        N_("Identifiant"),
        [
            InputRequired(N_("Écrivez votre identifiant : votre adresse email ou votre numéro d’adhérent.")),
            Length(max=LONGEST_IDENTIFIER, message=N_("Cet identifiant est trop long : vérifiez-le.")),
        ],
    )
    captcha = captcha_field()

    def validate_identifier(self, field: StringField) -> None:
        """An address is whole; a number is whatever the mutual prints."""
        if "@" in (field.data or "") and emails.parse(field.data or "") is None:
            raise ValidationError(WRONG_EMAIL)

    @property
    def wanted(self) -> str:
        """The identifier, in the normal form of an address."""
        typed = password.tidy(self.identifier.data or "")
        return emails.parse(typed) or typed


class LostAddressForm(PairForm, EmailForm):
    """« Je n'ai plus accès à mon email »."""

    # Again, so that errors are told in the order of the page.
    email = email_field(N_("Nouvelle adresse email"))
    captcha = captcha_field()


class LetterForm(PairForm, CodeForm):
    """Number, access code, and the code of the letter."""

    code = StringField(
        N_("Code de la lettre"),
        [DataRequired(N_("Écrivez le code de la lettre.")), Length(max=64, message=LONG)],
    )
    captcha = captcha_field()


class NumberForm(PairForm):
    """The member number alone, where a link is opened in another browser."""

    access_code = None  # type: ignore[assignment]  # WTForms drops a field that a subclass sets to None


class AlarmForm(NewPasswordForm):
    """A new password while an alarm stands: the paper proves what the mailbox cannot."""

    access_code = StringField(
        N_("Code d'accès extranet"),
        [
            InputRequired(N_("Écrivez votre code d’accès extranet : il est sur vos relevés.")),
            Length(max=64, message=LONG),
        ],
    )


class Mailbox(StrEnum):
    """Which address the reader of a letter calls theirs."""

    PRESENT = "present"
    """The account's."""
    ASKED = "asked"
    """The one that waits."""
    OTHER = "other"
    """None of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reader of a letter said, about which addresses; `address` is the other one."""

    mailbox: Mailbox
    address: str
    shown: str


class LetterPasswordForm(NewPasswordForm):
    """A new password by letter: its reader says which address is theirs."""

    present = asked = ""
    shown = HiddenField()
    mailbox = StringField(N_("Quelle est votre adresse email ?"))
    email = StringField(N_("Votre autre adresse email"), [Length(max=254, message=LONG)])
    # Again, so that errors are told in the order of the page.
    password = field()
    password_confirm = confirmation()

    def ask(self, *, present: str, asked: str, shown: str) -> Self:
        """Show these addresses; an answer that was given about others is dropped."""
        self.present = present
        self.asked = asked if emails.fold(asked) != emails.fold(present) else ""
        if self.shown.data != shown:
            self.mailbox.data = None
        self.shown.data = shown
        return self

    @property
    def choices(self) -> list[Mailbox]:
        """What may be answered; the address that was asked for only where one waits."""
        return [each for each in Mailbox if self.asked or each is not Mailbox.ASKED]

    @property
    def answer(self) -> Answer:
        """What was said, once the form is valid."""
        typed = emails.parse(self.email.data or "") or ""
        return Answer(Mailbox(self.mailbox.data or ""), address=typed, shown=self.shown.data or "")

    def validate_mailbox(self, field: StringField) -> None:
        """One of those that the page shows."""
        if field.data not in self.choices:
            raise ValidationError(N_("Dites-nous quelle est votre adresse email."))

    def validate_email(self, field: StringField) -> None:
        """Needed for another address only, and then not one of those above it."""
        if self.mailbox.data != Mailbox.OTHER:
            return
        typed = emails.parse(field.data or "")
        if typed is None:
            raise ValidationError(WRONG_EMAIL if field.data else N_("Écrivez votre adresse email."))
        if emails.fold(typed) in {emails.fold(self.present), emails.fold(self.asked)}:
            raise ValidationError(N_("Cette adresse est déjà proposée : choisissez-la au-dessus."))


class LostCodeForm(Form):
    """« Je n'ai plus mon numéro ou mon code »."""

    family_name = StringField(
        N_("Nom"), [DataRequired(N_("Écrivez votre nom.")), Length(max=120, message=LONG)]
    )
    given_name = StringField(
        N_("Prénom"), [DataRequired(N_("Écrivez votre prénom.")), Length(max=120, message=LONG)]
    )
    birth_date = StringField(
        N_("Date de naissance"),
        [DataRequired(N_("Écrivez votre date de naissance.")), Length(max=32, message=LONG)],
    )
    member_number = StringField(
        N_("Numéro d'adhérent, si vous le connaissez"), [Length(max=64, message=LONG)]
    )
    captcha = captcha_field()

    def validate_birth_date(self, field: StringField) -> None:
        """A day as people write it."""
        if day_of(field.data or "") is None:
            message = N_("Écrivez la date avec le jour, le mois et l’année, par exemple : 31/12/1950.")
            raise ValidationError(message)

    @property
    def number(self) -> str:
        """The member number without spaces; empty when it is not known."""
        return "".join((self.member_number.data or "").split())


def day_of(typed: str) -> date | None:
    """The day that was typed: « 31/12/1950 », « 31 12 1950 », « 31121950 » or « 1950-12-31 »."""
    found = _DATE.fullmatch(typed.strip())
    if found is None:
        return None
    parts = [int(part) for part in found.groups() if part is not None]
    year, month, day = parts if found[7] is not None else reversed(parts)
    try:
        return date(year, month, day) if year >= OLDEST else None
    except ValueError:
        return None
