"""Faults in what reads a range by a call of its own."""

from __future__ import annotations

from typing import Any

from trove.driver import (
    ObjectReader,
)
from trove.drivers.memory import MemoryDriver

from .fault import caught_by


@caught_by(
    "test_get_range",
    "test_get_range_of_a_large_object",
    "test_get_range_reader_is_of_the_range",
)
class GetRangeOneTooLong(MemoryDriver):
    """get_range reads one byte more."""

    def get_range(self, bucket: Any, key: Any, offset: Any, length: Any) -> ObjectReader:
        super().get_range(bucket, key, offset, length).close()
        return super().get_range(bucket, key, offset, length + 1 if length > 0 else length)


@caught_by(
    "test_get_range_negative",
)
class GetRangeTakesNegatives(MemoryDriver):
    """Every negative length of get_range is to the end."""

    def get_range(self, bucket: Any, key: Any, offset: Any, length: Any) -> ObjectReader:
        if isinstance(length, int) and length < 0:
            length = -1
        return super().get_range(bucket, key, offset, length)
