"""Ranges: which bytes an argument means, and which arguments mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trove import InvalidRangeError
from trove.driver import ByteRange, check_offset_length, check_range

DATA = bytes(range(10))


def taken(span: ByteRange) -> bytes:
    start, length = span.within(len(DATA), "b", "k")
    return DATA[start : start + length]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, DATA),
        ((0, None), DATA),
        ((0, 3), DATA[:3]),
        ((4, 3), DATA[4:7]),
        ((4, None), DATA[4:]),
        ((4, 100), DATA[4:]),
        ((0, 0), b""),
        ((10, 0), b""),
        ((10, None), b""),
        ((10, 5), b""),
        ((-3, None), DATA[-3:]),
        ((-10, None), DATA),
        ((-11, None), DATA),
        ((-(10**30), None), DATA),
        ("bytes=0-0", DATA[:1]),
        ("bytes=2-4", DATA[2:5]),
        ("bytes=2-400", DATA[2:]),
        ("bytes=2-", DATA[2:]),
        ("bytes=10-", b""),
        ("bytes=-4", DATA[-4:]),
        ("bytes=-400", DATA),
    ],
)
def test_range_means_these_bytes(spec: Any, expected: bytes) -> None:
    assert taken(check_range(spec)) == expected


@pytest.mark.parametrize(
    "spec",
    [
        (),
        (1,),
        (1, 2, 3),
        [0, 1],
        5,
        b"bytes=0-1",
        slice(0, 1),
        (0, -1),
        (-1, 0),
        (-3, 2),
        (0.0, 1),
        (0, 1.0),
        ("0", "1"),
        (None, 1),
        (True, 1),
        (0, False),
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=-0",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "bytes = 0-1",
        "bytes=0-1 ",
        "bytes=0--1",
        "bytes=+0-1",
        "bytes=\u0660-\u0661",
        "Bytes=0-1",
        "items=0-1",
        "0-1",
        "bytes=" + "1" * 100 + "-",
    ],
)
def test_what_is_no_range_is_refused(spec: Any) -> None:
    with pytest.raises(InvalidRangeError) as raised:
        check_range(spec)
    assert "bytes=0-1023" in str(raised.value)


@pytest.mark.parametrize("spec", [(11, None), (11, 0), (10**30, 1), "bytes=11-", "bytes=11-20"])
def test_range_that_begins_past_the_end_is_refused_with_the_place(spec: Any) -> None:
    with pytest.raises(InvalidRangeError, match="past the 10 bytes") as raised:
        check_range(spec).within(len(DATA), "b", "k")
    assert (raised.value.bucket, raised.value.key) == ("b", "k")


@pytest.mark.parametrize(("spec", "expected"), [((0, None), (0, 0)), ((-5, None), (0, 0)), ((0, 9), (0, 0))])
def test_range_of_an_empty_object_is_empty(spec: Any, expected: tuple[int, int]) -> None:
    assert check_range(spec).within(0, "b", "k") == expected


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, -1, DATA), (3, -1, DATA[3:]), (3, 2, DATA[3:5]), (3, 0, b""), (10, -1, b""), (9, 9, DATA[9:])],
)
def test_offset_and_length_mean_these_bytes(offset: int, length: int, expected: bytes) -> None:
    assert taken(check_offset_length(offset, length)) == expected


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 1), (0, -2), (0.0, 1), (0, 1.5), (True, 1), (0, True), (None, 1), (0, None)]
)
def test_offset_and_length_that_are_no_range_are_refused(offset: Any, length: Any) -> None:
    with pytest.raises(InvalidRangeError):
        check_offset_length(offset, length)


@given(st.integers(0, 30), st.integers(-40, 40), st.none() | st.integers(0, 40))
def test_range_is_what_slicing_gives(size: int, offset: int, length: int | None) -> None:
    data = bytes(range(size))
    if offset > size or (offset < 0 and length is not None):
        with pytest.raises(InvalidRangeError):
            check_range((offset, length)).within(size, "b", "k")
        return
    start, count = check_range((offset, length)).within(size, "b", "k")
    tail = data[offset:]
    assert data[start : start + count] == (tail if length is None else tail[:length])
    assert 0 <= start <= start + count <= size
