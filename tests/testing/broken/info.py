"""Faults in what is told of an object."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import Any

from trove.driver import ObjectInfo, check_mapping, check_put
from trove.drivers.etag import content_etag
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    TroveError,
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
