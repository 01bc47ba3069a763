"""What has to be over in time, on a machine that may be busy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SLACK = 7.0
"""Seconds by which a busy machine may be late; fewer than a call of a store has by itself, so that a timeout
that is not heeded is told from one that is."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done in it is over after so many seconds, or a little later."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds + SLACK, f"it took {took:.1f} seconds"
