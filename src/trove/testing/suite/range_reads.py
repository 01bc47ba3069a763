"""RangeSuite: RangeDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

from typing import Any

import pytest

from ...driver import Driver, RangeDriver
from ...errors import (
    BucketNotFoundError,
    InvalidArgumentError,
    InvalidKeyError,
    InvalidRangeError,
    ObjectNotFoundError,
)
from ..objects import random_data, read_all
from .base import KEY, Suite, having, unique_name

DATA = b"0123456789"


class RangeSuite(Suite):
    @pytest.fixture
    def ranging(self, driver: Driver) -> RangeDriver:
        return having(driver, RangeDriver)

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 1), (0, 10), (3, 4), (9, 1), (5, 100), (0, 10**30), (4, 0), (10, 0), (10, 5)],
    )
    def test_get_range(self, ranging: RangeDriver, bucket: str, offset: int, length: int) -> None:
        ranging.put(bucket, KEY, DATA)
        assert read_all(ranging.get_range(bucket, KEY, offset, length)) == DATA[offset : offset + length]

    @pytest.mark.parametrize("offset", [0, 4, 9, 10])
    def test_get_range_to_the_end(self, ranging: RangeDriver, bucket: str, offset: int) -> None:
        ranging.put(bucket, KEY, DATA)
        assert read_all(ranging.get_range(bucket, KEY, offset, -1)) == DATA[offset:]

    def test_get_range_of_a_large_object(self, ranging: RangeDriver, bucket: str) -> None:
        data = random_data(3 << 20)
        ranging.put(bucket, KEY, data)
        reader = ranging.get_range(bucket, KEY, (1 << 20) - 5, 1 << 20)
        assert read_all(reader) == data[(1 << 20) - 5 : (2 << 20) - 5]

    def test_get_range_info_is_of_the_whole_object(self, ranging: RangeDriver, bucket: str) -> None:
        put = ranging.put(bucket, KEY, DATA)
        with ranging.get_range(bucket, KEY, 2, 3) as reader:
            assert reader.info == put

    def test_get_range_reader_is_of_the_range(self, ranging: RangeDriver, bucket: str) -> None:
        ranging.put(bucket, KEY, DATA)
        with ranging.get_range(bucket, KEY, 2, 3) as reader:
            assert (reader.tell(), reader.seek(0, 2), reader.seek(1), reader.read()) == (0, 3, 1, b"34")

    @pytest.mark.parametrize(("offset", "length"), [(11, 1), (11, -1), (10**30, 1)])
    def test_get_range_past_the_end(
        self, ranging: RangeDriver, bucket: str, offset: int, length: int
    ) -> None:
        ranging.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            ranging.get_range(bucket, KEY, offset, length)

    @pytest.mark.parametrize(("offset", "length"), [(-1, 1), (-5, -1), (0, -2), (0, -10)])
    def test_get_range_negative(self, ranging: RangeDriver, bucket: str, offset: int, length: int) -> None:
        ranging.put(bucket, KEY, DATA)
        with pytest.raises(InvalidRangeError):
            ranging.get_range(bucket, KEY, offset, length)

    @pytest.mark.parametrize(("offset", "length"), [("0", 1), (0, "1"), (0.0, 1), (0, 1.5), (None, 1)])
    def test_get_range_of_another_type(
        self, ranging: RangeDriver, bucket: str, offset: Any, length: Any
    ) -> None:
        ranging.put(bucket, KEY, DATA)
        with pytest.raises(InvalidArgumentError):
            ranging.get_range(bucket, KEY, offset, length)

    def test_get_range_not_found(self, ranging: RangeDriver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError):
            ranging.get_range(bucket, KEY, 0, 1)
        with pytest.raises(BucketNotFoundError):
            ranging.get_range(unique_name(), KEY, 0, 1)

    def test_get_range_bad_key(self, ranging: RangeDriver, bucket: str) -> None:
        with pytest.raises(InvalidKeyError):
            ranging.get_range(bucket, "", 0, 1)

    def test_get_range_is_consistent_while_overwritten(self, ranging: RangeDriver, bucket: str) -> None:
        ranging.put(bucket, KEY, b"old content")
        with ranging.get_range(bucket, KEY, 4, -1) as reader:
            ranging.put(bucket, KEY, b"xxxxxxxxxxx")
            assert reader.read() == b"content"
