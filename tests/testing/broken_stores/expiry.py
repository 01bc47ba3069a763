"""Faults in when a record is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from trove.store import MemoryStore, Record, Space, Stored

from .fault import caught_by


@caught_by(
    "test_expiry_as_an_instant",
    "test_expiry_at_its_instant",
    "test_expiry_in_another_timezone",
    "test_expiry_in_the_past",
    "test_expiry_is_replaced_with_the_record",
    "test_expiry_is_the_time_left",
    "test_expiry_of_the_record",
    "test_expiry_of_what_was_read_goes_on",
    "test_expiry_ttl_before_expiry_before_the_own",
    "test_expiry_while_it_is_scanned",
)
class ExpiresLate(MemoryStore):
    """A record is read for a microsecond more, though no longer listed."""

    def _load(self, space: Space, key: str) -> Stored | None:
        stored = super()._load(space, key)
        if stored is None or stored.expires_at is None:
            return stored
        return Stored(stored.value, stored.expires_at + timedelta(microseconds=1))


@caught_by(
    "test_expiry_as_an_instant",
    "test_expiry_at_its_instant",
    "test_expiry_in_the_past",
    "test_expiry_leaves_the_others",
    "test_expiry_of_the_record",
)
class ListsTheExpired(MemoryStore):
    """What has expired is still listed."""

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return super()._keys(space, prefix, suffix, datetime.min.replace(tzinfo=now.tzinfo))


@caught_by(
    "test_expiry_is_replaced_with_the_record",
    "test_expiry_is_the_time_left",
    "test_expiry_of_what_was_read_goes_on",
)
class CountsFromTheRead(MemoryStore):
    """The time left is as it was written, and does not grow less."""

    def _made(self, key: str, stored: Stored | None) -> Record | None:
        record = super()._made(key, stored)
        if record is None or record.expiry is None:
            return record
        written = self._lifetimes.get(key)
        return Record(key, record.value, written)

    @property
    def _lifetimes(self) -> dict[str, timedelta]:
        lifetimes: dict[str, timedelta] = vars(self).setdefault("lifetimes", {})
        return lifetimes

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        if stored.expires_at is not None:
            own = key.removeprefix(self._options["prefix"]).removesuffix(self._options["suffix"])
            self._lifetimes[own] = stored.expires_at - self._clock()
        super()._save(space, key, stored)


@caught_by(
    "test_expiry_ttl_before_expiry_before_the_own",
)
class ExpiryBeforeTtl(MemoryStore):
    """The instant goes before the time to live."""

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        super().write(record, ttl=None if isinstance(expiry, datetime) and ttl else ttl, expiry=expiry)


@caught_by(
    "test_expiry_never",
)
class ForgetsAfterAYear(MemoryStore):
    """What has no expiry is no longer read after a year."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._begun = self._clock()

    def _load(self, space: Space, key: str) -> Stored | None:
        over = self._clock() - self._begun > timedelta(days=365)
        return None if over else super()._load(space, key)
