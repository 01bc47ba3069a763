"""ManualClock: a clock that stands until it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Tells the time at which it was made, in UTC, and later what :meth:`advance` made of it."""

    def __init__(self) -> None:
        # A backend may have a clock of its own beside this one: what is due must be due later for both.
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._now

    def advance(self, time: timedelta) -> None:
        """Let ``time`` pass."""
        self._now += time
