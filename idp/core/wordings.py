"""The places that a mutual may word in its own way, for each space and language."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from idp.core.themes import Part
from idp.core.words import spaced

LONGEST = 300

_TAG = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]\w*;")


def _plain(text: str) -> str:
    if any(unicodedata.category(letter)[0] == "C" for letter in text):
        message = "must be one line, without control characters"
    elif _TAG.search(text):
        message = "must be plain text: HTML would be shown as it is written"
    elif "://" in text:
        # Mails promise that a link stands alone on its line and leads to us.
        message = "must not hold a link"
    elif not any(letter.isalpha() for letter in text):
        # Mails promise that a line of digits is a code.
        message = "must hold words"
    else:
        return text.strip()
    raise ValueError(message)


Said = Annotated[str, Field(max_length=LONGEST), AfterValidator(_plain)]


class Wording(Part):
    """The places, in one language; what is left out is said in the product's words."""

    sign_in_lead: Said = ""
    """Page « Connexion à votre compte », above the form; nothing stands there otherwise."""
    invitation_lead: Said = ""
    """Same page in a space without enrolment, before the help line: how one gets an invitation."""
    enrolment_lead: Said = ""
    """Page « Créer son compte », above the form: what to have at hand."""
    member_number_hint: Said = ""
    """Same page, under « Numéro d'adhérent »."""
    access_code_hint: Said = ""
    """Same page, under « Code d'accès extranet »."""
    welcome_lead: Said = ""
    """Page « Bienvenue », in the box that says that the account is open."""
    lost_access_lead: Said = ""
    """Page « J'ai perdu mes accès de connexion », above the choices."""
    terms_changes: Said = ""
    """Page and mail of new terms: in a line, what changes; nothing stands there otherwise."""
    help_intro: Said = ""
    """Page « Aide », above its contents; nothing stands there otherwise."""
    activation_mail_intro: Said = ""
    """Mail with the link « Je valide mon inscription », after the greeting."""
    mail_signature: Said = ""
    """Every mail, under its last sentence; nothing stands there otherwise."""
    mail_footer: Said = ""
    """Every mail, at its foot, beside the line that says that it is automatic; nothing stands there otherwise."""


class Wordings(Part):
    """The mutual's own words, by language."""

    fr: Wording = Wording()
    """In French; spaces before « : ; ? ! » need not be hard ones."""
    en: Wording = Wording()
    """In English; what is only worded in French is said in English in the product's words."""

    def at(self, place: str, locale: str) -> str:
        """The mutual's words at a place, for a locale such as `fr-FR`, or nothing (AttributeError: no such place)."""
        language = locale.replace("_", "-").partition("-")[0].lower()
        text: str = getattr(self.en if language == "en" else self.fr, place)
        return text if language == "en" else spaced(text)
