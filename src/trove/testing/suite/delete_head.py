"""DeleteSuite and HeadSuite: deleting objects, and looking at them without their data."""

from __future__ import annotations

import pytest

from ...driver import Driver, VersioningDriver
from ...errors import (
    BucketNotFoundError,
    ObjectNotFoundError,
    UnsupportedOptionError,
    VersionNotFoundError,
)
from .base import KEY, Suite, content_of, exists, keys_of, unchanged, unique_name

UNKNOWN_VERSION = "no-such-version"


def refused_version(driver: Driver) -> tuple[type[Exception], ...]:
    """What an unknown version id may give: a driver without versions need not know the option."""
    if isinstance(driver, VersioningDriver):
        return (VersionNotFoundError,)
    return (VersionNotFoundError, UnsupportedOptionError)


class DeleteSuite(Suite):
    def test_delete_existing(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        driver.delete(bucket, KEY)
        assert not exists(driver, bucket, KEY)

    def test_delete_existing_from_get(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        driver.delete(bucket, KEY)
        with pytest.raises(ObjectNotFoundError):
            driver.get(bucket, KEY)

    def test_delete_existing_from_list(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        driver.delete(bucket, KEY)
        assert keys_of(driver.list(bucket)) == []

    def test_delete_non_existent(self, driver: Driver, bucket: str) -> None:
        driver.delete(bucket, KEY)

    def test_delete_twice(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        driver.delete(bucket, KEY)
        driver.delete(bucket, KEY)

    def test_delete_bucket_not_found(self, driver: Driver) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.delete(unique_name(), KEY)

    def test_delete_leaves_others(self, driver: Driver, bucket: str) -> None:
        for key in ("a", "a/", "a/b", "ab", "A", "b"):
            driver.put(bucket, key, key.encode())
        driver.delete(bucket, "a")
        assert keys_of(driver.list(bucket)) == ["A", "a/", "a/b", "ab", "b"]

    def test_delete_non_existent_leaves_others(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "folder/object", b"data")
        with unchanged(driver, bucket):
            for key in ("folder", "folder/", "folder/obj", "folder/objects", "*", "%"):
                driver.delete(bucket, key)

    def test_delete_and_put_again(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"old", metadata={"old": "x"})
        driver.delete(bucket, KEY)
        info = driver.put(bucket, KEY, b"new")
        assert (content_of(driver, bucket, KEY), dict(info.metadata)) == (b"new", {})

    def test_delete_unknown_version(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        with unchanged(driver, bucket), pytest.raises(refused_version(driver)):
            driver.delete(bucket, KEY, version_id=UNKNOWN_VERSION)


class HeadSuite(Suite):
    def test_head_existing(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"hello world")
        info = driver.head(bucket, KEY)
        assert (info.key, info.size) == (KEY, 11)

    def test_head_non_existent(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError):
            driver.head(bucket, KEY)

    def test_head_bucket_not_found(self, driver: Driver) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.head(unique_name(), KEY)

    def test_head_after_overwrite(self, driver: Driver, bucket: str) -> None:
        old = driver.put(bucket, KEY, b"old")
        driver.put(bucket, KEY, b"newer data")
        info = driver.head(bucket, KEY)
        assert info.size == 10
        assert info.etag != old.etag

    def test_head_unknown_version(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        with pytest.raises(refused_version(driver)):
            driver.head(bucket, KEY, version_id=UNKNOWN_VERSION)

    def test_get_unknown_version(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        with pytest.raises(refused_version(driver)):
            driver.get(bucket, KEY, version_id=UNKNOWN_VERSION)
