"""ReaderSuite: a reader is a binary file, and reads one consistent version."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest

from ...driver import Driver, ObjectReader
from ..objects import random_data, read_all
from .base import KEY, Suite
from .threads import together

LINES = b"first\nsecond\n\nlast without newline"


def reader_of(driver: Driver, bucket: str, data: bytes = b"0123456789") -> ObjectReader:
    driver.put(bucket, KEY, data)
    return driver.get(bucket, KEY)


def read_across(driver: Driver, bucket: str, change: Callable[[], object]) -> bytes:
    """What a reader that has begun reads after ``change``, from what it began with on."""
    data = random_data(2 << 20)
    with reader_of(driver, bucket, data) as reader:
        start = reader.read(1000)
        change()
        return b"same" if start + reader.read() == data else b"other"


class ReaderSuite(Suite):
    def test_reader_is_a_buffered_binary_file(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert isinstance(reader, io.BufferedIOBase)

    def test_reader_gives_bytes(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert type(reader.read(2)) is bytes
            assert type(reader.readline()) is bytes

    def test_reader_read_in_steps(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert [reader.read(4), reader.read(4), reader.read(4), reader.read(4)] == [
                b"0123",
                b"4567",
                b"89",
                b"",
            ]

    @pytest.mark.parametrize("size", [None, -1])
    def test_reader_read_the_rest(self, driver: Driver, bucket: str, size: int | None) -> None:
        with reader_of(driver, bucket) as reader:
            reader.read(3)
            assert reader.read(size) == b"3456789"

    def test_reader_read_nothing(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert (reader.read(0), reader.tell()) == (b"", 0)

    def test_reader_read_more_than_there_is(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert reader.read(1000) == b"0123456789"

    def test_reader_read_all_that_was_asked_for(self, driver: Driver, bucket: str) -> None:
        data = random_data(3 << 20)
        with reader_of(driver, bucket, data) as reader:
            assert reader.read((3 << 20) - 1) == data[:-1]

    @pytest.mark.parametrize("size", [3, 10, 16])
    def test_reader_readinto(self, driver: Driver, bucket: str, size: int) -> None:
        buffer = bytearray(b"." * size)
        with reader_of(driver, bucket) as reader:
            filled = reader.readinto(buffer)
        assert filled == min(size, 10)
        assert bytes(buffer) == b"0123456789"[:size].ljust(size, b".")

    def test_reader_readinto_a_view(self, driver: Driver, bucket: str) -> None:
        buffer = bytearray(8)
        with reader_of(driver, bucket) as reader:
            assert reader.readinto(memoryview(buffer)[2:5]) == 3
            assert reader.tell() == 3
        assert bytes(buffer) == b"\0\x00012\0\0\0"

    def test_reader_readinto_at_the_end(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            reader.read()
            assert reader.readinto(bytearray(4)) == 0

    def test_reader_readline(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket, LINES) as reader:
            lines = [reader.readline() for _ in range(5)]
        assert lines == [b"first\n", b"second\n", b"\n", b"last without newline", b""]

    def test_reader_readline_of_limited_size(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket, LINES) as reader:
            assert [reader.readline(3), reader.readline(100)] == [b"fir", b"st\n"]

    def test_reader_iteration(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket, LINES) as reader:
            assert list(reader) == LINES.splitlines(keepends=True)

    def test_reader_read_after_readline(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket, LINES) as reader:
            reader.readline()
            assert (reader.tell(), reader.read(6)) == (6, b"second")

    # Position.

    def test_reader_tell(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert reader.tell() == 0
            reader.read(4)
            assert reader.tell() == 4

    def test_reader_seek_from_the_start(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            reader.read()
            assert (reader.seek(3), reader.read(2)) == (3, b"34")

    def test_reader_seek_from_the_position(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            reader.read(5)
            assert (reader.seek(-2, io.SEEK_CUR), reader.read(1)) == (3, b"3")
            assert (reader.seek(2, io.SEEK_CUR), reader.read(1)) == (6, b"6")

    def test_reader_seek_from_the_end(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert (reader.seek(-3, io.SEEK_END), reader.read()) == (7, b"789")

    def test_reader_seek_past_the_end(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert (reader.seek(100), reader.read(), reader.tell()) == (100, b"", 100)

    def test_reader_seek_before_the_start(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader, pytest.raises((ValueError, OSError)):
            reader.seek(-1)

    def test_reader_says_what_it_can(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            assert (reader.readable(), reader.seekable()) == (True, True)

    def test_reader_changes_no_object(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader, suppress(OSError, AttributeError):
            reader.write(b"xxxx")
        assert read_all(driver.get(bucket, KEY)) == b"0123456789"

    # The end.

    def test_reader_close(self, driver: Driver, bucket: str) -> None:
        reader = reader_of(driver, bucket)
        assert reader.closed is False
        reader.close()
        assert reader.closed is True
        reader.close()

    def test_reader_with_statement_closes(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket) as reader:
            reader.read(2)
        assert reader.closed

    @pytest.mark.parametrize("call", ["read", "readline", "tell", "seek", "readinto", "next"])
    def test_reader_closed_refuses(self, driver: Driver, bucket: str, call: str) -> None:
        reader = reader_of(driver, bucket)
        reader.close()
        calls: dict[str, Callable[[], object]] = {
            "read": reader.read,
            "readline": reader.readline,
            "tell": reader.tell,
            "seek": lambda: reader.seek(0),
            "readinto": lambda: reader.readinto(bytearray(4)),
            "next": lambda: next(iter(reader)),
        }
        with pytest.raises(ValueError):  # noqa: PT011 - it is what every file object raises
            calls[call]()

    def test_reader_closed_leaves_others(self, driver: Driver, bucket: str) -> None:
        reader_of(driver, bucket).close()
        assert read_all(driver.get(bucket, KEY)) == b"0123456789"

    # What Python's own users of files need.

    def test_reader_in_text_wrapper(self, driver: Driver, bucket: str) -> None:
        text = "Zeile eins\nünïcode 日本\n" * 500
        with io.TextIOWrapper(reader_of(driver, bucket, text.encode()), encoding="utf-8") as file:
            assert file.readline() == "Zeile eins\n"
            assert file.read() == text.partition("\n")[2]

    def test_reader_in_zipfile(self, driver: Driver, bucket: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", "first")
            archive.writestr("b.bin", random_data(20_000))
        with reader_of(driver, bucket, packed.getvalue()) as reader, zipfile.ZipFile(reader) as archive:
            assert archive.namelist() == ["a.txt", "b.bin"]
            assert archive.read("b.bin") == random_data(20_000)

    @pytest.mark.parametrize("compression", ["", "gz"])
    def test_reader_in_tarfile(self, driver: Driver, bucket: str, compression: str) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
            member = tarfile.TarInfo("a.bin")
            member.size = 20_000
            archive.addfile(member, io.BytesIO(random_data(20_000)))
        with (
            reader_of(driver, bucket, packed.getvalue()) as reader,
            tarfile.open(fileobj=reader) as archive,
        ):
            extracted = archive.extractfile("a.bin")
            assert extracted is not None
            assert extracted.read() == random_data(20_000)

    # One consistent version.

    def test_reader_is_consistent_while_overwritten(self, driver: Driver, bucket: str) -> None:
        assert read_across(driver, bucket, lambda: driver.put(bucket, KEY, b"x" * (2 << 20))) == b"same"

    def test_reader_is_consistent_while_overwritten_before_the_first_read(
        self, driver: Driver, bucket: str
    ) -> None:
        with reader_of(driver, bucket, b"old content") as reader:
            driver.put(bucket, KEY, b"new content")
            assert (reader.read(), reader.info.size) == (b"old content", 11)

    def test_reader_is_consistent_while_deleted(self, driver: Driver, bucket: str) -> None:
        assert read_across(driver, bucket, lambda: driver.delete(bucket, KEY)) == b"same"

    def test_reader_is_consistent_while_copied_over(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "other", b"other data")
        assert read_across(driver, bucket, lambda: driver.copy(bucket, "other", bucket, KEY)) == b"same"

    def test_reader_is_consistent_when_it_seeks_back(self, driver: Driver, bucket: str) -> None:
        with reader_of(driver, bucket, b"old content") as reader:
            reader.read()
            driver.put(bucket, KEY, b"new content")
            reader.seek(0)
            assert reader.read() == b"old content"

    def test_reader_of_a_range_is_consistent_while_overwritten(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"old content")
        with driver.get(bucket, KEY, range=(4, None)) as reader:
            driver.put(bucket, KEY, b"xxxxxxxxxxx")
            assert reader.read() == b"content"

    def test_reader_is_whole_while_many_write(self, driver: Driver, bucket: str) -> None:
        contents = [bytes([65 + i]) * (50_000 + i) for i in range(4)]
        driver.put(bucket, KEY, contents[0])
        infos: list[tuple[int, int]] = []
        seen: list[bytes] = []

        def read() -> None:
            for _ in range(20):
                with driver.get(bucket, KEY) as reader:
                    data = reader.read()
                    infos.append((reader.info.size, len(data)))
                    seen.append(data)

        def write(data: bytes) -> None:
            for _ in range(10):
                driver.put(bucket, KEY, data)

        together([read, read, *(lambda data=data: write(data) for data in contents)])
        assert set(seen) <= set(contents)
        assert all(size == length for size, length in infos)
