"""Faults in keeping, listing, expiring and isolating records."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from trove.errors import InvalidArgumentError, RecordNotFoundError
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
    "test_write_leaves_the_record_as_it_is",
)
class ChangesTheRecord(MemoryStore):
    """The record that is written is given the expiry that it was written with."""

    def write(self, record: Record, *, ttl: timedelta | None = None, expiry: datetime | None = None) -> None:
        super().write(record, ttl=ttl, expiry=expiry)
        if ttl is not None:
            object.__setattr__(record, "expiry", ttl)


@caught_by(
    "test_options_keys_do_not_lead_into_another_namespace",
    "test_options_namespaces_are_isolated",
)
class LeaksIntoLongerNamespaces(MemoryStore):
    """A namespace is just put before the key."""

    def _load(self, space: Space, key: str) -> Stored | None:
        return super()._load((), "".join(space) + key)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save((), "".join(space) + key, stored)

    def _drop(self, space: Space, key: str) -> None:
        super()._drop((), "".join(space) + key)

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        before = "".join(space)
        for key in super()._keys((), before + prefix, suffix, now):
            if len(key) > len(before):
                yield key[len(before) :]


@caught_by(
    "test_list_limit_and_offset_count_what_matches",
    "test_list_prefix_and_suffix_must_both_match",
    "test_read_prefix_and_suffix_must_both_match",
)
class SuffixIgnoredBesideAPrefix(MemoryStore):
    """Of prefix and suffix, given together, only the prefix has to match."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return super()._within(space, prefix, "" if prefix else suffix, now)


@caught_by(
    "test_keys_as_long_as_may_be",
    "test_list_is_in_order",
    "test_list_limit_and_offset",
    "test_list_limit_and_offset_count_what_matches",
    "test_list_prefix",
    "test_list_prefix_and_suffix_must_both_match",
    "test_list_suffix",
    "test_options_keep_the_order_of_keys",
    "test_read_prefix_and_suffix_must_both_match",
    "test_read_prefix_has_values",
)
class OrdersWithTheSuffix(MemoryStore):
    """Keys are in the order that they have with the suffix behind them."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        behind = self._options["suffix"]
        return iter(sorted(super()._within(space, prefix, suffix, now), key=lambda key: str(key + behind)))


@caught_by(
    "test_list_limit_and_offset_count_what_matches",
)
class CountsBeforeMatching(MemoryStore):
    """Limit and offset count all keys, and what does not match is left out after that."""

    def list(
        self, *, prefix: str = "", suffix: str = "", limit: int = 0, offset: int = 0
    ) -> builtins.list[str]:
        matching = super().list(prefix=prefix, suffix=suffix)
        return [key for key in super().list(limit=limit, offset=offset) if key in matching]


@caught_by(
    "test_expiry_and_a_new_record",
    "test_expiry_as_an_instant",
    "test_expiry_at_its_instant",
    "test_expiry_in_the_past",
    "test_expiry_of_the_record",
    "test_read_missing",
)
class MissingIsEmpty(MemoryStore):
    """Reading one key that is missing gives an empty list."""

    def read(self, key: str, **options: Any) -> builtins.list[Record]:
        try:
            return super().read(key, **options)
        except RecordNotFoundError:
            return []


@caught_by(
    "test_delete_missing",
    "test_options_keys_do_not_lead_into_another_namespace",
)
class DeletingTheMissingFails(MemoryStore):
    """Deleting what is not there is an error."""

    def delete(self, key: str) -> None:
        self.read(key)
        super().delete(key)


@caught_by(
    "test_delete",
    "test_delete_and_write_again",
    "test_expiry_and_a_new_record",
    "test_keys_as_long_as_may_be",
    "test_keys_of_every_kind",
    "test_options_namespaces_are_isolated",
    "test_scan_is_lazy",
    "test_threads_list_while_others_write",
    "test_threads_see_a_delete",
)
class ForgetsDeletes(MemoryStore):
    """What is deleted stays."""

    def _drop(self, space: Space, key: str) -> None:
        """It stays."""


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
    "test_keys_as_long_as_may_be",
)
class CutsLongKeys(MemoryStore):
    """Of a key only the first 500 characters count."""

    def _load(self, space: Space, key: str) -> Stored | None:
        return super()._load(space, key[:500])

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save(space, key[:500], stored)

    def _drop(self, space: Space, key: str) -> None:
        super()._drop(space, key[:500])


@caught_by(
    "test_keys_are_kept_apart",
    "test_keys_of_every_kind",
    "test_options_namespaces_are_isolated",
)
class FoldsCase(MemoryStore):
    """Keys are the same in capitals and in small letters."""

    def _load(self, space: Space, key: str) -> Stored | None:
        return super()._load(space, key.replace("A", "a"))

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save(space, key.replace("A", "a"), stored)

    def _drop(self, space: Space, key: str) -> None:
        super()._drop(space, key.replace("A", "a"))


@caught_by(
    "test_arguments_bad_option",
    "test_arguments_unknown_option",
)
class HalfAppliesOptions(MemoryStore):
    """Of options that are refused, the namespace is applied all the same."""

    def init(self, **options: Any) -> None:
        try:
            super().init(**options)
        except InvalidArgumentError:
            self._options["namespace"] = options.get("namespace", "")
            raise


@caught_by(
    "test_close_ends_a_scan",
    "test_expiry_while_it_is_scanned",
    "test_scan_is_lazy",
)
class ReadsAllAtOnce(MemoryStore):
    """A scan has read everything before its first record is asked for."""

    def scan(self, *, prefix: str = "", suffix: str = "") -> Iterator[Record]:
        return iter([*super().scan(prefix=prefix, suffix=suffix)])


@caught_by(
    "test_close_by_the_with_statement",
    "test_close_ends_every_call",
)
class WorksWhenClosed(MemoryStore):
    """Listing goes on after close."""

    def list(self, **options: Any) -> builtins.list[str]:
        return [] if self._closed else super().list(**options)
