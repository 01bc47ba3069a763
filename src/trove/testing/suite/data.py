"""DataSuite: every kind of data that ``put`` takes, and the kinds that it refuses."""

from __future__ import annotations

import array
import io
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...driver import Driver
from ...errors import InvalidArgumentError
from ..objects import random_data
from .base import KEY, Suite, content_of, exists, unchanged

DATA = b"0123456789abcdef"


def _mapped() -> mmap.mmap:
    mapped = mmap.mmap(-1, len(DATA))
    mapped[:] = DATA
    return mapped


BUFFERS: dict[str, tuple[Callable[[], Any], bytes]] = {
    "bytes": (lambda: DATA, DATA),
    "bytearray": (lambda: bytearray(DATA), DATA),
    "memoryview": (lambda: memoryview(DATA), DATA),
    "slice": (lambda: memoryview(DATA)[2:8], DATA[2:8]),
    "array": (lambda: array.array("I", [1, 2, 3]), array.array("I", [1, 2, 3]).tobytes()),
    "mmap": (_mapped, DATA),
    "empty-bytes": (lambda: b"", b""),
    "empty-memoryview": (lambda: memoryview(b""), b""),
}
VIEWS: dict[str, Callable[[], memoryview]] = {
    "every-second": lambda: memoryview(DATA)[::2],
    "backwards": lambda: memoryview(DATA)[::-1],
    "two-dimensions": lambda: memoryview(DATA).cast("B", (4, 4)),
    "rows": lambda: memoryview(DATA).cast("B", (4, 4))[1:3],
    "numbers": lambda: memoryview(DATA).cast("I"),
    "every-second-number": lambda: memoryview(DATA).cast("I")[::2],
    "signed": lambda: memoryview(DATA).cast("b"),
}
ITERABLES: dict[str, tuple[Callable[[], Any], bytes]] = {
    "list": (lambda: [b"one ", b"two ", b"three"], b"one two three"),
    "tuple": (lambda: (b"one ", b"two"), b"one two"),
    "generator": (lambda: (str(i).encode() for i in range(12)), b"01234567891011"),
    "iterator": (lambda: iter([b"a", b"b"]), b"ab"),
    "mixed": (lambda: [b"a", bytearray(b"b"), memoryview(b"cxd")[::2], array.array("B", [1])], b"abcd\x01"),
    "none": (list, b""),
    "empty-pieces": (lambda: [b"", b"a", b"", b"", b"b", b""], b"ab"),
    "many": (lambda: (b"x" for _ in range(20_000)), b"x" * 20_000),
    "large": (lambda: [random_data(1 << 20)] * 3, random_data(1 << 20) * 3),
}
WRONG: dict[str, Callable[[], Any]] = {
    "str": lambda: "text",
    "empty-str": lambda: "",
    "int": lambda: 5,
    "none": lambda: None,
    "float": lambda: 1.5,
    "object": object,
    "type": lambda: bytes,
    "ints": lambda: [1, 2, 3],
    "strs": lambda: ["a", "b"],
    "str-at-the-end": lambda: [b"a", b"b", "c"],
    "none-inside": lambda: iter([b"a", None]),
    "text-file": lambda: io.StringIO("text"),
}


class _Trickle(io.RawIOBase):
    """A file that gives one byte at a time, as a pipe or a socket may."""

    def __init__(self, data: bytes) -> None:
        self._left = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._left.readinto(memoryview(buffer)[:1])


class _OnlyRead:
    """The least that a file can be."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class _PathLike:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


class DataSuite(Suite):
    @pytest.mark.parametrize("kind", BUFFERS)
    def test_data_buffers(self, driver: Driver, bucket: str, kind: str) -> None:
        make, expected = BUFFERS[kind]
        info = driver.put(bucket, KEY, make())
        assert (content_of(driver, bucket, KEY), info.size) == (expected, len(expected))

    @pytest.mark.parametrize("kind", VIEWS)
    def test_data_views(self, driver: Driver, bucket: str, kind: str) -> None:
        view = VIEWS[kind]()
        info = driver.put(bucket, KEY, view)
        assert (content_of(driver, bucket, KEY), info.size) == (view.tobytes(), view.nbytes)

    def test_data_is_copied_from_a_bytearray(self, driver: Driver, bucket: str) -> None:
        data = bytearray(DATA)
        driver.put(bucket, KEY, data)
        data[:] = b"x" * len(data)
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_buffer_is_let_go(self, driver: Driver, bucket: str) -> None:
        data = bytearray(DATA)
        driver.put(bucket, KEY, data)
        data.clear()  # raises BufferError while somebody holds a view of it

    @pytest.mark.parametrize("kind", ITERABLES)
    def test_data_iterables(self, driver: Driver, bucket: str, kind: str) -> None:
        make, expected = ITERABLES[kind]
        info = driver.put(bucket, KEY, make())
        assert (content_of(driver, bucket, KEY), info.size) == (expected, len(expected))

    def test_data_iterable_that_fills_one_buffer_again(self, driver: Driver, bucket: str) -> None:
        def pieces() -> Iterator[bytearray]:
            buffer = bytearray(4)
            for start in range(0, len(DATA), 4):
                buffer[:] = DATA[start : start + 4]
                yield buffer

        driver.put(bucket, KEY, pieces())
        assert content_of(driver, bucket, KEY) == DATA

    # Files.

    def test_data_file(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, io.BytesIO(DATA))
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_file_from_its_position(self, driver: Driver, bucket: str) -> None:
        file = io.BytesIO(DATA)
        file.seek(10)
        info = driver.put(bucket, KEY, file)
        assert (content_of(driver, bucket, KEY), info.size) == (DATA[10:], 6)

    def test_data_file_at_its_end(self, driver: Driver, bucket: str) -> None:
        file = io.BytesIO(DATA)
        file.read()
        driver.put(bucket, KEY, file)
        assert content_of(driver, bucket, KEY) == b""

    def test_data_file_is_not_closed(self, driver: Driver, bucket: str) -> None:
        file = io.BytesIO(DATA)
        driver.put(bucket, KEY, file)
        assert not file.closed

    def test_data_file_on_disk(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_bytes(random_data(3 << 20))
        with path.open("rb") as file:
            file.seek(1000)
            driver.put(bucket, KEY, file)
            assert not file.closed
        assert content_of(driver, bucket, KEY) == random_data(3 << 20)[1000:]

    def test_data_file_unbuffered(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_bytes(DATA)
        with path.open("rb", buffering=0) as file:
            driver.put(bucket, KEY, file)
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_file_that_trickles(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, _Trickle(DATA))
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_file_with_nothing_but_read(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, _OnlyRead(DATA))
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_pipe(self, driver: Driver, bucket: str) -> None:
        reading, writing = os.pipe()
        os.write(writing, DATA)
        os.close(writing)
        with open(reading, "rb") as file:
            driver.put(bucket, KEY, file)
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_reader_of_the_same_driver(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "source", DATA)
        with driver.get(bucket, "source") as reader:
            reader.read(4)
            driver.put(bucket, KEY, reader)
        assert content_of(driver, bucket, KEY) == DATA[4:]

    def test_data_reader_of_the_object_itself(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, DATA)
        with driver.get(bucket, KEY, range=(4, 8)) as reader:
            driver.put(bucket, KEY, reader)
        assert content_of(driver, bucket, KEY) == DATA[4:12]

    def test_data_reader_of_another_driver(self, driver: Driver, bucket: str) -> None:
        from ...drivers.memory import MemoryDriver

        with MemoryDriver() as other:
            other.open("mem://")
            other.create_bucket("other")
            other.put("other", KEY, DATA)
            with other.get("other", KEY) as reader:
                driver.put(bucket, KEY, reader)
        assert content_of(driver, bucket, KEY) == DATA

    # Paths.

    def test_data_path(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_bytes(DATA)
        driver.put(bucket, KEY, path)
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_path_of_another_class(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_bytes(DATA)
        driver.put(bucket, KEY, _PathLike(path))
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_path_leaves_the_file(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "data"
        path.write_bytes(DATA)
        driver.put(bucket, KEY, path)
        path.write_bytes(b"changed")
        assert content_of(driver, bucket, KEY) == DATA

    def test_data_path_missing(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            driver.put(bucket, KEY, tmp_path / "missing")
        assert not exists(driver, bucket, KEY)

    # What is no data.

    @pytest.mark.parametrize("kind", WRONG)
    def test_data_wrong(self, driver: Driver, bucket: str, kind: str) -> None:
        with pytest.raises(InvalidArgumentError):
            driver.put(bucket, KEY, WRONG[kind]())

    @pytest.mark.parametrize("kind", WRONG)
    def test_data_wrong_stores_nothing(self, driver: Driver, bucket: str, kind: str) -> None:
        driver.put(bucket, KEY, b"old")
        with unchanged(driver, bucket), pytest.raises((TypeError, ValueError)):
            driver.put(bucket, KEY, WRONG[kind]())

    def test_data_file_in_text_mode(self, driver: Driver, bucket: str, tmp_path: Path) -> None:
        path = tmp_path / "text"
        path.write_text("text")
        with path.open() as file, pytest.raises(InvalidArgumentError):
            driver.put(bucket, KEY, file)  # type: ignore[arg-type]
        assert not exists(driver, bucket, KEY)
