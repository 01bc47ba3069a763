"""Faults in putting, replacing, reading and deleting objects."""

from __future__ import annotations

import contextlib
import io
import itertools
import time
from datetime import UTC, datetime
from typing import Any

from trove.driver import ObjectInfo, ObjectReader
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketNotFoundError,
    ObjectNotFoundError,
    VersionNotFoundError,
)

from .fault import caught_by


@caught_by(
    "test_atomicity_overwriting_lists_one_object",
    "test_atomicity_overwriting_shows_the_old_content_until_it_is_whole",
    "test_atomicity_overwriting_shows_the_old_info_until_it_is_whole",
    "test_atomicity_put_has_no_head_before_it_is_whole",
    "test_atomicity_put_is_not_listed_before_it_is_whole",
    "test_atomicity_put_is_not_readable_before_it_is_whole",
)
class ShowsHalfAPut(MemoryDriver):
    """What has come of the data can be read before it is whole."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if not key or not hasattr(data, "__next__") or hasattr(data, "read"):
            return super().put(bucket, key, data, **options)
        try:
            first = bytes(next(data))
        except StopIteration:
            return super().put(bucket, key, b"", **options)
        if len(first) == 400_000:
            super().put(bucket, key, first)
        return super().put(bucket, key, itertools.chain([first], data), **options)


@caught_by(
    "test_atomicity_failing_data_keeps_the_old_object",
    "test_atomicity_overwriting_lists_one_object",
    "test_atomicity_overwriting_shows_the_old_content_until_it_is_whole",
    "test_atomicity_overwriting_shows_the_old_info_until_it_is_whole",
    "test_atomicity_wrong_piece_in_the_middle_keeps_the_old_object",
    "test_conditional_replace_race",
    "test_data_wrong_stores_nothing",
    "test_quota_large_data_that_fits",
)
class DropsTheOldObjectFirst(MemoryDriver):
    """The old object is deleted before the data of the new one are read."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if hasattr(data, "__next__"):
            self.delete(bucket, key)
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_atomicity_bucket_deleted_while_a_put_is_under_way",
)
class BringsBucketsBack(MemoryDriver):
    """A put into a bucket that was deleted meanwhile claims success."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        reads = hasattr(data, "__next__")
        there = isinstance(bucket, str) and bucket in self._opened().buckets
        try:
            return super().put(bucket, key, data, **options)
        except BucketNotFoundError:
            if not (reads and there):
                raise
            return ObjectInfo(key, 0, "", "", datetime.now(UTC))


# Deleting, and what is missing.


@caught_by(
    "test_concurrency_deletes",
    "test_delete_non_existent",
    "test_delete_non_existent_leaves_others",
    "test_delete_twice",
    "test_expires_past_can_be_deleted",
    "test_quota_a_delete_makes_room",
    "test_watch_deleting_nothing_is_no_event",
)
class DeleteMissingErrors(MemoryDriver):
    """Deleting a missing key is an error."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        if version_id is None and not isinstance(key, int):
            self.head(bucket, key)
        super().delete(bucket, key, version_id=version_id)


@caught_by(
    "test_bucket_create_unusual_names",
    "test_bucket_delete_and_create_again",
    "test_conditional_if_match_after_delete",
    "test_conditional_if_none_match_after_delete",
    "test_delete_existing",
    "test_delete_existing_from_get",
    "test_delete_existing_from_list",
    "test_multipart_failed_condition_keeps_the_upload",
    "test_multipart_if_none_match_not_before_completion",
    "test_quota_a_delete_makes_room",
    "test_quota_counts_old_versions",
    "test_quota_of_the_store",
    "test_versioning_bucket_with_old_versions_is_not_empty",
    "test_versioning_bucket_without_versions_can_go",
    "test_versioning_delete_hides_the_object",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_newest_exposes_the_one_before",
    "test_versioning_delete_of_an_old_version",
    "test_versioning_delete_of_the_only_version",
    "test_versioning_delete_puts_a_marker",
    "test_versioning_if_none_match_over_a_marker",
    "test_versioning_marker_is_not_readable",
    "test_versioning_put_over_a_marker",
    "test_versioning_reader_is_consistent_when_its_version_goes",
    "test_versioning_restore_of_a_marker",
    "test_versioning_switched_off_delete_keeps_old_versions",
    "test_watch_created_again_after_deletion",
    "test_watch_delete_marker",
    "test_watch_deleted",
    "test_watch_deletion_has_no_info",
    "test_watch_with_several_event_types",
)
class DeleteDoesNothing(MemoryDriver):
    """delete says yes, and leaves the object."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, "no such key, surely" if key == "key" else key, version_id=version_id)


@caught_by(
    "test_copy_of_a_copy",
    "test_delete_leaves_others",
    "test_delete_non_existent_leaves_others",
    "test_versioning_bucket_without_versions_can_go",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_newest_exposes_the_one_before",
    "test_versioning_delete_of_an_old_version",
)
class DeletesByPrefix(MemoryDriver):
    """delete takes with it all keys that begin with the key."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, key, version_id=version_id)
        for info in self.list(bucket, prefix=key):
            super().delete(bucket, info.key)


@caught_by(
    "test_delete_unknown_version",
    "test_versioning_delete_of_unknown_version",
)
class DeletesUnknownVersions(MemoryDriver):
    """Deleting an unknown version is no error."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        with contextlib.suppress(VersionNotFoundError):
            super().delete(bucket, key, version_id=version_id)


@caught_by(
    "test_delete_unknown_version",
    "test_versioning_delete_of_unknown_version",
)
class DeletesNoMatterWhichVersion(MemoryDriver):
    """delete ignores the version id."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, key, version_id=version_id if version_id != "no-such-version" else None)


@caught_by(
    "test_get_unknown_version",
    "test_versioning_delete_of_an_old_version",
    "test_versioning_unknown_version",
)
class ReadsNoMatterWhichVersion(MemoryDriver):
    """get gives the current version for an unknown one."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        try:
            return super().get(bucket, key, range=range, version_id=version_id)
        except VersionNotFoundError:
            return super().get(bucket, key, range=range)


@caught_by(
    "test_atomicity_put_is_not_readable_before_it_is_whole",
    "test_delete_existing_from_get",
    "test_expires_past_hidden_from_get",
    "test_messages_cut_long_keys",
    "test_messages_show_keys_as_repr",
    "test_put_get_object_not_found",
    "test_put_get_other_object_not_found",
    "test_versioning_delete_hides_the_object",
    "test_versioning_marker_is_not_readable",
)
class MissingIsEmpty(MemoryDriver):
    """get of a missing object gives an empty one."""

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        try:
            return super().get(bucket, key, **options)
        except ObjectNotFoundError:
            return ObjectReader(ObjectInfo(key, 0, "", "", datetime.now(UTC)), io.BytesIO())


@caught_by(
    "test_head_bucket_not_found",
    "test_messages_name_the_bucket",
)
class MissingBucketIsMissingObject(MemoryDriver):
    """head in a missing bucket says that the object is missing."""

    def head(self, bucket: Any, key: Any, **options: Any) -> ObjectInfo:
        try:
            return super().head(bucket, key, **options)
        except BucketNotFoundError as error:
            raise ObjectNotFoundError.of(bucket, key) from error


# Several threads.


@caught_by(
    "test_concurrency_100_concurrent_puts",
)
class LosesPutsUnderLoad(MemoryDriver):
    """A put writes back all the keys that it saw, without those that others put meanwhile."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if options or not isinstance(key, str) or not key.startswith("key-") or len(key) != 7:
            return super().put(bucket, key, data, **options)
        held = self._opened().bucket(bucket)
        seen = {each: held.chain(each) for each in held.all_keys()}
        time.sleep(0.001)
        info = super().put(bucket, key, data)
        with self._opened().lock:
            for each in held.all_keys():
                if each not in seen and each != key:
                    held.remove(each, "")
        return info
