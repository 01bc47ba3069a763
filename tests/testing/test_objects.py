"""The helpers for tests of objects."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta

import pytest

import trove
from trove.testing import assert_object_equals, random_data, read_all, test_object


def test_random_data_is_the_same_for_the_same_seed() -> None:
    assert random_data(1000, seed=7) == random_data(1000, seed=7)
    assert random_data(1000, seed=7) != random_data(1000, seed=8)


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_random_data_has_the_size(size: int) -> None:
    assert len(random_data(size)) == size


def test_random_data_is_the_same_everywhere() -> None:
    assert random_data(8, seed=1).hex() == "f5b165224a58b791"


def test_object_is_what_a_driver_puts() -> None:
    with trove.open("mem://") as drv:
        drv.create_bucket("bucket")
        put = drv.put("bucket", "photos/cat.jpg", b"data")
    assert_object_equals(test_object("photos/cat.jpg", b"data"), put)


def test_object_is_no_test() -> None:
    assert test_object.__test__ is False  # type: ignore[attr-defined]


def test_object_takes_every_kind_of_data() -> None:
    assert test_object("key", [b"da", b"ta"]).etag == test_object("key", io.BytesIO(b"data")).etag


def test_assert_object_equals_ignores_last_modified() -> None:
    info = test_object("key", b"data")
    later = dataclasses.replace(info, last_modified=datetime.now(UTC) + timedelta(days=1))
    assert_object_equals(info, later)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "other"),
        ("size", 5),
        ("content_type", "text/css"),
        ("etag", "other"),
        ("metadata", {"n": "1"}),
        ("tags", {"n": "1"}),
        ("version_id", "1"),
        ("storage_class", "COLD"),
    ],
)
def test_assert_object_equals_names_what_differs(field: str, value: object) -> None:
    info = test_object("key", b"data")
    with pytest.raises(AssertionError, match=field):
        assert_object_equals(info, dataclasses.replace(info, **{field: value}))  # type: ignore[arg-type]


def test_read_all_reads_the_rest_and_closes() -> None:
    file = io.BytesIO(b"0123456789")
    file.read(4)
    assert read_all(file) == b"456789"
    assert file.closed
