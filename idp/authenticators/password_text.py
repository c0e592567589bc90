"""How a password is read before it is judged, compared or hashed: one normal form, one folded form."""

import unicodedata

MAXIMUM = 128
"""The longest password, in characters of the normal form."""

# A letter typed as a base and its accents is up to four code points; whatever is longer than this cannot
# become 128 characters. Normalising it would only give an attacker work to send us: it is quadratic in
# runs of combining marks.
RAW_MAXIMUM = 4 * MAXIMUM


def normalise(password: str) -> str:
    """The NFKC form (SP 800-63B-4 section 3.1.1.2), so that é is é on every keyboard.

    A text beyond RAW_MAXIMUM, which no rule accepts, comes back as it is.
    """
    if len(password) > RAW_MAXIMUM:
        return password
    return unicodedata.normalize("NFKC", password)


def encode(password: str) -> bytes:
    """UTF-8, and never an exception: a lone surrogate is a wrong password, not an accident."""
    return password.encode("utf-8", "surrogatepass")


def fold(text: str) -> str:
    """Without case, accents or compatibility forms: what two people would call the same word.

    Reads RAW_MAXIMUM characters.
    """
    decomposed = unicodedata.normalize("NFKD", normalise(text[:RAW_MAXIMUM]).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
