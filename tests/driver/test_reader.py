"""ObjectReader: a file of the range alone, and what Python asks of a binary file."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from datetime import UTC, datetime
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trove import ObjectInfo, ObjectReader, StorageIOError

CONTENT = b"first\nsecond\n\nlast without end"


def reader_of(
    content: bytes = CONTENT, start: int = 0, size: int | None = None, source: IO[bytes] | None = None
) -> ObjectReader:
    info = ObjectInfo("a/key", len(content), "x/y", "etag", datetime(2026, 1, 1, tzinfo=UTC))
    return ObjectReader(info, source or io.BytesIO(content), start=start, size=size)


class Trickle(io.BytesIO):
    """Gives at most two bytes at a time, as a raw file or a socket may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(2 if size is None or size < 0 else min(2, size))


class Index:
    def __index__(self) -> int:
        return 6


# Reading.


def test_sizes_and_offsets_are_what_has_an_index() -> None:
    reader = reader_of()
    index: Any = Index()
    assert reader.read(index) == b"first\n"
    assert reader.seek(index) == 6
    assert type(reader.tell()) is int
    assert reader.readline(index) == b"second"
    wrong: Any
    for wrong in (1.5, 2.0, "1", [1]):
        for call in (reader.read, reader.readline, reader.seek):
            with pytest.raises(TypeError):
                call(wrong)
    with pytest.raises(TypeError):
        reader.seek(None)  # type: ignore[arg-type]
    assert reader.tell() == 12


@pytest.mark.parametrize("offset", [1 << 62, 1 << 63, 10**30])
def test_position_may_be_one_that_no_file_has(offset: int) -> None:
    reader = reader_of(start=6, size=8)
    assert (reader.seek(offset), reader.tell()) == (offset, offset)
    assert (reader.read(), reader.read(3), reader.readline(), list(reader)) == (b"", b"", b"", [])
    assert reader.seek(-offset, io.SEEK_CUR) == 0
    assert reader.read() == b"second\n\n"
    with pytest.raises(ValueError, match="before the start"):
        reader.seek(-(10**5000))


def test_readinto_what_can_not_be_filled_moves_nothing() -> None:
    reader = reader_of()
    wrong: Any
    for wrong in (b"abc", memoryview(b"abc"), memoryview(bytearray(8))[::2], "abc", None):
        with pytest.raises(TypeError):
            reader.readinto(wrong)
    assert reader.tell() == 0


@pytest.mark.parametrize("size", [-1, None])
def test_all_that_is_left_is_read(size: int | None) -> None:
    reader = reader_of()
    assert reader.read(6) == b"first\n"
    assert reader.read(size) == CONTENT[6:]
    assert reader.read(size) == b""
    assert reader.read(5) == b""


def test_range_is_the_whole_file() -> None:
    reader = reader_of(start=6, size=8)
    assert reader.read() == b"second\n\n"
    assert reader.seek(0) == 0
    assert reader.readlines() == [b"second\n", b"\n"]
    assert reader.seek(-1, io.SEEK_END) == 7
    assert reader.info.size == len(CONTENT)


def test_range_without_a_size_goes_to_the_end() -> None:
    assert reader_of(start=14).read() == b"last without end"
    assert reader_of(start=len(CONTENT)).read() == b""


def test_line_ends_where_the_range_does() -> None:
    reader = reader_of(start=2, size=6)
    assert list(reader) == [b"rst\n", b"se"]


def test_lines_are_those_of_a_file() -> None:
    plain = io.BytesIO(CONTENT)
    assert list(reader_of()) == plain.readlines()
    plain.seek(0)
    reader = reader_of()
    for size in (3, 0, 100, -1, None):
        assert reader.readline(size) == plain.readline(size)
    assert reader_of().readlines(7) == [b"first\n", b"second\n"]


@pytest.mark.parametrize("kind", [bytearray, lambda size: memoryview(bytearray(size)).cast("H")])
def test_readinto_fills_any_buffer(kind: Any) -> None:
    for method in ("readinto", "readinto1"):
        buffer = kind(8)
        reader = reader_of()
        assert getattr(reader, method)(buffer) == 8
        assert bytes(buffer) == CONTENT[:8]
        reader.seek(-3, io.SEEK_END)
        assert getattr(reader, method)(buffer) == 3
        assert bytes(buffer) == b"end" + CONTENT[3:8]
        assert getattr(reader, method)(buffer) == 0


@given(st.lists(st.tuples(st.sampled_from(["read", "line", "set", "cur", "end"]), st.integers(-3, 40))))
def test_reader_does_what_a_file_does(steps: list[tuple[str, int]]) -> None:
    reader, plain = reader_of(b"x\n" + CONTENT + b"beyond", 2, len(CONTENT)), io.BytesIO(CONTENT)
    for what, number in steps:
        if what == "read":
            assert reader.read(number) == plain.read(number)
        elif what == "line":
            assert reader.readline(number) == plain.readline(number)
        else:
            whence = {"set": 0, "cur": 1, "end": 2}[what]
            origin = (0, plain.tell(), len(CONTENT))[whence]
            if origin + number < 0:
                with pytest.raises(ValueError, match="before the start"):
                    reader.seek(number, whence)
            else:
                assert reader.seek(number, whence) == plain.seek(origin + number)
        assert reader.tell() == plain.tell()


def test_seek_with_an_unknown_origin_is_refused() -> None:
    with pytest.raises(ValueError, match="whence is 0, 1 or 2"):
        reader_of().seek(0, 3)


# The source.


def test_source_that_gives_little_at_a_time_is_read_on() -> None:
    reader = reader_of(source=Trickle(CONTENT))
    assert reader.read(7) == CONTENT[:7]
    assert reader.read() == CONTENT[7:]


@pytest.mark.parametrize("call", ["read", "readinto"])
def test_source_that_ends_early_is_a_typed_error(call: str) -> None:
    reader = reader_of(source=io.BytesIO(CONTENT[:10]))
    with pytest.raises(StorageIOError, match="'a/key' ended 20 bytes early") as raised:
        getattr(reader, call)(bytearray(len(CONTENT)) if call == "readinto" else -1)
    assert raised.value.key == "a/key"


def test_two_readers_of_one_source_have_positions_of_their_own() -> None:
    source = io.BytesIO(CONTENT)
    one, other = reader_of(source=source), reader_of(source=source)
    assert (one.read(3), other.read(3), one.read(3)) == (b"fir", b"fir", b"st\n")


def test_closing_closes_the_source() -> None:
    source = io.BytesIO(CONTENT)
    with reader_of(source=source) as reader:
        assert not reader.closed
    assert reader.closed
    assert source.closed
    reader.close()


CALLS: dict[str, Any] = {
    "read": lambda reader: reader.read(),
    "read1": lambda reader: reader.read1(1),
    "read nothing": lambda reader: reader.read(0),
    "readinto": lambda reader: reader.readinto(bytearray(1)),
    "readline": lambda reader: reader.readline(),
    "readlines": lambda reader: reader.readlines(),
    "iter": lambda reader: iter(reader),
    "next": lambda reader: next(reader),
    "seek": lambda reader: reader.seek(0),
    "tell": lambda reader: reader.tell(),
    "with": lambda reader: reader.__enter__(),
    "readable": lambda reader: reader.readable(),
    "seekable": lambda reader: reader.seekable(),
    "writable": lambda reader: reader.writable(),
    "isatty": lambda reader: reader.isatty(),
    "flush": lambda reader: reader.flush(),
    "fileno": lambda reader: reader.fileno(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_closed_reader_refuses_every_call(call: Any) -> None:
    reader = reader_of()
    reader.close()
    with pytest.raises(ValueError, match="closed ObjectReader") as raised:
        call(reader)
    assert type(raised.value) is ValueError


# As Python's file.


def test_reader_is_a_binary_file_that_can_be_read_only() -> None:
    reader = reader_of()
    assert isinstance(reader, io.BufferedIOBase)
    assert (reader.mode, reader.name) == ("rb", "a/key")
    assert (reader.readable(), reader.seekable(), reader.writable(), reader.isatty()) == (
        True,
        True,
        False,
        False,
    )
    reader.flush()
    refused: list[Any] = [
        reader.fileno,
        reader.detach,
        reader.truncate,
        lambda: reader.write(b"x"),
        lambda: reader.writelines([b"x"]),
    ]
    for call in refused:
        with pytest.raises(io.UnsupportedOperation, match="has no"):
            call()


def test_reader_says_what_it_reads_and_where_it_is() -> None:
    reader = reader_of()
    reader.read(6)
    assert repr(reader) == "<ObjectReader 'a/key' at 6 of 30>"
    reader.close()
    assert repr(reader) == "<ObjectReader 'a/key' closed>"


def test_reader_decodes_as_text() -> None:
    text = "zeile\nzwei \u00fc\r\n" * 1000
    with io.TextIOWrapper(reader_of(text.encode()), encoding="utf-8") as wrapped:
        assert wrapped.read() == text.replace("\r\n", "\n")
        wrapped.seek(0)
        assert wrapped.readline() == "zeile\n"


def test_reader_can_be_buffered() -> None:
    raw: Any = reader_of(source=Trickle(CONTENT))
    buffered = io.BufferedReader(raw)
    assert buffered.peek(5)[:5] == b"first"
    assert buffered.read() == CONTENT


@pytest.mark.parametrize("start", [0, 1000])
def test_zip_file_is_read_in_place(start: int) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("one", b"1" * 5000)
        written.writestr("two/three", b"23")
    reader = reader_of(bytes(start) + archive.getvalue(), start)
    with zipfile.ZipFile(reader) as archived:
        assert archived.testzip() is None
        assert archived.read("two/three") == b"23"
        assert archived.namelist() == ["one", "two/three"]


@pytest.mark.parametrize("mode", ["", "gz"])
def test_tar_file_is_read_in_place(mode: str) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode=f"w:{mode}") as written:  # type: ignore[call-overload]
        member = tarfile.TarInfo("one")
        member.size = 5000
        written.addfile(member, io.BytesIO(b"1" * 5000))
    with tarfile.open(fileobj=reader_of(archive.getvalue())) as archived:
        extracted = archived.extractfile("one")
        assert extracted is not None
        assert extracted.read() == b"1" * 5000


def test_gzip_is_read_in_place() -> None:
    with gzip.GzipFile(fileobj=reader_of(gzip.compress(CONTENT))) as unpacked:
        assert unpacked.read() == CONTENT
