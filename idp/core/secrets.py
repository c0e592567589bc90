"""Random values, fingerprints, and a vault of keys derived from the root secret, one per purpose."""

import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
ROOT_MINIMUM = 32


class BadSeal(Exception):
    """A sealed value was altered, moved to another row, or made under another root secret."""


def token() -> str:
    """256 random bits as 43 url-safe characters."""
    return secrets.token_urlsafe(32)


def digits(count: int) -> str:
    """`count` decimal digits, uniformly random, leading zeros included."""
    return f"{secrets.randbelow(10**count):0{count}d}"


def fingerprint(value: str) -> str:
    """SHA-256 in hexadecimal: how a value of high entropy (a token) is kept at rest."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


class Vault:
    """Keys for each purpose, derived by HKDF-SHA-256 from one root secret that is not in the database."""

    def __init__(self, root: bytes) -> None:
        """Keep the root; `from_root` is the way in."""
        self._root = root
        self.key = lru_cache(maxsize=128)(self._derive)

    @classmethod
    def from_root(cls, root: str) -> "Vault":
        """A vault over the configured root secret, of at least 32 characters (ValueError otherwise)."""
        if len(root) < ROOT_MINIMUM:
            message = f"the root secret needs at least {ROOT_MINIMUM} characters"
            raise ValueError(message)
        return cls(root.encode())

    def _derive(self, purpose: str) -> bytes:
        """32 bytes for this purpose only."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parvis:" + purpose.encode()).derive(
            self._root
        )

    def mac(self, purpose: str, *parts: str) -> str:
        """HMAC-SHA-256 in hexadecimal over the parts, each with its length so that none can slide."""
        code = hmac.new(self.key("mac:" + purpose), digestmod=hashlib.sha256)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            code.update(len(data).to_bytes(8, "big") + data)
        return code.hexdigest()

    def seal(self, purpose: str, plaintext: bytes, *, bound_to: str = "") -> bytes:
        """AES-256-GCM; opens only for the same purpose and the same `bound_to` (a row's identifier)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.key("seal:" + purpose)).encrypt(nonce, plaintext, bound_to.encode())

    def unseal(self, purpose: str, sealed: bytes, *, bound_to: str = "") -> bytes:
        """The plaintext of `seal`; raises BadSeal."""
        try:
            cipher = AESGCM(self.key("seal:" + purpose))
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError) as cause:
            raise BadSeal(purpose) from cause
