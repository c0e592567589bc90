"""The signatures that clients may make: on their assertions, and on their proofs of possession."""

from enum import StrEnum


class AssertionAlgorithm(StrEnum):
    """What a client may sign with; FAPI 2.0 leaves RS256 out."""

    ES256 = "ES256"
    PS256 = "PS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"
