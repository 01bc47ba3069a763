"""BucketSuite: making, listing and deleting buckets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from ...driver import Driver
from ...errors import (
    BucketExistsError,
    BucketNotEmptyError,
    BucketNotFoundError,
    UnsupportedOptionError,
)
from .base import KEY, Suite, content_of, exists, remove_bucket, unique_name
from .threads import outcomes

NAMES = (
    "UPPER-{}",
    "with space {}",
    ".hidden-{}",
    "...{}",
    "dots.and_underscores.{}",
    "percent%2F{}",
    "-dash{}",
    "日本-{}",
    "\U0001f4e6{}",
)


def _names(driver: Driver) -> list[str]:
    return [info.name for info in driver.list_buckets()]


class BucketSuite(Suite):
    def test_bucket_create(self, driver: Driver, bucket: str) -> None:
        assert list(driver.list(bucket)) == []

    def test_bucket_create_duplicate(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(BucketExistsError):
            driver.create_bucket(bucket)

    def test_bucket_create_duplicate_keeps_objects(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        with suppress(BucketExistsError):
            driver.create_bucket(bucket)
        assert content_of(driver, bucket, KEY) == b"data"

    def test_bucket_create_race(self, driver: Driver) -> None:
        name = unique_name()
        results = outcomes([lambda: driver.create_bucket(name)] * 16)
        try:
            errors = [result for result in results if result is not None]
            assert len(errors) == 15
            assert all(isinstance(error, BucketExistsError) for error in errors), errors
        finally:
            remove_bucket(driver, name)

    def test_bucket_create_with_region(self, driver: Driver) -> None:
        name = unique_name()
        try:
            driver.create_bucket(name, region="eu-central-1")
        except UnsupportedOptionError:
            assert name not in _names(driver)
        else:
            assert name in _names(driver)
            driver.delete_bucket(name)

    @pytest.mark.parametrize("form", NAMES)
    def test_bucket_create_unusual_names(self, driver: Driver, form: str) -> None:
        name = form.format(unique_name())
        driver.create_bucket(name)
        try:
            driver.put(name, KEY, b"data")
            assert content_of(driver, name, KEY) == b"data"
            assert name in _names(driver)
        finally:
            remove_bucket(driver, name)

    @pytest.mark.parametrize("letter", ["n", "é", "語"])
    def test_bucket_create_longest_name(self, driver: Driver, letter: str) -> None:
        start = unique_name()
        name = start + letter * ((255 - len(start)) // len(letter.encode()))
        driver.create_bucket(name)
        try:
            assert name in _names(driver)
        finally:
            remove_bucket(driver, name)

    def test_bucket_names_keep_their_case(self, driver: Driver, bucket: str) -> None:
        other = bucket.upper()
        driver.create_bucket(other)
        try:
            driver.put(bucket, KEY, b"lower")
            assert not exists(driver, other, KEY)
        finally:
            remove_bucket(driver, other)

    def test_bucket_delete(self, driver: Driver) -> None:
        name = unique_name()
        driver.create_bucket(name)
        driver.delete_bucket(name)
        assert name not in _names(driver)
        with pytest.raises(BucketNotFoundError):
            driver.list(name)

    def test_bucket_delete_not_found(self, driver: Driver) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.delete_bucket(unique_name())

    def test_bucket_delete_not_empty(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "folder/object", b"data")
        with pytest.raises(BucketNotEmptyError):
            driver.delete_bucket(bucket)
        assert content_of(driver, bucket, "folder/object") == b"data"

    def test_bucket_delete_when_emptied(self, driver: Driver) -> None:
        name = unique_name()
        driver.create_bucket(name)
        for key in ("a", "a/b/c", "d//e", ".."):
            driver.put(name, key, b"data")
        for key in ("a", "a/b/c", "d//e", ".."):
            driver.delete(name, key)
        driver.delete_bucket(name)
        assert name not in _names(driver)

    def test_bucket_delete_twice(self, driver: Driver) -> None:
        name = unique_name()
        driver.create_bucket(name)
        driver.delete_bucket(name)
        with pytest.raises(BucketNotFoundError):
            driver.delete_bucket(name)

    def test_bucket_delete_and_create_again(self, driver: Driver) -> None:
        name = unique_name()
        for _ in range(2):
            driver.create_bucket(name)
            driver.put(name, KEY, b"data")
            driver.delete(name, KEY)
            assert list(driver.list(name)) == []
            driver.delete_bucket(name)

    def test_bucket_list(self, driver: Driver, make_bucket: Callable[[], str]) -> None:
        made = {make_bucket() for _ in range(3)}
        assert made <= set(_names(driver))

    def test_bucket_list_sorted(self, driver: Driver, make_bucket: Callable[[], str]) -> None:
        # Random names: the order of their making is another one but once in 40,320 times.
        made = [make_bucket() for _ in range(8)]
        assert [name for name in _names(driver) if name in made] == sorted(made)

    def test_bucket_list_each_once(self, driver: Driver, make_bucket: Callable[[], str]) -> None:
        made = [make_bucket() for _ in range(3)]
        names = _names(driver)
        assert [names.count(name) for name in made] == [1, 1, 1]

    def test_bucket_list_created_at(self, driver: Driver, bucket: str) -> None:
        info = next(info for info in driver.list_buckets() if info.name == bucket)
        assert info.created_at.utcoffset() == timedelta(0)

    def test_bucket_list_created_at_stays(self, driver: Driver, bucket: str) -> None:
        before = [info for info in driver.list_buckets() if info.name == bucket]
        driver.put(bucket, KEY, b"data")
        assert [info for info in driver.list_buckets() if info.name == bucket] == before

    def test_bucket_keeps_objects_apart(self, driver: Driver, make_bucket: Callable[[], str]) -> None:
        one, other = make_bucket(), make_bucket()
        driver.put(one, KEY, b"one")
        driver.put(other, KEY, b"other")
        driver.delete(other, KEY)
        assert content_of(driver, one, KEY) == b"one"
