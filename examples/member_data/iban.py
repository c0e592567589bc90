"""French bank account numbers: their check digits, and invented ones."""

import random
import re

_FRENCH = re.compile(r"FR\d{2}[0-9]{10}[0-9A-Z]{11}[0-9]{2}")


def normalised(value: object) -> str | None:
    """The IBAN without spaces, in capitals, or None when it is not a French one with good check digits."""
    if not isinstance(value, str):
        return None
    iban = re.sub(r"[\s.-]", "", value).upper()
    if not iban.isascii() or not _FRENCH.fullmatch(iban):
        return None
    return iban if _remainder(iban) == 1 else None


def masked(iban: str) -> str:
    """The first and the last four characters, enough to recognise one's own."""
    return f"{iban[:4]} •••• •••• {iban[-4:]}"


def synthetic_iban(chance: random.Random) -> str:
    """An invented account of a bank that does not exist."""
    account = f"9999999999{chance.randrange(10**11):011d}{chance.randrange(100):02d}"
    check = 98 - _remainder(f"FR00{account}")
    return f"FR{check:02d}{account}"


def _remainder(iban: str) -> int:
    # ISO 13616: the first four characters go last, letters count from A = 10.
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97
