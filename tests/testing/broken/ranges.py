"""Faults in ranges and readers."""

from __future__ import annotations

import dataclasses
import io
import operator
from typing import Any

from trove.driver import ObjectReader
from trove.drivers.memory import MemoryDriver
from trove.errors import InvalidRangeError, TroveError

from .fault import caught_by


class PlainRanges(MemoryDriver):
    """get with its range as a pair, which can be altered."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        super().get(bucket, key, range=range, version_id=version_id).close()  # checks it
        if isinstance(range, str):
            range = self.parsed(range)
        elif range is not None:
            range = self.altered(*range)
        return super().get(bucket, key, range=range, version_id=version_id)

    def parsed(self, text: str) -> Any:
        return text

    def altered(self, offset: int, length: int | None) -> Any:
        return offset, length


@caught_by(
    "test_data_reader_of_the_object_itself",
    "test_multipart_range_across_parts",
    "test_range_inside",
    "test_range_of_a_large_object",
    "test_range_reader_ends_with_the_range",
    "test_range_reader_lines_end_with_the_range",
)
class RangeOneTooLong(PlainRanges):
    """A range reads one byte more."""

    def altered(self, offset: int, length: int | None) -> Any:
        return offset, length and length + 1


@caught_by(
    "test_data_reader_of_the_object_itself",
    "test_multipart_range_across_parts",
    "test_range_inside",
    "test_range_past_the_end_is_cut",
    "test_range_reader_begins_at_zero",
    "test_range_reader_ends_with_the_range",
    "test_range_reader_lines_end_with_the_range",
    "test_range_to_the_end",
    "test_reader_of_a_range_is_consistent_while_overwritten",
    "test_versioning_get_range_of_a_version",
)
class RangeOneTooLate(PlainRanges):
    """A range begins one byte later."""

    def altered(self, offset: int, length: int | None) -> Any:
        return (offset + 1 if 0 < offset < 9 else offset), length


@caught_by(
    "test_range_of_the_last_bytes",
)
class NegativeRangeFromTheStart(PlainRanges):
    """The last n bytes are the first n bytes."""

    def altered(self, offset: int, length: int | None) -> Any:
        return (0, -offset) if offset < 0 else (offset, length)


@caught_by(
    "test_data_reader_of_the_object_itself",
    "test_multipart_range_across_parts",
    "test_range_inside",
    "test_range_past_the_end_is_cut",
    "test_range_reader_begins_at_zero",
    "test_range_reader_ends_with_the_range",
    "test_range_reader_lines_end_with_the_range",
    "test_versioning_get_range_of_a_version",
)
class LengthIsTheEnd(PlainRanges):
    """The length is taken for the position of the end."""

    def altered(self, offset: int, length: int | None) -> Any:
        return (offset, max(0, length - offset)) if length and 0 < offset < 9 else (offset, length)


@caught_by(
    "test_range_http",
)
class HttpRangeIsExclusive(PlainRanges):
    """The end of an HTTP range is left out."""

    def parsed(self, text: str) -> Any:
        first, _, last = text.removeprefix("bytes=").partition("-")
        return (int(first), int(last) - int(first)) if first and last else text


@caught_by(
    "test_range_http",
)
class HttpSuffixIsAStart(PlainRanges):
    """``bytes=-n`` is taken for ``bytes=0-n``."""

    def parsed(self, text: str) -> Any:
        return text.replace("=-", "=0-")


class _Lenient(MemoryDriver):
    """get that gives another range where the asked one is refused."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        try:
            return super().get(bucket, key, range=range, version_id=version_id)
        except InvalidRangeError:
            if not self.forgives(range):
                raise
            return super().get(bucket, key, range=self.instead(range), version_id=version_id)

    def forgives(self, range: Any) -> bool:
        raise NotImplementedError

    def instead(self, range: Any) -> Any:
        return None


@caught_by(
    "test_range_beginning_past_the_end",
    "test_range_http_beginning_past_the_end",
    "test_range_of_negative_length",
    "test_range_past_an_empty_object",
)
class PastTheEndIsEmpty(_Lenient):
    """A range that begins past the end reads nothing."""

    def forgives(self, range: Any) -> bool:
        try:
            offset = (
                int(range.removeprefix("bytes=").partition("-")[0]) if isinstance(range, str) else range[0]
            )
            return isinstance(range, str | tuple) and offset > 0 and "," not in range and range != "bytes=5-2"
        except (ValueError, TypeError, IndexError, AttributeError):
            return False

    def instead(self, range: Any) -> Any:
        return 0, 0


@caught_by(
    "test_range_malformed",
)
class SeveralRangesAreTheFirst(_Lenient):
    """Of several ranges the first is read."""

    def forgives(self, range: Any) -> bool:
        return isinstance(range, str) and "," in range

    def instead(self, range: Any) -> Any:
        return range.partition(",")[0]


@caught_by(
    "test_range_malformed",
)
class MalformedRangeIsTheWhole(_Lenient):
    """A range of words is ignored, as HTTP servers do."""

    def forgives(self, range: Any) -> bool:
        return isinstance(range, str) and "," not in range and range != "bytes=11-20"


@caught_by(
    "test_messages_are_never_empty",
    "test_range_of_negative_length",
)
class NegativeLengthIsTheRest(_Lenient):
    """A negative length is taken for "to the end"."""

    def forgives(self, range: Any) -> bool:
        return (
            isinstance(range, tuple)
            and len(range) == 2
            and isinstance(range[0], int)
            and isinstance(range[1], int)
            and range[1] < 0
        )


@caught_by(
    "test_range_at_the_end_is_empty",
)
class AtTheEndIsAnError(MemoryDriver):
    """An offset equal to the size is refused."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        reader = super().get(bucket, key, range=range, version_id=version_id)
        if range and isinstance(range, tuple) and range[0] == reader.info.size > 0 and range[1] != 0:
            raise InvalidRangeError("the range begins at the end")
        return reader


@caught_by(
    "test_info_of_range_is_of_the_whole_object",
)
class RangeInfoIsOfTheRange(MemoryDriver):
    """The reader's info has the size of the range."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        reader = super().get(bucket, key, range=range, version_id=version_id)
        if range is not None:
            size = reader.seek(0, io.SEEK_END)
            reader.seek(0)
            reader.info = dataclasses.replace(reader.info, size=size)
        return reader


# Readers.


class _Own(ObjectReader):
    """A reader that knows where it is from."""

    __slots__ = ("driver", "place")

    def __init__(self, reader: ObjectReader, driver: Any = None, place: Any = ()) -> None:
        super().__init__(reader.info, reader._source, start=reader._start, size=reader._size)
        self.driver = driver
        self.place = place


class OwnReaders(MemoryDriver):
    """get with a reader of another class."""

    READER: type[_Own] = _Own

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        reader = super().get(bucket, key, **options)
        return self._opened().handles.add(self.READER(reader, super(), (bucket, key)))


class _Following(_Own):
    __slots__ = ()

    def read(self, size: int | None = -1, /) -> bytes:
        self._check_open()
        if not self.info.version_id:
            try:
                current = self.driver.get(*self.place)
            except TroveError:
                return super().read(size)
            if current.info != self.info:
                self._source, self._size, self.info = current._source, current._size, current.info
        return super().read(size)

    read1 = read


@caught_by(
    "test_reader_is_consistent_when_it_seeks_back",
    "test_reader_is_consistent_while_copied_over",
    "test_reader_is_consistent_while_overwritten",
    "test_reader_is_consistent_while_overwritten_before_the_first_read",
    "test_reader_of_a_range_is_consistent_while_overwritten",
    "test_versioning_object_from_before_stays",
)
class ReadersFollowOverwrites(OwnReaders):
    """A reader goes on with the new content when the object is overwritten."""

    READER = _Following


class _Undying(_Own):
    __slots__ = ()

    def close(self) -> None:
        pass

    @property
    def closed(self) -> bool:
        return True


@caught_by(
    "test_close_ends_readers",
    "test_reader_close",
    "test_reader_closed_refuses",
    "test_reader_in_text_wrapper",
)
class ReadersNeverClose(OwnReaders):
    """A closed reader reads on."""

    READER = _Undying


@caught_by(
    "test_close_ends_readers",
    "test_reader_is_a_file_for_others_until_closed",
)
class ReadersOutliveTheDriver(MemoryDriver):
    """close leaves the readers open."""

    def get(self, bucket: Any, key: Any, **options: Any) -> ObjectReader:
        reader = super().get(bucket, key, **options)
        return ObjectReader(
            reader.info, io.BytesIO(reader._source.read(-1)), start=reader._start, size=reader._size
        )


class _SeekingWrong(_Own):
    __slots__ = ()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return super().seek(-offset if whence == io.SEEK_END and offset == -3 else offset, whence)


@caught_by(
    "test_reader_seek_from_the_end",
)
class SeekFromTheEndIsForward(OwnReaders):
    """Seeking from the end goes past it."""

    READER = _SeekingWrong


class _WithoutNewlines(_Own):
    __slots__ = ()

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        return line.rstrip(b"\n") if line != b"\n" and line.startswith((b"first", b"second")) else line


@caught_by(
    "test_reader_iteration",
    "test_reader_readline",
)
class LinesWithoutNewlines(OwnReaders):
    """readline strips the newline."""

    READER = _WithoutNewlines


class _ShortReads(_Own):
    __slots__ = ()

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else operator.index(size)
        return super().read(wanted if wanted < 0 else min(wanted, 1 << 21))


@caught_by(
    "test_reader_read_all_that_was_asked_for",
)
class ReadsAreCut(OwnReaders):
    """A large read gives less than was asked for."""

    READER = _ShortReads
