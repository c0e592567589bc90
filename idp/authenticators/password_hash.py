"""Password storage: bcrypt over a keyed pre-hash, in a string that says how it was made."""

import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

import bcrypt

from idp.authenticators.password_text import RAW_MAXIMUM, encode, normalise

PEPPER_MINIMUM = 32
LEGACY_BYTES = 72
"""What bcrypt reads of a password; bcrypt 5 raises beyond, older ones cut in silence."""

_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DIGEST_CHARACTERS = 31
_LOWEST_COST, _HIGHEST_COST = 4, 16

# The cost stops at 16: a damaged row that says 31 would hold the hashing thread for days.
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
_PEPPER_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_OURS = re.compile(rf"parvis\$v1\$({_PEPPER_ID.pattern})\$({_BCRYPT.pattern})")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found; `needs_upgrade` only ever with `matches`."""

    matches: bool
    needs_upgrade: bool


WRONG = Verdict(matches=False, needs_upgrade=False)


class Hasher:
    """Makes and compares stored passwords (journey 3.2): `parvis$v1$<pepper id>$<bcrypt string>`.

    Every comparison costs one bcrypt, also for a stored string that makes no sense. Call it through the gate.
    """

    def __init__(self, peppers: Mapping[str, bytes], *, current: str, cost: int) -> None:
        """Keep the peppers by id; `current` names the one for new hashes. Raises ValueError."""
        _check(peppers, current=current, cost=cost)
        self._peppers = dict(peppers)
        self._current = current
        self._cost = cost
        self.dummy = self._make_dummy()
        """What to compare with when there is no account: same cost as a hash made today, matches nothing."""

    def hash(self, password: str) -> str:
        """The string to store."""
        digest = bcrypt.hashpw(self._keyed(password, self._current), bcrypt.gensalt(self._cost))
        return self._stored(digest.decode("ascii"))

    def verify(self, password: str, stored: str) -> Verdict:
        """Compare a typed password with what is stored: our own form, or an imported bcrypt hash."""
        if stored == self.dummy:
            self._match(password, stored)
            return WRONG
        if not self._match(password, stored):
            return WRONG
        return Verdict(matches=True, needs_upgrade=not self._is_current(stored))

    def _match(self, password: str, stored: str) -> bool:
        ours = _OURS.fullmatch(stored)
        if ours and ours[1] in self._peppers:
            return _compare(self._keyed(password, ours[1]), ours[2])
        if _BCRYPT.fullmatch(stored):
            return _compare(_legacy(password), stored)
        # The same work as any other wrong password.
        _compare(self._keyed(password, self._current), self.dummy.split("$", 3)[3])
        return False

    def _keyed(self, password: str, pepper_id: str) -> bytes:
        """44 characters whatever the length of the password: 72 bytes cut nothing, and NUL cannot occur."""
        keyed = hmac.new(self._peppers[pepper_id], encode(normalise(password)), hashlib.sha256)
        return b64encode(keyed.digest())

    def _is_current(self, stored: str) -> bool:
        return stored.startswith(self._stored(f"$2b${self._cost:02d}$"))

    def _stored(self, bcrypt_string: str) -> str:
        return f"parvis$v1${self._current}${bcrypt_string}"

    def _make_dummy(self) -> str:
        """A well-formed string with a random digest: no one knows a password for it, and it costs nothing."""
        salt = bcrypt.gensalt(self._cost).decode("ascii")
        # The last character of a bcrypt digest carries four bits; "." is always a valid one.
        digest = "".join(secrets.choice(_BCRYPT_ALPHABET) for _ in range(_DIGEST_CHARACTERS - 1))
        return self._stored(f"{salt}{digest}.")


def _legacy(password: str) -> bytes:
    """The bytes that older software gave to bcrypt: as typed (browsers send NFC), cut at 72."""
    typed = unicodedata.normalize("NFC", password) if len(password) <= RAW_MAXIMUM else password
    return encode(typed)[:LEGACY_BYTES]


def _compare(secret: bytes, bcrypt_string: str) -> bool:
    try:
        return bcrypt.checkpw(secret, bcrypt_string.encode("ascii"))
    except ValueError:
        # The pattern lets through a salt that base64 cannot decode; such a row matches nothing.
        return False


def _check(peppers: Mapping[str, bytes], *, current: str, cost: int) -> None:
    if current not in peppers:
        raise ValueError(f"the current pepper {current!r} is not among the peppers")
    if not all(_PEPPER_ID.fullmatch(pepper_id) for pepper_id in peppers):
        raise ValueError("a pepper id is 1 to 32 letters, digits, - or _")
    if any(len(pepper) < PEPPER_MINIMUM for pepper in peppers.values()):
        raise ValueError(f"a pepper needs at least {PEPPER_MINIMUM} bytes")
    if not _LOWEST_COST <= cost <= _HIGHEST_COST:
        raise ValueError(f"the bcrypt cost is between {_LOWEST_COST} and {_HIGHEST_COST}")
