"""A clock that a story moves by hand."""

from datetime import UTC, datetime, timedelta

# A Thursday morning: minutes and hours may pass without the day's budgets beginning again.
START = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until it is told to advance."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta = timedelta(0), **parts: float) -> None:
        """`advance(timedelta(minutes=5))` or `advance(minutes=5)`."""
        self._now += by + timedelta(**parts)
