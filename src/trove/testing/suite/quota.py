"""QuotaSuite: QuotaDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ...driver import Driver, MultipartDriver, Quota, QuotaDriver, VersioningDriver
from ...errors import (
    BucketNotFoundError,
    InvalidArgumentError,
    InvalidBucketNameError,
    QuotaExceededError,
)
from .base import KEY, Suite, content_of, exists, having, keys_of, unchanged, unique_name
from .threads import outcomes

SIZE = 1000
"""The bytes that these tests allow."""

BAD_LIMITS: dict[str, Any] = {"negative": -1, "text": "5", "fraction": 1.0, "switch": True, "huge": 1 << 63}


def filled(driver: Driver, bucket: str, size: int = SIZE, key: str = KEY) -> None:
    driver.put(bucket, key, bytes(size))


class QuotaSuite(Suite):
    """What the contract asks of a QuotaDriver."""

    @pytest.fixture
    def limiting(self, driver: Driver) -> QuotaDriver:
        return having(driver, QuotaDriver)

    @pytest.fixture
    def limited(self, limiting: QuotaDriver, bucket: str) -> str:
        """A bucket with room for SIZE bytes."""
        limiting.set_quota(bucket, max_bytes=SIZE)
        return bucket

    @pytest.fixture
    def whole(self, limiting: QuotaDriver, bucket: str) -> Iterator[str]:
        """A bucket of a store that has no other, and no quota afterwards."""
        others = [info.name for info in limiting.list_buckets() if info.name != bucket]
        if others or limiting.get_quota(None) != Quota():
            pytest.skip(f"the store has other buckets, or a quota, which are not the test's: {others[:3]}")
        yield bucket
        limiting.set_quota(None)

    # Setting it.

    def test_quota_is_none_at_first(self, limiting: QuotaDriver, bucket: str) -> None:
        assert limiting.get_quota(bucket) == Quota(None, None)

    @pytest.mark.parametrize("max_bytes", [0, 5, (1 << 63) - 1, None])
    @pytest.mark.parametrize("max_objects", [0, 7, (1 << 63) - 1, None])
    def test_quota_is_as_it_was_set(
        self, limiting: QuotaDriver, bucket: str, max_bytes: int | None, max_objects: int | None
    ) -> None:
        limiting.set_quota(bucket, max_bytes=max_bytes, max_objects=max_objects)
        assert limiting.get_quota(bucket) == Quota(max_bytes, max_objects)

    def test_quota_is_replaced_and_removed(self, limiting: QuotaDriver, limited: str) -> None:
        limiting.set_quota(limited, max_objects=1)
        assert limiting.get_quota(limited) == Quota(max_objects=1)
        filled(limiting, limited, SIZE + 1)
        limiting.set_quota(limited)
        assert limiting.get_quota(limited) == Quota()
        filled(limiting, limited, key="another")

    def test_quota_is_per_bucket(
        self, limiting: QuotaDriver, limited: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        assert limiting.get_quota(other) == Quota()
        filled(limiting, other, SIZE + 1)

    def test_quota_goes_with_its_bucket(self, limiting: QuotaDriver, limited: str) -> None:
        limiting.delete_bucket(limited)
        limiting.create_bucket(limited)
        assert limiting.get_quota(limited) == Quota()
        filled(limiting, limited, SIZE + 1)

    def test_quota_outlives_the_driver(
        self, limiting: QuotaDriver, limited: str, reopen: Callable[[], None]
    ) -> None:
        filled(limiting, limited)
        reopen()
        if limited not in [info.name for info in limiting.list_buckets()]:
            pytest.skip("the store ends with the driver")
        assert limiting.get_quota(limited) == Quota(SIZE)
        with pytest.raises(QuotaExceededError):
            limiting.put(limited, "another", b"1")

    def test_quota_bucket_not_found(self, limiting: QuotaDriver) -> None:
        with pytest.raises(BucketNotFoundError):
            limiting.set_quota(unique_name(), max_bytes=1)
        with pytest.raises(BucketNotFoundError):
            limiting.get_quota(unique_name())

    @pytest.mark.parametrize("limit", ["max_bytes", "max_objects"])
    @pytest.mark.parametrize("kind", BAD_LIMITS)
    def test_quota_bad_limits(self, limiting: QuotaDriver, limited: str, limit: str, kind: str) -> None:
        with pytest.raises(InvalidArgumentError, match=limit):
            limiting.set_quota(limited, **{limit: BAD_LIMITS[kind]})
        assert limiting.get_quota(limited) == Quota(SIZE)

    @pytest.mark.parametrize("name", ["", "a/b", 5, b"bucket"], ids=repr)
    def test_quota_bad_bucket_name(self, limiting: QuotaDriver, name: Any) -> None:
        with pytest.raises(InvalidBucketNameError):
            limiting.set_quota(name, max_bytes=1)
        with pytest.raises(InvalidBucketNameError):
            limiting.get_quota(name)

    # What it allows.

    def test_quota_of_bytes_is_exact(self, limiting: QuotaDriver, limited: str) -> None:
        filled(limiting, limited, SIZE - 1, "first")
        filled(limiting, limited, 1, "second")
        filled(limiting, limited, 0, "empty")
        with unchanged(limiting, limited), pytest.raises(QuotaExceededError):
            limiting.put(limited, "third", b"1")

    def test_quota_of_objects_is_exact(self, limiting: QuotaDriver, bucket: str) -> None:
        limiting.set_quota(bucket, max_objects=2)
        filled(limiting, bucket, key="first")
        filled(limiting, bucket, 0, "second")
        with unchanged(limiting, bucket), pytest.raises(QuotaExceededError):
            limiting.put(bucket, "third", b"")
        filled(limiting, bucket, key="second")

    def test_quota_of_nothing(self, limiting: QuotaDriver, bucket: str) -> None:
        limiting.set_quota(bucket, max_bytes=0)
        filled(limiting, bucket, 0)
        limiting.set_quota(bucket, max_objects=0)
        with pytest.raises(QuotaExceededError):
            limiting.put(bucket, "another", b"")
        assert keys_of(limiting.list(bucket)) == [KEY]

    def test_quota_error_says_what_and_where(self, limiting: QuotaDriver, limited: str) -> None:
        with pytest.raises(QuotaExceededError, match="bytes") as caught:
            filled(limiting, limited, SIZE + 1)
        assert (caught.value.bucket, caught.value.key) == (limited, KEY)
        limiting.set_quota(limited, max_objects=0)
        with pytest.raises(QuotaExceededError, match="objects"):
            filled(limiting, limited)

    def test_quota_counts_what_was_there_before(self, limiting: QuotaDriver, bucket: str) -> None:
        filled(limiting, bucket, 600)
        limiting.set_quota(bucket, max_bytes=SIZE)
        filled(limiting, bucket, 400, "another")
        with pytest.raises(QuotaExceededError):
            limiting.put(bucket, "third", b"1")

    def test_quota_counts_sizes_not_storage(self, limiting: QuotaDriver, limited: str) -> None:
        """Equal objects may share their storage; each counts."""
        filled(limiting, limited, 600, "first")
        with pytest.raises(QuotaExceededError):
            filled(limiting, limited, 600, "second")

    def test_quota_replacing_counts_the_difference(self, limiting: QuotaDriver, limited: str) -> None:
        filled(limiting, limited, 900)
        filled(limiting, limited, SIZE)
        with unchanged(limiting, limited), pytest.raises(QuotaExceededError):
            filled(limiting, limited, SIZE + 1)
        filled(limiting, limited, 400)
        filled(limiting, limited, 600, "another")

    def test_quota_a_delete_makes_room(self, limiting: QuotaDriver, limited: str) -> None:
        filled(limiting, limited)
        for _ in range(2):
            limiting.delete(limited, KEY)
        filled(limiting, limited, key="another")
        with pytest.raises(QuotaExceededError):
            limiting.put(limited, KEY, b"1")

    def test_quota_below_what_is_there(self, limiting: QuotaDriver, bucket: str) -> None:
        filled(limiting, bucket, 600, "first")
        filled(limiting, bucket, 600, "second")
        limiting.set_quota(bucket, max_bytes=SIZE, max_objects=1)
        filled(limiting, bucket, 600, "first")
        filled(limiting, bucket, 599, "first")
        with unchanged(limiting, bucket), pytest.raises(QuotaExceededError):
            filled(limiting, bucket, 600, "first")
        limiting.delete(bucket, "second")
        filled(limiting, bucket, SIZE, "first")

    @pytest.mark.parametrize("kind", ["bytes", "file", "pieces"])
    def test_quota_large_data(self, limiting: QuotaDriver, limited: str, kind: str) -> None:
        """However it comes, nothing of it stays."""
        data: Any = bytes(200_000)
        if kind == "file":
            data = io.BytesIO(data)
        elif kind == "pieces":
            data = iter([bytes(1000)] * 200)
        filled(limiting, limited, 10, "another")
        with unchanged(limiting, limited), pytest.raises(QuotaExceededError):
            limiting.put(limited, KEY, data)
        filled(limiting, limited, SIZE - 10)

    def test_quota_large_data_that_fits(self, limiting: QuotaDriver, bucket: str) -> None:
        limiting.set_quota(bucket, max_bytes=200_000, max_objects=1)
        for _ in range(2):
            limiting.put(bucket, KEY, iter([bytes(1000)] * 200))
        limiting.put(bucket, KEY, bytes(200_000))
        with unchanged(limiting, bucket), pytest.raises(QuotaExceededError):
            limiting.put(bucket, KEY, iter([bytes(1000)] * 201))

    def test_quota_copy(self, limiting: QuotaDriver, limited: str, make_bucket: Callable[[], str]) -> None:
        source = make_bucket()
        filled(limiting, source, 600)
        limiting.copy(source, KEY, limited, KEY)
        with unchanged(limiting, limited), pytest.raises(QuotaExceededError):
            limiting.copy(source, KEY, limited, "another")
        with unchanged(limiting, limited), pytest.raises(QuotaExceededError):
            limiting.copy(limited, KEY, limited, "another")
        limiting.copy(limited, KEY, limited, KEY, metadata={"a": "b"})
        assert not exists(limiting, limited, "another")

    # Several at once.

    def test_quota_of_objects_in_a_race(self, limiting: QuotaDriver, bucket: str) -> None:
        limiting.set_quota(bucket, max_objects=5)

        def put(number: int) -> Callable[[], Any]:
            return lambda: limiting.put(bucket, f"{number:02d}", b"data")

        results = outcomes([put(number) for number in range(16)])
        refused = [each for each in results if isinstance(each, BaseException)]
        assert [type(each) for each in refused] == [QuotaExceededError] * 11
        assert len(keys_of(limiting.list(bucket))) == 5

    def test_quota_of_bytes_in_a_race(self, limiting: QuotaDriver, limited: str) -> None:
        def put(number: int) -> Callable[[], Any]:
            return lambda: limiting.put(limited, f"{number:02d}", bytes(300))

        results = outcomes([put(number) for number in range(16)])
        assert sum(isinstance(each, QuotaExceededError) for each in results) == 13
        assert len(keys_of(limiting.list(limited))) == 3
        filled(limiting, limited, 100)

    # The whole store.

    def test_quota_of_the_store(
        self, limiting: QuotaDriver, whole: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        filled(limiting, whole, 400)
        limiting.set_quota(None, max_bytes=SIZE, max_objects=3)
        assert limiting.get_quota(None) == Quota(SIZE, 3)
        assert limiting.get_quota(whole) == Quota()
        filled(limiting, other, 600)
        with unchanged(limiting, other), pytest.raises(QuotaExceededError, match="store"):
            limiting.put(other, "another", b"1")
        limiting.put(other, "another", b"")
        with unchanged(limiting, whole), pytest.raises(QuotaExceededError, match="store"):
            limiting.put(whole, "another", b"")
        limiting.delete(whole, KEY)
        filled(limiting, other, SIZE)

    def test_quota_of_the_store_and_of_a_bucket(
        self, limiting: QuotaDriver, whole: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        limiting.set_quota(None, max_bytes=SIZE)
        limiting.set_quota(other, max_bytes=600)
        with pytest.raises(QuotaExceededError):
            filled(limiting, other, 601)
        filled(limiting, other, 600)
        with pytest.raises(QuotaExceededError):
            filled(limiting, whole, 401)
        filled(limiting, whole, 400)

    # Versions and uploads.

    def test_quota_counts_old_versions(self, limiting: QuotaDriver, limited: str) -> None:
        versioning = having(limiting, VersioningDriver)
        versioning.set_versioning(limited, True)
        first = limiting.put(limited, KEY, bytes(400)).version_id
        filled(limiting, limited, 500)
        limiting.set_quota(limited, max_bytes=SIZE, max_objects=2)
        with pytest.raises(QuotaExceededError, match="objects"):
            filled(limiting, limited, 1)
        limiting.set_quota(limited, max_bytes=SIZE)
        with pytest.raises(QuotaExceededError, match="bytes"):
            filled(limiting, limited, 101)
        with pytest.raises(QuotaExceededError):
            versioning.restore_version(limited, KEY, first)
        versioning.delete_version(limited, KEY, first)
        filled(limiting, limited, 500)

    def test_quota_delete_markers_are_free(self, limiting: QuotaDriver, limited: str) -> None:
        versioning = having(limiting, VersioningDriver)
        versioning.set_versioning(limited, True)
        filled(limiting, limited)
        limiting.set_quota(limited, max_bytes=SIZE, max_objects=1)
        limiting.delete(limited, KEY)
        with pytest.raises(QuotaExceededError):
            filled(limiting, limited, 0)

    def test_quota_counts_parts(self, limiting: QuotaDriver, limited: str) -> None:
        uploading = having(limiting, MultipartDriver)
        limiting.set_quota(limited, max_bytes=SIZE, max_objects=1)
        upload = uploading.initiate_multipart(limited, KEY)
        first = uploading.upload_part(limited, KEY, upload, 1, bytes(600))
        with pytest.raises(QuotaExceededError):
            uploading.upload_part(limited, KEY, upload, 2, bytes(401))
        assert uploading.list_parts(limited, KEY, upload) == [first]
        second = uploading.upload_part(limited, KEY, upload, 2, bytes(400))
        second = uploading.upload_part(limited, KEY, upload, 2, b"2" * 400)
        with pytest.raises(QuotaExceededError):
            limiting.put(limited, "another", b"1")
        uploading.complete_multipart(limited, KEY, upload, [first, second])
        assert content_of(limiting, limited, KEY) == bytes(600) + b"2" * 400

    def test_quota_completion_needs_an_object(self, limiting: QuotaDriver, bucket: str) -> None:
        uploading = having(limiting, MultipartDriver)
        limiting.set_quota(bucket, max_objects=1)
        upload = uploading.initiate_multipart(bucket, KEY)
        part = uploading.upload_part(bucket, KEY, upload, 1, b"part")
        filled(limiting, bucket, key="another")
        with pytest.raises(QuotaExceededError):
            uploading.complete_multipart(bucket, KEY, upload, [part])
        limiting.delete(bucket, "another")
        uploading.complete_multipart(bucket, KEY, upload, [part])
        assert keys_of(limiting.list(bucket)) == [KEY]

    def test_quota_an_abort_makes_room(self, limiting: QuotaDriver, limited: str) -> None:
        uploading = having(limiting, MultipartDriver)
        upload = uploading.initiate_multipart(limited, KEY)
        uploading.upload_part(limited, KEY, upload, 1, bytes(SIZE))
        uploading.abort_multipart(limited, KEY, upload)
        filled(limiting, limited)

    def test_quota_what_a_completion_leaves_out_makes_room(self, limiting: QuotaDriver, limited: str) -> None:
        uploading = having(limiting, MultipartDriver)
        upload = uploading.initiate_multipart(limited, KEY)
        part = uploading.upload_part(limited, KEY, upload, 1, bytes(100))
        uploading.upload_part(limited, KEY, upload, 2, bytes(900))
        uploading.complete_multipart(limited, KEY, upload, [part])
        filled(limiting, limited, 900, "another")
