"""Faults in making, listing and deleting buckets."""

from __future__ import annotations

import builtins
import contextlib
from typing import Any

from trove.driver import BucketInfo, ObjectInfo
from trove.drivers.memory import MemoryDriver
from trove.errors import BucketExistsError, BucketNotEmptyError, BucketNotFoundError

from .fault import caught_by


@caught_by(
    "test_bucket_delete_not_empty",
    "test_messages_are_never_empty",
    "test_versioning_bucket_with_old_versions_is_not_empty",
)
class DropsFullBuckets(MemoryDriver):
    """A bucket goes with all that is in it."""

    def delete_bucket(self, name: str) -> None:
        try:
            super().delete_bucket(name)
        except BucketNotEmptyError:
            del self._opened().buckets[name]


@caught_by(
    "test_bucket_delete_not_found",
    "test_bucket_delete_twice",
)
class DeletesMissingBuckets(MemoryDriver):
    """Deleting a missing bucket is no error."""

    def delete_bucket(self, name: str) -> None:
        with contextlib.suppress(BucketNotFoundError):
            super().delete_bucket(name)


@caught_by(
    "test_bucket_create_duplicate",
    "test_bucket_create_race",
    "test_messages_are_never_empty",
    "test_messages_name_the_bucket_that_exists",
)
class CreatesTwice(MemoryDriver):
    """Creating a bucket that exists is no error."""

    def create_bucket(self, name: str, **options: Any) -> None:
        with contextlib.suppress(BucketExistsError):
            super().create_bucket(name, **options)


@caught_by(
    "test_bucket_create_duplicate",
    "test_bucket_create_duplicate_keeps_objects",
    "test_bucket_create_race",
    "test_messages_are_never_empty",
    "test_messages_name_the_bucket_that_exists",
)
class EmptiesWhenCreatedTwice(MemoryDriver):
    """Creating a bucket that exists raises, and empties it."""

    def create_bucket(self, name: str, **options: Any) -> None:
        if isinstance(name, str):
            self._opened().buckets.pop(name, None) and super().create_bucket(name)
        super().create_bucket(name, **options)


@caught_by(
    "test_bucket_list_sorted",
)
class UnsortedBuckets(MemoryDriver):
    """Buckets are listed as they were made, the newest first."""

    def list_buckets(self) -> builtins.list[BucketInfo]:
        return sorted(super().list_buckets(), key=lambda info: info.created_at, reverse=True)


@caught_by(
    "test_bucket_list_created_at",
)
class NaiveCreationTime(MemoryDriver):
    """created_at is without timezone."""

    def list_buckets(self) -> builtins.list[BucketInfo]:
        infos = super().list_buckets()
        return [BucketInfo(info.name, info.created_at.replace(tzinfo=None)) for info in infos]


@caught_by(
    "test_put_get_bucket_not_found",
    "test_put_get_makes_no_bucket",
)
class MakesBucketsWhenPut(MemoryDriver):
    """A put into a missing bucket makes it, though the error is raised."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        try:
            return super().put(bucket, key, data, **options)
        except BucketNotFoundError:
            if type(data) is bytes and not options:
                super().create_bucket(bucket)
            raise


@caught_by(
    "test_bucket_keeps_objects_apart",
    "test_versioning_bucket_without_versions_can_go",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_newest_exposes_the_one_before",
    "test_versioning_delete_of_an_old_version",
)
class SharesKeysBetweenBuckets(MemoryDriver):
    """A delete takes the key out of all buckets."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, key, version_id=version_id)
        for info in self.list_buckets():
            super().delete(info.name, key)


@caught_by(
    "test_arguments_bad_region",
)
class IgnoresTheRegion(MemoryDriver):
    """A region that is no text is taken."""

    def create_bucket(self, name: str, *, region: Any = None) -> None:
        super().create_bucket(name)
