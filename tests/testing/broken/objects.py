"""Faults in putting, getting and deleting objects."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import time
from datetime import UTC, datetime
from typing import Any

from trove.driver import ObjectInfo, ObjectReader, check_mapping, check_put
from trove.drivers.etag import content_etag
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketNotFoundError,
    ObjectNotFoundError,
    StorageIOError,
    TroveError,
    VersionNotFoundError,
)

from .fault import caught_by


def altered(info: ObjectInfo, **fields: Any) -> ObjectInfo:
    """``info`` with other values, not made read-only again."""
    info = dataclasses.replace(info)
    for name, value in fields.items():
        object.__setattr__(info, name, value)
    return info


@caught_by(
    "test_concurrency_content_and_info_are_of_one_put",
    "test_conditional_if_match_with_same_content",
    "test_copy_keeps_metadata",
    "test_copy_onto_itself_keeps_metadata",
    "test_copy_with_metadata_keeps_the_source",
    "test_info_changing_it_changes_no_object",
    "test_info_keeps_no_hold_of_the_metadata_given",
    "test_info_of_put_has_metadata",
    "test_lifecycle_move_keeps_the_object",
    "test_put_get_overwrite_replaces_metadata",
    "test_put_get_overwrite_same_content_new_metadata",
    "test_put_get_tags_are_not_metadata",
    "test_put_get_with_many_metadata",
    "test_put_get_with_metadata",
    "test_put_get_with_metadata_of_any_text",
    "test_server_copy_keeps_what_goes_along",
    "test_versioning_restore_keeps_attributes",
)
class LosesMetadata(MemoryDriver):
    """put forgets the metadata."""

    def put(self, *args: Any, metadata: Any = None, **options: Any) -> ObjectInfo:
        check_mapping("metadata", metadata)
        return super().put(*args, **options)


@caught_by(
    "test_copy_keeps_tags",
    "test_copy_with_metadata_keeps_tags",
    "test_info_keeps_no_hold_of_the_tags_given",
    "test_info_of_get_has_tags",
    "test_info_of_list_has_tags",
    "test_info_of_put_has_tags",
    "test_put_get_tags_are_not_metadata",
    "test_put_get_with_tags",
    "test_server_copy_keeps_tags",
    "test_versioning_restore_keeps_tags",
)
class LosesTags(MemoryDriver):
    """put drops the tags in silence."""

    def put(self, *args: Any, tags: Any = None, **options: Any) -> ObjectInfo:
        check_mapping("tags", tags)
        return super().put(*args, **options)


@caught_by(
    "test_copy_keeps_content_type",
    "test_copy_with_metadata_keeps_content_type",
    "test_info_of_put",
    "test_lifecycle_move_keeps_the_object",
    "test_put_get_with_content_type",
    "test_server_copy_keeps_what_goes_along",
    "test_versioning_restore_keeps_attributes",
)
class LosesContentType(MemoryDriver):
    """put drops the content type."""

    def put(self, *args: Any, content_type: Any = None, **options: Any) -> ObjectInfo:
        check_put("key", content_type=content_type)
        return super().put(*args, **options)


@caught_by(
    "test_copy_keeps_storage_class",
    "test_info_of_list_and_get_has_storage_class",
    "test_info_of_put_has_storage_class",
    "test_put_get_with_storage_class",
    "test_server_copy_keeps_storage_class",
)
class LosesStorageClass(MemoryDriver):
    """put drops the storage class."""

    def put(self, *args: Any, storage_class: Any = None, **options: Any) -> ObjectInfo:
        check_put("key", storage_class=storage_class)
        return super().put(*args, **options)


@caught_by(
    "test_put_get_overwrite_drops_metadata",
    "test_put_get_overwrite_replaces_metadata",
)
class MergesMetadata(MemoryDriver):
    """An overwritten object's metadata shine through."""

    def put(self, bucket: Any, key: Any, data: Any, *, metadata: Any = None, **options: Any) -> ObjectInfo:
        try:
            old = dict(self.head(bucket, key).metadata)
        except TroveError:
            old = {}
        if old and isinstance(metadata, dict | None):
            metadata = {**old, **(metadata or {})}
        return super().put(bucket, key, data, metadata=metadata, **options)


@caught_by(
    "test_info_mappings_are_read_only",
)
class GivesMutableMetadata(MemoryDriver):
    """head gives out a dictionary that can be changed."""

    def head(self, *args: Any, **options: Any) -> ObjectInfo:
        info = super().head(*args, **options)
        return altered(info, metadata=dict(info.metadata))


@caught_by(
    "test_info_keeps_no_hold_of_the_metadata_given",
)
class HoldsMetadataGiven(MemoryDriver):
    """What the caller does to its dictionary after the put shows in the object."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        info = super().put(bucket, key, data, **options)
        self.__dict__.setdefault("held", {})[bucket, key, info.last_modified] = options.get("metadata")
        return info

    def head(self, bucket: Any, key: Any, **options: Any) -> ObjectInfo:
        info = super().head(bucket, key, **options)
        metadata = self.__dict__.get("held", {}).get((bucket, key, info.last_modified))
        return dataclasses.replace(info, metadata=metadata) if metadata else info


@caught_by(
    "test_info_etag_is_of_the_bytes_alone",
    "test_info_etag_same_for_same_bytes",
    "test_info_etag_same_however_put",
    "test_info_etag_same_when_put_again",
)
class EtagByTime(MemoryDriver):
    """The etag changes with every put."""

    def open(self, dsn: str, **options: Any) -> None:
        super().open(dsn, **options)
        store = self._opened()
        write = store.write

        def timed(bucket: str, key: str, content: bytes, etag: str, *rest: Any) -> ObjectInfo:
            if etag == content_etag(content):  # that of a copy is taken over already
                etag = f"{etag}-{time.perf_counter_ns()}"
            return write(bucket, key, content, etag, *rest)

        store.write = timed  # type: ignore[method-assign, assignment]


@caught_by(
    "test_info_etag_differs_at_the_end_of_large_data",
)
class EtagOfTheStart(MemoryDriver):
    """The etag is of the first megabyte alone."""

    def open(self, dsn: str, **options: Any) -> None:
        super().open(dsn, **options)
        store = self._opened()
        write = store.write

        def short(bucket: str, key: str, content: bytes, etag: str, *rest: Any) -> ObjectInfo:
            if "-" not in etag:
                etag = hashlib.sha256(content[: 1 << 20]).hexdigest()
            return write(bucket, key, content, etag, *rest)

        store.write = short  # type: ignore[method-assign, assignment]


@caught_by(
    "test_copy_info_is_that_of_the_copy",
    "test_expires_info_of_put",
    "test_info_is_comparable",
    "test_info_last_modified_of_head_is_aware_utc",
    "test_info_of_head_equals_that_of_put",
    "test_info_of_list_has_all_that_head_gives",
    "test_info_stays_while_others_write",
    "test_multipart_complete_info",
    "test_server_copy_info_is_that_of_the_copy",
    "test_versioning_head_of_each_version",
    "test_versioning_restore_info",
)
class NaiveTimes(MemoryDriver):
    """head gives times without a timezone."""

    def head(self, *args: Any, **options: Any) -> ObjectInfo:
        info = super().head(*args, **options)
        return altered(info, last_modified=info.last_modified.replace(tzinfo=None))


@caught_by(
    "test_conditional_if_match_with_same_content",
    "test_copy_info_is_that_of_the_copy",
    "test_copy_keeps_metadata",
    "test_copy_keeps_no_hold_of_the_metadata_given",
    "test_copy_onto_itself_keeps_metadata",
    "test_copy_onto_itself_with_metadata",
    "test_copy_with_metadata",
    "test_copy_with_metadata_keeps_the_source",
    "test_info_changing_it_changes_no_object",
    "test_info_is_comparable",
    "test_info_keeps_no_hold_of_the_metadata_given",
    "test_info_of_head_equals_that_of_put",
    "test_info_of_list_has_all_that_head_gives",
    "test_info_stays_while_others_write",
    "test_lifecycle_move_keeps_the_object",
    "test_multipart_metadata",
    "test_put_get_overwrite_replaces_metadata",
    "test_put_get_overwrite_same_content_new_metadata",
    "test_put_get_tags_are_not_metadata",
    "test_put_get_with_many_metadata",
    "test_put_get_with_metadata",
    "test_put_get_with_metadata_of_any_text",
    "test_server_copy_keeps_what_goes_along",
    "test_versioning_head_of_each_version",
    "test_versioning_restore_keeps_attributes",
)
class HeadSaysLess(MemoryDriver):
    """head leaves out the metadata."""

    def head(self, *args: Any, **options: Any) -> ObjectInfo:
        return dataclasses.replace(super().head(*args, **options), metadata={})


@caught_by(
    "test_info_of_put_has_tags",
)
class PutSaysLess(MemoryDriver):
    """put returns an info without tags."""

    def put(self, *args: Any, **options: Any) -> ObjectInfo:
        return dataclasses.replace(super().put(*args, **options), tags={})


@caught_by(
    "test_put_get_content_type_guessed",
)
class GuessesNoContentType(MemoryDriver):
    """Every object without a content type is a stream of octets."""

    def put(self, *args: Any, content_type: Any = None, **options: Any) -> ObjectInfo:
        content_type = "application/octet-stream" if content_type is None else content_type
        return super().put(*args, content_type=content_type, **options)


# Data.


@caught_by(
    "test_put_get_larger_than_blocks",
)
class CutsLargeObjects(MemoryDriver):
    """Only the first four megabytes are stored."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        return super().put(bucket, key, data[: 4 << 20] if type(data) is bytes else data, **options)


@caught_by(
    "test_data_wrong",
    "test_data_wrong_stores_nothing",
)
class EncodesText(MemoryDriver):
    """A str as data is encoded in silence."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        return super().put(bucket, key, data.encode() if isinstance(data, str) else data, **options)


@caught_by(
    "test_data_file_is_not_closed",
    "test_data_file_on_disk",
)
class ClosesFiles(MemoryDriver):
    """The file that was put is closed."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        info = super().put(bucket, key, data, **options)
        if isinstance(data, io.BytesIO | io.BufferedReader):
            data.close()
        return info


@caught_by(
    "test_data_file_at_its_end",
    "test_data_file_from_its_position",
)
class RewindsFiles(MemoryDriver):
    """A file is read from its start instead of its position."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if isinstance(data, io.BytesIO):
            data.seek(0)
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_atomicity_error_of_the_data_is_raised_as_it_is",
    "test_atomicity_failing_data_creates_nothing",
    "test_atomicity_failing_data_keeps_the_old_object",
    "test_data_file_that_trickles",
)
class ReadsFilesOnce(MemoryDriver):
    """One read() is taken for the whole file."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if isinstance(data, io.RawIOBase):
            data = data.read(1 << 20)
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_data_iterables",
    "test_info_etag_same_however_put",
)
class StopsAtEmptyPieces(MemoryDriver):
    """An empty piece is taken for the end of the iterable."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if isinstance(data, list) and b"" in data:
            data = data[: data.index(b"", 1) if data[0] == b"" else data.index(b"")]
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_data_iterable_that_fills_one_buffer_again",
    "test_data_iterable_that_resizes_its_buffer",
)
class JoinsPiecesLate(MemoryDriver):
    """The pieces are collected as they are, and copied when all have come."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if key and hasattr(data, "__next__") and not hasattr(data, "read"):
            data = list(data)
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_data_is_copied_from_a_bytearray",
)
class HoldsTheBuffer(MemoryDriver):
    """A bytearray is stored as it is, not as it was."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if isinstance(data, bytearray):
            self.__dict__.setdefault("held", {})[bucket, key] = data
        else:
            self.__dict__.setdefault("held", {}).pop((bucket, key), None)
        return super().put(bucket, key, data, **options)

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        reader = super().get(bucket, key, **options)
        held = self.__dict__.get("held", {}).get((bucket, key))
        return reader if held is None else ObjectReader(reader.info, io.BytesIO(held), size=len(held))


@caught_by(
    "test_data_path",
    "test_data_path_leaves_the_file",
    "test_data_path_missing",
    "test_data_path_of_another_class",
)
class StoresThePath(MemoryDriver):
    """A path is stored as its text."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        return super().put(
            bucket, key, os.fsencode(data) if isinstance(data, os.PathLike) else data, **options
        )


@caught_by(
    "test_data_views",
)
class StoresTheViewedObject(MemoryDriver):
    """A memoryview with steps is stored as all that it is a view of."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if isinstance(data, memoryview) and not data.contiguous:
            data = data.obj
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_atomicity_failing_data_creates_nothing",
    "test_atomicity_failing_data_keeps_no_bucket_alive",
    "test_atomicity_failing_data_keeps_the_old_object",
    "test_watch_refused_put_is_no_event",
)
class KeepsHalfOfFailingData(MemoryDriver):
    """When the data fail, what came until then is stored."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if not key or not hasattr(data, "__next__") or hasattr(data, "read"):
            return super().put(bucket, key, data, **options)
        pieces: list[Any] = []
        try:
            for piece in data:
                pieces.append(bytes(piece) if isinstance(piece, bytes | bytearray | memoryview) else piece)
                del piece
        except BaseException:
            if pieces:
                super().put(bucket, key, pieces, **options)
            raise
        return super().put(bucket, key, pieces, **options)


@caught_by(
    "test_atomicity_error_of_the_data_is_raised_as_it_is",
)
class WrapsErrorsOfTheData(MemoryDriver):
    """An OSError of the data is taken for the medium's."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        try:
            return super().put(bucket, key, data, **options)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageIOError.of(error, "storing an object") from error


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
