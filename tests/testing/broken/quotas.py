"""Faults in quotas: what is counted, against what, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trove.driver import ObjectInfo, PartInfo, Quota, whole
from trove.drivers.memory import MemoryDriver
from trove.drivers.memory.bucket import Bucket
from trove.drivers.memory.store import Store
from trove.errors import InvalidArgumentError, QuotaExceededError

from .fault import caught_by


class Limiting(MemoryDriver):
    """Asks about room in another way."""

    def open(self, dsn: Any, **options: Any) -> None:
        super().open(dsn, **options)
        store = self._opened()
        ask = store.require_room

        def require_room(held: Bucket, key: str, size: int, objects: int) -> None:
            self.require(store, ask, held, key, size, objects)

        store.require_room = require_room  # type: ignore[method-assign]

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        ask(held, key, size, objects)


@contextmanager
def without(store: Store, held: Bucket, *, of_bucket: bool = True, of_store: bool = True) -> Iterator[None]:
    """A block in which there are no quotas."""
    quotas = held.quota, store.quota
    if of_bucket:
        held.quota = Quota()
    if of_store:
        store.quota = Quota()
    try:
        yield
    finally:
        held.quota, store.quota = quotas


@caught_by(
    "test_quota_a_delete_makes_room",
    "test_quota_below_what_is_there",
    "test_quota_counts_old_versions",
    "test_quota_counts_parts",
    "test_quota_counts_what_was_there_before",
    "test_quota_error_says_what_and_where",
    "test_quota_of_bytes_is_exact",
    "test_quota_of_the_store",
    "test_quota_of_the_store_and_of_a_bucket",
    "test_quota_replacing_counts_the_difference",
)
class QuotaOfBytesOneTooMany(Limiting):
    """One byte more than the quota is let in."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        ask(held, key, size - 1, objects)


@caught_by(
    "test_quota_completion_needs_an_object",
    "test_quota_counts_old_versions",
    "test_quota_delete_markers_are_free",
    "test_quota_error_says_what_and_where",
    "test_quota_of_objects_in_a_race",
    "test_quota_of_objects_is_exact",
    "test_quota_of_the_store",
)
class QuotaOfObjectsOneTooMany(Limiting):
    """One object more than the quota is let in."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        held.used_objects -= 1
        try:
            ask(held, key, size, objects)
        finally:
            held.used_objects += 1


@caught_by(
    "test_quota_below_what_is_there",
)
class QuotaForbidsWhatShrinks(Limiting):
    """Beyond a quota nothing can be replaced."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        if held.quota.max_bytes is not None and held.used_bytes > held.quota.max_bytes:
            raise QuotaExceededError("beyond the quota")
        ask(held, key, size, objects)


@caught_by(
    "test_quota_of_the_store",
    "test_quota_of_the_store_and_of_a_bucket",
)
class QuotaOfTheStoreIgnored(Limiting):
    """The quota of the store is kept, and not held against anything."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        with without(store, held, of_bucket=False):
            ask(held, key, size, objects)


@caught_by(
    "test_quota_of_the_store_and_of_a_bucket",
)
class QuotaOfTheStoreAlone(Limiting):
    """Where the store has a quota, that of the bucket is not asked."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        if store.quota == Quota():
            ask(held, key, size, objects)
            return
        with without(store, held, of_store=False):
            ask(held, key, size, objects)


@caught_by(
    "test_quota_error_says_what_and_where",
)
class QuotaErrorsSayNothing(Limiting):
    """The error of a quota says neither bucket nor key."""

    def require(self, store: Store, ask: Any, held: Bucket, key: str, size: int, objects: int) -> None:
        try:
            ask(held, key, size, objects)
        except QuotaExceededError as error:
            raise QuotaExceededError(str(error)) from error


@caught_by(
    "test_quota_copy",
)
class CopiesPassTheQuota(MemoryDriver):
    """A copy is not held against the quota."""

    def copy(
        self, src_bucket: Any, src_key: Any, dst_bucket: Any, dst_key: Any, **options: Any
    ) -> ObjectInfo:
        store = self._opened()
        with store.lock:
            held = store.buckets.get(dst_bucket) if isinstance(dst_bucket, str) else None
            if held is None:
                return super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)
            with without(store, held):
                return super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)


@caught_by(
    "test_quota_counts_parts",
)
class PartsPassTheQuota(MemoryDriver):
    """Parts are counted, and not held against the quota."""

    def upload_part(self, bucket: Any, key: Any, upload_id: Any, part_number: Any, data: Any) -> PartInfo:
        store = self._opened()
        held = store.buckets.get(bucket) if isinstance(bucket, str) else None
        if held is None:
            return super().upload_part(bucket, key, upload_id, part_number, data)
        with store.lock, without(store, held):
            return super().upload_part(bucket, key, upload_id, part_number, data)


@caught_by(
    "test_quota_an_abort_makes_room",
)
class AbortedPartsStayCounted(MemoryDriver):
    """What an aborted upload had counts on."""

    def abort_multipart(self, bucket: Any, key: Any, upload_id: Any) -> None:
        store = self._opened()
        held = store.buckets.get(bucket) if isinstance(bucket, str) else None
        before = 0 if held is None else held.used_bytes
        super().abort_multipart(bucket, key, upload_id)
        if held is not None:
            held.used_bytes = before


@caught_by(
    "test_quota_goes_with_its_bucket",
)
class QuotaOutlivesTheBucket(MemoryDriver):
    """A new bucket has the quota of one of that name that is gone."""

    def delete_bucket(self, name: Any) -> None:
        store = self._opened()
        held = store.buckets.get(name) if isinstance(name, str) else None
        super().delete_bucket(name)
        if held is not None:
            self._left = {name: held.quota}

    def create_bucket(self, name: Any, **options: Any) -> None:
        super().create_bucket(name, **options)
        self._opened().buckets[name].quota = getattr(self, "_left", {}).get(name, Quota())


@caught_by(
    "test_quota_is_replaced_and_removed",
)
class LimitsThatAreLeftOutStay(MemoryDriver):
    """set_quota changes only the limits that it is given."""

    def set_quota(self, bucket: Any, **limits: Any) -> None:
        before = self.get_quota(bucket)
        given = {name: limit for name, limit in limits.items() if limit is not None}
        super().set_quota(
            bucket, **{"max_bytes": before.max_bytes, "max_objects": before.max_objects, **given}
        )


@caught_by(
    "test_quota_bad_limits",
)
class TakesAnyLimit(MemoryDriver):
    """Limits are taken as they come."""

    def set_quota(self, bucket: Any, **limits: Any) -> None:
        try:
            super().set_quota(bucket, **limits)
        except InvalidArgumentError:
            store = self._opened()
            if bucket not in store.buckets:
                raise
            store.buckets[bucket].quota = Quota(**limits)


@caught_by(
    "test_quota_of_bytes_in_a_race",
    "test_quota_of_objects_in_a_race",
)
class QuotaIsAskedTooEarly(MemoryDriver):
    """The room is asked about first, and the object is put a little later."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        store = self._opened()
        held = store.buckets.get(bucket) if isinstance(bucket, str) else None
        if held is None or held.quota == Quota() or not isinstance(key, str):
            return super().put(bucket, key, data, **options)
        content = whole(data)
        old = None if held.versioning else held.newest(key)
        with store.lock:
            store.require_room(held, key, len(content) - (old.info.size if old else 0), 0 if old else 1)
        time.sleep(0.01)
        with store.lock, without(store, held):
            return super().put(bucket, key, content, **options)
