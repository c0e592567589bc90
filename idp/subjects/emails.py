"""Addresses: one parser, one folded form to compare them by, one mask to show them by."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets


def parse(typed: str) -> str | None:
    """The address in its normal form, or None when it is not one. No look-up is made."""
    text = unicodedata.normalize("NFC", typed).strip()
    if not text or len(text) > LONGEST or any(unicodedata.category(char)[0] == "C" for char in text):
        return None
    try:
        return validate_email(text, check_deliverability=False, allow_smtputf8=False).normalized
    except (EmailNotValidError, UnicodeError):
        return None


def fold(address: str) -> str:
    """The form in which two spellings of one mailbox are the same."""
    return unicodedata.normalize("NFC", address).casefold()


def mask(address: str) -> str:
    """First and last letter of the local part around four stars, whatever its length: `c****e@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}****{local[-1:]}@{domain}"
