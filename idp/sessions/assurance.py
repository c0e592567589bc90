"""What was proved, in the words of tokens: methods become `acr` and `amr`, and tokens tell the truth."""

from enum import StrEnum


class Method(StrEnum):
    """A way of proving, as kept in a session."""

    PASSWORD = "pwd"
    MAIL_CODE = "otp"
    TRUSTED_DEVICE = "device"
    APP_CODE = "app"
    RECOVERY_CODE = "recovery"
    PASSKEY = "passkey"
    """A key of the member's own device, which also asked who holds it: both steps in one."""


# What a second step is; a trusted device only spares it.
SECOND_STEPS = frozenset({Method.MAIL_CODE, Method.APP_CODE, Method.RECOVERY_CODE, Method.PASSKEY})

# Multi-factor: a device of the member's own proved itself, beside what the member knows or is.
MULTI_FACTOR = "urn:parvis:acr:mfa"
# Password and mailed code are two-step verification, not multi-factor: both may live in one mailbox. So is a recovery
# code, which is kept on paper to get a lost device back (docs/decisions/0013).
TWO_STEPS = "urn:parvis:acr:2sv"
TWO_STEPS_REMEMBERED = "urn:parvis:acr:2sv-remembered"

# From the weakest to the strongest.
LEVELS = (TWO_STEPS_REMEMBERED, TWO_STEPS, MULTI_FACTOR)


def acr(methods: frozenset[Method]) -> str | None:
    """The authentication context that the methods reach, or None when they open no session."""
    if Method.PASSKEY in methods:
        return MULTI_FACTOR
    if Method.PASSWORD not in methods:
        return None
    if Method.APP_CODE in methods:
        return MULTI_FACTOR
    if methods & SECOND_STEPS:
        return TWO_STEPS
    return TWO_STEPS_REMEMBERED if Method.TRUSTED_DEVICE in methods else None


# RFC 8176 section 2. Whether a passkey's key lies in hardware or in software is unknown without attestation: `pop`,
# its possession, is what was proved, and `user`, that somebody was there.
_WORDS = (
    ("pwd", frozenset({Method.PASSWORD})),
    ("otp", frozenset({Method.MAIL_CODE, Method.APP_CODE, Method.RECOVERY_CODE})),
    ("pop", frozenset({Method.PASSKEY})),
    ("user", frozenset({Method.PASSKEY})),
)


def amr(methods: frozenset[Method]) -> tuple[str, ...]:
    """The methods in RFC 8176 words; a trusted device is no method of its own, and `mfa` is said where it is true."""
    words = tuple(word for word, by in _WORDS if methods & by)
    return (*words, "mfa") if acr(methods) == MULTI_FACTOR else words


def reaches(reached: str | None, demanded: str | None) -> bool:
    """Whether a level is at least the demanded one; an unknown demand is never reached."""
    if demanded is None:
        return True
    if reached not in LEVELS or demanded not in LEVELS:
        return False
    return LEVELS.index(reached) >= LEVELS.index(demanded)


def write(methods: frozenset[Method]) -> str:
    """The methods as one text for a column."""
    return " ".join(sorted(methods))


def read(column: str) -> frozenset[Method]:
    """The methods of a column."""
    return frozenset(Method(word) for word in column.split())
