"""Faults in keeping one record."""

from __future__ import annotations

import builtins
from datetime import datetime, timedelta
from typing import Any

from trove.errors import RecordNotFoundError
from trove.store import MemoryStore, Record, Space, Stored

from .fault import caught_by


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
    "test_expiry_and_a_new_record",
    "test_expiry_in_the_past",
    "test_expiry_is_replaced_with_the_record",
    "test_write_replaces",
)
class KeepsTheFirst(MemoryStore):
    """What is there already is not replaced."""

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        if self._load(space, key) is None:
            super()._save(space, key, stored)


@caught_by(
    "test_keys_are_kept_apart",
    "test_keys_of_every_kind",
    "test_threads_write_one_key",
    "test_write_any_bytes",
)
class EndsAtAZero(MemoryStore):
    """A value ends at its first byte that is zero."""

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save(space, key, stored._replace(value=stored.value.partition(b"\0")[0]))


@caught_by(
    "test_expiry_of_what_was_read_goes_on",
    "test_write_any_bytes",
)
class GivesBytearrays(MemoryStore):
    """Values are equal to what was written, and can be changed."""

    def _load(self, space: Space, key: str) -> Stored | None:
        stored = super()._load(space, key)
        if stored is None:
            return None
        value: Any = bytearray(stored.value)
        return stored._replace(value=value)


@caught_by(
    "test_expiry_is_the_time_left",
    "test_write_and_read",
)
class GetsTheValue(MemoryStore):
    """Getting a record gives its value."""

    def get(self, key: str, default: Any = None) -> Any:
        record = super().get(key)
        return default if record is None else record.value


@caught_by(
    "test_get_missing",
)
class GetsNoDefault(MemoryStore):
    """Getting what is missing gives None, whatever was asked for."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key)
