"""CopySuite: copies carry everything along, and are on their own from then on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...driver import Driver, ObjectInfo
from ...errors import BucketNotFoundError, ObjectNotFoundError
from ..objects import random_data
from .base import KEY, Suite, content_of, exists, honoured, unchanged, unique_name


def put_source(driver: Driver, bucket: str, key: str = "source.css") -> ObjectInfo:
    return driver.put(bucket, key, b"data", content_type="text/html", metadata={"author": "alice", "n": "1"})


class CopySuite(Suite):
    def test_copy_within_bucket(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "source", b"data")
        driver.copy(bucket, "source", bucket, "copy")
        assert content_of(driver, bucket, "copy") == b"data"

    def test_copy_across_buckets(self, driver: Driver, bucket: str, make_bucket: Callable[[], str]) -> None:
        other = make_bucket()
        driver.put(bucket, "source", b"data")
        driver.copy(bucket, "source", other, "copy")
        assert content_of(driver, other, "copy") == b"data"
        assert not exists(driver, bucket, "copy")

    def test_copy_source_not_found(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError):
            driver.copy(bucket, "source", bucket, "copy")
        assert not exists(driver, bucket, "copy")

    def test_copy_source_not_found_keeps_destination(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "copy", b"old")
        with unchanged(driver, bucket), pytest.raises(ObjectNotFoundError):
            driver.copy(bucket, "source", bucket, "copy")

    def test_copy_source_bucket_not_found(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.copy(unique_name(), "source", bucket, "copy")

    def test_copy_destination_bucket_not_found(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "source", b"data")
        with pytest.raises(BucketNotFoundError):
            driver.copy(bucket, "source", unique_name(), "copy")

    def test_copy_keeps_the_source(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        before = driver.head(bucket, "source.css")
        driver.copy(bucket, "source.css", bucket, "copy")
        assert driver.head(bucket, "source.css") == before
        assert content_of(driver, bucket, "source.css") == b"data"

    def test_copy_large_object(self, driver: Driver, bucket: str) -> None:
        data = random_data(3 << 20)
        driver.put(bucket, "source", data)
        driver.copy(bucket, "source", bucket, "copy")
        assert content_of(driver, bucket, "copy") == data

    def test_copy_replaces_the_destination(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "source", b"data")
        driver.put(bucket, "copy", b"longer and older")
        driver.copy(bucket, "source", bucket, "copy")
        assert content_of(driver, bucket, "copy") == b"data"

    def test_copy_replaces_metadata_of_the_destination(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "source", b"data")
        driver.put(bucket, "copy", b"older", metadata={"old": "x"})
        driver.copy(bucket, "source", bucket, "copy")
        assert dict(driver.head(bucket, "copy").metadata) == {}

    # What goes along.

    def test_copy_keeps_content_type(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy.png")
        assert driver.head(bucket, "copy.png").content_type == "text/html"

    def test_copy_keeps_metadata(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy")
        assert dict(driver.head(bucket, "copy").metadata) == {"author": "alice", "n": "1"}

    def test_copy_keeps_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, "source", b"data", tags={"env": "prod"})
        driver.copy(bucket, "source", bucket, "copy")
        assert dict(driver.head(bucket, "copy").tags) == {"env": "prod"}

    def test_copy_keeps_storage_class(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            driver.put(bucket, "source", b"data", storage_class="COLD")
        driver.copy(bucket, "source", bucket, "copy")
        assert driver.head(bucket, "copy").storage_class == "COLD"

    def test_copy_keeps_etag(self, driver: Driver, bucket: str) -> None:
        etag = put_source(driver, bucket).etag
        driver.copy(bucket, "source.css", bucket, "copy")
        assert driver.head(bucket, "copy").etag == etag

    def test_copy_info_is_that_of_the_copy(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        info = driver.copy(bucket, "source.css", bucket, "copy")
        assert (info.key, info.size) == ("copy", 4)
        assert info == driver.head(bucket, "copy")

    # Replacing the metadata.

    def test_copy_with_metadata(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "copy", metadata={"n": "2", "new": "x"})
        assert dict(driver.head(bucket, "copy").metadata) == {"n": "2", "new": "x"}

    def test_copy_with_empty_metadata_clears(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "copy", metadata={})
        assert dict(driver.head(bucket, "copy").metadata) == {}

    def test_copy_with_metadata_keeps_the_source(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "copy", metadata={"n": "2"})
        assert dict(driver.head(bucket, "source.css").metadata) == {"author": "alice", "n": "1"}

    def test_copy_with_metadata_keeps_content_type(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "copy", metadata={"n": "2"})
        assert driver.head(bucket, "copy").content_type == "text/html"

    def test_copy_with_metadata_keeps_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, "source", b"data", tags={"env": "prod"})
        with honoured("metadata"):
            driver.copy(bucket, "source", bucket, "copy", metadata={"n": "2"})
        assert dict(driver.head(bucket, "copy").tags) == {"env": "prod"}

    def test_copy_keeps_no_hold_of_the_metadata_given(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        metadata = {"n": "2"}
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "copy", metadata=metadata)
        metadata["n"] = "3"
        assert dict(driver.head(bucket, "copy").metadata) == {"n": "2"}

    # Onto itself.

    def test_copy_onto_itself(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "source.css")
        assert content_of(driver, bucket, "source.css") == b"data"

    def test_copy_onto_itself_keeps_metadata(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "source.css")
        assert dict(driver.head(bucket, "source.css").metadata) == {"author": "alice", "n": "1"}

    def test_copy_onto_itself_with_metadata(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        with honoured("metadata"):
            driver.copy(bucket, "source.css", bucket, "source.css", metadata={"n": "2"})
        assert dict(driver.head(bucket, "source.css").metadata) == {"n": "2"}
        assert content_of(driver, bucket, "source.css") == b"data"

    # On its own.

    def test_copy_stays_when_the_source_is_overwritten(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy")
        driver.put(bucket, "source.css", b"overwritten")
        assert content_of(driver, bucket, "copy") == b"data"

    def test_copy_stays_when_the_source_is_deleted(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy")
        driver.delete(bucket, "source.css")
        assert content_of(driver, bucket, "copy") == b"data"

    def test_copy_overwritten_keeps_the_source(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy")
        driver.put(bucket, "copy", b"overwritten")
        assert content_of(driver, bucket, "source.css") == b"data"

    def test_copy_of_a_copy(self, driver: Driver, bucket: str) -> None:
        put_source(driver, bucket)
        driver.copy(bucket, "source.css", bucket, "copy")
        driver.copy(bucket, "copy", bucket, "copy of copy")
        driver.delete(bucket, "copy")
        assert content_of(driver, bucket, "copy of copy") == b"data"

    def test_copy_of_an_empty_object(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"")
        driver.copy(bucket, KEY, bucket, "copy")
        assert content_of(driver, bucket, "copy") == b""
