"""Faults in what is taken, and should not be."""

from __future__ import annotations

import builtins
from datetime import datetime, timedelta
from typing import Any

from trove.store import MemoryStore, Record, Space

from .fault import caught_by


@caught_by(
    "test_arguments_bad_lifetime",
)
class TakesAnyTtl(MemoryStore):
    """A time to live of zero or less is one that has no end."""

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        if isinstance(ttl, timedelta) and ttl <= timedelta(0):
            ttl = None
        super().write(record, ttl=ttl, expiry=expiry)


@caught_by(
    "test_arguments_bad_expiry",
)
class TakesNaiveTimes(MemoryStore):
    """A time without a timezone is taken as the machine's."""

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        if isinstance(expiry, datetime) and expiry.tzinfo is None:
            expiry = expiry.astimezone()
        super().write(record, ttl=ttl, expiry=expiry)


@caught_by(
    "test_arguments_bad_key",
)
class TakesEmptyKeys(MemoryStore):
    """An empty key is one that is never there."""

    def _whole(self, key: object) -> str:
        return super()._whole(key) if key else self._around("")


@caught_by(
    "test_arguments_bad_key",
    "test_arguments_key_too_long_with_what_is_around_it",
)
class TakesKeysOfAnyLength(MemoryStore):
    """A key may be as long as it wants."""

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        """It may."""


@caught_by(
    "test_arguments_key_too_long_with_what_is_around_it",
)
class MeasuresTheBareKey(MemoryStore):
    """What is put around a key does not count for its length."""

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        super()._check_whole(key, space, key)


@caught_by(
    "test_arguments_value_that_is_not_bytes",
)
class TakesAnyBuffer(MemoryStore):
    """What can be made bytes of is a value."""

    def write(self, record: Record, **options: Any) -> None:
        value: object = getattr(record, "value", b"")
        if isinstance(value, (bytearray, memoryview)):
            record = Record(record.key, bytes(value), record.expiry)
        super().write(record, **options)


@caught_by(
    "test_arguments_what_is_no_record",
)
class TakesPairs(MemoryStore):
    """A key and a value are a record."""

    def write(self, record: Record, **options: Any) -> None:
        super().write(Record(*record) if isinstance(record, tuple) else record, **options)


@caught_by(
    "test_arguments_lifetime_past_the_end_of_the_calendar",
)
class TooLongIsForEver(MemoryStore):
    """A time to live that leads out of the calendar is one that has no end."""

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        super().write(record, ttl=None if ttl == timedelta.max else ttl, expiry=expiry)


@caught_by(
    "test_arguments_bad_limit_or_offset",
)
class TakesAnyLimit(MemoryStore):
    """A limit below zero is none."""

    def list(self, *, limit: int = 0, **options: Any) -> builtins.list[str]:
        return super().list(limit=0 if isinstance(limit, int) and limit < 0 else limit, **options)


@caught_by(
    "test_arguments_bad_prefix_or_suffix",
)
class NoneIsAPrefix(MemoryStore):
    """None is a prefix that every key has."""

    def list(self, *, prefix: str | None = "", **options: Any) -> builtins.list[str]:
        return super().list(prefix=prefix or "", **options)


@caught_by(
    "test_arguments_read_takes_true_or_false",
)
class TakesAnythingForTrue(MemoryStore):
    """Whether the key is a prefix is told by anything that is true or false."""

    def read(self, key: str, *, prefix: object = False, **options: Any) -> builtins.list[Record]:
        return super().read(key, prefix=bool(prefix), **options)
