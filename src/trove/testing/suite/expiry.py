"""ExpirySuite: from the instant ``expires_at`` on, an object is as if deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ...driver import Driver, ObjectInfo
from ...errors import ObjectNotFoundError, PreconditionFailedError
from . import threads
from .base import KEY, Suite, content_of, exists, honoured, keys_of


def past() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def future() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def put_expiring(driver: Driver, bucket: str, at: datetime, key: str = KEY) -> ObjectInfo:
    with honoured("expires_at"):
        return driver.put(bucket, key, b"data", expires_at=at)


def wait_until_gone(driver: Driver, bucket: str, key: str) -> None:
    deadline = time.monotonic() + threads.PATIENCE
    while exists(driver, bucket, key):
        assert time.monotonic() < deadline, "the object outlives its expires_at"
        time.sleep(0.01)  # nothing tells a test that a store's clock has moved on


class ExpirySuite(Suite):
    def test_expires_future_object_is_there(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, future())
        assert content_of(driver, bucket, KEY) == b"data"

    def test_expires_far_future_object_is_there(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, datetime(9000, 1, 1, tzinfo=UTC))
        assert exists(driver, bucket, KEY)

    def test_expires_past_hidden_from_get(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        with pytest.raises(ObjectNotFoundError):
            driver.get(bucket, KEY)

    def test_expires_past_hidden_from_head(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        with pytest.raises(ObjectNotFoundError):
            driver.head(bucket, KEY)

    def test_expires_past_hidden_from_list(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "other", b"data")
        put_expiring(driver, bucket, past())
        assert keys_of(driver.list(bucket)) == ["other"]

    def test_expires_past_hidden_from_common_prefixes(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past(), "gone/object")
        assert list(driver.list(bucket, delimiter="/").prefixes) == []

    def test_expires_past_not_counted_on_a_page(self, driver: Driver, bucket: str) -> None:
        for key in ("a", "c", "e"):
            put_expiring(driver, bucket, past(), key)
        for key in ("b", "d"):
            driver.put(bucket, key, b"data")
        page = driver.list(bucket, max_keys=2)
        assert (keys_of(page), page.next_token) == (["b", "d"], "")

    def test_expires_past_hidden_from_copy(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        with pytest.raises(ObjectNotFoundError):
            driver.copy(bucket, KEY, bucket, "copy")

    def test_expires_past_hidden_from_if_none_match(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        with honoured("if_none_match"):
            driver.put(bucket, KEY, b"new", if_none_match="*")
        assert content_of(driver, bucket, KEY) == b"new"

    def test_expires_past_hidden_from_if_match(self, driver: Driver, bucket: str) -> None:
        etag = put_expiring(driver, bucket, past()).etag
        with honoured("if_match"), pytest.raises(PreconditionFailedError):
            driver.put(bucket, KEY, b"new", if_match=etag)

    def test_expires_past_hidden_from_delete_bucket(
        self, driver: Driver, make_bucket: Callable[[], str]
    ) -> None:
        bucket = make_bucket()
        put_expiring(driver, bucket, past())
        driver.delete_bucket(bucket)
        assert bucket not in [info.name for info in driver.list_buckets()]

    def test_expires_past_can_be_deleted(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        driver.delete(bucket, KEY)

    def test_expires_past_replaces_the_old_object(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"old")
        put_expiring(driver, bucket, past())
        assert not exists(driver, bucket, KEY)

    def test_expires_past_can_be_written_anew(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, past())
        driver.put(bucket, KEY, b"new")
        assert content_of(driver, bucket, KEY) == b"new"

    def test_expires_info_of_put(self, driver: Driver, bucket: str) -> None:
        info = put_expiring(driver, bucket, future())
        assert (info.key, info.size, info) == (KEY, 4, driver.head(bucket, KEY))

    @pytest.mark.parametrize("hours", [-9, 9])
    def test_expires_in_another_timezone(self, driver: Driver, bucket: str, hours: int) -> None:
        zone = timezone(timedelta(hours=hours))
        put_expiring(driver, bucket, future().astimezone(zone), "future")
        put_expiring(driver, bucket, past().astimezone(zone), "past")
        assert keys_of(driver.list(bucket)) == ["future"]

    def test_expires_when_the_instant_passes(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, datetime.now(UTC) + timedelta(seconds=self.LIFETIME))
        wait_until_gone(driver, bucket, KEY)
        assert keys_of(driver.list(bucket)) == []

    def test_expires_not_before_the_instant(self, driver: Driver, bucket: str) -> None:
        at = datetime.now(UTC) + timedelta(seconds=self.LIFETIME)
        put_expiring(driver, bucket, at)
        there = exists(driver, bucket, KEY)
        # A look that came too late proves nothing.
        assert there or datetime.now(UTC) >= at

    def test_copy_keeps_expiry(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, datetime.now(UTC) + timedelta(seconds=self.LIFETIME))
        driver.copy(bucket, KEY, bucket, "copy")
        wait_until_gone(driver, bucket, "copy")

    def test_put_get_overwrite_drops_expiry(self, driver: Driver, bucket: str) -> None:
        put_expiring(driver, bucket, datetime.now(UTC) + timedelta(seconds=self.LIFETIME), "witness")
        put_expiring(driver, bucket, datetime.now(UTC) + timedelta(seconds=self.LIFETIME))
        driver.put(bucket, KEY, b"for good")
        wait_until_gone(driver, bucket, "witness")
        assert content_of(driver, bucket, KEY) == b"for good"
