"""ServerCopySuite: ServerCopyDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ...driver import Driver, ObjectRef, ServerCopyDriver
from ...errors import BucketNotFoundError, InvalidArgumentError, InvalidKeyError, ObjectNotFoundError
from .base import KEY, Suite, content_of, exists, having, honoured, unchanged, unique_name


class ServerCopySuite(Suite):
    @pytest.fixture
    def copying(self, driver: Driver) -> ServerCopyDriver:
        return having(driver, ServerCopyDriver)

    def test_server_copy(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data")
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        assert content_of(copying, bucket, "copy") == b"data"

    def test_server_copy_across_buckets(
        self, copying: ServerCopyDriver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        copying.put(bucket, KEY, b"data")
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(other, "copy"))
        assert content_of(copying, other, "copy") == b"data"

    def test_server_copy_keeps_what_goes_along(self, copying: ServerCopyDriver, bucket: str) -> None:
        source = copying.put(bucket, "a.css", b"data", content_type="text/html", metadata={"n": "1"})
        copying.server_copy(ObjectRef(bucket, "a.css"), ObjectRef(bucket, "b.png"))
        copy = copying.head(bucket, "b.png")
        assert (copy.content_type, dict(copy.metadata), copy.etag) == ("text/html", {"n": "1"}, source.etag)

    def test_server_copy_keeps_tags(self, copying: ServerCopyDriver, bucket: str) -> None:
        with honoured("tags"):
            copying.put(bucket, KEY, b"data", tags={"env": "prod"})
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        assert dict(copying.head(bucket, "copy").tags) == {"env": "prod"}

    def test_server_copy_keeps_storage_class(self, copying: ServerCopyDriver, bucket: str) -> None:
        with honoured("storage_class"):
            copying.put(bucket, KEY, b"data", storage_class="COLD")
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        assert copying.head(bucket, "copy").storage_class == "COLD"

    def test_server_copy_of_an_expired_object(self, copying: ServerCopyDriver, bucket: str) -> None:
        with honoured("expires_at"):
            copying.put(bucket, KEY, b"data", expires_at=datetime.now(UTC) - timedelta(hours=1))
        with pytest.raises(ObjectNotFoundError):
            copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))

    def test_server_copy_info_is_that_of_the_copy(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data")
        info = copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        assert (info.key, info) == ("copy", copying.head(bucket, "copy"))

    def test_server_copy_onto_itself(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data", metadata={"n": "1"})
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, KEY))
        assert content_of(copying, bucket, KEY) == b"data"

    def test_server_copy_is_on_its_own(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data")
        copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        copying.put(bucket, KEY, b"overwritten")
        assert content_of(copying, bucket, "copy") == b"data"

    def test_server_copy_source_not_found(self, copying: ServerCopyDriver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError):
            copying.server_copy(ObjectRef(bucket, KEY), ObjectRef(bucket, "copy"))
        assert not exists(copying, bucket, "copy")

    def test_server_copy_bucket_not_found(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data")
        for src, dst in ((bucket, unique_name()), (unique_name(), bucket)):
            with pytest.raises(BucketNotFoundError):
                copying.server_copy(ObjectRef(src, KEY), ObjectRef(dst, "copy"))

    def test_server_copy_bad_key(self, copying: ServerCopyDriver, bucket: str) -> None:
        copying.put(bucket, KEY, b"data")
        for src, dst in (("", "copy"), (KEY, "")):
            with unchanged(copying, bucket), pytest.raises(InvalidKeyError):
                copying.server_copy(ObjectRef(bucket, src), ObjectRef(bucket, dst))

    @pytest.mark.parametrize("ref", ["bucket/key", None, 5], ids=repr)
    def test_server_copy_of_another_type(self, copying: ServerCopyDriver, bucket: str, ref: Any) -> None:
        copying.put(bucket, KEY, b"data")
        with unchanged(copying, bucket), pytest.raises(InvalidArgumentError):
            copying.server_copy(ref, ObjectRef(bucket, "copy"))
        with unchanged(copying, bucket), pytest.raises(InvalidArgumentError):
            copying.server_copy(ObjectRef(bucket, KEY), ref)
