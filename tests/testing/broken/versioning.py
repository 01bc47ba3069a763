"""Faults in versions."""

from __future__ import annotations

import builtins
import dataclasses
from typing import Any

from trove.driver import (
    ObjectInfo,
    ObjectReader,
    VersionInfo,
)
from trove.drivers.memory import MemoryDriver
from trove.drivers.memory.store import Store
from trove.errors import (
    BucketNotEmptyError,
    ObjectNotFoundError,
    VersionNotFoundError,
)

from .fault import caught_by


@caught_by(
    "test_versioning_completion_makes_a_version",
    "test_versioning_copy_makes_a_version",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_of_an_old_version",
    "test_versioning_delete_puts_a_marker",
    "test_versioning_list_versions_marks_the_latest",
    "test_versioning_list_versions_newest_first",
    "test_versioning_list_versions_says_what_they_are",
    "test_versioning_marker_is_not_readable",
    "test_versioning_object_from_before_stays",
    "test_versioning_restore_makes_a_new_version",
    "test_versioning_restore_of_a_marker",
)
class OldestVersionFirst(MemoryDriver):
    """list_versions gives the oldest version first."""

    def list_versions(self, bucket: Any, key: Any) -> builtins.list[VersionInfo]:
        return super().list_versions(bucket, key)[::-1]


@caught_by(
    "test_versioning_delete_puts_a_marker",
    "test_versioning_list_versions_marks_the_latest",
    "test_versioning_object_from_before_stays",
)
class EveryVersionIsLatest(MemoryDriver):
    """is_latest is true of all that are no markers."""

    def list_versions(self, bucket: Any, key: Any) -> builtins.list[VersionInfo]:
        listed = super().list_versions(bucket, key)
        return [dataclasses.replace(each, is_latest=not each.is_delete_marker) for each in listed]


@caught_by(
    "test_versioning_ids_sort_with_age",
)
class VersionIdsUnsorted(MemoryDriver):
    """Version ids are numbers without leading zeros."""

    def open(self, dsn: str, **options: Any) -> None:
        super().open(dsn, **options)
        store = self._opened()
        store._next_version_id = lambda held: self._next(store, held)  # type: ignore[method-assign]

    def _next(self, store: Store, held: Any) -> str:
        store._versions += 1
        return str(store._versions) if held.versioning else ""


@caught_by(
    "test_versioning_restore_makes_a_new_version",
    "test_watch_restore",
)
class RestoreKeepsTheId(MemoryDriver):
    """restore_version brings an old version to the front instead of making a new one."""

    def restore_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectInfo:
        info = self.get(bucket, key, version_id=version_id).info
        super().restore_version(bucket, key, version_id)
        store = self._opened()
        held = store.bucket(bucket)
        chain = held._chains[key]
        newest = chain.pop()
        old = dataclasses.replace(newest, info=info)
        chain[:] = [each for each in chain if each.info.version_id != version_id]
        chain.append(old)
        return info


@caught_by(
    "test_versioning_marker_is_not_readable",
)
class MarkersAreReadable(MemoryDriver):
    """Reading a delete marker gives an empty object."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        try:
            return super().get(bucket, key, range=range, version_id=version_id)
        except ObjectNotFoundError:
            if not version_id:
                raise
            return super().get(bucket, key, version_id=self.list_versions(bucket, key)[-1].version_id)


@caught_by(
    "test_versioning_delete_of_an_old_version",
    "test_versioning_unknown_version",
)
class UnknownVersionIsTheCurrent(MemoryDriver):
    """get_version of an unknown id gives the current version."""

    def get_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectReader:
        try:
            return super().get_version(bucket, key, version_id)
        except VersionNotFoundError:
            return self.get(bucket, key)


@caught_by(
    "test_versioning_restore_keeps_tags",
)
class RestoreLosesTags(MemoryDriver):
    """restore_version brings back the content without the tags."""

    def restore_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectInfo:
        super().restore_version(bucket, key, version_id)
        held = self._opened().bucket(bucket)
        newest = held.chain(key)[-1]
        held.replace_newest(key, dataclasses.replace(newest, info=dataclasses.replace(newest.info, tags={})))
        return self.head(bucket, key)


@caught_by(
    "test_quota_delete_markers_are_free",
    "test_versioning_bucket_with_old_versions_is_not_empty",
    "test_versioning_delete_keeps_the_versions",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_puts_a_marker",
    "test_versioning_put_over_a_marker",
    "test_versioning_restore_of_a_deleted_object",
    "test_versioning_switched_off_delete_keeps_old_versions",
)
class DeleteDropsTheVersions(MemoryDriver):
    """delete in a versioned bucket takes the old versions too."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, key, version_id=version_id)
        if version_id is None:
            for each in self.list_versions(bucket, key)[1:]:
                super().delete(bucket, key, version_id=each.version_id)


@caught_by(
    "test_versioning_bucket_with_old_versions_is_not_empty",
)
class BucketWithVersionsGoes(MemoryDriver):
    """A bucket that holds only old versions is deleted."""

    def delete_bucket(self, name: Any) -> None:
        try:
            super().delete_bucket(name)
        except BucketNotEmptyError:
            if list(self.list(name)):
                raise
            del self._opened().buckets[name]


@caught_by(
    "test_versioning_switched_off_keeps_old_versions",
    "test_versioning_switched_off_keeps_one_version_more",
)
class VersioningOffDropsVersions(MemoryDriver):
    """Switching versioning off drops the old versions."""

    def set_versioning(self, bucket: Any, enabled: Any) -> None:
        super().set_versioning(bucket, enabled)
        if not enabled:
            for key in self._opened().bucket(bucket).all_keys():
                for each in self.list_versions(bucket, key)[1:]:
                    self.delete_version(bucket, key, each.version_id)
