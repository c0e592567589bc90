"""What was proved, in the words of tokens: methods become `acr` and `amr`, and tokens tell the truth."""

from enum import StrEnum


class Method(StrEnum):
    """A way of proving, as kept in a session."""

    PASSWORD = "pwd"
    MAIL_CODE = "otp"
    TRUSTED_DEVICE = "device"


# What a second step is; a trusted device only spares it.
SECOND_STEPS = frozenset({Method.MAIL_CODE})

# Password and mailed code are two-step verification, not multi-factor: both may live in one mailbox.
TWO_STEPS = "urn:parvis:acr:2sv"
TWO_STEPS_REMEMBERED = "urn:parvis:acr:2sv-remembered"

# From the weakest to the strongest.
LEVELS = (TWO_STEPS_REMEMBERED, TWO_STEPS)


def acr(methods: frozenset[Method]) -> str | None:
    """The authentication context that the methods reach, or None when they open no session."""
    if Method.PASSWORD not in methods:
        return None
    if Method.MAIL_CODE in methods:
        return TWO_STEPS
    return TWO_STEPS_REMEMBERED if Method.TRUSTED_DEVICE in methods else None


def amr(methods: frozenset[Method]) -> tuple[str, ...]:
    """The methods in RFC 8176 words; a trusted device is no method of its own."""
    return tuple(method.value for method in (Method.PASSWORD, Method.MAIL_CODE) if method in methods)


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
