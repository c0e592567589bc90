"""What members write: each form becomes a value, or a message per field that says how to mend it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

PLACES: Final = {
    "maison": "À la maison",
    "route": "Sur la route",
    "travail": "Au travail",
    "sport": "Pendant un sport ou un loisir",
    "autre": "Ailleurs",
}
CARES: Final = {
    "consultation": "Consultation",
    "pharmacie": "Pharmacie",
    "optique": "Optique",
    "dentaire": "Dentaire",
    "hospitalisation": "Hospitalisation",
    "autre": "Autre",
}
YES_NO: Final = {"oui": "Oui", "non": "Non"}
LONGEST_TEXT = 1_000
# Two years: after that, neither a care nor an accident can be declared.
OLDEST = timedelta(days=730)
_LARGEST_CENTS = 2_000_000

Errors = dict[str, str]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a declaration comes to, in words that can be read again."""

    about_on: date
    subject: str
    details: str


def read_accident(form: Mapping[str, str], *, today: date) -> Declared | Errors:
    """An accident: when, where, whether somebody else is responsible, and a few words."""
    errors: Errors = {}
    happened_on = _past_day(form.get("happened_on", ""), today, errors, "happened_on", "de l'accident")
    place = _choice(form, "place", PLACES, "Choisissez où l'accident a eu lieu.", errors)
    other = _choice(form, "third_party", YES_NO, "Dites si une autre personne est en cause.", errors)
    details = form.get("details", "").replace("\0", "").strip()
    if len(details) > LONGEST_TEXT:
        errors["details"] = f"Raccourcissez votre texte : {LONGEST_TEXT} caractères au plus."
    if errors or happened_on is None:
        return errors
    lines = [f"Une autre personne est en cause : {other.lower()}.", details]
    return Declared(happened_on, place, "\n".join(line for line in lines if line))


def read_request(form: Mapping[str, str], *, today: date) -> Declared | Errors:
    """A request for a reimbursement: when, what kind of care, how much was paid."""
    errors: Errors = {}
    care_on = _past_day(form.get("care_on", ""), today, errors, "care_on", "des soins")
    care = _choice(form, "care", CARES, "Choisissez le type de soins.", errors)
    cents = _cents(form.get("amount", ""))
    if cents is None:
        errors["amount"] = "Écrivez la somme payée en euros, par exemple 23,10."
    if errors or care_on is None or cents is None:
        return errors
    return Declared(care_on, care, f"Somme payée : {cents // 100},{cents % 100:02d} €")


def read_iban(form: Mapping[str, str]) -> str | Errors:
    """A French account number, with or without spaces. The member-data service checks the digits."""
    iban = re.sub(r"\s", "", form.get("iban", "")).upper()
    if re.fullmatch(r"FR[0-9]{2}[0-9A-Z]{23}", iban, re.ASCII):
        return iban
    return {"iban": "Écrivez les 27 caractères de votre IBAN : il commence par FR."}


def _past_day(text: str, today: date, errors: Errors, name: str, what: str) -> date | None:
    day = _day(text.strip())
    if day is None:
        errors[name] = f"Écrivez la date {what}, par exemple {today:%d/%m/%Y}."
    elif day > today:
        errors[name] = f"La date {what} ne peut pas être dans le futur."
    elif day < today - OLDEST:
        errors[name] = f"La date {what} remonte à plus de deux ans : appelez votre agence."
    return day


def _day(text: str) -> date | None:
    """A day as browsers send it (2026-03-12) or as people write it (12/03/2026)."""
    if french := re.fullmatch(r"(\d{1,2})[/. -](\d{1,2})[/. -](\d{4})", text, re.ASCII):
        numbers = [int(part) for part in reversed(french.groups())]
    elif iso := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text, re.ASCII):
        numbers = [int(part) for part in iso.groups()]
    else:
        return None
    try:
        return date(*numbers)
    except ValueError:
        return None


def _choice(
    form: Mapping[str, str], name: str, choices: Mapping[str, str], message: str, errors: Errors
) -> str:
    chosen = choices.get(form.get(name, ""))
    if chosen is None:
        errors[name] = message
    return chosen or ""


def _cents(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,6})(?:[.,](\d{1,2}))?", re.sub(r"[\s€]", "", text), re.ASCII)
    if match is None:
        return None
    cents = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))
    return cents if 0 < cents <= _LARGEST_CENTS else None
