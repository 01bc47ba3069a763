"""DriverStore: what stands in the driver, what a listing costs, and who closes what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import trove
from trove.driver import ObjectInfo, ObjectIterator
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketNotFoundError,
    CorruptStoreError,
    DriverClosedError,
    InvalidArgumentError,
    InvalidBucketNameError,
    InvalidKeyError,
    UnsupportedOptionError,
)
from trove.store import DriverStore, Record, ScopedStore
from trove.store.attributes import EXPIRES_AT
from trove.testing import ManualClock

HOUR = timedelta(hours=1)


class Watched(MemoryDriver):
    """Notes how ``expires_at`` was given and what was listed; refuses the option when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.expiries: list[datetime | None] = []
        self.listed: list[int] = []
        self.refuses = False

    def put(
        self, bucket: str, key: str, data: Any, *, expires_at: datetime | None = None, **options: Any
    ) -> ObjectInfo:
        self.expiries.append(expires_at)
        if expires_at is not None and self.refuses:
            raise UnsupportedOptionError.of(self.name, "expires_at", "leave it out")
        return super().put(bucket, key, data, expires_at=expires_at, **options)

    def list(self, bucket: str, **options: Any) -> ObjectIterator:
        page = super().list(bucket, **options)
        infos = page.all()
        self.listed.append(len(infos))
        return ObjectIterator(infos, page.prefixes, page.next_token)


@pytest.fixture
def driver() -> Iterator[Watched]:
    with Watched() as driver:
        driver.open("mem://")
        yield driver


def test_the_bucket_is_made_by_the_first_call_and_used_when_it_is_there(driver: Watched) -> None:
    store = DriverStore(driver, bucket="mine")
    assert driver.list_buckets() == []
    assert store.list() == []
    DriverStore(driver, bucket="mine").init()
    assert [bucket.name for bucket in driver.list_buckets()] == ["mine"]


def test_buckets_hold_records_of_their_own(driver: Watched) -> None:
    store = DriverStore(driver, bucket="one")
    store.write(Record("key", b""))
    store.init(bucket="other")
    assert store.list() == []
    assert store.options["bucket"] == "other"


@pytest.mark.parametrize("bucket", ["", "a/b", "..", None, 5])
def test_bad_bucket_is_refused(driver: Watched, bucket: Any) -> None:
    with pytest.raises(InvalidBucketNameError):
        DriverStore(driver, bucket=bucket)


@pytest.mark.parametrize("what", [None, "mem://", MemoryDriver])
def test_what_is_no_driver_is_refused(what: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        DriverStore(what)


def test_close_leaves_the_driver_open(driver: Watched) -> None:
    with DriverStore(driver) as store:
        store.write(Record("key", b""))
    assert DriverStore(driver).list() == ["key"]


def test_a_driver_that_is_closed_is_an_error_of_init(driver: Watched) -> None:
    driver.close()
    with pytest.raises(DriverClosedError):
        DriverStore(driver).init()


def test_a_bucket_that_went_is_an_error_and_not_an_empty_store(driver: Watched) -> None:
    store = DriverStore(driver)
    store.init()
    driver.delete_bucket("records")
    for call in (store.list, lambda: store.get("key"), lambda: store.write(Record("key", b""))):
        with pytest.raises(BucketNotFoundError):
            call()


# Expiry.


def test_the_instant_is_told_to_the_driver_and_kept_in_metadata(driver: Watched, clock: ManualClock) -> None:
    store = DriverStore(driver, clock=clock)
    store.write(Record("key", b""), ttl=HOUR)
    store.write(Record("kept", b""))
    assert driver.expiries == [clock() + HOUR, None]
    assert driver.head("records", "=key").metadata[EXPIRES_AT] == (clock() + HOUR).isoformat()
    assert not driver.head("records", "=kept").metadata


def test_a_driver_without_expiry_is_asked_once(driver: Watched, clock: ManualClock) -> None:
    driver.refuses = True
    store = DriverStore(driver, clock=clock)
    for key in ("a", "b"):
        store.write(Record(key, b""), ttl=HOUR)
    assert driver.expiries == [clock() + HOUR, None, None]
    clock.advance(HOUR)
    assert store.list() == []
    assert len(driver.list("records").all()) == 2


def test_time_that_is_none_in_metadata_is_a_damaged_store(driver: Watched) -> None:
    store = DriverStore(driver)
    store.init()
    driver.put("records", "=key", b"", metadata={EXPIRES_AT: "soon"})
    for call in (store.list, lambda: store.get("key")):
        with pytest.raises(CorruptStoreError, match="'soon'"):
            call()
    store.delete("key")
    assert store.list() == []


# Names and listings.


def test_objects_of_others_in_the_bucket_are_not_seen(driver: Watched) -> None:
    store = DriverStore(driver)
    store.init()
    for key in ("key", "/=key", "@a", "@a/key", "=\1", "=a\1b"):
        driver.put("records", key, b"")
    assert store.list() == []


@pytest.mark.parametrize("letter", ["\0", "\1"])
def test_keys_that_grow_too_long_for_the_driver_are_refused_before_any_call(
    driver: Watched, letter: str
) -> None:
    store = DriverStore(driver)
    store.write(Record(letter * 511, b""))
    assert store.list() == [letter * 511]
    with pytest.raises(InvalidKeyError):
        store.write(Record(letter * 512, b""))
    with pytest.raises(InvalidKeyError):
        ScopedStore(store, "a", namespace="n").write(Record(letter * 510, b""))
    assert len(driver.expiries) == 1


def test_a_listing_costs_what_matches_its_prefix(driver: Watched) -> None:
    store = DriverStore(driver, namespace="a")
    for number in range(2500):
        store.write(Record(f"other-{number}", b""))
    for number in range(1500):
        store.write(Record(f"user-{number:04}", b""))
    driver.listed.clear()
    assert len(store.list(prefix="user-")) == 1500
    assert driver.listed == [1000, 500]
    driver.listed.clear()
    assert next(store.scan(prefix="user-")).key == "user-0000"
    assert driver.listed == [1000]


def test_driver_that_is_closed_while_a_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trove.open(f"file://{tmp_path}/files?durability=relaxed") as driver:
        store = DriverStore(driver)
        store.write(Record("key", b"value"))
        get = driver.get

        def get_and_close(*args: Any, **options: Any) -> Any:
            reader = get(*args, **options)
            driver.close()
            return reader

        monkeypatch.setattr(driver, "get", get_and_close)
        with pytest.raises(DriverClosedError):
            store.get("key")


def test_driver_that_writes_nothing_and_has_no_bucket_of_records(tmp_path: Path) -> None:
    trove.open(f"trove://{tmp_path}/store").close()
    with trove.open(f"trove://{tmp_path}/store?mode=r") as driver, pytest.raises(BucketNotFoundError):
        DriverStore(driver).get("key")
