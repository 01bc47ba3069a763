"""Faults in uploads in parts."""

from __future__ import annotations

import builtins
import contextlib
from typing import Any

from trove.driver import (
    ObjectInfo,
    PartInfo,
    UploadInfo,
)
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketNotEmptyError,
    InvalidPartError,
    PreconditionFailedError,
    UploadNotFoundError,
)

from .fault import caught_by


@caught_by(
    "test_multipart_list_parts",
)
class PartsInOrderOfArrival(MemoryDriver):
    """list_parts gives the parts as they came."""

    def list_parts(self, bucket: Any, key: Any, upload_id: Any) -> builtins.list[PartInfo]:
        super().list_parts(bucket, key, upload_id)
        upload = self._opened().bucket(bucket).uploads[upload_id]
        return [part for part, _ in upload.parts.values()]


class Completing(MemoryDriver):
    """complete_multipart with other parts than those given."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return parts

    def complete_multipart(self, bucket: Any, key: Any, upload_id: Any, parts: Any) -> ObjectInfo:
        if isinstance(parts, list) and all(isinstance(part, PartInfo) for part in parts):
            sent = {part.part_number: part for part in self.list_parts(bucket, key, upload_id)}
            parts = self.chosen(parts, sent)
        return super().complete_multipart(bucket, key, upload_id, parts)


@caught_by(
    "test_multipart_complete_with_a_replaced_part",
    "test_multipart_complete_with_another_etag",
    "test_multipart_complete_with_the_etag_of_another_part",
)
class PartEtagsUnchecked(Completing):
    """The etags of the parts of a completion are not looked at."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return [sent.get(part.part_number, part) for part in parts]


@caught_by(
    "test_multipart_complete_out_of_order",
)
class PartOrderUnchecked(Completing):
    """Parts out of order are sorted in silence."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return sorted(parts, key=lambda part: part.part_number)


@caught_by(
    "test_multipart_complete_with_an_unknown_part",
)
class UnknownPartsLeftOut(Completing):
    """Parts that were not sent are left out in silence."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return [part for part in parts if part.part_number in sent]


@caught_by(
    "test_multipart_parts_left_out",
)
class AllPartsAreTaken(Completing):
    """A completion takes all parts, also those that it leaves out."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        if [part.part_number for part in parts] == [1, 3]:
            return [sent[number] for number in sorted(sent)]
        return parts


@caught_by(
    "test_multipart_failed_condition_keeps_the_upload",
)
class FailedCompletionEndsTheUpload(MemoryDriver):
    """An upload whose condition fails is gone."""

    def complete_multipart(self, bucket: Any, key: Any, upload_id: Any, parts: Any) -> ObjectInfo:
        try:
            return super().complete_multipart(bucket, key, upload_id, parts)
        except PreconditionFailedError:
            self.abort_multipart(bucket, key, upload_id)
            raise


@caught_by(
    "test_multipart_if_none_match_not_before_completion",
)
class ConditionsAtInitiation(MemoryDriver):
    """The conditions of an upload are checked when it begins, and not at the end."""

    def initiate_multipart(self, bucket: Any, key: Any, **options: Any) -> str:
        upload_id = super().initiate_multipart(bucket, key, **options)
        if options.get("if_none_match") == "*" and list(self.list(bucket, prefix=key)):
            raise PreconditionFailedError("the object exists already")
        return upload_id


@caught_by(
    "test_multipart_upload_not_found",
)
class AbortsTwice(MemoryDriver):
    """Aborting an upload that is not there is no error."""

    def abort_multipart(self, bucket: Any, key: Any, upload_id: Any) -> None:
        with contextlib.suppress(UploadNotFoundError):
            super().abort_multipart(bucket, key, upload_id)


@caught_by(
    "test_multipart_list_multiparts_of_one_bucket",
)
class ListsUploadsOfAllBuckets(MemoryDriver):
    """list_multiparts shows the uploads of all buckets."""

    def list_multiparts(self, bucket: Any) -> builtins.list[UploadInfo]:
        listed = super().list_multiparts(bucket)
        for info in self.list_buckets():
            if info.name != bucket:
                listed += super().list_multiparts(info.name)
        return listed


@caught_by(
    "test_multipart_metadata",
)
class UploadsLoseMetadata(MemoryDriver):
    """initiate_multipart drops the metadata."""

    def initiate_multipart(self, bucket: Any, key: Any, **options: Any) -> str:
        super().abort_multipart(bucket, key, super().initiate_multipart(bucket, key, **options))
        options.pop("metadata", None)
        return super().initiate_multipart(bucket, key, **options)


@caught_by(
    "test_multipart_part_number_out_of_bounds",
)
class TakesAnyPartNumber(MemoryDriver):
    """Part number 0 is taken."""

    def upload_part(self, bucket: Any, key: Any, upload_id: Any, part_number: Any, data: Any) -> PartInfo:
        try:
            return super().upload_part(bucket, key, upload_id, part_number, data)
        except InvalidPartError:
            if part_number != 0:
                raise
            return super().upload_part(bucket, key, upload_id, 1, data)


@caught_by(
    "test_multipart_open_upload_does_not_keep_its_bucket",
    "test_multipart_open_upload_ends_with_its_bucket",
)
class OpenUploadsKeepTheirBucket(MemoryDriver):
    """A bucket with open uploads can't be deleted."""

    def delete_bucket(self, name: Any) -> None:
        if isinstance(name, str) and name in self._opened().buckets and self._opened().buckets[name].uploads:
            raise BucketNotEmptyError.of(name)
        super().delete_bucket(name)
