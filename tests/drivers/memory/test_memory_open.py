"""Opening a memory store: its DSN, and that nobody else sees it."""

from __future__ import annotations

from typing import Any

import pytest

import trove
from trove import BucketNotFoundError, DriverClosedError, InvalidArgumentError, InvalidDSNError
from trove.drivers import MemoryDriver

LEAST, MOST = 1, 10**11 - 1


def test_store_is_private_to_its_driver_and_empty_at_each_open() -> None:
    one, other = MemoryDriver(), MemoryDriver()
    one.open("mem://")
    other.open("mem://")
    one.create_bucket("b")
    with pytest.raises(BucketNotFoundError):
        other.list("b")
    one.close()
    one.open("mem://")
    assert one.list_buckets() == []
    one.close()
    other.close()


def test_second_open_is_refused_and_leaves_the_store(driver: MemoryDriver) -> None:
    with pytest.raises(InvalidArgumentError, match="open already"):
        driver.open("mem://")
    assert [each.name for each in driver.list_buckets()] == ["b"]


def test_what_was_given_out_ends_with_the_store(driver: MemoryDriver) -> None:
    driver.put("b", "k", b"data")
    reader, watcher = driver.get("b", "k"), driver.watch("b")
    driver.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read()
    assert watcher.get(0) is None
    assert list(watcher) == []
    with pytest.raises(DriverClosedError):
        driver.ping()
    driver.close()


@pytest.mark.parametrize(
    "dsn",
    ["mem://host", "mem:///path", "mem://user@", "mem://:word@", "file:///tmp", "mem://?size=5"],
)
def test_dsn_with_more_than_the_store_has_is_refused(dsn: str) -> None:
    driver = MemoryDriver()
    with pytest.raises(InvalidDSNError):
        driver.open(dsn)
    with pytest.raises(DriverClosedError):
        driver.ping()


@pytest.mark.parametrize("events", [LEAST, 2, MOST, "007"])
def test_number_of_events_is_taken_within_its_bounds(events: Any) -> None:
    trove.open("mem://", events=events).close()
    trove.open(f"mem://?events={events}").close()


@pytest.mark.parametrize(
    "events",
    [LEAST - 1, -1, MOST + 1, 10**30, "", " 5", "5 ", "+5", "1e3", "1.5", "0x10", "\u0665", None, True, []],
)
def test_number_of_events_outside_its_bounds_is_refused_with_both(events: Any) -> None:
    with pytest.raises(InvalidDSNError, match=f"from {LEAST:,} to {MOST:,}"):
        trove.open("mem://", events=events)
