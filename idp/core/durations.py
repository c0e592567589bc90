"""Durations as administrators write them: `90s`, `5m`, `12h`, `90d`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"(\d{1,9})(ms|s|m|h|d)")


def parse_duration(value: Any) -> Any:  # noqa: ANN401 (whatever a file or the environment holds)
    """A timedelta for `90s`, `5m`, `12h`, `90d`; other values are left for pydantic to judge."""
    if isinstance(value, str):
        match = _WRITTEN.fullmatch(value.strip())
        if match is None:
            message = (
                f"{value!r} is not a duration: write a whole number and a unit, such as 90s, 5m, 12h or 90d"
            )
            raise ValueError(message)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    if isinstance(value, int | float):
        message = "a duration needs its unit, such as 90s, 5m, 12h or 90d"
        raise ValueError(message)  # noqa: TRY004 (pydantic turns ValueError, not TypeError, into its own)
    return value


def write_duration(value: timedelta) -> str:
    """The shortest way to write a duration in one unit."""
    milliseconds = value // timedelta(milliseconds=1)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(write_duration, when_used="json")
]
