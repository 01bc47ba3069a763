"""Data: every kind of it is read alike, and what is none is refused before anything is read."""

from __future__ import annotations

import array
import ctypes
import io
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trove import InvalidArgumentError
from trove.driver import blocks, check_data, whole
from trove.driver.data import BLOCK_SIZE, flat

CONTENT = bytes(range(256)) * 3


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int32), ("y", ctypes.c_int16))


class Source:
    """A file that is nothing but its ``read``."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self.sizes: list[int] = []

    def read(self, size: int) -> bytes:
        self.sizes.append(size)
        return self._file.read(size)


class PathAndFile(Source):
    """What is a path and a file at once is read as a path."""

    def __init__(self, path: str) -> None:
        super().__init__(b"the wrong one")
        self._path = path

    def __fspath__(self) -> str:
        return self._path


class IterableFile(Source):
    """What is a file and an iterable at once is read as a file."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"the wrong one"])


def mapped(content: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(content))
    memory[:] = content
    return memory


KINDS: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: CONTENT,
    "bytearray": lambda path: bytearray(CONTENT),
    "memoryview": lambda path: memoryview(CONTENT),
    "array": lambda path: array.array("H", CONTENT),
    "mmap": lambda path: mapped(CONTENT),
    "view with steps": lambda path: memoryview(b"".join(bytes([each, 0]) for each in CONTENT))[::2],
    "view backwards": lambda path: memoryview(CONTENT[::-1])[::-1],
    "view of two dimensions": lambda path: memoryview(CONTENT).cast("B", (256, 3)),
    "path": lambda path: path,
    "path and file": lambda path: PathAndFile(str(path)),
    "open file": lambda path: path.open("rb"),
    "raw file": lambda path: path.open("rb", buffering=0),
    "BytesIO": lambda path: io.BytesIO(CONTENT),
    "only read": lambda path: Source(CONTENT),
    "iterable file": lambda path: IterableFile(CONTENT),
    "list": lambda path: [CONTENT[:100], CONTENT[100:]],
    "generator": lambda path: (CONTENT[at : at + 7] for at in range(0, len(CONTENT), 7)),
    "mixed pieces": lambda path: [CONTENT[:5], bytearray(CONTENT[5:9]), b"", memoryview(CONTENT)[9:]],
}

EMPTY: dict[str, Any] = {
    "bytes": b"",
    "view": memoryview(b""),
    "view of no rows": memoryview(b"x").cast("B", (1, 1))[:0],
    "file": io.BytesIO(),
    "no pieces": [],
    "empty pieces": [b"", b""],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_of_data_gives_its_bytes(kind: Callable[[Path], Any], path: Path) -> None:
    check_data(kind(path))
    assert whole(kind(path)) == CONTENT
    assert b"".join(bytes(block) for block in blocks(kind(path))) == CONTENT


@pytest.mark.parametrize("data", EMPTY.values(), ids=EMPTY)
def test_empty_data_is_no_bytes(data: Any) -> None:
    check_data(data)
    assert whole(data) == b""


def test_structures_are_taken_as_their_memory() -> None:
    points = (Point * 2)(Point(1, 2), Point(3, 4))
    assert whole(points) == bytes(points)


def test_whole_of_bytes_is_the_object_itself_and_of_others_a_copy() -> None:
    assert whole(CONTENT) is CONTENT
    buffer = bytearray(CONTENT)
    kept = whole(buffer)
    buffer[:] = bytes(len(buffer))
    assert kept == CONTENT


def test_buffer_that_an_iterable_fills_again_is_read_piece_by_piece() -> None:
    def refilled() -> Iterator[bytearray]:
        buffer = bytearray(4)
        for each in range(5):
            buffer[:] = bytes([each]) * 4
            yield buffer

    assert whole(refilled()) == b"".join(bytes([each]) * 4 for each in range(5))
    assert b"".join(bytes(block) for block in blocks(refilled())) == whole(refilled())


@pytest.mark.parametrize("as_view", [False, True])
def test_nothing_of_an_iterable_is_held_when_it_is_asked_for_more(as_view: bool) -> None:
    def resized() -> Iterator[bytearray | memoryview]:
        buffer = bytearray(b"one")
        for piece in (b"three", b"", b"x" * 50):
            yield memoryview(buffer) if as_view else buffer
            buffer.clear()  # BufferError if somebody holds a view of it
            buffer.extend(piece)
        yield buffer

    expected = b"onethree" + b"x" * 50
    assert whole(resized()) == expected
    assert b"".join([bytes(block) for block in blocks(resized())]) == expected
    assert list(blocks(resized(), block_size=20)) == [b"one", b"three", b"x" * 20, b"x" * 20, b"x" * 10]


def test_nothing_of_a_file_is_held_when_it_is_asked_for_more() -> None:
    class Resizing:
        def __init__(self) -> None:
            self.left = [b"one", b"three", b""]
            self.buffer = bytearray()

        def read(self, size: int) -> memoryview:
            self.buffer.clear()
            self.buffer.extend(self.left.pop(0))
            return memoryview(self.buffer)

    source: Any = Resizing()
    assert list(blocks(source)) == [b"one", b"three"]


def test_bytes_of_an_iterable_are_not_copied() -> None:
    piece = CONTENT * 2
    assert next(blocks([piece])) is piece


def test_file_that_fills_one_buffer_again_gives_blocks_of_their_own() -> None:
    class Refilling:
        def __init__(self) -> None:
            self.left = [b"aaaa", b"bbbb", b""]
            self.buffer = bytearray(4)

        def read(self, size: int) -> memoryview:
            piece = self.left.pop(0)
            self.buffer[: len(piece)] = piece
            return memoryview(self.buffer)[: len(piece)]

    source: Any = Refilling()
    assert list(blocks(source)) == [b"aaaa", b"bbbb"]


def test_file_is_read_from_its_position_and_left_open() -> None:
    file = io.BytesIO(CONTENT)
    file.seek(100)
    assert whole(file) == CONTENT[100:]
    assert not file.closed
    assert file.tell() == len(CONTENT)


def test_path_is_opened_when_the_blocks_are_read_and_closed_after(path: Path) -> None:
    pieces = blocks(path)
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    assert next(pieces) == CONTENT
    assert list(pieces) == []
    assert before == (os.listdir("/proc/self/fd") if before else [])


def test_file_is_read_in_blocks() -> None:
    source: Any = Source(CONTENT)
    assert [len(block) for block in blocks(source, block_size=100)] == [100] * 7 + [68]
    assert set(source.sizes) == {100}
    large: Any = Source(b"")
    assert list(blocks(large)) == []
    assert large.sizes == [BLOCK_SIZE]


def test_buffer_is_one_block_that_is_not_copied() -> None:
    buffer = bytearray(CONTENT)
    (block,) = blocks(buffer)
    buffer[0] = 77
    assert block[0] == 77


def test_nothing_is_read_before_it_is_asked_for() -> None:
    def untouchable() -> Iterator[bytes]:
        raise AssertionError("was read")
        yield b""

    check_data(untouchable())
    blocks(untouchable())


WRONG: dict[str, Any] = {
    "str": "text",
    "str path": "/etc/hosts",
    "int": 5,
    "None": None,
    "object": object(),
    "function": bytes.__new__,
    "class": bytes,
    "class of files": io.BytesIO,
    "class of paths": Path,
    "list that has a number for read": type("Odd", (list,), {"read": 5})([b"a"]),
}


@pytest.mark.parametrize("take", [check_data, blocks, whole])
@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_is_no_data_is_refused(take: Callable[[Any], object], data: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="data is"):
        take(data)


@pytest.mark.parametrize("data", [io.StringIO("text"), [b"a", "b"], [1, 2], iter(["text"]), {"a": 1}, [None]])
def test_pieces_that_are_no_bytes_are_refused(data: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"instead of bytes|an item of type"):
        whole(data)


def test_file_that_gives_none_is_refused() -> None:
    class Nothing:
        def read(self, size: int) -> None:
            return None

    source: Any = Nothing()
    with pytest.raises(InvalidArgumentError, match="gave NoneType"):
        whole(source)


def test_exceptions_of_the_data_are_raised_as_they_are(tmp_path: Path) -> None:
    error = RuntimeError("mine")

    def failing() -> Iterator[bytes]:
        yield b"first"
        raise error

    with pytest.raises(RuntimeError) as raised:
        whole(failing())
    assert raised.value is error
    with pytest.raises(FileNotFoundError, match="nowhere"):
        whole(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        whole(tmp_path)


def test_flat_is_a_view_of_one_dimension_in_logical_order() -> None:
    view = flat(memoryview(CONTENT).cast("H"))
    assert view is not None
    assert (view.ndim, view.format, view.nbytes) == (1, "B", len(CONTENT))
    backwards = flat(memoryview(b"abc")[::-1])
    assert backwards is not None
    assert bytes(backwards) == b"cba"
    for other in ("text", 5, None, [b"a"], io.BytesIO(b"a")):
        assert flat(other) is None
