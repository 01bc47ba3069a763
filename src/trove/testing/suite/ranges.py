"""RangeReadSuite: every form of ``get(range=...)``."""

from __future__ import annotations

from typing import Any

import pytest

from ...driver import Driver
from ...errors import InvalidRangeError
from ..objects import random_data
from .base import KEY, Suite, content_of

DATA = b"0123456789"

INSIDE = {
    "first": ((0, 1), b"0"),
    "start": ((0, 4), b"0123"),
    "middle": ((3, 4), b"3456"),
    "last": ((9, 1), b"9"),
    "whole": ((0, 10), DATA),
}
OPEN_ENDED = {"all": ((0, None), DATA), "from-the-middle": ((4, None), b"456789"), "last": ((9, None), b"9")}
CUT = {"one-too-many": ((5, 6), b"56789"), "far-past": ((8, 1000), b"89"), "huge": ((0, 10**30), DATA)}
SUFFIX = {"one": ((-1, None), b"9"), "three": ((-3, None), b"789"), "all": ((-10, None), DATA)}
BEYOND = {"one": ((-11, None), DATA), "far": ((-1000, None), DATA), "huge": ((-(10**30), None), DATA)}
EMPTY = {"at-start": ((0, 0), b""), "inside": ((5, 0), b""), "at-end": ((10, 0), b"")}
AT_THE_END = {"some": ((10, 5), b""), "open": ((10, None), b"")}
HTTP = {
    "bytes=0-0": b"0",
    "bytes=0-3": b"0123",
    "bytes=3-6": b"3456",
    "bytes=9-9": b"9",
    "bytes=0-9": DATA,
    "bytes=5-1000": b"56789",
    "bytes=0-": DATA,
    "bytes=7-": b"789",
    "bytes=-1": b"9",
    "bytes=-4": b"6789",
    "bytes=-10": DATA,
    "bytes=-1000": DATA,
}
PAST = {"one": (11, 1), "open": (11, None), "far": (1000, 1), "nothing": (11, 0), "huge": (10**30, 1)}
NEGATIVE = {"length": (0, -1), "longer": (3, -5), "both": (-3, 2), "suffix-and-zero": (-3, 0)}
MALFORMED: dict[str, Any] = {
    "several": "bytes=0-1,4-5",
    "backwards": "bytes=5-2",
    "nothing": "bytes=",
    "dash": "bytes=-",
    "unit": "items=0-1",
    "no-unit": "0-1",
    "letters": "bytes=a-b",
    "negative": "bytes=--1",
    "fraction": "bytes=0.5-2",
    "empty": "",
    "words": "all",
}
TYPES: dict[str, Any] = {
    "int": 5,
    "bytes": b"bytes=0-1",
    "float-offset": (0.0, 1),
    "float-length": (0, 1.5),
    "text-offset": ("0", 1),
    "text-length": (0, "1"),
    "no-offset": (None, 1),
    "one": (0,),
    "three": (0, 1, 2),
    "none-at-all": (),
    "object": object(),
}


def _cases(table: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("spec", "expected"), table.values(), ids=table)


def _specs(table: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", table.values(), ids=table)


class RangeReadSuite(Suite):
    @_cases(INSIDE)
    def test_range_inside(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(OPEN_ENDED)
    def test_range_to_the_end(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(CUT)
    def test_range_past_the_end_is_cut(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(SUFFIX)
    def test_range_of_the_last_bytes(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(BEYOND)
    def test_range_of_more_last_bytes_than_there_are(
        self, driver: Driver, bucket: str, spec: Any, expected: bytes
    ) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(EMPTY)
    def test_range_of_length_zero(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @_cases(AT_THE_END)
    def test_range_at_the_end_is_empty(self, driver: Driver, bucket: str, spec: Any, expected: bytes) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == expected

    @pytest.mark.parametrize("spec", HTTP)
    def test_range_http(self, driver: Driver, bucket: str, spec: str) -> None:
        driver.put(bucket, KEY, DATA)
        assert content_of(driver, bucket, KEY, range=spec) == HTTP[spec]

    @pytest.mark.parametrize("spec", [(0, None), (0, 5), (-5, None), (0, 0)], ids=repr)
    def test_range_of_an_empty_object(self, driver: Driver, bucket: str, spec: Any) -> None:
        driver.put(bucket, KEY, b"")
        assert content_of(driver, bucket, KEY, range=spec) == b""

    def test_range_of_a_large_object(self, driver: Driver, bucket: str) -> None:
        data = random_data(3 << 20)
        driver.put(bucket, KEY, data)
        for offset, length in ((0, 1), ((1 << 20) - 1, 2), ((1 << 20) + 5, 1 << 20), ((3 << 20) - 1, 1)):
            assert content_of(driver, bucket, KEY, range=(offset, length)) == data[offset : offset + length]

    def test_range_reader_begins_at_zero(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, DATA)
        with driver.get(bucket, KEY, range=(3, 4)) as reader:
            assert reader.tell() == 0
            assert reader.seek(1) == 1
            assert reader.read(2) == b"45"

    def test_range_reader_ends_with_the_range(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, DATA)
        with driver.get(bucket, KEY, range=(3, 4)) as reader:
            assert reader.seek(-1, 2) == 3
            assert reader.read() == b"6"
            assert reader.read(5) == b""

    def test_range_reader_lines_end_with_the_range(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"one\ntwo\nthree")
        with driver.get(bucket, KEY, range=(2, 4)) as reader:
            assert list(reader) == [b"e\n", b"tw"]

    @_specs(PAST)
    def test_range_beginning_past_the_end(self, driver: Driver, bucket: str, spec: Any) -> None:
        driver.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range=spec)

    def test_range_http_beginning_past_the_end(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range="bytes=11-20")

    def test_range_past_an_empty_object(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"")
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range=(1, None))

    @_specs(NEGATIVE)
    def test_range_of_negative_length(self, driver: Driver, bucket: str, spec: Any) -> None:
        driver.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range=spec)

    @_specs(MALFORMED)
    def test_range_malformed(self, driver: Driver, bucket: str, spec: Any) -> None:
        driver.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range=spec)

    @_specs(TYPES)
    def test_range_of_another_type(self, driver: Driver, bucket: str, spec: Any) -> None:
        driver.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            driver.get(bucket, KEY, range=spec)
