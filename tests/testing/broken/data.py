"""Faults in the data that is put."""

from __future__ import annotations

import io
import os
from typing import Any

from trove.driver import ObjectInfo, ObjectReader
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    StorageIOError,
)

from .fault import caught_by


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
