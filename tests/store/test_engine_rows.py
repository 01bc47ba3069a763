"""Records of the engine by the shortest way: as objects of the driver, written and read by either."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trove
from trove._engine.records import Records
from trove.drivers.engine import EngineDriver
from trove.errors import (
    BucketNotFoundError,
    DriverClosedError,
    InvalidKeyError,
    QuotaExceededError,
    RecordNotFoundError,
)
from trove.store import DriverStore, Record
from trove.store.attributes import EXPIRES_AT, metadata_until
from trove.testing import ManualClock

HOUR = timedelta(hours=1)
INLINE = 2048
OPTIONS: list[dict[str, Any]] = [
    {},
    {"namespace": "n/%"},
    {"prefix": "p\0", "suffix": "\1s"},
    {"prefix": "é" * 60},
]


class ByObjects(DriverStore):
    """On the engine as on any other driver."""

    def _rows_of(self, driver: EngineDriver) -> Records | None:
        return None


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineDriver]:
    with trove.open(f"trove://{tmp_path_factory.mktemp('rows')}?durability=relaxed") as opened:
        assert isinstance(opened, EngineDriver)
        yield opened


keys = st.text(st.sampled_from("ab/\0\1é\U00010000"), min_size=1, max_size=40)
sizes = st.sampled_from([0, 1, 100, INLINE - 1, INLINE, INLINE + 1, 5000])


@settings(deadline=None, max_examples=100)
@given(key=keys, size=sizes, expires=st.booleans(), options=st.sampled_from(OPTIONS))
def test_either_way_reads_what_the_other_wrote(
    driver: EngineDriver, key: str, size: int, expires: bool, options: dict[str, Any]
) -> None:
    clock = ManualClock()
    by_rows = DriverStore(driver, clock=clock, **options)
    by_objects = ByObjects(driver, clock=clock, **options)
    record = Record(key, b"x" * size, HOUR if expires else None)
    seen = []
    for writer in (by_rows, by_objects):
        writer.write(record)
        assert by_rows.read(key) == by_objects.read(key) == [record]
        (info,) = driver.list("records")
        seen.append((info.key, info.etag, info.content_type, info.metadata, info.tags, info.storage_class))
        assert by_rows.list() == by_objects.list() == [key]
        by_rows.delete(key)
        assert by_rows.get(key) is by_objects.get(key) is None
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "instant",
    [
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime(2100, 1, 1, 0, 30, 0, 7, timezone(timedelta(hours=5, minutes=45))),
    ],
    ids=str,
)
def test_instant_stands_in_the_metadata(driver: EngineDriver, instant: datetime) -> None:
    DriverStore(driver).write(Record("key", b""), expiry=instant)
    text = driver.head("records", "=key").metadata[EXPIRES_AT]
    assert text == instant.astimezone(UTC).isoformat(timespec="microseconds")
    assert DriverStore(driver, clock=ManualClock()).list() == ["key"]
    driver.delete("records", "=key")


class Odd(datetime):
    """A time that makes of itself what nobody expects."""

    def astimezone(self, tz: Any = None) -> Any:
        return self

    def isoformat(self, *args: Any, **options: Any) -> str:
        return "x" * 200_000

    def replace(self, *args: Any, **options: Any) -> Any:
        return self


def test_class_of_times_is_taken_as_the_time_that_it_is(driver: EngineDriver) -> None:
    store = DriverStore(driver)
    plain = datetime(2100, 1, 2, 3, 4, 5, 6, UTC)
    for _ in range(2):  # the long way, and then the short one
        store.write(Record("key", b"value"), expiry=Odd(2100, 1, 2, 3, 4, 5, 6, UTC))
        assert driver.head("records", "=key").metadata == {EXPIRES_AT: plain.isoformat()}
    store.delete("key")


@pytest.mark.parametrize("size", [5, 100_000])
def test_end_of_what_others_put_is_that_of_the_record(driver: EngineDriver, size: int) -> None:
    bucket = f"others-{size}"
    with DriverStore(driver, bucket=bucket) as store:
        store.init()
        driver.put(bucket, "=key", bytes(size), expires_at=datetime.now(UTC) + HOUR)
        for found in (store.read("key"), store.read("k", prefix=True), [*store.scan()]):
            (record,) = found
            assert record.expiry is not None
            assert timedelta() < record.expiry <= HOUR
        # Of two ends that differ the earlier one holds.
        later = metadata_until(datetime.now(UTC) + 3 * HOUR)
        end = datetime.now(UTC) + HOUR
        driver.put(bucket, "=two", bytes(size), metadata=later, expires_at=end)
        loaded = store._load((), "two")
        assert loaded is not None
        assert loaded.expires_at == end
    with DriverStore(driver, bucket=bucket, clock=lambda: datetime.now(UTC) + 2 * HOUR) as ahead:
        assert ahead.get("key") is None
        assert ahead.list() == []


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("passed", [True, False], ids=["passed", "to come"])
def test_what_others_put_is_the_same_either_way(driver: EngineDriver, size: int, passed: bool) -> None:
    """By a copy, for one, which keeps the metadata alone."""
    DriverStore(driver).init()
    instant = datetime.now(UTC) + (-HOUR if passed else HOUR)
    metadata = {EXPIRES_AT: instant.isoformat()}
    driver.put("records", "=a", b"x" * size, metadata=metadata)
    driver.put("records", "=b", b"x" * size, metadata={**metadata, "of": "others"})
    driver.put("records", "=" + "c" * 600, b"x" * size)
    for make in (DriverStore, ByObjects):
        store = make(driver)
        store.init()
        there = ["c" * 600] if passed else ["a", "b", "c" * 600]
        assert store.list() == [record.key for record in store.scan()] == there
        for key in ("a", "b"):
            record = store.get(key)
            assert (record is None) == passed
            if record is not None:
                assert record.expiry is not None
                assert timedelta(0) < record.expiry <= HOUR
    for info in driver.list("records"):
        driver.delete("records", info.key)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_longest_key_is_the_same_either_way(driver: EngineDriver, options: dict[str, Any]) -> None:
    around = len((options.get("prefix", "") + options.get("suffix", "")).encode())
    for store in (DriverStore(driver, **options), ByObjects(driver, **options)):
        longest = "k" * (512 - around)
        store.write(Record(longest, b""))
        assert store.read(longest)
        store.delete(longest)
        with pytest.raises(InvalidKeyError):
            store.write(Record(longest + "k", b""))
        with pytest.raises(InvalidKeyError):
            store.read(longest + "k")


@pytest.mark.parametrize("clock", [None, ManualClock()], ids=["the machine's clock", "another clock"])
@pytest.mark.parametrize("passed", [timedelta(0), timedelta(microseconds=1), timedelta(days=40000)])
def test_what_was_due_before_is_not_there(
    driver: EngineDriver, clock: ManualClock | None, passed: timedelta
) -> None:
    store = DriverStore(driver, **({"clock": clock} if clock else {}))
    now = clock() if clock else datetime.now(UTC)
    store.write(Record("key", b"value"))
    store.write(Record("key", b"value"), expiry=now - passed)
    assert store.get("key") is None
    assert store.list() == []
    with pytest.raises(RecordNotFoundError):
        store.read("key")


def test_time_left_is_the_machines(driver: EngineDriver) -> None:
    store = DriverStore(driver)
    store.write(Record("key", b"value"), ttl=timedelta(days=3, hours=2))
    left = store.read("key")[0].expiry
    assert left is not None
    assert timedelta(days=3, hours=1) < left <= timedelta(days=3, hours=2)
    store.delete("key")


def test_a_record_that_was_read_is_one_as_any_other(driver: EngineDriver) -> None:
    store = DriverStore(driver)
    store.write(Record("key", b"value"))
    (read,) = store.read("key")
    assert type(read) is Record
    assert (read, hash(read), repr(read)) == (
        made := Record("key", b"value"),
        hash(made),
        repr(made),
    )
    with pytest.raises(AttributeError):
        read.key = "other"  # type: ignore[misc]
    store.delete("key")


def test_options_take_effect_at_once(driver: EngineDriver) -> None:
    store = DriverStore(driver)
    store.write(Record("key", b"outside"))
    store.init(namespace="inside")
    assert store.get("key") is None
    store.write(Record("key", b"inside"))
    store.init(namespace="")
    assert store.read("key")[0].value == b"outside"


def test_quota_holds(tmp_path: Path) -> None:
    with trove.open(f"trove://{tmp_path}/store?durability=relaxed") as driver:
        assert isinstance(driver, EngineDriver)
        store = DriverStore(driver)
        store.init()
        driver.set_quota("records", max_objects=1)
        store.write(Record("a", b""))
        with pytest.raises(QuotaExceededError):
            store.write(Record("b", b""))
        assert store.list() == ["a"]


def test_deleted_where_versions_are_kept(tmp_path: Path) -> None:
    with trove.open(f"trove://{tmp_path}/store?durability=relaxed") as driver:
        assert isinstance(driver, EngineDriver)
        store = DriverStore(driver)
        store.init()
        driver.set_versioning("records", True)
        store.write(Record("a", b"1"))
        store.write(Record("a", b"2"))
        assert store.read("a")[0].value == b"2"
        store.delete("a")
        assert store.get("a") is None
        assert store.list() == []


def test_bucket_that_was_deleted_meanwhile(tmp_path: Path) -> None:
    with trove.open(f"trove://{tmp_path}/store?durability=relaxed") as driver:
        store = DriverStore(driver)
        store.init()
        driver.delete_bucket("records")
        with pytest.raises(BucketNotFoundError):
            store.get("a")
        with pytest.raises(BucketNotFoundError):
            store.write(Record("a", b""))


def test_driver_that_was_closed(tmp_path: Path) -> None:
    driver = trove.open(f"trove://{tmp_path}/store?durability=relaxed")
    store = DriverStore(driver)
    store.write(Record("a", b""))
    driver.close()
    with pytest.raises(DriverClosedError):
        store.get("a")
    with pytest.raises(DriverClosedError):
        store.write(Record("a", b""))
